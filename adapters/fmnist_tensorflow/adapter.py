"""The TensorFlow adapter, and its typed function.

Order, gather, transforms and encoding all happen inside the graph, so the pipeline can be
serialised, checkpointed and distributed like any other.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import tensorflow as tf
from numpy.typing import NDArray

from fmnist_core import hookimpl
from fmnist_core.batch import resolve, values_of
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Constant, Encoding, LabelDType, LabelKind, Layout, Scale
from fmnist_core.errors import OptionError
from fmnist_core.plan import BatchPlan, Field, Remainder
from fmnist_core.provenance import Provenance
from fmnist_core.transforms import Chain, Mix, Transform
from fmnist_tensorflow.fields import Fields
from fmnist_tensorflow.pipeline import Tensors, epochs
from fmnist_tensorflow.workers import own_worker


class TensorFlowAdapter:
    """Batches as tuples of tensors out of a `tf.data.Dataset`."""

    name = "tensorflow"
    layout: Layout = "NHWC"
    label_dtype: LabelDType = "int32"
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

        An iteration takes its epoch when its first batch is requested. The length is known unless
        `start` makes the first epoch shorter than the others.

        Its attribute `epoch` is a `tf.Variable`, the epoch that the next iteration takes. Saved
        beside an iterator it makes the epochs after the iterator's own go on too:
        ``tf.train.Checkpoint(iterator=iterator, epoch=pipeline.epoch)``.

        Parameters
        ----------
        dataset, plan, encoding, epoch, start
            As `fmnist_core.hookspecs.Adapter.loader`.
        input_context : tf.distribute.InputContext, optional
            What ``strategy.distribute_datasets_from_function`` hands to its function:
            ``shard="auto"`` is then the input pipeline among all of them.

        Raises
        ------
        OptionError
            If these images cannot be encoded so, or this is called inside a `tf.function`.
        """
        if tf.inside_function():
            raise OptionError(
                "a pipeline counts its epochs in a variable, which a tf.function cannot make. Try: "
                "make it outside, and iterate it inside the function"
            )
        plan.check_use(len(dataset), epoch, start)
        filled = resolve(encoding, dataset, plan.fields, self)
        pipeline, counter = epochs(Fields(dataset, plan, filled), epoch, start)

        def upcoming() -> tuple[int, int]:
            number = int(counter.numpy())
            return number, start if number == epoch else 0

        # Attributes of this object alone; a pipeline made from it does not have them.
        pipeline.epoch = counter
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
        return own_worker()

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
    shuffle: bool = False,
    seed: int = 0,
    remainder: Remainder = "keep",
    shard: tuple[int, int] | Literal["auto"] = (0, 1),
    fields: tuple[Field, ...] | Mapping[str, Field] | Field = ("image", "label"),
    dtype: tf.DType | str = "float32",
    scale: Scale = "unit",
    mean: Constant | None = None,
    std: Constant | None = None,
    channels: int | None = None,
    layout: Layout | None = None,
    labels: LabelKind = "index",
    transform: Transform | Mix | Chain | Sequence[Transform | Mix] = (),
    epoch: int = 0,
    start: int = 0,
    input_context: "tf.distribute.InputContext | None" = None,
) -> tf.data.Dataset:
    """Return a dataset as a `tf.data.Dataset` of tuples of tensors.

    Parameters
    ----------
    dataset : Dataset
    batch_size, shuffle, seed, remainder, shard, fields
        The examples and the content of a batch: see `BatchPlan`.
    dtype, scale, mean, std, channels, layout, labels, transform
        What a pixel and a label become: see `Encoding`.
    epoch, start : int
        The first epoch, and how many of its examples to skip.
    input_context : tf.distribute.InputContext, optional
        Of ``strategy.distribute_datasets_from_function``: see `TensorFlowAdapter.loader`.

    Raises
    ------
    OptionError
        As `TensorFlowAdapter.loader`.
    """
    # Named one by one: AutoGraph adds its own names to locals().
    pipeline: tf.data.Dataset = dataset.to(
        ADAPTER,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        remainder=remainder,
        shard=shard,
        fields=fields,
        dtype=dtype,
        scale=scale,
        mean=mean,
        std=std,
        channels=channels,
        layout=layout,
        labels=labels,
        transform=transform,
        epoch=epoch,
        start=start,
        input_context=input_context,
    )
    return pipeline
