"""The TensorFlow adapter: a tf.data pipeline of graph operations only.

Order, gather and encoding all happen inside the graph, so the pipeline can be serialised,
checkpointed and distributed like any other.
"""

from typing import Any, Literal, Unpack

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fmnist_core import hookimpl, order
from fmnist_core.batch import resolved
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding, Layout
from fmnist_core.hookspecs import LoaderOptions
from fmnist_core.plan import BLOCK_EXAMPLES, BatchPlan

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
    ) -> tf.data.Dataset:
        """Return a `tf.data.Dataset` of tuples of tensors, one for each field.

        An iteration takes its epoch when its first batch is asked for. The length is known unless
        `start` makes the first epoch shorter than the others.
        """
        plan.check_use(len(dataset), epoch, start)
        filled = resolved(encoding, dataset, plan.fields, self)
        return _Pipeline(dataset, plan, filled, start).epochs(epoch, start)

    def to_numpy(self, batch: Tensors) -> tuple[NDArray[Any], ...]:
        """Return the batch as arrays."""
        return tuple(tensor.numpy() for tensor in batch)


ADAPTER = TensorFlowAdapter()


@hookimpl
def fmnist_adapter() -> TensorFlowAdapter:
    """Return the TensorFlow adapter."""
    return ADAPTER


def tf_dataset(
    dataset: Dataset, *, batch_size: int, **options: Unpack[LoaderOptions]
) -> tf.data.Dataset:
    """Return a dataset as a `tf.data.Dataset` of tuples of tensors; options as `Dataset.to`."""
    return dataset.to(ADAPTER, batch_size=batch_size, **options)


