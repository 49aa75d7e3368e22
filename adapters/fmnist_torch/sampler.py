"""The plan as torch's samplers: of batches, and of single rows for trainers to look at."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from torch.utils.data import DistributedSampler, Sampler, SequentialSampler

from fmnist_core.epochs import EpochCounter, EpochPosition
from fmnist_core.errors import check_epoch
from fmnist_core.plan import BatchPlan, Examples
from fmnist_core.state import State


class TrainerEpochs(EpochCounter):
    """The epochs of a plan, which a trainer may number differently.

    A trainer calls the first epoch of a run 0; in the plan it is the `epoch` that the loader was
    made for. After a state is loaded or an epoch is set, the trainer's next number stands for that
    position.
    """

    def __init__(self, plan: BatchPlan, epoch: int = 0, start: int = 0) -> None:
        super().__init__(plan, epoch, start)
        self._trainers_zero = epoch
        self._was_moved = False

    def move_to(self, epoch: int) -> None:
        """Make an epoch of the plan the next; `start` applies to the first only."""
        self.go_to(check_epoch(epoch))
        self._was_moved = True

    def load(
        self,
        state: object,
        digest: str,
        title: str,
        transform: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Resume from a state; arguments and errors as `BatchPlan.position`."""
        super().load(state, digest, title, transform)
        self._was_moved = True

    def follow(self, number: int) -> None:
        """Make the epoch that a trainer calls `number` the next."""
        number = check_epoch(number)
        if self._was_moved:
            self._trainers_zero = self.epoch - number
            self._was_moved = False
        self.go_to(check_epoch(self._trainers_zero + number))


class BatchRows(list[int]):
    """The rows of a batch, with their epoch and positions for transforms.

    Attributes
    ----------
    examples : Examples
        The same rows, with their epoch and positions.
    """

    def __init__(self, rows: Iterable[int], examples: Examples) -> None:
        super().__init__(rows)
        self.examples = examples

    def __reduce__(self) -> tuple[Any, ...]:
        return BatchRows, (list(self), self.examples)


