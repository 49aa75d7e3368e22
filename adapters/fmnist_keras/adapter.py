"""The Keras adapter, and its typed function."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import DTypeLike, NDArray

from fmnist_core import hookimpl
from fmnist_core.batch import Arrays, Assembler, values_of
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Constant, Encoding, LabelDType, LabelKind, Layout, Scale
from fmnist_core.plan import BatchPlan, Field, Remainder
from fmnist_core.transforms import Chain, Mix, Transform
from fmnist_keras.dataset import QUEUE_SIZE, PlanDataset


class KerasAdapter:
    """Batches as numpy arrays out of a `keras.utils.PyDataset`; Keras moves them to its backend.

    The layout is NHWC regardless of ``keras.config.image_data_format()``, so that a setting of the
    process does not change the batches. For "channels_first", ask for ``layout="NCHW"``.
    """

    name = "keras"
    layout: Layout = "NHWC"
    label_dtype: LabelDType = "int32"
    writable = True

    def loader(
        self,
        dataset: Dataset,
        plan: BatchPlan,
        encoding: Encoding,
        *,
        epoch: int = 0,
        start: int = 0,
        workers: int = 1,
        max_queue_size: int = QUEUE_SIZE,
    ) -> PlanDataset:
        """Return a `keras.utils.PyDataset` for fit, evaluate and predict, which is also iterable.

        Parameters
        ----------
        dataset, plan, encoding, epoch, start
            As `fmnist_core.hookspecs.Adapter.loader`.
        workers : int
            With more than 1, this many threads make batches before Keras requests them.
        max_queue_size : int
            Most batches that they make ahead.

        Raises
        ------
        OptionError
            If these images cannot be encoded this way, or an option is out of range.
        """
        assemble = Assembler(dataset, plan, encoding, self)
        return PlanDataset(
            plan, assemble, epoch=epoch, start=start, workers=workers, max_queue_size=max_queue_size
        )

    def to_numpy(self, batch: Arrays) -> tuple[NDArray[Any], ...]:
        """Return the arrays of a batch as they are."""
        return values_of(batch)


ADAPTER = KerasAdapter()


@hookimpl
def fmnist_adapter() -> KerasAdapter:
    """Return the Keras adapter."""
    return ADAPTER


def plan_dataset(
    dataset: Dataset,
    *,
    batch_size: int,
    shuffle: bool = False,
    seed: int = 0,
    remainder: Remainder = "keep",
    shard: tuple[int, int] = (0, 1),
    fields: tuple[Field, ...] | Mapping[str, Field] | Field = ("image", "label"),
    dtype: DTypeLike = "float32",
    scale: Scale = "unit",
    mean: Constant | None = None,
    std: Constant | None = None,
    channels: int | None = None,
    layout: Layout | None = None,
    labels: LabelKind = "index",
    transform: Transform | Mix | Chain | Sequence[Transform | Mix] = (),
    epoch: int = 0,
    start: int = 0,
    workers: int = 1,
    max_queue_size: int = QUEUE_SIZE,
) -> PlanDataset:
    """Return a dataset as a `keras.utils.PyDataset`, for Keras 3 on any backend.

    Parameters
    ----------
    dataset : Dataset
    batch_size, shuffle, seed, remainder, shard, fields
        The examples and the content of a batch: see `BatchPlan`.
    dtype, scale, mean, std, channels, layout, labels, transform
        How pixels and labels are converted: see `Encoding`.
    epoch, start : int
        The first epoch, and how many of its examples to skip.
    workers, max_queue_size : int
        Threads that make batches ahead, and how many batches ahead: see `KerasAdapter.loader`.

    Raises
    ------
    OptionError
        If an option's value is not allowed.

    Examples
    --------
    >>> train_batches = plan_dataset(train, batch_size=128, shuffle=True)  # doctest: +SKIP
    >>> model.fit(train_batches, epochs=3)  # doctest: +SKIP
    """
    options = {name: value for name, value in locals().items() if name != "dataset"}
    loader: PlanDataset = dataset.to(ADAPTER, **options)
    return loader