class _Pipeline:
    """The plan and the encoding, in graph operations.

    The arrays are tensors made here, so a map function captures them as inputs: nothing is copied
    into the graph, and no optimiser sees constants in it that it could rewrite arithmetic with.
    """

    def __init__(self, dataset: Dataset, plan: BatchPlan, encoding: Encoding, start: int) -> None:
        self.plan = plan
        self.encoding = encoding
        self.together = max(BLOCK_EXAMPLES // plan.batch_size, 1)
        rests = (plan.num_examples % plan.global_batch_size, start % plan.global_batch_size)
        self.always_equal = not any(rests)
        self.image_shape = dataset.image_shape
        self.num_classes = len(dataset.classes)
        with tf.device("CPU"):
            self.images = tf.constant(np.asarray(dataset.images, dataset.image_dtype))
            self.labels = tf.constant(dataset.labels.astype(np.int32))
            self.indices = tf.constant(dataset.indices)
            if "extended" in plan.fields:
                self.extended = tf.constant(np.asarray(dataset.extended, np.int32))
            self.scale = tf.constant([255, encoding.mean or 0, encoding.std or 1], dtype=tf.float32)

    def epochs(self, epoch: int, start: int) -> tf.data.Dataset:
        """Return the pipeline whose n-th iteration is epoch `epoch` + n.

        Batches are made some at a time, as each operation has its price, and one pipeline without
        others inside serves all epochs, as each function costs milliseconds when an epoch begins.
        """
        with tf.device("CPU"):
            counter = tf.Variable(epoch, dtype=tf.int64, trainable=False)

        def begin(state: Tensors, number: tf.Tensor) -> tuple[Tensors, Tensors]:
            state = tf.cond(number == 0, lambda: self.taken(counter), lambda: state)
            return state, (*state, number)

        def block(taken: tf.Tensor, key: tf.Tensor, number: tf.Tensor) -> Tensors:
            return self.block(key, number, tf.where(taken == epoch, start64, zero64))

        def is_there(taken: tf.Tensor, _: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
            return number < self.num_blocks(tf.where(taken == epoch, start64, zero64))

        start64, zero64 = (tf.constant(place, tf.int64) for place in (start, 0))
        nothing = tf.constant(-1, tf.int64), tf.zeros(3, tf.uint32)
        pipeline = tf.data.Dataset.range(self.num_blocks(zero64)).scan(nothing, begin)
        if start:
            pipeline = pipeline.take_while(is_there)
        # Blocks are made ahead, not batches: passing a batch between threads costs as much as
        # making it.
        pipeline = pipeline.map(block, num_parallel_calls=BLOCKS_AHEAD, deterministic=True)
        pipeline = pipeline.prefetch(BLOCKS_AHEAD).unbatch()
        if self.plan.num_steps(start) == len(self.plan):
            pipeline = pipeline.apply(tf.data.experimental.assert_cardinality(len(self.plan)))
        # An iterator's checkpoint holds the epoch it is in; the counter may be left out of it.
        options = tf.data.Options()
        options.experimental_external_state_policy = tf.data.experimental.ExternalStatePolicy.IGNORE
        return pipeline.with_options(options)

    def taken(self, counter: tf.Variable) -> Tensors:
        """Take the next epoch, and return its number and its keys of the order."""
        epoch = counter.assign_add(1) - 1
        tf.debugging.assert_less(epoch, tf.constant(2**32, tf.int64), "no such epoch")
        return epoch, _keys(self.plan.seed, epoch)

    def num_blocks(self, start: tf.Tensor) -> tf.Tensor:
        """Return the number of blocks of an epoch; a smaller last batch is one by itself."""
        return self.num_full_blocks(start) + tf.cast(self.has_rest(start), tf.int64)

    def num_full_blocks(self, start: tf.Tensor) -> tf.Tensor:
        """Return the number of blocks whose batches are all of the full size."""
        return -(-self.num_full_steps(start) // self.together)

    def num_full_steps(self, start: tf.Tensor) -> tf.Tensor:
        """Return the number of batches of the full size, those with fillers among them."""
        left = self.plan.num_examples - start
        size = self.plan.global_batch_size
        return -(-left // size) if self.plan.remainder == "pad" else left // size

    def has_rest(self, start: tf.Tensor) -> tf.Tensor:
        """Whether a smaller batch comes last."""
        left = (self.plan.num_examples - start) % self.plan.global_batch_size
        return tf.logical_and(left > 0, self.plan.remainder == "keep")

    def block(self, key: tf.Tensor, number: tf.Tensor, start: tf.Tensor) -> Tensors:
        """Return some batches of an epoch at once: arrays of shape (batches, batch, ...)."""
        plan = self.plan
        first = number * self.together
        whole = self.num_full_steps(start)
        steps = tf.range(first, tf.minimum(first + self.together, whole))
        size = tf.constant(plan.batch_size)
        if plan.remainder != "keep" or self.always_equal:
            places, size = self.places(steps, start), plan.batch_size
        else:
            full = first < whole
            rest = self.own_part(whole, start)
            places = tf.cond(full, lambda: self.places(steps, start), lambda: rest)
            size = tf.where(full, size, tf.size(rest))
        positions = places % plan.num_examples if plan.remainder == "pad" else places
        rows = _shuffled(positions, plan.num_examples, key) if plan.shuffle else positions
        arrays = (self.field(field, rows, places) for field in plan.fields)
        return tuple(tf.reshape(array, (-1, size, *array.shape[1:])) for array in arrays)

    def places(self, steps: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
        """Return the places in the epoch's order that full batches take, as BatchPlan does."""
        firsts = start + steps * self.plan.global_batch_size
        size = self.plan.batch_size
        own = self.plan.shard[0] * size + tf.range(size, dtype=tf.int64)
        return tf.reshape(firsts[:, tf.newaxis] + own, [-1])

    def own_part(self, step: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
        """Return the places that a batch takes where the last one is split among the shards."""
        first = start + step * self.plan.global_batch_size
        left = tf.minimum(self.plan.num_examples - first, self.plan.global_batch_size)
        index, count = (tf.constant(number, tf.int64) for number in self.plan.shard)
        size, longer = left // count, left % count
        own_first = first + index * size + tf.minimum(index, longer)
        return tf.range(own_first, own_first + size + tf.cast(index < longer, tf.int64))

    def field(self, field: str, rows: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """Return one field of a batch."""
        if field == "image":
            return self.arrange(self.encode(tf.gather(self.images, rows)))
        if field == "label":
            labels = tf.gather(self.labels, rows)
            one_hot = self.encoding.labels == "one_hot"
            return tf.one_hot(labels, self.num_classes) if one_hot else labels
        if field == "index":
            return tf.gather(self.indices, rows)
        if field == "extended":
            return tf.gather(self.extended, rows)
        return tf.cast(places < self.plan.num_examples, tf.float32)

    def encode(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return the values of `Encoding.table`: the same float32 steps, in the same order."""
        dtype = tf.as_dtype(self.encoding.numpy_dtype)
        if self.encoding.scale == "raw":
            return tf.cast(pixels, dtype)
        values = tf.cast(pixels, tf.float32) / self.scale[0]
        if self.encoding.scale == "standard":
            values = (values - self.scale[1]) / self.scale[2]
        return tf.cast(values, dtype)

    def arrange(self, images: tf.Tensor) -> tf.Tensor:
        """Return (batch, height, width) images in the encoding's layout."""
        if self.encoding.layout == "NHWC":
            return images[..., tf.newaxis]
        if self.encoding.layout == "NCHW":
            return images[:, tf.newaxis]
        if self.encoding.layout == "flat":
            return tf.reshape(images, (tf.shape(images)[0], int(np.prod(self.image_shape))))
        return images


def _keys(seed: int, epoch: tf.Tensor) -> tf.Tensor:
    """Return `order.keys` as a uint32 tensor (3,), computed in the graph."""
    words = tf.constant(order.seed_words(seed), tf.uint32)
    return _fmix32(tf.bitwise.bitwise_xor(tf.cast(epoch, tf.uint32), words))


def _fmix32(words: tf.Tensor) -> tf.Tensor:
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        shifted = tf.bitwise.right_shift(words, tf.constant(shift, tf.uint32))
        words = tf.bitwise.bitwise_xor(words, shifted) * tf.constant(factor, tf.uint32)
    return words


def _shuffled(positions: tf.Tensor, n: int, key: tf.Tensor) -> tf.Tensor:
    """Return `order.index_shuffle` of some positions, by the operation that it equals."""
    if n <= 1:
        return positions
    # The operation counts the bits of max_index one short where n - 1 is a power of two with an
    # even exponent of 16 or more, and then repeats an index; one more index lets us walk ourselves.
    short = (n - 1).bit_count() == 1 and (n - 1).bit_length() % 2 == 1 and n > 2**16
    max_index = tf.constant(n if short else n - 1, tf.int64)

    def shuffle(index: tf.Tensor) -> tf.Tensor:
        return tf.raw_ops.RandomIndexShuffle(
            index=index, seed=key, max_index=max_index, rounds=order.ROUNDS
        )

    rows = shuffle(positions)
    return tf.where(rows == n, shuffle(rows), rows) if short else rows
