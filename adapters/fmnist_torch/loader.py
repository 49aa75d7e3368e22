"""The plan as torch's DataLoader; used by fmnist_torch."""

import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from torch import distributed
from torch.utils.data import DataLoader

from fmnist_core.batch import Assembler, CountedIterator, EpochCounter, ResumableLoader
from fmnist_core.errors import OptionError
from fmnist_core.plan import BatchPlan
from fmnist_torch.datasets import BatchDataset
from fmnist_torch.ranks import compare_ranks, in_a_group
from fmnist_torch.sampler import PlanSampler, ShardSampler


class PlanLoader(ResumableLoader[Any], DataLoader[Any]):
    """A DataLoader whose n-th iteration is the plan's epoch `epoch` + n.

    Parameters
    ----------
    dataset : BatchDataset
    **options
        DataLoader's own; its batch sampler is a `PlanSampler`.
    """

    # accelerate saves and loads the state of a loader that has this.
    use_stateful_dataloader = True

    def __init__(self, dataset: BatchDataset, **options: Any) -> None:
        try:
            super().__init__(dataset, **{"collate_fn": _identity, **options})
        except (TypeError, ValueError) as error:
            raise OptionError(f"torch's DataLoader refuses {options}: {error}") from error
        self._turns = 0
        self._agreed = False
        if self.plan.shard[1] > 1:
            # DataLoader locks it against those who set a sampler that it would not use.
            self.__dict__["sampler"] = ShardSampler(dataset, self._sampler)

    @property
    def plan(self) -> BatchPlan:
        """Which examples form each batch."""
        return self._sampler.plan

    @property
    def _sampler(self) -> PlanSampler:
        # Lightning, where it predicts, has it wrapped, to see which rows it gives.
        given: Any = self.batch_sampler
        sampler: PlanSampler = getattr(given, "_batch_sampler", given)
        return sampler

    @property
    def _epochs(self) -> EpochCounter:  # type: ignore[override]
        return self._sampler.epochs

    @property
    def _assemble(self) -> Assembler:  # type: ignore[override]
        return self._data.assemble

    @property
    def _data(self) -> BatchDataset:
        assert isinstance(self.dataset, BatchDataset)
        return self.dataset

    @property
    def _is_accelerate_prepared(self) -> bool:
        """That accelerate has nothing to do: it would share the batches among the ranks again.

        Raises
        ------
        OptionError
            If they are not shared among several ranks, as who calls `prepare` expects.
        """
        if in_a_group() and self.plan.shard[1] == 1 < distributed.get_world_size():
            raise OptionError(
                "accelerate expects each rank to read its shard, and this loader has but one. Try: "
                'shard="auto", or leave it out of prepare if every rank is to read all'
            )
        return True

    @_is_accelerate_prepared.setter
    def _is_accelerate_prepared(self, _: bool) -> None:
        """accelerate sets it when it has done."""

    def __iter__(self) -> Any:
        """Begin the next epoch.

        Raises
        ------
        OptionError
            At the first, if the ranks that share the batches disagree on anything but their shards.
        """
        if not self._agreed:
            made = self._assemble
            record = self._epochs.record(made.dataset.digest)
            compare_ranks({**record, "encoding": asdict(made.encoding)})
            self._agreed = True
        return CountedIterator(self._epochs, self._begun)

    def _batches(self, epoch: int, start: int) -> Iterator[Any]:
        return self._packed(self._data.epoch(self.plan, epoch, start))

    def _packed(self, batches: Iterator[Any]) -> Iterator[Any]:
        return batches if self.plan.keys is None else map(self.plan.pack, batches)

    def _begun(self, epoch: int, start: int) -> Iterator[Any]:
        if self._in_process:
            return self._batches(epoch, start)
        with _BINDING_ROWS, self._sampler.handing(epoch, start):
            batches: Iterator[Any] = DataLoader.__iter__(self)
            self._turns += 1
        if self.persistent_workers:
            batches = self._guard_persistent(batches, self._turns)
        return self._packed(batches)

    @property
    def _in_process(self) -> bool:
        """Whether batches can be made in this process, several at a time."""
        own = self.batch_sampler is self._sampler
        return own and self.num_workers == 0 and not self.pin_memory

    def _guard_persistent(self, batches: Iterator[Any], turn: int) -> Iterator[Any]:
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
_BINDING_ROWS = threading.Lock()


def _identity(batch: Any) -> Any:
    return batch
