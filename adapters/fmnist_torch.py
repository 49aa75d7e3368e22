"""The torch adapter: a real DataLoader over a map-style dataset."""

import inspect
import operator
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed
from torch.utils.data import DataLoader, Sampler, default_collate
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data._utils.collate import default_collate_fn_map

from fmnist_core import hookimpl
from fmnist_core.batch import Arrays, Assembler, Epochs, Progress, Received, epoch_batches
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding, Layout
from fmnist_core.errors import OptionError
from fmnist_core.hookspecs import LoaderOptions
from fmnist_core.plan import BatchPlan, Field
from fmnist_core.provenance import Provenance
from fmnist_core.state import State, check_shard
from fmnist_torch_compat import FashionMNIST
from fmnist_torch_device import Resident, TorchBatch, to_tensor

__all__ = ["ADAPTER", "FashionMNIST", "MapDataset", "PlanLoader", "PlanSampler", "data_loader"]

Rows = NDArray[np.int64]


class TorchAdapter:
    """Batches as tuples of tensors in memory of their own."""

    name = "torch"
    layout: Layout = "NCHW"
    label_dtype: Literal["int32", "int64"] = "int64"
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
    ) -> "PlanLoader":
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
        whole_batches = _BatchDataset(dataset, encoding, plan.fields, place)
        return PlanLoader(whole_batches, sampler, options)

    def shard(self, options: Mapping[str, Any]) -> tuple[int, int]:
        """Return rank and number of ranks: of torch.distributed, or else as a launcher says.

        Raises
        ------
        OptionError
            If RANK and WORLD_SIZE are no such pair.
        """
        if distributed.is_available() and distributed.is_initialized():
            return distributed.get_rank(), distributed.get_world_size()
        rank, world_size = os.environ.get("RANK"), os.environ.get("WORLD_SIZE")
        if rank is None and world_size is None:
            return 0, 1
        return check_shard(str(rank), str(world_size), "RANK and WORLD_SIZE")

    def to_numpy(self, batch: TorchBatch) -> tuple[NDArray[Any], ...]:
        """Return the batch as arrays that share its memory."""
        return tuple(_to_numpy(tensor) for tensor in batch)


