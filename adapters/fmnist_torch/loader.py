"""The plan as torch's DataLoader; used by fmnist_torch."""

import gc
import inspect
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from fmnist_core.batch import Assembler, ResumableLoader, epoch_batches
from fmnist_core.encoding import Encoding
from fmnist_core.epochs import CountedIterator, EpochCounter
from fmnist_core.errors import OptionError
from fmnist_core.plan import BatchPlan, Examples
from fmnist_torch.datasets import MapDataset
from fmnist_torch.device import DeviceBatches, TorchBatch, to_tensors
from fmnist_torch.integrations import AcceleratedLoader, LoaderSampler, reported
from fmnist_torch.ranks import compare_ranks
from fmnist_torch.sampler import epoch_examples

PLANNED_OPTIONS = ("batch_size", "shuffle", "sampler", "batch_sampler", "drop_last", "collate_fn")
"""DataLoader's options that the plan replaces, because they decide what is in a batch."""

OPEN_OPTIONS = tuple(
    name
    for name in inspect.signature(DataLoader.__init__).parameters
    if name not in ("self", "dataset", *PLANNED_OPTIONS)
)
"""DataLoader's other options: how batches are made."""


class PlanLoader(AcceleratedLoader, ResumableLoader[Any], DataLoader[Any]):
    """A DataLoader whose n-th iteration reads the plan's epoch `epoch` + n.

    Parameters
    ----------
    dataset : MapDataset
        The untransformed examples, which a plain DataLoader can take too.
    batch_sampler : LoaderSampler
        The plan, and where to begin.
    encoding : Encoding
        How pixels and labels are converted.
    device : torch.device, optional
        Where the data are kept and the batches made; by default in host memory.
    **options
        DataLoader's own options.

    Attributes
    ----------
    batch_size : int
        Examples in one batch of this loader.
    sampler : Sampler of int
        The rows of the next epoch one by one, for trainers: see `PlanSampler`.
    drop_last : bool
        Whether the last, incomplete batch is left out.

    Raises
    ------
    OptionError
        If DataLoader rejects an option.
    """

    dataset: MapDataset

    def __init__(
        self,
        dataset: MapDataset,
        *,
        batch_sampler: LoaderSampler,
        encoding: Encoding,
        device: torch.device | None = None,
        **options: Any,
    ) -> None:
        try:
            DataLoader.__init__(self, dataset, batch_sampler=batch_sampler, **options)
        except (TypeError, ValueError) as error:
            raise OptionError(f"torch's DataLoader rejects {options}: {error!s:.200}") from error
        if self.timeout and not self.num_workers:
            raise OptionError(
                "timeout is the time to wait for workers, but there are none. Try: num_workers=1"
            )
        # Lightning makes another loader from the attributes that have the names of parameters.
        self.encoding, self.device = encoding, device
        self._assemble = Assembler(dataset.source, self.plan, encoding, dataset.adapter)
        self._on_device = None if device is None else DeviceBatches(self._assemble, device)
        self._inner: DataLoader[TorchBatch] | None = None
        self._turns = 0
        self._waiting: weakref.ref[CountedIterator[Any]] | None = None
        self._has_agreed = False
        # DataLoader does not allow setting these after its own initialisation.
        self.__dict__["batch_size"] = self.plan.batch_size
        self.__dict__["sampler"] = self._sampler.sampler
        self.__dict__["drop_last"] = self._sampler.drop_last

    @property
    def plan(self) -> BatchPlan:
        """Which examples form each batch."""
        return self._sampler.plan

    @property
    def _sampler(self) -> LoaderSampler:  # type: ignore[override]
        # For predictions Lightning wraps it, to see the rows that it yields.
        batch_sampler: Any = self.batch_sampler
        sampler: LoaderSampler = getattr(batch_sampler, "_batch_sampler", batch_sampler)
        return sampler

    @property
    def _epochs(self) -> EpochCounter:  # type: ignore[override]
        return self._sampler.epochs

    def set_epoch(self, epoch: int) -> None:
        """Make the epoch that a trainer calls `epoch` the next: see `PlanRows.set_epoch`."""
        self._sampler.sampler.set_epoch(epoch)

    def __len__(self) -> int:
        """Return the number of batches of the next iteration.

        An iterator that waits for its first batch counts as begun: Lightning reads the length after
        it has made an iterator, and takes it for that of every epoch.
        """
        waiting = self._waiting() if self._waiting else None
        is_waiting = waiting is not None and waiting.position is None
        return len(self.plan) if is_waiting else self._epochs.num_steps()

    def __getstate__(self) -> dict[str, Any]:
        # Iterators and their worker processes cannot be pickled.
        return {**self.__dict__, "_waiting": None, "_inner": None, "_iterator": None}

    def __iter__(self) -> Any:
        """Return an iterator, which takes the next epoch with its first batch.

        It draws one number from torch's generator, or from `generator`, as every DataLoader does.

        Raises
        ------
        OptionError
            With the first batch, if the ranks that share the batches disagree on anything except
            their shards.
        """
        generator = _drawn(self.generator)
        if self.batch_sampler is self._sampler:
            iterator = CountedIterator(self._epochs, partial(self._begun, generator))
            self._waiting = weakref.ref(iterator)
            return iterator
        return self._from_workers(self._noted_examples, generator)

    def _noted_examples(self) -> Iterator[Examples]:
        """Yield the examples of each batch, while Lightning's batch sampler notes their rows."""
        noting: Any = self.batch_sampler
        for step, _ in enumerate(noting):
            position = self._epochs.latest
            assert position is not None
            yield self.plan.examples(position.epoch, step, position.start)

    def _begun(self, generator: torch.Generator, epoch: int, start: int) -> Iterator[Any]:
        if not self._has_agreed:
            position = {"epoch": epoch, "examples": start}
            compare_ranks(self.plan.shard[1], lambda: self.agreement() | position)
            self._has_agreed = True
        if self.num_workers or self.pin_memory:
            examples = partial(epoch_examples, self.plan, epoch, start)
            batches = self._from_workers(examples, generator)
        else:
            batches = self._batches(epoch, start)
        return reported(batches, self.plan, start) if self._sampler.is_prepared else batches

    def _batches(self, epoch: int, start: int) -> Iterator[Any]:
        if self._on_device is not None:
            batches = self._on_device.epoch(self.plan, epoch, start)
        else:
            batches = map(to_tensors, epoch_batches(self.plan, self._assemble, epoch, start))
        return batches if self.plan.keys is None else map(self.plan.pack, batches)

    def _from_workers(
        self, examples: Callable[[], Iterator[Examples]], generator: torch.Generator
    ) -> Iterator[Any]:
        """Return the batches of an epoch, made by torch's own DataLoader."""
        # Lightning ends persistent workers by setting `_iterator` to None.
        inner = self._inner if self._iterator is not None else None
        if inner is None:
            options = {name: getattr(self, name) for name in OPEN_OPTIONS}
            options |= {"generator": generator, "batch_size": None, "collate_fn": _identity}
            inner = DataLoader(_Batches(self._assemble), sampler=_Plan(examples), **options)
        inner.sampler.examples = examples  # type: ignore[attr-defined]
        # torch draws a number for its workers on the default device, which may be an accelerator.
        with torch.device(generator.device), _garbage_kept_from_workers():
            batches: Iterator[TorchBatch] = iter(inner)
        if self.persistent_workers:
            self._inner, self._iterator = inner, inner._iterator
            self._turns += 1
            batches = self._guard_persistent(batches, self._turns)
        if self.device is not None:
            batches = (tuple(part.to(self.device) for part in batch) for batch in batches)
        return map(self.plan.pack, batches)

    def _guard_persistent(self, batches: Iterator[Any], turn: int) -> Iterator[Any]:
        """Yield batches of persistent workers, which can serve only one iteration."""
        while True:
            if turn != self._turns:
                raise OptionError(
                    "with persistent_workers=True a new iteration ends the one before it. "
                    "Try: persistent_workers=False for several at once"
                )
            try:
                batch = next(batches)
            except StopIteration:
                return
            yield batch


