"""The next epoch of a loader, and the positions of its iterations."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from fmnist_core.errors import check_epoch
from fmnist_core.plan import BatchPlan
from fmnist_core.state import State

_Batch = TypeVar("_Batch")

# In the module, not in a loader: a loader with a lock could not be pickled.
_TAKING_AN_EPOCH = threading.Lock()


class EpochPosition:
    """The position of one iteration, counted in batches that were received."""

    def __init__(self, plan: BatchPlan, epoch: int, start: int) -> None:
        self.plan = plan
        self.epoch = epoch
        self.start = start
        self.steps = 0

    @property
    def consumed(self) -> int:
        """Examples of the epoch that all shards have consumed."""
        return self.plan.consumed(self.steps, self.start)

    def state(self, digest: str, transform: Sequence[Mapping[str, Any]] = ()) -> State:
        """Return the position as a state; arguments as `BatchPlan.state`."""
        return self.plan.state(
            self.epoch, self.steps, self.start, digest=digest, transform=transform
        )


class EpochCounter:
    """The next epoch, and the position of the latest iteration.

    Parameters
    ----------
    plan : BatchPlan
    epoch, start : int
        Where to begin: the first epoch, and how many of its examples to skip.
    """

    def __init__(self, plan: BatchPlan, epoch: int = 0, start: int = 0) -> None:
        self.plan = plan
        self._begin_at(check_epoch(epoch), plan.check_start(start))

    def upcoming(self) -> tuple[int, int]:
        """Return epoch and start of the next iteration."""
        return self.epoch, self.start

    def _begin_at(self, epoch: int, start: int) -> None:
        self._first = self.epoch, self.start = epoch, start
        self.latest: EpochPosition | None = None

    def go_to(self, epoch: int) -> None:
        """Make `epoch` the next epoch; `start` applies to the first epoch only."""
        self.epoch = epoch
        self.start = self._first[1] if epoch == self._first[0] else 0

    def take(self) -> EpochPosition:
        """Begin the next epoch, and make the one after it the next. Thread-safe."""
        with _TAKING_AN_EPOCH:
            self.latest = EpochPosition(self.plan, self.epoch, self.start)
            self.go_to(self.epoch + 1)
            return self.latest

    def num_steps(self) -> int:
        """Return the number of batches of the next epoch."""
        return self.plan.num_steps(self.start)

    def state(self, digest: str, transform: Sequence[Mapping[str, Any]] = ()) -> State:
        """Return the position of the latest iteration, or where the first one will begin."""
        latest = self.latest or EpochPosition(self.plan, self.epoch, self.start)
        return latest.state(digest, transform)

    def record(self, digest: str) -> dict[str, Any]:
        """Return what the ranks of a group must agree on before they begin the next epoch."""
        position = {"epoch": self.epoch, "examples": self.start}
        return {**self.plan.record(), "digest": digest, **position}

    def load(
        self,
        state: object,
        digest: str,
        title: str,
        transform: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Resume from a state; arguments and errors as `BatchPlan.position`."""
        self._begin_at(*self.plan.position(state, digest=digest, title=title, transform=transform))


class CountedIterator(Iterator[_Batch]):
    """The batches of one iteration; it counts those that are received.

    The iteration takes its epoch when the first batch is requested, so an unused iterator takes
    none. A batch whose making ends in an exception, such as KeyboardInterrupt, is the next one
    again. Threads that share an iterator get different batches.

    Parameters
    ----------
    epochs : EpochCounter
    begin : callable
        Given an epoch and a start, returns an iterator of their batches.
    """

    def __init__(self, epochs: EpochCounter, begin: Callable[[int, int], Iterator[_Batch]]) -> None:
        self._epochs = epochs
        self._begin = begin
        self._batches: Iterator[_Batch] | None = None
        self._making = threading.Lock()
        self.position: EpochPosition | None = None

    def __next__(self) -> _Batch:
        with self._making:
            return self._next()

    def _next(self) -> _Batch:
        if self.position is None:
            self.position = self._epochs.take()
        try:
            if self._batches is None:
                self._batches = self._begin(self.position.epoch, self.position.consumed)
            batch = next(self._batches)
            self.position.steps += 1
        except StopIteration:
            raise
        except BaseException:
            # An exception ends a generator, which would then look like the end of the epoch.
            self._batches = None
            raise
        return batch

    def __len__(self) -> int:
        """Return the number of batches of this iteration."""
        start = self.position.start if self.position else self._epochs.start
        return self._epochs.plan.num_steps(start)
