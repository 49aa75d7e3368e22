"""The batches of a plan in Grain's form: by number, and as iterations that can be restored.

`PlanMapDataset` is a function from a number to a batch, like Grain's own map datasets, so Grain's
threads, worker processes, slices and checkpoints work with it. `PlanIterDataset` adds what Grain
lacks: every iteration reads the next epoch, and its state fits any batch size and framework.
"""

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import grain

from fmnist_core import BatchPlan, OptionError
from fmnist_core.batch import Assembler, ResumableLoader, epoch_batches
from fmnist_core.epochs import EpochCounter, EpochPosition
from fmnist_core.state import State

IN_THIS_THREAD = grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)
"""No batch is made ahead. Grain's default keeps 500 elements ready, which here are batches."""


class PlanMapDataset(grain.MapDataset):  # type: ignore[misc]
    """Batch k of a run: those of the first epoch, then those of every later one.

    It is immutable. ``len`` is that of the first epoch; a larger k belongs to a later epoch, as in
    every shuffled `grain.MapDataset`, so `repeat` gives each epoch its own order.

    Parameters
    ----------
    plan : BatchPlan
    assemble : Assembler
    epoch, start : int
        Where the run begins; `start` examples of the first epoch are skipped.
    """

    def __init__(self, plan: BatchPlan, assemble: Assembler, epoch: int, start: int) -> None:
        super().__init__()
        plan.check_use(len(assemble.dataset), epoch, start)
        self.plan = plan
        self.assemble = assemble
        self.epoch = epoch
        self.start = start

    def __len__(self) -> int:
        """Return the number of batches of the first epoch."""
        return self.plan.num_steps(self.start)

    def __getitem__(self, index: Any) -> Any:
        """Return one batch, or for a slice the dataset of those batches."""
        if isinstance(index, slice):
            return self.slice(index)
        examples = self.plan.examples(*self._place(index))
        return self.plan.pack(self.assemble(examples))

    def _place(self, index: int) -> tuple[int, int, int]:
        """Return epoch, step and start of a batch."""
        later = index - len(self)
        if later < 0:
            return self.epoch, index, self.start
        if not len(self.plan):
            raise IndexError(f"there is no batch {index}: an epoch has none")
        epochs, step = divmod(later, len(self.plan))
        return self.epoch + 1 + epochs, step, 0

    def repeat(self, num_epochs: int | None = None, *, reseed_each_epoch: bool = True) -> Any:
        """Return the batches of several epochs, or of all epochs for None; each has its own order.

        Raises
        ------
        OptionError
            If the first epoch is not whole: Grain counts epochs of one length.
        """
        if self.start:
            raise OptionError(
                f"repeat counts whole epochs, but the first begins after {self.start} examples. "
                "Try: start=0, and set_state of an iterator to resume within an epoch"
            )
        return super().repeat(num_epochs, reseed_each_epoch=reseed_each_epoch)

    def __str__(self) -> str:
        return f"PlanMapDataset({self.assemble.dataset!r})"