class _Making(threading.local):
    """Whether this thread is making workers."""

    workers = False


_making = _Making()


@contextmanager
def _garbage_kept_from_workers() -> Iterator[None]:
    """Let workers that are forked in this context collect no garbage of this process.

    An iterator of tf.data ends its threads when it is collected. They do not exist in a worker, so
    the worker would wait for them forever.
    """
    _making.workers = True
    try:
        yield
    finally:
        _making.workers = False


def _freeze_in_worker() -> None:
    if _making.workers:
        gc.freeze()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_freeze_in_worker)


class _Plan(Sampler[Examples]):
    """The examples of each batch of an epoch; persistent workers get others for the next epoch."""

    def __init__(self, examples: Callable[[], Iterator[Examples]]) -> None:
        self.examples = examples

    def __iter__(self) -> Iterator[Examples]:
        return self.examples()


class _Batches(TorchDataset[TorchBatch]):
    """Returns the batch of some examples; any batch is equally cheap."""

    def __init__(self, assemble: Assembler) -> None:
        self._assemble = assemble

    def __getitem__(self, examples: Examples) -> TorchBatch:
        return to_tensors(self._assemble(examples))


def _identity(batch: TorchBatch) -> TorchBatch:
    return batch


def _drawn(generator: torch.Generator | None) -> torch.Generator:
    """Draw one number, as torch's own iterators do, and return a generator that repeats it.

    torch draws this number for workers only. So the program's other random numbers do not depend on
    whether there are workers.
    """
    source = torch.default_generator if generator is None else generator
    again = torch.Generator(source.device)
    again.set_state(source.get_state())
    torch.empty((), dtype=torch.int64, device=source.device).random_(generator=source)
    return again
