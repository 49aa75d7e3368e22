"""The TensorFlow adapter: a tf.data pipeline of graph operations only.

Order, gather and encoding all happen inside the graph, so the pipeline can be serialised,
checkpointed and distributed like any other.
"""

import os
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal, Unpack

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fmnist_core import hookimpl
from fmnist_core.agreement import check_shard
from fmnist_core.batch import VIEWS, resolve, transformed_fields
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding, Layout
from fmnist_core.errors import OptionError
from fmnist_core.hookspecs import LoaderOptions
from fmnist_core.plan import BLOCK_EXAMPLES, BatchPlan, Field, values_of
from fmnist_core.provenance import Provenance
from fmnist_tensorflow.ops import TENSORFLOW
from fmnist_tensorflow.order import keys, shuffled

Tensors = tuple[tf.Tensor, ...]

BLOCKS_AHEAD = 2
"""Blocks of batches that are made while others are used; more gain nothing."""


class TensorFlowAdapter:
    """Batches as tuples of tensors out of a `tf.data.Dataset`."""

    name = "tensorflow"
    layout: Layout = "NHWC"
    label_dtype: Literal["int32", "int64"] = "int32"
    writable = False

    def loader(
        self,
        dataset: Dataset,
        plan: BatchPlan,
        encoding: Encoding,
        *,
        epoch: int = 0,
        start: int = 0,
        input_context: "tf.distribute.InputContext | None" = None,
    ) -> tf.data.Dataset:
        """Return a `tf.data.Dataset` of tuples of tensors, one for each field.

        An iteration takes its epoch when its first batch is asked for. The length is known unless
        `start` makes the first epoch shorter than the others.

        Parameters
        ----------
        dataset, plan, encoding, epoch, start
            As `fmnist_core.hookspecs.Adapter.loader`.
        input_context : tf.distribute.InputContext, optional
            What ``strategy.distribute_datasets_from_function`` hands to its function:
            ``shard="auto"`` is then the input pipeline among all of them.
        """
        plan.check_use(len(dataset), epoch, start)
        filled = resolve(encoding, dataset, plan.fields, self)
        pipeline, counter = _Pipeline(dataset, plan, filled, start).epochs(epoch, start)

        def upcoming() -> tuple[int, int]:
            number = int(counter.numpy())
            return number, start if number == epoch else 0

        # An attribute of this object alone; a pipeline made from it does not have it.
        pipeline.provenance = Provenance(self, dataset, plan, filled, upcoming)
        return pipeline

    def shard(self, options: Mapping[str, Any]) -> tuple[int, int]:
        """Return the input pipeline of an `input_context`, or else the worker of TF_CONFIG.

        Raises
        ------
        OptionError
            If TF_CONFIG does not name a task of its cluster.
        """
        context: tf.distribute.InputContext | None = options.get("input_context")
        if context is not None:
            return context.input_pipeline_id, context.num_input_pipelines
        return _own_worker()

    def to_numpy(self, batch: Tensors) -> tuple[NDArray[Any], ...]:
        """Return the batch as arrays."""
        return tuple(tensor.numpy() for tensor in values_of(batch))


ADAPTER = TensorFlowAdapter()


@hookimpl
def fmnist_adapter() -> TensorFlowAdapter:
    """Return the TensorFlow adapter."""
    return ADAPTER


def tf_dataset(
    dataset: Dataset,
    *,
    batch_size: int,
    input_context: "tf.distribute.InputContext | None" = None,
    **options: Unpack[LoaderOptions],
) -> tf.data.Dataset:
    """Return a dataset as a `tf.data.Dataset` of tuples of tensors; options as `Dataset.to`."""
    return dataset.to(ADAPTER, batch_size=batch_size, input_context=input_context, **options)


