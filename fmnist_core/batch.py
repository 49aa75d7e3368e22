"""The reference: the numpy arrays of a batch, and epochs of them.

Every adapter that can start from numpy starts here; the others must give the same bits.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding
from fmnist_core.errors import OptionError
from fmnist_core.hookspecs import Adapter
from fmnist_core.plan import BLOCK_EXAMPLES, BatchPlan, Field
from fmnist_core.provenance import Provenance, provenance_of
from fmnist_core.registry import check_adapter
from fmnist_core.state import State

Arrays = tuple[NDArray[Any], ...]
_Batch = TypeVar("_Batch")

SENT_AT_ONCE = 2**20
"""Row numbers sent to a device at once: an epoch's, unless it is long."""

# Of the module, not of a loader, which could not be pickled with it.
_TAKING_AN_EPOCH = threading.Lock()


class EpochPosition:
    """How far one iteration has come, counted in batches that were received."""

    def __init__(self, plan: BatchPlan, epoch: int, start: int) -> None:
        self.plan = plan
        self.epoch = epoch
        self.start = start
        self.steps = 0

    def state(self, digest: str) -> State:
        """Return the position as a state of data with this `Dataset.digest`."""
        return self.plan.state(self.epoch, self.steps, self.start, digest=digest)


class EpochCounter:
    """Which epoch comes next, and where in it the latest iteration is.

    Parameters
    ----------
    plan : BatchPlan
    epoch, start : int
        Where to begin; `start` examples of the first epoch are left out.
    """

    def __init__(self, plan: BatchPlan, epoch: int = 0, start: int = 0) -> None:
        self.plan = plan
        self._begin_at(epoch, start)

    def upcoming(self) -> tuple[int, int]:
        """Return epoch and start of the next iteration."""
        return self.epoch, self.start

    def _begin_at(self, epoch: int, start: int) -> None:
        self._first = self.epoch, self.start = epoch, start
        self.latest: EpochPosition | None = None

    def go_to(self, epoch: int) -> None:
        """Make an epoch the next; `start` applies to the first only."""
        self.epoch = epoch
        self.start = self._first[1] if epoch == self._first[0] else 0

    def take(self) -> EpochPosition:
        """Begin the next epoch; the one after it is next. Threads may call this at once."""
        with _TAKING_AN_EPOCH:
            self.latest = EpochPosition(self.plan, self.epoch, self.start)
            self.go_to(self.epoch + 1)
            return self.latest

    def num_steps(self) -> int:
        """Return the number of batches of the next epoch."""
        return self.plan.num_steps(self.start)

    def state(self, digest: str) -> State:
        """Return where the latest iteration is, or where the first begins."""
        latest = self.latest or EpochPosition(self.plan, self.epoch, self.start)
        return latest.state(digest)

    def record(self, digest: str) -> dict[str, Any]:
        """Return what the ranks of a group must agree on before they begin the next epoch."""
        position = {"epoch": self.epoch, "examples": self.start}
        return {**self.plan.record(), "digest": digest, **position}

    def load(self, state: object, digest: str, title: str) -> None:
        """Go on from a state; arguments and errors as `BatchPlan.position`."""
        self._begin_at(*self.plan.position(state, digest=digest, title=title))


class CountedIterator(Iterator[_Batch]):
    """The batches of one iteration; it counts those that are received.

    The epoch is taken when the first batch is asked for, so an iterator that is made and never
    used costs none.

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
        self.position: EpochPosition | None = None

    def __next__(self) -> _Batch:
        if self._batches is None:
            self.position = self._epochs.take()
            self._batches = self._begin(self.position.epoch, self.position.start)
        batch = next(self._batches)
        assert self.position is not None
        self.position.steps += 1
        return batch

    def __len__(self) -> int:
        """Return the number of batches of this iteration."""
        start = self.position.start if self.position else self._epochs.start
        return self._epochs.plan.num_steps(start)


class Assembler:
    """Make the numpy arrays of a batch from the rows that form it.

    Parameters
    ----------
    dataset : Dataset
    fields : tuple of {"image", "label", "weight", "index", "extended"}
        What a batch holds, in this order.
    encoding : Encoding
        What pixels and labels become.
    adapter : Adapter
        Whose layout and label type are taken where the encoding leaves them open.

    Raises
    ------
    OptionError
        If these images cannot be encoded so, or the dataset has no such field.
    """

    def __init__(
        self, dataset: Dataset, fields: tuple[Field, ...], encoding: Encoding, adapter: Adapter
    ) -> None:
        self.dataset = dataset
        self.fields = fields
        self.adapter = adapter
        self.encoding = resolve(encoding, dataset, fields, adapter)

    def __call__(
        self, rows: NDArray[np.int64], weights: NDArray[np.float32] | None = None
    ) -> Arrays:
        """Return fresh arrays, one for each field.

        Parameters
        ----------
        rows : int64 array (batch,)
            Row numbers in the dataset.
        weights : float32 array (batch,), optional
            1 for an example, 0 for a filler; by default all 1.
        """
        places = self.dataset.original_rows(rows)
        return tuple(self._field(field, places, weights) for field in self.fields)

    def _field(
        self, field: Field, places: NDArray[np.int64], weights: NDArray[np.float32] | None
    ) -> NDArray[Any]:
        source = self.dataset.source
        if field == "image":
            return self.encoding.encode_images(source.images_at(places))
        if field == "label":
            labels = source.labels_at(places)
            return self.encoding.encode_labels(labels, len(self.dataset.classes))
        if field == "index":
            return places
        if field == "extended":
            return source.extended_at(places)
        return np.ones(len(places), np.float32) if weights is None else weights


def resolve(
    encoding: Encoding, dataset: Dataset, fields: tuple[Field, ...], adapter: Adapter
) -> Encoding:
    """Return an encoding with nothing left open, for one dataset and an adapter's habits.

    Raises
    ------
    OptionError
        If these images cannot be encoded so, or the dataset has no such field.
    """
    if "extended" in fields and dataset.extended is None:
        raise OptionError(f'{dataset!r} has no extended labels, so no field "extended"')
    return dataset.resolved(encoding, adapter.layout, adapter.label_dtype)


def weighted_blocks(
    plan: BatchPlan, epoch: int, start: int = 0, examples: int = BLOCK_EXAMPLES
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield `BatchPlan.blocks` with the weights of their examples, of the same shape."""
    blocks = plan.blocks(epoch, start, examples)

    def weighted() -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        step = 0
        for rows in blocks:
            weights = np.ones(rows.shape, np.float32)
            if plan.remainder == "pad" and len(rows) == 1:  # fillers are only where one comes alone
                weights[0] = plan.weights(step, start)
            yield rows, weights
            step += len(rows)

    return weighted()


