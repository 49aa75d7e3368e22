"""The adapter, and its typed function."""

from collections.abc import Mapping
from typing import Any, Unpack

import grain
from numpy.typing import NDArray

from fmnist_core import BatchPlan, Dataset, Encoding, OptionError, hookimpl
from fmnist_core.batch import Assembler, values_of
from fmnist_core.encoding import LabelDType, Layout
from fmnist_core.hookspecs import LoaderOptions
from fmnist_grain.datasets import PlanIterDataset, PlanMapDataset


class GrainAdapter:
    """Batches of fresh numpy arrays from a `grain.IterDataset`."""

    name = "grain"
    layout: Layout = "NHWC"  # Grain feeds JAX
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
        read_options: grain.ReadOptions | None = None,
    ) -> PlanIterDataset:
        """Return a `grain.IterDataset` of batches.

        Parameters
        ----------
        dataset, plan, encoding, epoch, start
            As `fmnist_core.Adapter.loader`.
        read_options : grain.ReadOptions, optional
            Threads that make batches ahead. By default there are none: the data are in memory.

        Raises
        ------
        OptionError
            If these images cannot be encoded this way, the plan is for other data, or
            `read_options` is something else.
        """
        if not isinstance(read_options, grain.ReadOptions | None):
            raise OptionError(f"read_options must be a grain.ReadOptions, not {read_options!r:.80}")
        assemble = Assembler(dataset, plan, encoding, self)
        return PlanIterDataset(PlanMapDataset(plan, assemble, epoch, start), read_options)

    def shard(self, options: Mapping[str, Any]) -> tuple[int, int]:
        """Return JAX's process index and count, as `grain.sharding.ShardByJaxProcess` does.

        Without JAX it is (0, 1).
        """
        try:
            process = grain.sharding.ShardByJaxProcess()
        except ImportError:
            return 0, 1
        return process.shard_index, process.shard_count

    def to_numpy(self, batch: Any) -> tuple[NDArray[Any], ...]:
        """Return the arrays of a batch as they are."""
        return values_of(batch)


ADAPTER = GrainAdapter()


@hookimpl
def fmnist_adapter() -> GrainAdapter:
    """Return the Grain adapter."""
    return ADAPTER


def iter_dataset(
    dataset: Dataset,
    *,
    batch_size: int,
    read_options: grain.ReadOptions | None = None,
    **options: Unpack[LoaderOptions],
) -> PlanIterDataset:
    """Return a dataset as a `grain.IterDataset`: ``dataset.to("grain", ...)`` with a type.

    Parameters
    ----------
    dataset : Dataset
    batch_size : int
    read_options : grain.ReadOptions, optional
        As `GrainAdapter.loader`.
    **options
        As `Dataset.to`.

    Raises
    ------
    OptionError
        If an option's value is not allowed.
    """
    loader: PlanIterDataset = dataset.to(
        ADAPTER, batch_size=batch_size, read_options=read_options, **options
    )
    return loader