class PlanSampler(Sampler[list[int]]):
    """The plan as torch's batch sampler: yields the rows of each batch of one epoch.

    The n-th iteration yields epoch `epoch` + n, unless `set_epoch` sets another one, so any loader
    around it reads the epochs in turn. An iterator takes its epoch with its first batch of rows.

    Parameters
    ----------
    plan : BatchPlan
        Which examples form each batch; its shard is part of it.
    epoch, start : int
        Where to begin; `start` examples of the first epoch are skipped.

    Attributes
    ----------
    batch_size : int
        Examples in one batch.
    transform : sequence of mapping
        `Chain.record` of what a loader with transforms applies to its rows; states hold it.
    sampler : Sampler of int
        The rows of the next epoch one by one; nothing is read through it. Its type tells trainers
        whether the rows are shuffled or shared among ranks. They call its `set_epoch`, which counts
        from the first epoch of the run.
    """

    def __init__(self, plan: BatchPlan, *, epoch: int = 0, start: int = 0) -> None:
        plan.check_use(plan.num_examples, epoch, start)
        self.plan = plan
        self.batch_size = plan.batch_size
        self.epochs = TrainerEpochs(plan, epoch, start)
        self.sampler = _row_sampler(self)
        self._is_asked = False
        self.transform: Sequence[Mapping[str, Any]] = ()

    @property
    def epoch(self) -> int:
        """The next epoch."""
        return self.epochs.epoch

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` of the plan the next; `start` applies to the first only.

        Raises
        ------
        OptionError
            If it is not a whole number from 0 to 2**32 - 1.
        """
        self.epochs.move_to(epoch)

    def __len__(self) -> int:
        """Return the number of batches of the next epoch."""
        return self.epochs.num_steps()

    def __iter__(self) -> Iterator[list[int]]:
        """Yield lists of rows, fillers as row minus the number of examples."""
        if self.epochs.start and not len(self):
            # torchdata reads no rows from an iterator of a finished epoch, and then makes another.
            self.epochs.take()
            return iter(())
        self._is_asked = True
        return self._rows()

    def _rows(self) -> Iterator[list[int]]:
        position = self.epochs.take()
        self._is_asked = False
        for examples in epoch_examples(self.plan, position.epoch, position.start):
            fillers = examples.positions >= self.plan.num_examples
            position.steps += 1
            rows = examples.rows - fillers * self.plan.num_examples
            yield BatchRows(rows.tolist(), examples)

    def state_dict(self) -> State:
        """Return the position after the rows yielded so far, for a loader that counts by sampler.

        torchdata's StatefulDataLoader saves it with each batch that it sends to a worker, and keeps
        that of the last batch received. A sampler does not know the data, so the digest is "". At
        the end of an epoch all its examples count as consumed until the next epoch is requested:
        torchdata itself knows that the epoch is over.
        """
        latest = self.epochs.latest
        if latest is None or self._is_asked:
            epoch, start = self.epochs.upcoming()
            return self.plan.state(epoch, 0, start, transform=self.transform)
        state = latest.state(digest="", transform=self.transform)
        if _is_finished(latest):
            state |= {"epoch": latest.epoch, "examples": self.plan.num_examples}
        return state

    def load_state_dict(self, state: object) -> None:
        """Make the next iteration resume from a state; errors as `PlanLoader.load_state_dict`."""
        self._is_asked = False
        self.epochs.load(state, digest="", title="this plan", transform=self.transform)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self)} batches in epoch {self.epoch} of {self.plan}>"


def epoch_examples(plan: BatchPlan, epoch: int, start: int) -> Iterator[Examples]:
    """Yield the examples of each batch of an epoch."""
    return (
        Examples(epoch, positions, rows)
        for block in plan.blocks(epoch, start)
        for positions, rows in zip(block.positions, block.rows, strict=True)
    )


def _is_finished(position: EpochPosition) -> bool:
    return position.steps == position.plan.num_steps(position.start)


class PlanRows(Sampler[int]):
    """The rows of the next epoch of a PlanSampler, one by one; it takes no epoch."""

    def __init__(self, batches: PlanSampler) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[int]:
        """Yield row numbers."""
        batches = self.batches.plan.epoch(*self.batches.epochs.upcoming())
        return chain.from_iterable(rows.tolist() for rows in batches)

    def __len__(self) -> int:
        """Return the number of rows."""
        plan, start = self.batches.plan, self.batches.epochs.start
        whole = plan.num_steps(start) - 1
        return whole * plan.batch_size + plan.span(whole, start)[1] if whole >= 0 else 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self)} rows of epoch {self.batches.epoch}>"

    def set_epoch(self, epoch: int) -> None:
        """Make the epoch that a trainer calls `epoch` the next.

        Trainers number the epochs of a run from 0, so this counts from the `epoch` that the loader
        was made for. After `load_state_dict` or `PlanSampler.set_epoch`, the first number stands
        for that position, and the others follow from it.

        Raises
        ------
        OptionError
            If it is not a whole number from 0 to 2**32 - 1.
        """
        self.batches.epochs.follow(epoch)


class SequentialRows(PlanRows, SequentialSampler):
    """The rows of an epoch that is not shuffled."""

    def __init__(self, batches: PlanSampler) -> None:
        PlanRows.__init__(self, batches)
        SequentialSampler.__init__(self, range(batches.plan.num_examples))


class ShardRows(PlanRows, DistributedSampler[Any]):
    """The rows of one shard, as the DistributedSampler that trainers look for."""

    def __init__(self, batches: PlanSampler) -> None:
        PlanRows.__init__(self, batches)
        plan = batches.plan
        index, count = plan.shard
        examples: Any = range(plan.num_examples)
        DistributedSampler.__init__(
            self, examples, count, index, shuffle=bool(plan.shuffle), seed=plan.seed
        )


class SequentialShardRows(ShardRows, SequentialSampler):
    """The rows of one shard of an epoch that is not shuffled."""

    def __init__(self, batches: PlanSampler) -> None:
        ShardRows.__init__(self, batches)
        SequentialSampler.__init__(self, range(batches.plan.num_examples))


def _row_sampler(batches: PlanSampler) -> PlanRows:
    if batches.plan.shard[1] > 1:
        return ShardRows(batches) if batches.plan.shuffle else SequentialShardRows(batches)
    return PlanRows(batches) if batches.plan.shuffle else SequentialRows(batches)