class MapDataset(TorchDataset[tuple[Any, ...]]):
    """A map-style dataset of single examples, for a DataLoader of one's own.

    Parameters
    ----------
    dataset : Dataset
    encoding : Encoding
        By default float32 images of shape (1, height, width) from 0 to 1.
    fields : tuple of {"image", "label", "weight", "index", "extended"}
        What an example holds, in this order.
    """

    def __init__(
        self,
        dataset: Dataset,
        encoding: Encoding = Encoding(),  # noqa: B008, it is immutable
        fields: tuple[Field, ...] = ("image", "label"),
    ) -> None:
        self._assemble = Assembler(dataset, fields, encoding, ADAPTER)

    @property
    def source(self) -> Dataset:
        """The examples that it gives."""
        return self._assemble.dataset

    @property
    def encoding(self) -> Encoding:
        """What pixels and labels become."""
        return self._assemble.encoding

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each label."""
        return self.source.classes

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self._assemble.dataset)

    def __getitem__(self, row: int) -> tuple[Any, ...]:
        """Return one example: the image as a tensor; label, weight and index as numbers.

        Raises
        ------
        RowOutsideError
            If there is no such row.
        """
        return tuple(MapDataset.__getitems__(self, [operator.index(row)])[0])

    def __getitems__(self, rows: Sequence[int]) -> Any:
        """Return several examples at once, for DataLoader to collate; errors as above."""
        asked = np.asarray(rows, dtype=np.int64)
        return _Examples(self._batch(asked + (asked < 0) * len(self)))

    def _batch(self, rows: Rows, weights: NDArray[np.float32] | None = None) -> TorchBatch:
        return _to_tensors(self._assemble(rows, weights))


class _BatchDataset(MapDataset):
    """Hands DataLoader whole batches; a filler is asked for by its row minus the length."""

    def __init__(
        self,
        dataset: Dataset,
        encoding: Encoding,
        fields: tuple[Field, ...],
        device: torch.device | None,
    ) -> None:
        super().__init__(dataset, encoding, fields)
        self.device = device
        self._resident = None if device is None else Resident(self._assemble, device)

    def __getitems__(self, rows: Sequence[int]) -> TorchBatch:
        asked = np.asarray(rows, dtype=np.int64)
        fillers = asked < 0
        chosen, weights = asked + fillers * len(self), (~fillers).astype(np.float32)
        if self._resident is None:
            return self._batch(chosen, weights)
        return self._resident.batch(*(to_tensor(one).to(self.device) for one in (chosen, weights)))

    def epoch(self, plan: BatchPlan, epoch: int, start: int) -> Iterator[TorchBatch]:
        """Yield the batches of one epoch, made in this process."""
        if self._resident is not None:
            return self._resident.epoch(plan, epoch, start)
        return map(_to_tensors, epoch_batches(plan, self._assemble, epoch, start))


class PlanSampler(Sampler[list[int]]):
    """The plan as torch's batch sampler: yields the rows of each batch of one epoch.

    The n-th time its rows are asked for is epoch `epoch` + n, unless `set_epoch` says otherwise;
    so a loader that somebody else builds around it goes through the epochs too.
    """

    def __init__(self, plan: BatchPlan, *, epoch: int = 0, start: int = 0) -> None:
        self.plan = plan
        self.batch_size = plan.batch_size
        self.drop_last = plan.remainder == "drop"
        self.epochs = Epochs(plan, epoch, start)

    @property
    def epoch(self) -> int:
        """The next epoch."""
        return self.epochs.epoch

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` the next to be iterated; `start` applies to the first only."""
        self.epochs.go_to(epoch)

    def __len__(self) -> int:
        """Return the number of batches of the next epoch."""
        return self.epochs.num_steps()

    def __iter__(self) -> Iterator[list[int]]:
        """Yield lists of rows, fillers as row minus the number of examples."""
        # Bound now, as set_epoch may be called again before the first batch is asked for; but
        # taken with the first rows, as DataLoader makes iterators that it does not use.
        return self._rows(self.epochs.epoch, self.epochs.start)

    def _rows(self, epoch: int, start: int) -> Iterator[list[int]]:
        given = Progress(self.plan, epoch, start)
        if self.epochs.epoch == epoch:
            given = self.epochs.began(epoch, start)
        padded = self.plan.remainder == "pad"
        for step, rows in enumerate(self.plan.epoch(epoch, start)):
            if padded:
                fillers = self.plan.weights(step, start) == 0
                rows = rows - fillers * self.plan.num_examples
            given.steps += 1
            yield rows.tolist()

    def state_dict(self) -> State:
        """Return which rows were given away, for a loader that counts by its sampler.

        torchdata's StatefulDataLoader takes it down with each batch that it sends to a worker, and
        saves the one of the batch that was received. A sampler does not know the data, so there is
        no digest in it.
        """
        return self.epochs.state(digest="")

    def load_state_dict(self, state: object) -> None:
        """Make the next iteration go on from a state; errors as `PlanLoader.load_state_dict`."""
        self.epochs.load(state, digest="", title="this plan")


