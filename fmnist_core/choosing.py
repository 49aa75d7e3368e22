"""The methods of `Dataset` that choose examples, as functions of a dataset.

They draw by the written order (docs/order.md), so they choose the same examples on every machine.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fmnist_core.errors import DataMismatchError, OptionError, brief, check_range
from fmnist_core.partition import client_of_each
from fmnist_core.records import Description
from fmnist_core.rows import Rows
from fmnist_core.selection import (
    as_array,
    checked_rows,
    class_numbers,
    fold_order,
    named_split_rows,
    per_class_rows,
    resampled_rows,
    rows_but,
    split_rows,
)
from fmnist_core.source import Source, same_images


class Choosable(Protocol):
    """What these functions need of a dataset."""

    source: Source
    description: Description
    rows: Rows

    def __len__(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def split_name(self) -> str: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def labels(self) -> NDArray[Any]: ...
    @property
    def indices(self) -> NDArray[np.int64]: ...
    def derived(self, positions: "range | NDArray[np.int64]") -> Self: ...
    def described(self, source: Source, description: Description, chosen: Rows) -> Self: ...
    @property
    def released(self) -> str: ...


_Dataset = TypeVar("_Dataset", bound=Choosable)

_LARGEST = 2**31 - 1  # of labels, which are int32 in most frameworks


def select(dataset: _Dataset, rows: ArrayLike) -> _Dataset:
    """Return the given rows, in the given order; a row may occur more than once.

    Parameters
    ----------
    rows : sequence of int, or of bool (n,)
        Row numbers of this dataset, in [0, n), or a mask. They are not `indices`, which count in
        the original file; to leave out the examples of another selection, see `minus`.

    Raises
    ------
    OptionError
        If they are not row numbers or a mask.
    """
    if type(rows) is range and rows.step == 1:
        checked_rows([*rows[:1], *rows[-1:]], len(dataset))
        return dataset.derived(rows)
    return dataset.derived(checked_rows(rows, len(dataset)))


def take(dataset: _Dataset, count: int) -> _Dataset:
    """Return the first `count` examples, or raise OptionError if there are fewer."""
    return dataset.derived(range(check_range("count", count, 0, len(dataset))))


def filter(dataset: _Dataset, keep: Callable[[NDArray[Any], int], bool]) -> _Dataset:
    """Return the examples for which ``keep(image, label)`` is true."""
    examples: Any = dataset
    return select(dataset, [row for row, example in enumerate(examples) if keep(*example)])


def split(
    dataset: _Dataset, *parts: float, seed: int = 0, stratify: bool = False
) -> tuple[_Dataset, ...]:
    """Return disjoint parts, drawn by the written order of `seed`; the same on every machine.

    Parameters
    ----------
    *parts : float or int
        Sizes of the parts, either all shares from 0 to 1 or all numbers of examples. A share gives
        n * share examples, halves rounded up. The remaining examples are one more part: always
        after a single size, otherwise unless it would be empty.
    seed : int
        Seed of the written order that draws the parts.
    stratify : bool
        Whether each part has its share of each class, within one example.

    Returns
    -------
    tuple of Dataset
        Each in the order of this dataset; together they hold all its examples.

    Raises
    ------
    OptionError
        If the sizes are not such numbers, or exceed the number of examples.

    Examples
    --------
    >>> train, val = dataset.split(54_000)  # doctest: +SKIP
    >>> train, val, test = dataset.split(0.8, 0.1, 0.1, stratify=True)  # doctest: +SKIP
    """
    drawn = split_rows(dataset.labels, parts, seed, stratify)
    return tuple(dataset.derived(rows) for rows in drawn)


def named_split(dataset: _Dataset, name: str) -> tuple[_Dataset, _Dataset]:
    """Return train and validation parts of a train split, in a common division.

    "first-55000" keeps the last 5,000 examples for validation; "tf1" keeps the first 5,000, as
    ``read_data_sets`` of TensorFlow 1 does.

    Raises
    ------
    OptionError
        If there is no such name, or this is not a whole train split of 60,000 examples.
    """
    whole = np.array_equal(dataset.indices, np.arange(len(dataset.source.labels)))
    of_train = len(dataset) if dataset.split_name == "train" and whole else 0
    first, second = named_split_rows(name, of_train, repr(dataset))
    return dataset.derived(first), dataset.derived(second)


def folds(
    dataset: _Dataset, count: int, *, seed: int = 0, stratify: bool = True
) -> list[tuple[_Dataset, _Dataset]]:
    """Return `count` (train, validation) pairs for cross-validation; the same on every machine.

    The validation parts are disjoint, and together they hold all examples; each train part holds
    the other examples. Their sizes differ by one example at most and, with `stratify`, so do their
    counts of each class. All keep the order of this dataset.

    Raises
    ------
    OptionError
        If `count` is not from 2 to n, or `seed` is out of range.
    """
    count = check_range("count", count, 2, len(dataset))
    order = fold_order(dataset.labels, seed, stratify)
    held_out = [np.sort(order[fold::count]) for fold in range(count)]
    return [
        (dataset.derived(rows_but(rows, len(dataset))), dataset.derived(rows)) for rows in held_out
    ]


def per_class(dataset: _Dataset, count: int, *, seed: int = 0) -> _Dataset:
    """Return `count` examples of each class, drawn by the written order; few-shot training.

    Raises
    ------
    OptionError
        If a class has fewer.
    """
    rows = per_class_rows(dataset.labels, count, len(dataset.classes), seed)
    return dataset.derived(rows)


def resample(
    dataset: _Dataset, counts: Mapping[str, int] | Sequence[int] | int, *, seed: int = 0
) -> _Dataset:
    """Return a given number of examples of each class: long-tailed, or balanced with repeats.

    Parameters
    ----------
    counts : mapping of class name to int, sequence of int, or int
        Number of examples of each class; a class that a mapping leaves out keeps all. A class with
        fewer examples repeats them: whole passes, each in its own order.
    seed : int
        Seed of the written order that draws them.

    Returns
    -------
    Dataset
        In the order of this dataset.

    Raises
    ------
    OptionError
        If a class does not exist, a count is not valid, or a class without examples has a count.
    """
    rows = resampled_rows(dataset.labels, _wanted_counts(dataset, counts), dataset.classes, seed)
    return dataset.derived(rows)


def _wanted_counts(dataset: Choosable, counts: object) -> list[int]:
    present: list[int] = np.bincount(dataset.labels, minlength=len(dataset.classes)).tolist()
    if isinstance(counts, Mapping):
        numbers = class_numbers(counts, dataset.classes)
        asked = dict(zip(numbers, counts.values(), strict=True))
        return [asked.get(label, count) for label, count in enumerate(present)]
    if isinstance(counts, Sequence) and not isinstance(counts, str):
        if len(counts) != len(present):
            raise OptionError(
                f"expected {len(present)} counts, one for each class, found {len(counts)}"
            )
        return list(counts)
    return [counts] * len(present)  # type: ignore[list-item]


def partition(
    dataset: _Dataset,
    clients: int,
    *,
    by: Literal["label", "size"] = "label",
    alpha: float = 0.5,
    seed: int = 0,
) -> list[_Dataset]:
    """Divide the examples among clients unevenly, by a Dirichlet distribution; federated learning.

    The division is drawn in whole numbers as a Polya urn (Blackwell and MacQueen 1973): the more
    examples of its class a client has, the more likely it gets the next one. No floating-point
    arithmetic is involved, so the division is the same on every machine.

    Parameters
    ----------
    clients : int
    by : {"label", "size"}
        "label" divides each class separately, so clients differ in their classes; "size" divides
        all examples together, so they differ only in size.
    alpha : float
        Concentration, from 0.001 to 1000; the smaller, the more the clients differ.
    seed : int

    Returns
    -------
    list of Dataset
        Disjoint parts that together hold all examples, each in the order of this dataset.

    Raises
    ------
    OptionError
        If an option is out of range, or a client would get no example.
    """
    owner = client_of_each(dataset.labels, clients, by, alpha, seed)
    return [dataset.derived(np.flatnonzero(owner == client)) for client in range(clients)]


def tasks(dataset: _Dataset, classes: Iterable[Sequence[str | int]]) -> list[_Dataset]:
    """Return a dataset for each group of classes, labels unchanged; continual learning.

    Parameters
    ----------
    classes : iterable of sequences of str or int
        Names or numbers of the classes of each task; no class may be in two tasks.

    Raises
    ------
    OptionError
        If a class does not exist, or is in two tasks.

    Examples
    --------
    >>> first, second = train.tasks([["T-shirt/top", "Trouser"], ["Bag"]])  # doctest: +SKIP
    """
    if not isinstance(classes, Iterable):
        raise OptionError(f"expected a list of classes for each task, found {brief(classes)}")
    numbers = [class_numbers(group, dataset.classes) for group in classes]
    seen: set[int] = set()
    for group in numbers:
        if twice := sorted(seen & set(group)):
            names = ", ".join(repr(dataset.classes[label]) for label in twice)
            raise OptionError(f"expected each class in one task only, found {names} in two")
        seen |= set(group)
    return [dataset.derived(np.flatnonzero(np.isin(dataset.labels, group))) for group in numbers]


def of_classes(dataset: _Dataset, *classes: str | int) -> _Dataset:
    """Return the examples of the given classes, relabelled 0, 1, ... in the given order.

    Parameters
    ----------
    *classes : str or int
        Names or numbers of classes.

    Raises
    ------
    OptionError
        If a class does not exist or occurs twice.

    Examples
    --------
    >>> pair = train.of_classes("Sneaker", "Ankle boot")  # doctest: +SKIP
    """
    numbers = class_numbers(classes, dataset.classes)
    chosen = dataset.derived(np.flatnonzero(np.isin(dataset.labels, numbers)))
    names = [dataset.classes[number] for number in numbers]
    return relabel(chosen, dict(zip(numbers, range(len(numbers)), strict=True)), classes=names)


def relabel(
    dataset: _Dataset,
    labels: "ArrayLike | Mapping[Any, int]",
    *,
    classes: Sequence[str] | None = None,
) -> _Dataset:
    """Return the same examples with other labels: noisy, coarse or corrected ones.

    Parameters
    ----------
    labels : integer array (n,), or mapping
        The new label of each example, or a mapping from old labels (numbers or class names) to new.
    classes : sequence of str, optional
        Names of the new labels; by default those of the old ones.

    Returns
    -------
    Dataset
        With the same name, indices, mean and std. Its digest covers the new labels too.

    Raises
    ------
    OptionError
        If the labels are not one for each example, or an old label has no new one.
    DataMismatchError
        If a label has no class name, or two classes have one name.
    """
    names = dataset.classes if classes is None else _class_names(classes)
    new = _new_labels(dataset, labels)
    whole = np.zeros(len(dataset.source.labels), np.min_scalar_type(max(len(names) - 1, 0)))
    outside = np.flatnonzero((new < 0) | (new >= len(names)))
    if outside.size:
        raise DataMismatchError(
            f"expected labels from 0 to {len(names) - 1}, found {new[outside[0]]} at row "
            f"{outside[0]}. Try: classes= with a name for each label"
        )
    whole[dataset.indices] = new
    again = np.flatnonzero(whole[dataset.indices] != new)
    if again.size:
        raise OptionError(
            f"example {dataset.indices[again[0]]} occurs more than once and was given different "
            "labels. Try: relabel before you repeat examples"
        )
    described = dataset.description.relabelled(names)
    return dataset.described(dataset.source.with_labels(whole), described, dataset.rows)


def _class_names(classes: object) -> tuple[str, ...]:
    if not isinstance(classes, list | tuple) or not all(isinstance(name, str) for name in classes):
        raise OptionError(f"expected classes to be a list of names, found {brief(classes)}")
    return tuple(classes)


def _new_labels(dataset: Choosable, labels: object) -> NDArray[np.int64]:
    if isinstance(labels, Mapping):
        table = np.full(len(dataset.classes), -1, np.int64)
        values = [check_range("a new label", value, 0, _LARGEST) for value in labels.values()]
        table[class_numbers(labels, dataset.classes)] = values
        missing = sorted(set(dataset.labels[table[dataset.labels] < 0].tolist()))
        if missing:
            raise OptionError(
                f"expected a new label for each class that occurs; {dataset.classes[missing[0]]!r} "
                "has none. Try: of_classes or filter first"
            )
        new: NDArray[np.int64] = table[dataset.labels]
        return new
    array = as_array(labels)
    if array.dtype.kind not in "iu" or array.shape != (len(dataset),):
        raise OptionError(
            f"expected {len(dataset)} whole numbers, one for each example, or a mapping; found "
            f"{brief(labels)}"
        )
    return array.astype(np.int64)


def minus(dataset: _Dataset, *others: Choosable) -> _Dataset:
    """Return the examples that are in none of the other selections; the order stays.

    Parameters
    ----------
    *others : Dataset
        Selections of the same data; examples are compared by their place in the original file.

    Raises
    ------
    OptionError
        If a selection is of other data.
    """
    keep = np.ones(len(dataset), np.bool_)
    for other in others:
        if not same_data(dataset, other):
            raise OptionError(
                f"expected selections of the same data as {dataset!r}, found {brief(other)}"
            )
        keep &= np.isin(dataset.indices, other.indices, invert=True)
    return dataset.derived(np.flatnonzero(keep))


def same_data(one: Choosable, other: object) -> bool:
    """Whether places in the original file mean the same examples in two datasets."""
    if not hasattr(other, "source") or not hasattr(other, "description"):
        return False
    theirs: Any = other
    if one.source is theirs.source:
        return True
    if (one.name, one.split_name) != (theirs.name, theirs.split_name):
        return False
    if one.name:
        return len(one.source.labels) == len(theirs.source.labels)
    return same_images(one.source, theirs.source)


def without(dataset: _Dataset, *names: str) -> _Dataset:
    """Return the examples that are in none of the named lists of rows (`quality.LISTS`).

    The lists hold places in the original file, so earlier selections do not matter. The order
    stays.

    Raises
    ------
    OptionError
        If there is no such list, or it belongs to other data, which includes your own data.
    """
    if not names:
        return dataset
    from fmnist_core import quality

    released = dataset.released
    listed = quality.listed(quality.find_lists(names, dataset.name, released), dataset.split_name)
    return dataset.derived(np.flatnonzero(np.isin(dataset.indices, listed, invert=True)))
