"""The reference adapter: batches as tuples of numpy arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import DTypeLike, NDArray

from fmnist_core import hookimpl
from fmnist_core.batch import Arrays, Assembler, Batches, values_of
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Constant, Encoding, LabelDType, LabelKind, Layout, Scale
from fmnist_core.plan import BatchPlan, Field, Remainder
from fmnist_core.transforms import Chain, Mix, Transform


class NumpyAdapter:
    """Batches as tuples of fresh, writable numpy arrays."""

    name = "numpy"
    layout: Layout = "NHW"
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
    ) -> Batches[Arrays]:
        """Return a re-iterable of tuples of arrays, one for each field.

        Parameters
        ----------
        dataset, plan, encoding, epoch, start
            As `fmnist_core.hookspecs.Adapter.loader`.
        """
        assemble = Assembler(dataset, plan, encoding, self)
        return Batches(plan, assemble, tuple, epoch=epoch, start=start)

    def to_numpy(self, batch: Arrays) -> tuple[NDArray[Any], ...]:
        """Return the arrays of a batch as they are."""
        return values_of(batch)


ADAPTER = NumpyAdapter()


@hookimpl
def fmnist_adapter() -> NumpyAdapter:
    """Return the reference adapter."""
    return ADAPTER


def batches(
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
) -> Batches[Arrays]:
    """Return a dataset as a re-iterable of tuples of numpy arrays, one for each field.

    Parameters
    ----------
    dataset : Dataset
    batch_size, shuffle, seed, remainder, shard, fields
        The examples and the content of a batch: see `BatchPlan`.
    dtype, scale, mean, std, channels, layout, labels, transform
        How pixels and labels are converted: see `Encoding`.
    epoch, start : int
        The first epoch, and how many of its examples to skip.

    Raises
    ------
    OptionError
        If an option's value is not allowed.
    """
    options = {name: value for name, value in locals().items() if name != "dataset"}
    loader: Batches[Arrays] = dataset.to(ADAPTER, **options)
    return loader
