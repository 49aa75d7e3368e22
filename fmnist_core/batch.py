"""The reference: the numpy arrays of a batch, and epochs of them.

Every adapter that builds on numpy uses this; the others must give the same bits.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding
from fmnist_core.epochs import CountedIterator, EpochCounter
from fmnist_core.errors import OptionError
from fmnist_core.hookspecs import Adapter
from fmnist_core.plan import BatchPlan, Examples, Field
from fmnist_core.provenance import Provenance, provenance_of
from fmnist_core.registry import check_adapter
from fmnist_core.state import State
from fmnist_core.transforms.chain import Chain, Gather
from fmnist_core.transforms.ops import NUMPY, ArrayOps

Arrays = tuple[NDArray[Any], ...]
_Batch = TypeVar("_Batch")

VIEWS: tuple[Field, ...] = ("image", "view")
"""Fields that hold an image, in the order of their streams of draws."""

SENT_AT_ONCE = 2**20
"""Most row numbers sent to a device at once: those of a whole epoch, unless it is longer."""


class Assembler:
    """Make the numpy arrays of a batch from the examples that form it.

    Parameters
    ----------
    dataset : Dataset
    plan : BatchPlan
        Its fields are those of a batch, in this order.
    encoding : Encoding
        How pixels and labels are converted.
    adapter : Adapter
        Its layout and label type are used where the encoding has None.

    Raises
    ------
    OptionError
        If these images cannot be encoded this way, or the dataset has no such field.
    """

    def __init__(
        self, dataset: Dataset, plan: BatchPlan, encoding: Encoding, adapter: Adapter
    ) -> None:
        self.dataset = dataset
        self.plan = plan
        self.adapter = adapter
        self.encoding = resolve(encoding, dataset, plan.fields, adapter)

    def __call__(self, examples: Examples) -> Arrays:
        """Return fresh arrays, one for each field, of examples along one axis."""
        places = self.dataset.original_rows(examples.rows)
        transformed = self._transformed(examples, places) if self.encoding.transform else {}
        return tuple(
            transformed[field] if field in transformed else self._field(field, examples, places)
            for field in self.plan.fields
        )

    def _field(self, field: Field, examples: Examples, places: NDArray[np.int64]) -> NDArray[Any]:
        if field in ("image", "view"):
            return self.encoding.encode_images(self.dataset.source.images_at(places))
        if field == "label":
            return self._labels(places)
        if field == "index":
            return places
        if field == "extended":
            return self.dataset.source.extended_at(places)
        return (examples.positions < self.plan.num_examples).astype(np.float32)

    def _labels(self, places: NDArray[np.int64]) -> NDArray[Any]:
        labels = self.dataset.source.labels_at(places)
        return self.encoding.encode_labels(labels, len(self.dataset.classes))

    def _transformed(
        self, examples: Examples, places: NDArray[np.int64]
    ) -> dict[Field, NDArray[Any]]:
        """Return the fields that transforms decide: images, views and, where mixed, labels."""
        plan, chain = self.plan, self.encoding.transform
        positions = examples.positions % max(plan.num_examples, 1)

        def gather(
            requested_positions: NDArray[np.int64],
        ) -> tuple[NDArray[Any], NDArray[Any] | None]:
            originals = places
            if requested_positions is not positions:
                originals = self.dataset.original_rows(
                    plan.rows_at(requested_positions, examples.epoch)
                )
            labels = self._labels(originals) if chain.mix else None
            return self.dataset.source.images_at(originals), labels

        return transformed_fields(
            chain, NUMPY, gather, positions, plan, examples.epoch, self.encoding.encode_images
        )


def transformed_fields(
    chain: Chain,
    ops: ArrayOps,
    gather: Gather,
    positions: Any,
    plan: BatchPlan,
    epoch: Any,
    encode: Callable[[Any], Any],
) -> dict[Field, Any]:
    """Return the fields that transforms decide, in arrays of any library.

    Parameters
    ----------
    chain, ops, gather, positions, epoch
        As for `Chain.batch`.
    plan : BatchPlan
    encode : callable
        Encodes transformed images.

    Returns
    -------
    dict
        Of the plan's fields, "image" and "view" and, where the chain mixes, "label".
    """
    values: dict[Field, Any] = {}
    for view, field in enumerate(VIEWS):
        mixes_labels = chain.mix is not None and field == "image" and "label" in plan.fields
        if field in plan.fields or mixes_labels:
            images, labels = chain.batch(
                ops,
                gather,
                positions,
                n=plan.num_examples,
                seed=plan.seed,
                epoch=epoch,
                view=view,
            )
            if field in plan.fields:
                values[field] = encode(images)
            if mixes_labels:
                values["label"] = labels
    return values


def values_of(batch: Any) -> tuple[Any, ...]:
    """Return the values of a batch in any form, in the order in which it has them."""
    if isinstance(batch, Mapping):
        return tuple(batch.values())
    return tuple(batch) if isinstance(batch, tuple | list) else (batch,)


def first_examples(count: int) -> Examples:
    """Return the first examples in file order, to see an assembler's output."""
    return Examples(0, np.arange(count, dtype=np.int64), np.arange(count, dtype=np.int64))


