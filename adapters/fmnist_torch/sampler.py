"""The plan as torch's samplers; used by fmnist_torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, NoReturn

from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import DistributedSampler, Sampler

from fmnist_core.batch import EpochCounter, EpochPosition
from fmnist_core.plan import BatchPlan
from fmnist_core.state import State


class PlanSampler(Sampler[list[int]]):
    """The plan as torch's batch sampler: yields the rows of each batch of one epoch.

    The n-th time its rows are asked for is epoch `epoch` + n, unless `set_epoch` says otherwise;
    so a loader that somebody else builds around it goes through the epochs too.

    Its shard is in the plan. So it has no `drop_last`, without which Lightning cannot share its
    batches among ranks by a sampler of its own, and says so.
    """

    def __init__(self, plan: BatchPlan, *, epoch: int = 0, start: int = 0) -> None:
        self.plan = plan
        self.batch_size = plan.batch_size
        self.epochs = EpochCounter(plan, epoch, start)
        self._handed: tuple[int, int] | None = None

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

    @contextmanager
    def handing(self, epoch: int, start: int) -> Iterator[None]:
        """Give the iterators made meanwhile an epoch that their loader has taken already."""
        self._handed = epoch, start
        try:
            yield
        finally:
            self._handed = None

    def __iter__(self) -> Iterator[list[int]]:
        """Yield lists of rows, fillers as row minus the number of examples."""
        return self._rows(self._handed)

    def _rows(self, handed: tuple[int, int] | None) -> Iterator[list[int]]:
        # Taken with the first rows, as DataLoader makes iterators that it does not use.
        position = self.epochs.take() if handed is None else EpochPosition(self.plan, *handed)
        padded = self.plan.remainder == "pad"
        for step, rows in enumerate(self.plan.epoch(position.epoch, position.start)):
            if padded:
                fillers = self.plan.weights(step, position.start) == 0
                rows = rows - fillers * self.plan.num_examples
            position.steps += 1
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


class ShardSampler(DistributedSampler[Any]):
    """The rows of one shard, one by one, in the next epoch of a PlanSampler.

    Nothing is read through it. It stands where Lightning and Fabric look for a DistributedSampler,
    to see whether a loader is shared among the ranks already.
    """

    def __init__(self, dataset: TorchDataset[Any], sampler: PlanSampler) -> None:
        plan = sampler.plan
        index, count = plan.shard
        super().__init__(dataset, count, index, shuffle=plan.shuffle, seed=plan.seed)
        self._batches = sampler

    def __iter__(self) -> Iterator[int]:
        """Yield rows; no epoch is taken."""
        epochs = self._batches.epochs
        batches = self._batches.plan.epoch(epochs.epoch, epochs.start)
        return chain.from_iterable(rows.tolist() for rows in batches)

    def __len__(self) -> int:
        """Return the number of rows."""
        plan, start = self._batches.plan, self._batches.epochs.start
        whole = plan.num_steps(start) - 1
        return whole * plan.batch_size + plan.span(whole, start)[1] if whole >= 0 else 0

    @property
    def set_epoch(self) -> NoReturn:
        """Lightning would number the epochs by it, from 0, whatever the loader was told."""
        raise AttributeError(
            "the plan counts the epochs. Try: loader.batch_sampler.set_epoch(epoch)"
        )