def epoch_batches(
    plan: BatchPlan, assemble: Assembler, epoch: int, start: int = 0
) -> Iterator[Arrays]:
    """Yield the numpy arrays of each batch of an epoch.

    Batches of one block are disjoint parts of the same fresh memory.
    """
    blocks = (
        (assemble(rows.reshape(-1), weights.reshape(-1)), rows.shape[1])
        for rows, weights in weighted_blocks(plan, epoch, start)
    )
    return (
        tuple(array[first : first + size] for array in arrays)
        for arrays, size in blocks
        for first in range(0, len(arrays[0]), size)
    )


class ResumableLoader(Generic[_Batch]):
    """What every loader that counts its own batches offers: position, state, provenance, a look.

    A loader that inherits it has `_epochs`, `_assemble`, and a method `_batches` that yields the
    batches of an epoch from a start on.
    """

    _epochs: EpochCounter
    _assemble: Assembler

    def _batches(self, epoch: int, start: int) -> Iterator[_Batch]:
        raise NotImplementedError

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration reads."""
        return self._epochs.epoch

    def peek(self) -> _Batch:
        """Return the first batch of the next iteration, which is not taken by this look.

        Raises
        ------
        OptionError
            If that epoch has no batch.
        """
        for batch in self._batches(*self._epochs.upcoming()):
            return batch
        raise OptionError(f"epoch {self.epoch} has no batch to look at")

    def state_dict(self) -> State:
        """Return where the latest iteration is: a small dictionary that JSON can hold.

        It counts the batches that were received, not those made ahead. Any loader of the same data
        in the same order goes on from it, whatever its batch size, shard, workers or framework.
        """
        return self._epochs.state(self._assemble.dataset.digest)

    def load_state_dict(self, state: object) -> None:
        """Make the next iteration go on from a state.

        Raises
        ------
        DataMismatchError
            If it is of other data.
        OptionError
            If it is no state, is of another order, or an epoch cannot begin there.
        """
        dataset = self._assemble.dataset
        self._epochs.load(state, dataset.digest, repr(dataset))

    @property
    def provenance(self) -> Provenance:
        """What this was made from, and where its next iteration begins."""
        made = self._assemble
        adapter, upcoming = check_adapter(made.adapter), self._epochs.upcoming
        return Provenance(adapter, made.dataset, self._epochs.plan, made.encoding, upcoming)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} of {self._assemble.dataset!r}: {self._epochs.num_steps()} "
            f"batches of {self._epochs.plan.batch_size} in epoch {self.epoch}>"
        )


class Batches(ResumableLoader[_Batch]):
    """A re-iterable of batches: the n-th time it is iterated is epoch `epoch` + n.

    Parameters
    ----------
    plan : BatchPlan
    assemble : Assembler
    convert : callable
        Turns the numpy arrays of a batch into the framework's own form.
    epoch, start : int
        Where to begin; `start` examples of the first epoch are left out.
    """

    def __init__(
        self,
        plan: BatchPlan,
        assemble: Assembler,
        convert: Callable[[Arrays], Any],
        *,
        epoch: int = 0,
        start: int = 0,
    ) -> None:
        plan.check_use(len(assemble.dataset), epoch, start)
        self.plan = plan
        self.encoding = assemble.encoding
        self._assemble = assemble
        self._convert = convert
        self._epochs = EpochCounter(plan, epoch, start)

    def __len__(self) -> int:
        """Return the number of batches of the next iteration."""
        return self._epochs.num_steps()

    def __iter__(self) -> Iterator[_Batch]:
        """Return an iterator, which takes the next epoch with its first batch."""
        return CountedIterator(self._epochs, self._batches)

    def _batches(self, epoch: int, start: int) -> Iterator[_Batch]:
        batches = epoch_batches(self.plan, self._assemble, epoch, start)
        if self.plan.keys is None:
            return map(self._convert, batches)
        return (self.plan.pack(self._convert(arrays)) for arrays in batches)


def peek(loader: Any) -> Any:
    """Return the first batch of a loader's next epoch, which is not taken by this look.

    Parameters
    ----------
    loader : iterable
        What `Dataset.to` returned.

    Raises
    ------
    OptionError
        If the loader does not say what it was made from, or its next epoch has no batch.
    """
    if isinstance(loader, ResumableLoader):
        return loader.peek()
    made = provenance_of(loader)
    epoch, start = made.upcoming()
    for batch in made.adapter.loader(
        made.dataset, made.plan, made.encoding, epoch=epoch, start=start
    ):
        return batch
    raise OptionError(f"epoch {epoch} has no batch to look at")
