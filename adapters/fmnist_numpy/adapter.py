"""The reference adapter: batches as tuples of numpy arrays."""

from typing import Any, Unpack

from numpy.typing import NDArray

from fmnist_core import hookimpl
from fmnist_core.batch import Arrays, Assembler, Batches
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding, LabelDType, Layout
from fmnist_core.hookspecs import LoaderOptions
from fmnist_core.plan import BatchPlan, values_of


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
    dataset: Dataset, *, batch_size: int, **options: Unpack[LoaderOptions]
) -> Batches[Arrays]:
    """Return a dataset as a re-iterable of tuples of numpy arrays, one for each field.

    Parameters
    ----------
    dataset : Dataset
    batch_size : int
    **options
        The other options of `Dataset.to`.

    Raises
    ------
    OptionError
        If an option's value is not allowed.
    """
    loader: Batches[Arrays] = dataset.to(ADAPTER, batch_size=batch_size, **options)
    return loader
