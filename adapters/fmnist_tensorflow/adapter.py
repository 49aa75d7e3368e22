"""The TensorFlow adapter, and its typed function.

Order, gather, transforms and encoding all happen inside the graph, so the pipeline can be
serialised, checkpointed and distributed like any other.
"""

from collections.abc import Mapping
from typing import Any, Unpack

import tensorflow as tf
from numpy.typing import NDArray

from fmnist_core import hookimpl
from fmnist_core.batch import resolve
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding, LabelDType, Layout
from fmnist_core.errors import OptionError
from fmnist_core.hookspecs import LoaderOptions
from fmnist_core.plan import BatchPlan, values_of
from fmnist_core.provenance import Provenance
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

        An iteration takes its epoch when its first batch is asked for. The length is known unless
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
    input_context: "tf.distribute.InputContext | None" = None,
    **options: Unpack[LoaderOptions],
) -> tf.data.Dataset:
    """Return a dataset as a `tf.data.Dataset` of tuples of tensors.

    Parameters
    ----------
    dataset : Dataset
    batch_size : int
    input_context : tf.distribute.InputContext, optional
        Of ``strategy.distribute_datasets_from_function``: see `TensorFlowAdapter.loader`.
    **options
        The other options of `Dataset.to`.

    Raises
    ------
    OptionError
        As `TensorFlowAdapter.loader`.
    """
    return dataset.to(ADAPTER, batch_size=batch_size, input_context=input_context, **options)