class PlanIterDataset(ResumableLoader[Any], grain.IterDataset):  # type: ignore[misc]
    """The batches of one epoch per iteration: the n-th reads epoch `epoch` + n.

    Parameters
    ----------
    map_dataset : PlanMapDataset
        The same batches by number.
    read_options : grain.ReadOptions, optional
        Threads that make batches ahead.
    in_workers : callable, optional
        Turns the iteration of an epoch into one by Grain's worker processes.
    """

    def __init__(
        self,
        map_dataset: PlanMapDataset,
        read_options: grain.ReadOptions | None = None,
        in_workers: Callable[[grain.IterDataset], grain.IterDataset] | None = None,
    ) -> None:
        super().__init__()
        self.map_dataset = map_dataset
        self._read_options = read_options
        self._in_workers = in_workers
        self._assemble = map_dataset.assemble
        self._epochs = EpochCounter(map_dataset.plan, map_dataset.epoch, map_dataset.start)

    def __len__(self) -> int:
        """Return the number of batches of the next iteration."""
        return self._epochs.num_steps()

    def __iter__(self) -> "PlanIterator":
        """Return an iterator, which takes the next epoch with its first batch."""
        return PlanIterator(self, self._epochs)

    def _batches(self, epoch: int, start: int) -> Iterator[Any]:
        plan = self._epochs.plan
        return map(plan.pack, epoch_batches(plan, self._assemble, epoch, start))

    def begin(self, epoch: int, start: int) -> Iterator[Any]:
        """Return an iterator of an epoch's batches; made ahead, it is a `grain.DatasetIterator`."""
        if self._read_options is None and self._in_workers is None:
            return self._batches(epoch, start)
        batches = PlanMapDataset(self._epochs.plan, self._assemble, epoch, start)
        pipeline = batches.to_iter_dataset(self._read_options or IN_THIS_THREAD)
        return iter(self._in_workers(pipeline) if self._in_workers else pipeline)

    def mp_prefetch(
        self,
        options: grain.MultiprocessingOptions | None = None,
        worker_init_fn: Callable[[int, int], None] | None = None,
    ) -> "PlanIterDataset":
        """Return the same epochs, from the next one on, made in Grain's worker processes.

        Any number of workers gives the same batches in the same order. Each iteration starts its
        workers.
        """
        epoch, start = self._epochs.upcoming()
        return PlanIterDataset(
            PlanMapDataset(self._epochs.plan, self._assemble, epoch, start),
            self._read_options,
            lambda pipeline: pipeline.mp_prefetch(options, worker_init_fn),
        )

    def __reduce__(self) -> NoReturn:
        raise OptionError(
            "each worker process would count its own epochs. Try: mp_prefetch before map, so "
            "that the function runs in this process; or map_dataset, which counts no epochs"
        )


class PlanIterator(grain.DatasetIterator):  # type: ignore[misc]
    """One iteration of a `PlanIterDataset`, with Grain's checkpoints."""

    def __init__(self, loader: PlanIterDataset, epochs: EpochCounter) -> None:
        super().__init__()
        self._loader = loader
        self._epochs = epochs
        self._position: EpochPosition | None = None
        self._batches: Iterator[Any] | None = None
        self._ended = False

    def __next__(self) -> Any:
        try:
            batches, position = self._begun()
            batch = next(batches)
            position.steps += 1
        except StopIteration:
            raise
        except BaseException:
            # An exception ends a generator; the batch that was not made is the next one again.
            self._stop()
            self._batches = None
            raise
        return batch

    def _begun(self) -> tuple[Iterator[Any], EpochPosition]:
        if self._ended:
            raise ValueError(f"{self} is closed")  # as Grain's iterators do
        if self._position is None:
            self._position = self._epochs.take()
        if self._batches is None:
            self._batches = self._loader.begin(self._position.epoch, self._position.consumed)
        return self._batches, self._position

    def start_prefetch(self) -> None:
        """Take the epoch, and let threads or workers begin to make its batches."""
        batches, _ = self._begun()
        if isinstance(batches, grain.DatasetIterator):
            batches.start_prefetch()

    def _stop(self) -> None:
        # Looked up by name: when __del__ closes at the interpreter's end, modules are gone.
        close = getattr(self._batches, "close", None)
        if close is not None:
            close()

    def get_state(self) -> State:
        """Return the position: a state as from `PlanIterDataset.state_dict`, which JSON can hold.

        After the last batch it is the end of this epoch, while a loader's is the head of the next.
        """
        plan = self._epochs.plan
        at = self._position or EpochPosition(plan, *self._epochs.upcoming())
        return {**self._loader.state_dict(), "epoch": at.epoch, "examples": at.consumed}

    def set_state(self, state: State) -> None:
        """Resume from a state; the loader's next iteration then reads the following epoch.

        Raises
        ------
        DataMismatchError
            If it belongs to other data.
        OptionError
            If it is not a state, belongs to another order, or an epoch cannot begin there.
        """
        self._loader.load_state_dict(state)
        self._stop()
        self._batches = None
        self._position = self._epochs.take()

    def close(self) -> None:
        """End the iteration, and its threads and worker processes."""
        super().close()
        self._ended = True
        self._stop()

    def __str__(self) -> str:
        return f"PlanIterator({self._loader!r})"
