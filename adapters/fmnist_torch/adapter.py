"""The torch adapter: a real DataLoader over a map-style dataset."""

import inspect
from collections.abc import Mapping
from typing import Any, Unpack

import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from fmnist_core import hookimpl
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding, LabelDType, Layout
from fmnist_core.errors import OptionError
from fmnist_core.hookspecs import LoaderOptions
from fmnist_core.plan import BatchPlan
from fmnist_torch.datasets import BatchDataset
from fmnist_torch.device import TorchBatch
from fmnist_torch.loader import PlanLoader
from fmnist_torch.ranks import own_shard
from fmnist_torch.sampler import PlanSampler


class TorchAdapter:
    """Batches as tuples of tensors in memory of their own."""

    name = "torch"
    layout: Layout = "NCHW"
    label_dtype: LabelDType = "int64"
    writable = True

    def loader(
        self,
        dataset: Dataset,
        plan: BatchPlan,
        encoding: Encoding,
        *,
        epoch: int = 0,
        start: int = 0,
        device: torch.device | str | None = None,
        **options: Any,
    ) -> PlanLoader:
        """Return a DataLoader of tuples of tensors, one for each field.

        Parameters
        ----------
        dataset, plan, encoding, epoch, start
            As `fmnist_core.hookspecs.Adapter.loader`.
        device : torch.device or str, optional
            Keep all of the data there, and make the batches there; without workers. By default
            batches are in the memory of the processor.
        **options
            Any of DataLoader's own that do not decide what is in a batch: `num_workers`,
            `pin_memory`, `persistent_workers`, `prefetch_factor`, `multiprocessing_context` ...

        Raises
        ------
        OptionError
            If DataLoader has no such option, or the plan decides it; or if torch has no such
            device.
        """
        _check_options(options)
        plan.check_use(len(dataset), epoch, start)
        sampler = PlanSampler(plan, epoch=epoch, start=start)
        place = None if device is None else _checked_device(device, options)
        whole_batches = BatchDataset(dataset, encoding, plan.fields, place, self)
        return PlanLoader(whole_batches, batch_sampler=sampler, **options)

    def shard(self, options: Mapping[str, Any]) -> tuple[int, int]:
        """Return rank and number of ranks: of torch.distributed, or else as a launcher says.

        Raises
        ------
        OptionError
            If RANK and WORLD_SIZE are no such pair.
        """
        return own_shard()

    def to_numpy(self, batch: TorchBatch) -> tuple[NDArray[Any], ...]:
        """Return the batch as arrays that share its memory."""
        return tuple(_to_numpy(tensor) for tensor in batch)


ADAPTER = TorchAdapter()


@hookimpl
def fmnist_adapter() -> TorchAdapter:
    """Return the torch adapter."""
    return ADAPTER


def data_loader(
    dataset: Dataset,
    *,
    batch_size: int,
    num_workers: int = 0,
    pin_memory: bool = False,
    persistent_workers: bool = False,
    device: torch.device | str | None = None,
    **options: Unpack[LoaderOptions],
) -> PlanLoader:
    """Return a dataset as a DataLoader of tuples of tensors; options as `Dataset.to`."""
    loader: PlanLoader = dataset.to(
        ADAPTER,
        batch_size=batch_size,
        num_workers=num_workers,
        pin_memory=pin_memory,
        persistent_workers=persistent_workers,
        device=device,
        **options,
    )
    return loader


# What BatchPlan decides; DataLoader must not decide it again.
_PLANNED = ("batch_size", "shuffle", "sampler", "batch_sampler", "drop_last", "collate_fn")


def _check_options(options: dict[str, Any]) -> None:
    own = sorted(set(inspect.signature(DataLoader.__init__).parameters) - {"self", "dataset"})
    allowed = [name for name in own if name not in _PLANNED]
    for name in options:
        if name in _PLANNED:
            raise OptionError(
                f"{name} is decided by the plan. Try: batch_size=, shuffle=, remainder= of "
                "Dataset.to, or a DataLoader of your own over fmnist_torch.MapDataset"
            )
        if name == "in_order" and not options[name]:
            raise OptionError("in_order=False would break the plan's order")
        if name not in allowed:
            raise OptionError(f"torch's DataLoader has no option {name!r}; it has {allowed}")


def _checked_device(device: object, options: dict[str, Any]) -> torch.device:
    if options.get("num_workers") or options.get("pin_memory"):
        raise OptionError("with device, batches are made there: without num_workers or pin_memory")
    try:
        # One byte, so that a device that is not there is missed here and not in the first batch.
        return torch.empty(1, dtype=torch.uint8, device=device).device  # type: ignore[call-overload,no-any-return]
    except (RuntimeError, TypeError, AssertionError) as error:
        raise OptionError(f"torch has no device {device!r}: {error}") from error


def _to_numpy(tensor: torch.Tensor) -> NDArray[Any]:
    on_host = tensor.detach().cpu()
    if on_host.dtype == torch.bfloat16:
        return on_host.view(torch.int16).numpy().view(Encoding(dtype="bfloat16").numpy_dtype)
    array: NDArray[Any] = on_host.numpy()
    return array
