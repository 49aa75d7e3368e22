"""Several datasets as one: rows are read from their own sources, and no pixel is copied."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fmnist_core.dataset import Dataset
from fmnist_core.errors import DataMismatchError, OptionError, brief
from fmnist_core.records import Description
from fmnist_core.rows import as_array, compacted
from fmnist_core.source import Source, same_images


def concat(*datasets: Dataset) -> Dataset:
    """Return the examples of several datasets, one after the other.

    Parameters
    ----------
    *datasets : Dataset
        Selections of one split, splits of one dataset, or datasets of the same images and classes.

    Returns
    -------
    Dataset
        Selections of one split keep their `indices`, even if it was loaded twice or some are
        relabelled. Otherwise the indices of each split, and of an example that occurs again with
        another label, continue after those before, and the split's name lists all of them, such
        as "train+test". Name, mean and std are kept if all agree.

    Raises
    ------
    OptionError
        If there is no dataset, or an argument is not a dataset.
    DataMismatchError
        If images differ in shape or type, or classes differ.

    Examples
    --------
    >>> both = fm.concat(train, test)  # doctest: +SKIP
    """
    if not datasets or not all(isinstance(dataset, Dataset) for dataset in datasets):
        raise OptionError(f"expected datasets to join, found {brief(datasets)}")
    first = datasets[0]
    for other in datasets[1:]:
        _check_alike(first, other)
    groups: list[_Group] = []
    rows = []
    for dataset in datasets:
        group = next((group for group in groups if group.takes(dataset)), None)
        if group is None:
            group = _Group(dataset, sum(len(group.labels) for group in groups))
            groups.append(group)
        rows.append(as_array(dataset.rows) + group.begin)
    sources = [group.source for group in groups]
    source = sources[0] if len(sources) == 1 else JoinedSource(sources)
    description = _description(datasets, groups)
    return first.described(source, description, compacted(np.concatenate(rows)))


class _Group:
    """Selections of the same images, whose rows may be counted together, and their labels."""

    def __init__(self, dataset: Dataset, begin: int) -> None:
        self.begin = begin
        self.split_name = dataset.split_name
        self.labels = dataset.source.labels.astype(np.int64)
        self._source = dataset.source
        self._is_taken = np.zeros(len(self.labels), np.bool_)
        self._is_taken[as_array(dataset.rows)] = True

    def takes(self, dataset: Dataset) -> bool:
        """Add a selection; return False if its images, or labels of the same examples, differ."""
        rows = as_array(dataset.rows)
        if not same_images(self._source, dataset.source):
            return False
        twice = rows[self._is_taken[rows]]
        if not np.array_equal(self.labels[twice], dataset.source.labels[twice]):
            return False
        self.labels[rows] = dataset.source.labels[rows]
        self._is_taken[rows] = True
        return True

    @property
    def has_other_labels(self) -> bool:
        """Whether some labels are not those of the first selection's source."""
        return not np.array_equal(self.labels, self._source.labels)

    @property
    def source(self) -> Source:
        """The source of all of them."""
        if not self.has_other_labels:
            return self._source
        labels = self.labels.astype(np.min_scalar_type(self.labels.max(initial=0)))
        return self._source.with_labels(labels)


def _check_alike(one: Dataset, other: Dataset) -> None:
    for name in ("image_shape", "image_dtype", "classes"):
        ours, theirs = getattr(one, name), getattr(other, name)
        if ours != theirs:
            raise DataMismatchError(
                f"expected datasets with the same {name.replace('_', ' ')}, found "
                f"{brief(ours)} and {brief(theirs)}"
                + ". Try: relabel(labels, classes=...)"
                * (name == "classes")
            )
    if _extended_columns(one) != _extended_columns(other):
        raise DataMismatchError(
            f"expected datasets with the same columns of extended labels, found "
            f"{_extended_columns(one)} in {one!r} and {_extended_columns(other)} in {other!r}"
        )


def _extended_columns(dataset: Dataset) -> int:
    extended = dataset.source.extended
    return 0 if extended is None else extended.shape[1]


def _description(datasets: Sequence[Dataset], groups: Sequence[_Group]) -> Description:
    first = datasets[0].description
    names = {dataset.name for dataset in datasets}
    constants = {(dataset.mean, dataset.std) for dataset in datasets}
    mean, std = constants.pop() if len(constants) == 1 else (None, None)
    return Description(
        first.name if len(names) == 1 else "",
        "+".join(group.split_name for group in groups) if len(names) == 1 and first.name else "",
        first.classes,
        mean,
        std,
        any(dataset.description.is_relabelled for dataset in datasets)
        or any(group.has_other_labels for group in groups),
    )


class JoinedArray:
    """Arrays along one first axis, each read where it is."""

    def __init__(self, parts: Sequence[NDArray[Any]]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])
        self.shape = (int(self._ends[-1]), *parts[0].shape[1:])
        self.dtype: np.dtype[Any] = parts[0].dtype.newbyteorder("=")
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self._ends[-1])

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """Return one row, a slice of rows, or the rows at an array of places."""
        if isinstance(rows, slice):
            return self.take(np.arange(len(self))[rows])
        return self.take(rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all rows."""
        return self[:].astype(dtype or self.dtype, copy=False)

    def take(self, indices: ArrayLike, axis: int | None = 0, **_: Any) -> NDArray[Any]:
        """Return the rows at `indices`, fresh, in native byte order; numpy.take calls this."""
        places = np.asarray(indices, np.int64)
        rows = np.empty((places.size, *self.shape[1:]), self.dtype)
        flat = places.reshape(-1)
        flat = np.where(flat < 0, flat + len(self), flat)
        which = np.searchsorted(self._ends, flat, side="right")
        for number, part in enumerate(self._parts):
            of_part = np.flatnonzero(which == number)
            if of_part.size:
                first = int(self._ends[number]) - len(part)
                rows[of_part] = np.take(part, flat[of_part] - first, axis=0)
        return rows.reshape(*places.shape, *self.shape[1:])


class JoinedSource(Source):
    """Sources one after the other; its pickle holds them."""

    def __init__(self, sources: Sequence[Source]) -> None:
        images = cast("NDArray[Any]", JoinedArray([source.images for source in sources]))
        labels = np.concatenate([np.asarray(source.labels, np.int64) for source in sources])
        labels.setflags(write=False)
        tables = [source.extended for source in sources if source.extended is not None]
        originals = [source.original or source for source in sources]
        values = {
            "images": images,
            "labels": labels,
            "extended": np.concatenate(tables) if tables else None,
            "files": None,
            "original": None if originals == [*sources] else JoinedSource(originals),
            "sources": tuple(sources),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def is_lazy(self) -> bool:
        """Whether any process can open the images of all parts itself."""
        return all(source.is_lazy for source in self._sources)

    def check_mapped(self) -> None:
        """Raise DataMismatchError if a mapped file has been written to since it was opened."""
        for source in self._sources:
            source.check_mapped()

    @property
    def _sources(self) -> tuple[Source, ...]:
        return self.sources  # type: ignore[attr-defined, no-any-return]

    def __reduce__(self) -> tuple[Any, ...]:
        return _joined, (self._sources, self.new_labels)


def _joined(sources: Sequence[Source], new_labels: NDArray[Any] | None) -> Source:
    source = JoinedSource(sources)
    return source if new_labels is None else source.with_labels(new_labels)