def resolve(
    encoding: Encoding, dataset: Dataset, fields: tuple[Field, ...], adapter: Adapter
) -> Encoding:
    """Return an encoding without None, for one dataset and an adapter's defaults.

    Raises
    ------
    OptionError
        If these images cannot be encoded this way, or the dataset has no such field.
    """
    if "extended" in fields and dataset.extended is None:
        raise OptionError(f'{dataset!r} has no extended labels, so no field "extended"')
    chosen = set(fields)
    if encoding.transform.mix and {"view", "label"} <= chosen and "image" not in chosen:
        raise OptionError(
            f'after {encoding.transform.mix} "label" belongs to "image", not to "view". '
            'Try: "image" instead of "view", or both'
        )
    return encoding.resolved(
        dataset.image_dtype,
        dataset.image_shape,
        adapter.layout,
        adapter.label_dtype,
        dataset.mean,
        dataset.std,
    )


def epoch_batches(
    plan: BatchPlan, assemble: Assembler, epoch: int, start: int = 0
) -> Iterator[Arrays]:
    """Yield the numpy arrays of each batch of an epoch.

    Batches of one block are disjoint parts of the same fresh memory.
    """
    blocks = (
        (assemble(examples.flat()), examples.rows.shape[1])
        for examples in plan.blocks(epoch, start)
    )
    return (
        tuple(array[first : first + size] for array in arrays)
        for arrays, size in blocks
        for first in range(0, len(arrays[0]), size)
    )


class ResumableLoader(Generic[_Batch]):
    """Position, state, provenance and `peek` of a loader that counts its batches itself.

    A subclass has `_epochs`, `_assemble`, and a method `_batches` that yields the batches of an
    epoch from a start.
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
        """Return the first batch of the next iteration, without beginning that iteration.

        Raises
        ------
        OptionError
            If that epoch has no batches.
        """
        for batch in self._batches(*self._epochs.upcoming()):
            return batch
        raise OptionError(f"epoch {self.epoch} has no batches to peek at")

    def state_dict(self) -> State:
        """Return the position of the latest iteration: a small dictionary that JSON can hold.

        It counts the batches that were received, not those made ahead. Any loader of the same data
        in the same order can resume from it, with any batch size, shard, workers or framework.
        """
        assembler = self._assemble
        return self._epochs.state(assembler.dataset.digest, assembler.encoding.transform.record())

    def load_state_dict(self, state: object) -> None:
        """Make the next iteration resume from a state.

        Raises
        ------
        DataMismatchError
            If the state belongs to other data.
        OptionError
            If it is not a state, belongs to another order or other transforms, or an epoch cannot
            begin there.
        """
        assembler = self._assemble
        chain = assembler.encoding.transform.record()
        self._epochs.load(state, assembler.dataset.digest, repr(assembler.dataset), chain)

    def agreement(self) -> dict[str, Any]:
        """Return what the ranks of a group must agree on, in a form that JSON can hold."""
        assembler = self._assemble
        return {
            **self._epochs.record(assembler.dataset.digest),
            "encoding": assembler.encoding.record(),
        }

    def explain(self, position: int) -> list[tuple[str, dict[str, int | bool]]]:
        """Return what each transform draws for one example of the next epoch.

        Parameters
        ----------
        position : int
            Its place in the epoch's order.

        Raises
        ------
        OptionError
            If the epoch has no such place.
        """
        assembler, plan = self._assemble, self._epochs.plan
        return assembler.encoding.transform.explain(
            position,
            assembler.dataset.image_shape,
            n=plan.num_examples,
            seed=plan.seed,
            epoch=self.epoch,
        )

    @property
    def provenance(self) -> Provenance:
        """The dataset, plan and encoding of this loader, and where its next iteration begins."""
        assembler = self._assemble
        adapter, upcoming = check_adapter(assembler.adapter), self._epochs.upcoming
        return Provenance(
            adapter, assembler.dataset, self._epochs.plan, assembler.encoding, upcoming
        )

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} of {self._assemble.dataset!r}: {self._epochs.num_steps()} "
            f"batches of {self._epochs.plan.batch_size} in epoch {self.epoch}>"
        )


class Batches(ResumableLoader[_Batch]):
    """A re-iterable of batches: the n-th iteration reads epoch `epoch` + n.

    Parameters
    ----------
    plan : BatchPlan
    assemble : Assembler
    convert : callable
        Turns the numpy arrays of a batch into the framework's own form.
    epoch, start : int
        Where to begin: the first epoch, and how many of its examples to skip.
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
    """Return the first batch of a loader's next epoch, without taking that epoch.

    Parameters
    ----------
    loader : iterable
        What `Dataset.to` returned.

    Raises
    ------
    OptionError
        If the loader has no `provenance`, or its next epoch has no batch.
    """
    if isinstance(loader, ResumableLoader):
        return loader.peek()
    origin = provenance_of(loader)
    epoch, start = origin.upcoming()
    again = origin.adapter.loader(
        origin.dataset, origin.plan, origin.encoding, epoch=epoch, start=start
    )
    for batch in origin.batches(again):
        return batch
    raise OptionError(f"epoch {epoch} has no batch to look at")