class _Pipeline:
    """The plan and the encoding, in graph operations.

    The arrays are tensors made here, so a map function captures them as inputs: nothing is copied
    into the graph, and no optimiser sees constants in it that it could rewrite arithmetic with.
    """

    def __init__(self, dataset: Dataset, plan: BatchPlan, encoding: Encoding, start: int) -> None:
        self.plan = plan
        self.encoding = encoding
        rests = (plan.num_examples % plan.global_batch_size, start % plan.global_batch_size)
        self.always_equal = plan.remainder != "keep" or not any(rests)
        self.shapes = _shapes(dataset, encoding)
        self.num_classes = len(dataset.classes)
        with tf.device("CPU"):
            self.images = tf.constant(np.asarray(dataset.images, dataset.image_dtype))
            self.labels = tf.constant(dataset.labels.astype(encoding.label_dtype))
            self.indices = tf.constant(dataset.indices)
            if "extended" in plan.fields:
                self.extended = tf.constant(np.asarray(dataset.extended, np.int32))
            self.scale = [tf.constant(x, tf.float32) for x in (255, *encoding.constants)]

    def epochs(self, epoch: int, start: int) -> tuple[tf.data.Dataset, tf.Variable]:
        """Return the pipeline whose n-th iteration is epoch `epoch` + n, and its counter.

        Batches are made some at a time, as each operation has its price, and one pipeline without
        others inside serves all epochs: whenever one begins, each operation in a function costs
        a fraction of a millisecond, each function some of them, and a condition is two functions.
        """
        with tf.device("CPU"):
            counter = tf.Variable(epoch, dtype=tf.int64, trainable=False)
        tables = [block_table(self.plan, start)] if start else []
        tables.append(block_table(self.plan))

        def begin(taken: tf.Tensor, blocks: tf.Tensor) -> tuple[tf.Tensor, Tensors]:
            taken = _taken(counter, taken)
            block = tf.where(taken == epoch, blocks[0], blocks[1]) if start else blocks[0]
            return taken, (taken, block)

        def is_there(_: tf.Tensor, block: tf.Tensor) -> tf.Tensor:
            return block[-1] > 0

        blocks = tf.data.Dataset.from_tensor_slices(_side_by_side(tables))
        pipeline = blocks.scan(tf.constant(-1, tf.int64), begin)
        if start:
            pipeline = pipeline.take_while(is_there)
        # Blocks are made ahead, not batches: passing a batch between threads costs as much as
        # making it.
        pipeline = pipeline.map(self.block, num_parallel_calls=BLOCKS_AHEAD, deterministic=True)
        pipeline = pipeline.prefetch(BLOCKS_AHEAD).unbatch()
        if self.plan.num_steps(start) == len(self.plan):
            pipeline = pipeline.apply(tf.data.experimental.assert_cardinality(len(self.plan)))
        # An iterator's checkpoint holds the epoch it is in; the counter may be left out of it.
        options = tf.data.Options()
        options.experimental_external_state_policy = tf.data.experimental.ExternalStatePolicy.IGNORE
        # Blocks are ahead already; TensorFlow would pass every batch to one more thread.
        options.experimental_optimization.inject_prefetch = False
        # Under experimental_distribute_dataset each worker takes its share of every whole batch,
        # unless the plan has given it one; files, which TensorFlow would look for, there are none.
        policy = tf.data.experimental.AutoShardPolicy
        whole = self.plan.shard[1] == 1
        options.experimental_distribute.auto_shard_policy = policy.DATA if whole else policy.OFF
        return pipeline.with_options(options), counter

    def block(self, epoch: tf.Tensor, block: tf.Tensor) -> Tensors:
        """Return some batches of an epoch at once: arrays of shape (batches, batch, ...)."""
        plan = self.plan
        first, size, steps = tf.unstack(block)
        if self.always_equal:
            size = tf.constant(plan.batch_size, tf.int64)
        firsts = tf.range(first, first + steps * plan.global_batch_size, plan.global_batch_size)
        places = tf.reshape(tf.reshape(firsts, [-1, 1]) + tf.range(size), [-1])
        rows = self.rows(places % plan.num_examples if plan.remainder == "pad" else places, epoch)
        size = plan.batch_size if self.always_equal else size
        made = self.transformed(epoch, places, rows) if self.encoding.transform else {}
        values = (
            made[field] if field in made else self.field(field, rows, places)
            for field in plan.fields
        )
        return plan.pack(  # type: ignore[no-any-return]
            tf.reshape(value, (-1, size, *self.shapes[field]))
            for field, value in zip(plan.fields, values, strict=True)
        )

    def rows(self, positions: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
        """Return the rows at some positions of an epoch, none of them a filler's."""
        if not self.plan.shuffle:
            return positions
        return shuffled(positions, self.plan.num_examples, keys(self.plan.seed, epoch))

    def transformed(
        self, epoch: tf.Tensor, places: tf.Tensor, rows: tf.Tensor
    ) -> dict[Field, tf.Tensor]:
        """Return the fields that transforms decide, as `Assembler` does."""
        plan, chain = self.plan, self.encoding.transform
        positions = places % plan.num_examples if plan.remainder == "pad" else places

        def gather(wanted: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
            found = rows if wanted is positions else self.rows(wanted, epoch)
            return tf.gather(self.images, found), self.encoded_labels(found) if chain.mix else None

        return transformed_fields(
            chain, TENSORFLOW, gather, positions, plan, epoch, self.encoded_images
        )

    def field(self, field: str, rows: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """Return one field of a batch."""
        if field in VIEWS:
            return self.encoded_images(tf.gather(self.images, rows))
        if field == "label":
            return self.encoded_labels(rows)
        if field == "index":
            return tf.gather(self.indices, rows)
        if field == "extended":
            return tf.gather(self.extended, rows)
        return tf.cast(places < self.plan.num_examples, tf.float32)

    def encoded_images(self, images: tf.Tensor) -> tf.Tensor:
        """Return images encoded, with their channels where the layout has them."""
        return self.arranged(self.encode(self.with_channels(images)))

    def encoded_labels(self, rows: tf.Tensor) -> tf.Tensor:
        """Return the labels of some rows, as class numbers or one-hot."""
        labels = tf.gather(self.labels, rows)
        one_hot = self.encoding.labels == "one_hot"
        return tf.one_hot(labels, self.num_classes) if one_hot else labels

    def with_channels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return pixels as `Encoding.with_channels` does."""
        if self.encoding.channels != 3 or pixels.shape[3:] == (3,):
            return pixels
        grey = pixels[..., tf.newaxis] if pixels.shape.rank == 3 else pixels
        return tf.repeat(grey, 3, axis=-1)

    def arranged(self, images: tf.Tensor) -> tf.Tensor:
        """Move the channels first where there are several; `block` gives the shape."""
        if self.encoding.layout == "NCHW" and images.shape.rank == 4:
            return tf.transpose(images, (0, 3, 1, 2))
        return images

    def encode(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return the values of `Encoding.table`: the same float32 steps, in the same order."""
        dtype = tf.as_dtype(self.encoding.numpy_dtype)
        if self.encoding.scale == "raw":
            return tf.cast(pixels, dtype)
        values = tf.cast(pixels, tf.float32) / self.scale[0]
        if self.encoding.scale == "standard":
            values = (values - self.scale[1]) / self.scale[2]
        return tf.cast(values, dtype)


def block_table(plan: BatchPlan, start: int = 0) -> NDArray[np.int64]:
    """Return the blocks of an epoch, int64 (blocks, 3).

    Each is the first place of its first batch in the epoch's order, the size of its batches, and
    their number. A smaller last batch is a block by itself.
    """
    steps = plan.num_steps(start)
    smaller = steps > 0 and plan.span(steps - 1, start)[1] < plan.batch_size
    together = max(BLOCK_EXAMPLES // plan.batch_size, 1)
    begins = [*range(0, steps - smaller, together), *([steps - 1] if smaller else [])]
    rows = []
    for begin, end in pairwise([*begins, steps]):
        rows.append((*plan.span(begin, start), end - begin))
    return np.array(rows, np.int64).reshape(-1, 3)


def _shapes(dataset: Dataset, encoding: Encoding) -> dict[str, tuple[int, ...]]:
    """Return the shape of each field of one example; one channel has the same bytes anywhere."""
    image = encoding.encoded_shape(dataset.image_shape)
    label = (len(dataset.classes),) if encoding.labels == "one_hot" else ()
    extended = () if dataset.extended is None else dataset.extended.shape[1:]
    return {
        "image": image,
        "view": image,
        "label": label,
        "extended": extended,
        "weight": (),
        "index": (),
    }


def _side_by_side(tables: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return tables as one, int64 (blocks, tables, 3), the shorter with blocks of no batches."""
    whole = np.zeros((max(map(len, tables)), len(tables), 3), np.int64)
    for number, table in enumerate(tables):
        whole[: len(table), number] = table
    return whole


def _taken(counter: tf.Variable, taken: tf.Tensor) -> tf.Tensor:
    """Return the epoch of an iteration: taken from the counter by its first block, then kept."""
    begins = taken < 0
    epoch = counter.assign_add(tf.cast(begins, tf.int64)) - 1
    known = tf.logical_or(epoch < 2**32, tf.logical_not(begins))
    # Not tf.debugging's, which is a condition.
    with tf.control_dependencies([tf.raw_ops.Assert(condition=known, data=["no such epoch"])]):
        return tf.where(begins, epoch, taken)


def _own_worker() -> tuple[int, int]:
    """Return which of the workers that train this process is, as TF_CONFIG says; else (0, 1)."""
    config = os.environ.get("TF_CONFIG")
    if not config:
        return 0, 1
    try:
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        jobs = resolver.cluster_spec().as_dict()
        kind, number = resolver.task_type, resolver.task_id
    except (AttributeError, TypeError, ValueError) as error:
        raise OptionError(
            f"expected TF_CONFIG to be JSON with a cluster and a task, found {config!r}: {error}"
        ) from error
    if kind not in ("chief", "worker"):  # others read no data
        return 0, 1
    where = "the task in the cluster of TF_CONFIG"
    own, _ = check_shard(str(number), str(len(jobs.get(kind, ()))), where)
    chiefs, workers = (len(jobs.get(job, ())) for job in ("chief", "worker"))
    return own + chiefs * (kind == "worker"), chiefs + workers  # as TensorFlow counts them
