"""PlanDataset: a plan's epochs as a `keras.utils.PyDataset`.

A PyDataset returns batch `index` of an epoch. Keras does three things that would break a plan's
order, which this class handles so:

- ``fit`` requests the numbers in a random order, unless ``shuffle=False``. So batches are returned
  in the plan's order, and the number is ignored.
- With ``workers``, threads or processes request batches at the same time, in an unknown order. So
  Keras sees no workers; our own threads make batches ahead instead.
- Keras reads one or two batches to learn the shapes or to build the model, and then starts over.
  Those batches are not the beginning of an epoch.
"""

import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import keras

from fmnist_core.batch import Assembler, Batches
from fmnist_core.epochs import CountedIterator
from fmnist_core.errors import OptionError, check_range
from fmnist_core.plan import BatchPlan, Examples
from fmnist_core.state import State
from fmnist_keras.threads import made_ahead

QUEUE_SIZE = 10
"""Default number of batches that threads make ahead, as in Keras."""

MOST_THREADS = 2**10


class PlanDataset(Batches[Any], keras.utils.PyDataset):  # type: ignore[misc]
    """Batches for fit, evaluate and predict; the n-th epoch that begins is `epoch` + n.

    It can be iterated as well. A call that ends within an epoch, by an exception or by
    ``steps_per_epoch``, has taken that epoch: the next call begins the following one.

    Parameters
    ----------
    plan : BatchPlan
    assemble : Assembler
    epoch, start : int
        Where to begin; `start` examples of the first epoch are skipped.
    workers, max_queue_size : int
        Threads that make batches ahead, if more than 1, and how many batches ahead.
    """

    def __init__(
        self,
        plan: BatchPlan,
        assemble: Assembler,
        *,
        epoch: int = 0,
        start: int = 0,
        workers: int = 1,
        max_queue_size: int = QUEUE_SIZE,
    ) -> None:
        Batches.__init__(self, plan, assemble, tuple, epoch=epoch, start=start)
        keras.utils.PyDataset.__init__(self)
        self._threads = check_range("workers", workers, 0, MOST_THREADS)
        self._ahead = check_range("max_queue_size", max_queue_size, 1, MOST_THREADS)
        self._begin_call()

    def _begin_call(self) -> None:
        """Note that a call of fit, evaluate or predict begins."""
        self._is_new_call = True
        self._before_build: int | None = None
        self._within_epoch = False
        self._reading: CountedIterator[Any] | None = None
        self._steps_told = len(self)

    @property
    def workers(self) -> int:
        """Workers that Keras may start: none.

        Keras reads this once in each call of fit, evaluate or predict, before the first batch. A
        debugger or a program that records settings reads it too, which has no effect.
        """
        if sys._getframe(1).f_globals.get("__name__", "").startswith("keras."):
            self._begin_call()
        return 0

    @workers.setter
    def workers(self, value: int) -> None:
        raise OptionError(
            "Keras's workers would request batches in an unknown order. "
            'Try: dataset.to("keras", workers=...), whose threads keep the order'
        )

    @property
    def num_batches(self) -> int:
        """Number of batches of each epoch of this call of Keras, or of the next epoch."""
        return self._steps_told if self._within_epoch else len(self)

    def __getitem__(self, index: int) -> Any:
        """Return the next batch of the epoch that Keras reads, for any requested number.

        Before Keras begins an epoch, return batch `index` of the next one without taking it.

        Raises
        ------
        OptionError
            If Keras reads this dataset in two calls at once, or the batch does not exist.
        """
        if self._is_new_call:
            epoch, start = self._epochs.upcoming()
            return self._batch_of(self.plan.examples(epoch, index, start))
        if not self._is_reading():
            if not self._within_epoch:
                raise OptionError(
                    "no call of Keras is within an epoch of this dataset. Try: peek() to look at a "
                    "batch; for a call inside another, such as evaluate in a callback of fit, a "
                    "second dataset"
                )
            self._reading = CountedIterator(self._epochs, self._batches)
        assert self._reading is not None
        return next(self._reading)

    def _is_reading(self) -> bool:
        """Whether batches remain of the epoch that Keras reads."""
        reading = self._reading
        return reading is not None and (
            reading.position is None or reading.position.steps < len(reading)
        )

    def _is_latest_with_keras(self) -> bool:
        """Whether the position is within an epoch that Keras reads; a loaded state is not."""
        reading = self._reading
        if reading is None or not self._is_reading():
            return False
        return self._epochs.latest is reading.position

    def on_epoch_begin(self) -> None:
        """Prepare for an epoch of Keras: a new epoch of the plan, unless the last one has batches.

        Raises
        ------
        OptionError
            If the plan's epoch has another number of batches than Keras expects.
        """
        if self._is_new_call:
            # fit and evaluate reset their iterator before the first epoch. If they begin an epoch
            # without a reset, they build the model from a batch and will start over.
            self._before_build = self.epoch
        elif self._before_build is not None:
            self._epochs.go_to(self._before_build)
            self._before_build, self._reading = None, None
        self._is_new_call, self._within_epoch = False, True
        if not self._is_reading() and len(self) != self._steps_told:
            raise OptionError(
                f"epoch {self.epoch} has {len(self)} batches, but Keras continues with "
                f"{self._steps_told}, the number of the epoch that `start` made shorter. "
                "Try: fit that epoch alone, with epochs=initial_epoch + 1, then fit again"
            )

    def on_epoch_end(self) -> None:
        """Note that an epoch of Keras ends, or that it starts over."""
        if not self._within_epoch:
            self._reading = None
        self._is_new_call, self._within_epoch = False, False

    def state_dict(self) -> State:
        """Return the position to resume from, between epochs or after iterating without Keras.

        Raises
        ------
        OptionError
            Within an epoch that Keras reads: some backends request batches before they train on
            them, so the batches returned are not those trained on.
        """
        if self._is_latest_with_keras():
            raise OptionError(
                "within an epoch only Keras knows how many batches it has trained on. Try: "
                "plan.state(epoch, batch + 1, start, digest=..., transform=...) with the numbers "
                "of a callback"
            )
        return super().state_dict()

    def __getstate__(self) -> dict[str, Any]:
        if self._is_latest_with_keras():
            raise OptionError(
                "Keras began an epoch of this dataset, which a copy could not continue. "
                "Try: copy or pickle it after a whole epoch"
            )
        return {**self.__dict__, "_reading": None}  # an iterator cannot be pickled

    def _batches(self, epoch: int, start: int) -> Iterator[Any]:
        if self._threads <= 1:
            return super()._batches(epoch, start)
        single_batches = self.plan.blocks(epoch, start, self.plan.batch_size)
        calls = (partial(self._batch_of, examples.flat()) for examples in single_batches)
        return made_ahead(calls, self._threads, self._ahead)

    def _batch_of(self, examples: Examples) -> Any:
        return self.plan.pack(self._assemble(examples))
