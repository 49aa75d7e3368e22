"""The torch adapter: a real DataLoader over a map-style dataset."""

from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import BaseContext
from typing import Any, Literal

import torch
from numpy.typing import NDArray

from fmnist_core import hookimpl
from fmnist_core.batch import Assembler, values_of
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Constant, Encoding, LabelDType, LabelKind, Layout, Scale
from fmnist_core.errors import OptionError, brief, check_range
from fmnist_core.plan import BatchPlan, Remainder
from fmnist_core.transforms import Chain, Mix, Transform
from fmnist_torch.datasets import Fields, MapDataset
from fmnist_torch.device import TorchBatch
from fmnist_torch.integrations import LoaderSampler
from fmnist_torch.loader import OPEN_OPTIONS, PLANNED_OPTIONS, PlanLoader
from fmnist_torch.ranks import own_shard

MOST_WORKERS = 2**10
"""Most workers, and most batches that each of them makes ahead."""


class TorchAdapter:
    """Batches as tuples of tensors in fresh memory."""

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
            Keep all data on this device and make the batches there, without workers. By default
            batches are in host memory.
        **options
            DataLoader's options that do not decide what is in a batch: `num_workers`,
            `pin_memory`, `persistent_workers`, `prefetch_factor`, `multiprocessing_context` ...

        Raises
        ------
        OptionError
            If DataLoader has no such option or the plan decides it, or if torch has no such
            device.
        """
        _check_names(options)
        _check_values(options)
        plan.check_use(len(dataset), epoch, start)
        examples = MapDataset.of_loader(Assembler(dataset, plan, encoding, self))
        chain = encoding.transform.record()
        sampler = LoaderSampler(plan, epoch=epoch, start=start, transform=chain)
        place = None if device is None else _checked_device(device, options)
        return PlanLoader(
            examples, batch_sampler=sampler, encoding=encoding, device=place, **options
        )

    def shard(self, options: Mapping[str, Any]) -> tuple[int, int]:
        """Return rank and number of ranks from torch.distributed, or from a launcher's variables.

        Raises
        ------
        OptionError
            If RANK and WORLD_SIZE are not a valid pair.
        """
        return own_shard()

    def to_numpy(self, batch: TorchBatch) -> tuple[NDArray[Any], ...]:
        """Return the batch as arrays that share its memory."""
        return tuple(_to_numpy(tensor) for tensor in values_of(batch))


ADAPTER = TorchAdapter()


@hookimpl
def fmnist_adapter() -> TorchAdapter:
    """Return the torch adapter."""
    return ADAPTER


def data_loader(
    dataset: Dataset,
    *,
    batch_size: int,
    shuffle: bool = False,
    seed: int = 0,
    remainder: Remainder = "keep",
    shard: tuple[int, int] | Literal["auto"] = (0, 1),
    fields: Fields = ("image", "label"),
    dtype: torch.dtype | str = "float32",
    scale: Scale = "unit",
    mean: Constant | None = None,
    std: Constant | None = None,
    channels: int | None = None,
    layout: Layout | None = None,
    labels: LabelKind = "index",
    transform: Transform | Mix | Chain | Sequence[Transform | Mix] = (),
    epoch: int = 0,
    start: int = 0,
    device: torch.device | str | int | None = None,
    num_workers: int = 0,
    pin_memory: bool = False,
    timeout: float = 0,
    worker_init_fn: Callable[[int], None] | None = None,
    multiprocessing_context: str | BaseContext | None = None,
    generator: torch.Generator | None = None,
    prefetch_factor: int | None = None,
    persistent_workers: bool = False,
    pin_memory_device: str = "",
) -> PlanLoader:
    """Return a dataset as a DataLoader of tensors: ``dataset.to("torch", ...)``, with types.

    Parameters
    ----------
    dataset : Dataset
        The examples.
    batch_size : int
        Examples in one batch of one shard.
    shuffle : bool
        Whether to follow the written order (docs/order.md) instead of the dataset's own order.
    seed : int
        Seed of the written order, 0 to 2**64 - 1; `torch.manual_seed` does not change it.
    remainder : {"keep", "drop", "pad"}
        What happens to the last, incomplete global batch: it is split among the shards, left out,
        or filled with examples of weight 0.
    shard : (int, int) or "auto"
        Index and count of this process among those that share every global batch; "auto" is the
        rank from torch.distributed, or from a launcher's RANK and WORLD_SIZE.
    fields : tuple, mapping or str
        What a batch holds, of "image", "view", "label", "weight", "index" and "extended": a tuple
        gives tuples, a mapping of your names to fields dictionaries, one name bare tensors.
    dtype : torch.dtype or {"float32", "float16", "bfloat16", "uint8"}
        Element type of images.
    scale : {"unit", "standard", "raw"}
        x / 255; (x / 255 - mean) / std; or x itself.
    mean, std : float or tuple of float, optional
        Of x / 255, for ``scale="standard"``; by default those of the dataset's train split.
    channels : {1, 3}, optional
        Channels of an image; 3 repeats a grey channel. By default the channels are kept.
    layout : {"NCHW", "NHWC", "NHW", "flat"}, optional
        Axes of a batch of images; by default NCHW.
    labels : {"index", "one_hot"}
        Class numbers, int64 (batch,), or float32 rows with a single 1.
    transform : Transform or sequence of Transform
        Transforms of the uint8 pixels before they are encoded (`fmnist_core.transforms`).
    epoch, start : int
        Where to begin: the number of the first epoch, and how many of its examples all shards
        together have already consumed.
    device : torch.device, str or int, optional
        Keep all data on this device and make the batches there, without workers.
    num_workers : int
        Processes that make batches; with 0, this process makes them. It changes neither the
        batches nor the program's random numbers.
    pin_memory, pin_memory_device : bool, str
        Whether batches are copied to pinned memory.
    timeout : float
        Seconds to wait for a batch from a worker; 0 waits forever.
    worker_init_fn : callable, optional
        Called in each worker with its number.
    multiprocessing_context : {"fork", "spawn", "forkserver"} or context, optional
        How workers are started.
    generator : torch.Generator, optional
        Generator of the base seed of the workers, one number for each iterator; by default torch's
        global generator.
    prefetch_factor : int, optional
        Batches that each worker makes ahead; by default 2.
    persistent_workers : bool
        Whether workers stay when an epoch ends.

    Returns
    -------
    PlanLoader
        The n-th iteration reads epoch `epoch` + n.

    Raises
    ------
    OptionError
        If an option's value is not allowed, or the device does not exist.

    Examples
    --------
    >>> import fmnist_core as fm, fmnist_torch
    >>> train = fm.load("synthetic", "train")
    >>> loader = fmnist_torch.data_loader(train, batch_size=128, shuffle=True)
    >>> image, label = next(iter(loader))
    >>> image.shape, label.dtype
    (torch.Size([128, 1, 28, 28]), torch.int64)
    """
    options = {name: value for name, value in locals().items() if name != "dataset"}
    loader: PlanLoader = dataset.to(ADAPTER, **options)
    return loader


def _check_names(options: dict[str, Any]) -> None:
    for name in options:
        if name in PLANNED_OPTIONS:
            raise OptionError(
                f"{name} is decided by the plan. Try: batch_size=, shuffle=, remainder= of "
                "Dataset.to, or a DataLoader of your own over fmnist_torch.MapDataset"
            )
        if name == "in_order" and not options[name]:
            raise OptionError("in_order=False would break the plan's order. Try: leave it out")
        if name not in OPEN_OPTIONS:
            raise OptionError(
                f"torch's DataLoader has no option {name!r}; it has {sorted(OPEN_OPTIONS)}"
            )


def _check_values(options: dict[str, Any]) -> None:
    """Raise OptionError for what torch itself notices only when an iteration begins."""
    check_range("num_workers", options.get("num_workers", 0), 0, MOST_WORKERS)
    if (ahead := options.get("prefetch_factor")) is not None:
        check_range("prefetch_factor", ahead, 1, MOST_WORKERS)
    generator, prepare = options.get("generator"), options.get("worker_init_fn")
    if not isinstance(generator, torch.Generator | None):
        raise OptionError(f"generator must be a torch.Generator or None, not {brief(generator)}")
    if prepare is not None and not callable(prepare):
        raise OptionError(f"worker_init_fn must be a function or None, not {brief(prepare)}")


def _checked_device(device: object, options: dict[str, Any]) -> torch.device:
    if options.get("num_workers") or options.get("pin_memory"):
        raise OptionError("with device, batches are made there: without num_workers or pin_memory")
    try:
        # Allocate and read a byte, so that a missing device, or "meta", raises here and not later.
        byte: torch.Tensor = torch.empty(1, dtype=torch.uint8, device=device)  # type: ignore[call-overload]
        byte.cpu()
        return byte.device
    except (RuntimeError, TypeError, AssertionError) as error:
        raise OptionError(f"torch has no device {device!r}: {error}") from error


def _to_numpy(tensor: torch.Tensor) -> NDArray[Any]:
    on_host = tensor.detach().cpu()
    if on_host.dtype == torch.bfloat16:
        return on_host.view(torch.int16).numpy().view(Encoding(dtype="bfloat16").numpy_dtype)
    array: NDArray[Any] = on_host.numpy()
    return array
