"""The plan as torch's DataLoader; used by fmnist_torch."""

import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from torch import distributed
from torch.utils.data import DataLoader

from fmnist_core.batch import CountedIterator, EpochCounter
from fmnist_core.errors import OptionError
from fmnist_core.plan import BatchPlan
from fmnist_core.provenance import Provenance
from fmnist_core.state import State
from fmnist_torch.datasets import BatchDataset
from fmnist_torch.ranks import compare_ranks, in_a_group
from fmnist_torch.sampler import PlanSampler, ShardSampler


class PlanLoader(DataLoader[tuple[Any, ...]]):
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
    def _epochs(self) -> EpochCounter:
        return self._sampler.epochs

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
        epochs, data = self._epochs, self._data
        if not self._agreed:
            record = {**epochs.record(data.source.digest), "encoding": asdict(data.encoding)}
            compare_ranks(record)
            self._agreed = True
        with _TAKING_AN_EPOCH:
            epoch, start = epochs.epoch, epochs.start
            here = self._in_process
            batches = data.epoch(epochs.plan, epoch, start) if here else super().__iter__()
            # The sampler has bound its rows by now; what it says is next, len() tells too.
            progress = epochs.began(epoch, start)
            self._turns += 1
        if self.persistent_workers:
            batches = self._guard_persistent(batches, self._turns)
        return CountedIterator(batches, progress)

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
        return Provenance(data.adapter, data.source, self.plan, data.encoding, upcoming)

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
_TAKING_AN_EPOCH = threading.Lock()


def _identity(batch: Any) -> Any:
    return batch