class PlanLoader(DataLoader[tuple[Any, ...]]):
    """A DataLoader whose n-th iteration is the plan's epoch `epoch` + n."""

    def __init__(
        self, dataset: _BatchDataset, sampler: PlanSampler, options: dict[str, Any]
    ) -> None:
        try:
            super().__init__(dataset, batch_sampler=sampler, collate_fn=_as_it_is, **options)
        except (TypeError, ValueError) as error:
            raise OptionError(f"torch's DataLoader refuses {options}: {error}") from error
        self._turns = 0

    @property
    def plan(self) -> BatchPlan:
        """Which examples form each batch."""
        return self._epochs.plan

    @property
    def _epochs(self) -> Epochs:
        sampler = self.batch_sampler
        assert isinstance(sampler, PlanSampler)
        return sampler.epochs

    @property
    def _data(self) -> _BatchDataset:
        assert isinstance(self.dataset, _BatchDataset)
        return self.dataset

    def __iter__(self) -> Any:
        """Begin the next epoch."""
        epochs, data = self._epochs, self._data
        with _TAKING_AN_EPOCH:
            epoch, start = epochs.epoch, epochs.start
            here = self._needs_no_help
            batches = data.epoch(epochs.plan, epoch, start) if here else super().__iter__()
            # The sampler has bound its rows by now; what it says is next, len() tells too.
            progress = epochs.began(epoch, start)
            self._turns += 1
        if self.persistent_workers:
            batches = self._only_the_latest(batches, self._turns)
        return Received(batches, progress)

    def state_dict(self) -> State:
        """Return where the latest iteration is: a small dictionary that JSON can hold.

        It counts the batches that were received, not those that workers have made ahead. Any loader
        of the same data in the same order goes on from it, whatever its batch size, shard, workers
        or framework.
        """
        return self._epochs.state(self._data.source.digest)

    def load_state_dict(self, state: object) -> None:
        """Make the next iteration go on from a state.

        Raises
        ------
        DataMismatchError
            If it is of other data.
        OptionError
            If it is no state, is of another order, or an epoch cannot begin there.
        """
        source = self._data.source
        self._epochs.load(state, source.digest, repr(source))

    @property
    def provenance(self) -> Provenance:
        """What this was made from, and where its next iteration begins."""
        data, upcoming = self._data, self._epochs.upcoming
        return Provenance(ADAPTER, data.source, self.plan, data.encoding, upcoming)

    @property
    def _needs_no_help(self) -> bool:
        """Whether batches can be made in this process, several at a time."""
        return self.num_workers == 0 and not self.pin_memory

    def _only_the_latest(self, batches: Iterator[Any], turn: int) -> Iterator[Any]:
        """Yield from workers that persist, which can serve one iteration only."""
        while True:
            if turn != self._turns:
                raise OptionError(
                    "with persistent_workers=True a new iteration ends those before it. "
                    "Try: persistent_workers=False to have several at once"
                )
            try:
                batch = next(batches)
            except StopIteration:
                return
            yield batch


# Of the module, not of a loader, which could not be pickled with it.
_TAKING_AN_EPOCH = threading.Lock()

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


def _as_it_is(batch: Any) -> Any:
    return batch


class _Example(tuple[Any, ...]):
    """One example of a batch that is ready; DataLoader's own collation knows it by this type."""

    __slots__ = ()


class _Examples(Sequence[_Example]):
    """A batch as its examples, which are only made if somebody looks at them."""

    def __init__(self, batch: TorchBatch) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return len(self.batch[0])

    def __getitem__(self, place: Any) -> Any:
        """Return one example, scalars as Python numbers, or a slice as a list of them."""
        if isinstance(place, slice):
            return [self[number] for number in range(len(self))[place]]
        values = (tensor[place] for tensor in self.batch)
        return _Example(value.item() if value.ndim == 0 else value for value in values)


def _collate(examples: Any, *, collate_fn_map: object = None) -> Any:
    """Return a batch of examples: the one that they came from, or else as torch stacks them."""
    if isinstance(examples, _Examples):
        return list(examples.batch)
    return default_collate([tuple(example) for example in examples])


default_collate_fn_map[_Example] = _collate


def _to_tensors(arrays: Arrays) -> TorchBatch:
    return tuple(map(to_tensor, arrays))


def _to_numpy(tensor: torch.Tensor) -> NDArray[Any]:
    on_host = tensor.detach().cpu()
    if on_host.dtype == torch.bfloat16:
        return on_host.view(torch.int16).numpy().view(Encoding(dtype="bfloat16").numpy_dtype)
    array: NDArray[Any] = on_host.numpy()
    return array
