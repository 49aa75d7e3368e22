"""Examples: images with their labels, some or all of a source's, and what is known of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core import picture
from fmnist_core.errors import DataMismatchError, OptionError, RowOutsideError
from fmnist_core.records import DatasetInfo
from fmnist_core.registry import find_dataset
from fmnist_core.selection import selection_digest
from fmnist_core.source import Source

MAX_UNNAMED_CLASSES = 2**16
"""Most classes that are named by their numbers; a single label could ask for billions."""


@dataclass(frozen=True)
class Description:
    """What a Dataset says of itself.

    Attributes
    ----------
    name : str
        The catalog's name, or "" for data of one's own.
    split_name : str
        "train", "test" or "".
    classes : tuple of str
    mean, std : float, optional
        Of x / 255 over the train split.
    """

    name: str
    split_name: str
    classes: tuple[str, ...]
    mean: float | None = None
    std: float | None = None


class Examples:
    """Rows of a source, and what is known of them; `Dataset` adds ways to choose and to use them.

    It has no public constructor: a `Dataset` says which source, description and rows it is of.
    """

    _source: Source
    _description: Description
    _rows: "range | NDArray[np.int64]"

    @property
    def name(self) -> str:
        """Name in the catalog, or "" for data of one's own."""
        return self._description.name

    @property
    def split_name(self) -> str:
        """Which split it is of: "train", "test" or ""."""
        return self._description.split_name

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each label."""
        return self._description.classes

    @property
    def mean(self) -> float | None:
        """Mean of x / 255 over the train split, if it is known."""
        return self._description.mean

    @property
    def std(self) -> float | None:
        """Standard deviation of x / 255 over the train split, if it is known."""
        return self._description.std

    @property
    def info(self) -> DatasetInfo:
        """What the catalog knows: licence, citation, digests.

        Raises
        ------
        UnknownDatasetError
            For data of one's own.
        """
        return find_dataset(self.name)

    @property
    def images(self) -> NDArray[Any]:
        """Images, read-only (n, ...): a view of the whole where the rows are contiguous."""
        return self._of(self._source.images)

    @property
    def labels(self) -> NDArray[Any]:
        """Labels, read-only (n,): a view of the whole where the rows are contiguous."""
        return self._of(self._source.labels)

    @property
    def extended(self) -> NDArray[Any] | None:
        """QMNIST's extended labels, read-only int32 (n, 8), or None; `info.extended` names them."""
        return None if self._source.extended is None else self._of(self._source.extended)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, such as (28, 28)."""
        return self._source.images.shape[1:]

    @property
    def image_dtype(self) -> np.dtype[Any]:
        """Element type of images before they are encoded, in native byte order."""
        return self._source.images.dtype.newbyteorder("=")

    @property
    def is_lazy(self) -> bool:
        """Whether the images are mapped from a raw file, and a pickle holds its path instead."""
        return self._source.is_lazy

    @property
    def indices(self) -> NDArray[np.int64]:
        """Each example's place in the original file, int64 (n,), read-only."""
        rows = self._rows
        as_array = np.arange(rows.start, rows.stop) if isinstance(rows, range) else rows
        indices = as_array.astype(np.int64, copy=False).view()
        indices.setflags(write=False)
        return indices

    @property
    def _released(self) -> str:
        return self.info.released if self.name else ""

    @cached_property
    def digest(self) -> str:
        """Name of this selection to cite and to compare: a SHA-256, 64 hexadecimal digits.

        It is equal wherever the same examples of the same data stand in the same order, in every
        process and on every machine, and another one otherwise. How it was come by does not matter,
        nor does the form of pixels and labels (`orientation`, `zero_based`).

        It is over four lines of UTF-8, each ended by a line feed, and the indices:
        ``fmnist-selection-1``; the dataset's name; the date of its revision (`info.released`); the
        split's name; then `indices`, as little-endian int64. For data of one's own, the line of the
        name is empty, that of the revision is the digest of the whole content, which
        `Source.digest` defines, and that of the split is empty. The content is read once, when this
        is first asked for.
        """
        revision = self._released if self.name else self._source.digest
        return selection_digest(self.name, revision, self.split_name, self.indices)

    def _of(self, array: NDArray[Any]) -> NDArray[Any]:
        if isinstance(self._rows, range):
            return array[self._rows.start : self._rows.stop]
        chosen = array[self._rows]
        chosen.setflags(write=False)
        return chosen

    def gather_images(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return the images of some rows of this dataset: fresh, native byte order."""
        gathered = np.take(self._source.images, self.original_rows(rows), axis=0)
        return gathered.astype(self.image_dtype, copy=False)

    def gather_labels(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return the labels of some rows of this dataset: fresh."""
        return np.take(self._source.labels, self.original_rows(rows))

    def gather_extended(self, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the extended labels of some rows of this dataset: fresh int32 (rows, 8).

        Raises
        ------
        OptionError
            If the dataset has none.
        """
        if self._source.extended is None:
            raise OptionError(f"{self!r} has no extended labels")
        gathered = np.take(self._source.extended, self.original_rows(rows), axis=0)
        return gathered.astype(np.int32, copy=False)

    def original_rows(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the places in the original file of some rows of this dataset: fresh int64.

        Raises
        ------
        RowOutsideError
            If a row is not in [0, n); it could belong to another selection of the same file.
        """
        # As unsigned numbers, negative ones are the largest: one look at all of them is enough.
        if rows.size and rows.view(np.uint64).max() >= len(self):
            raise RowOutsideError(
                f"rows from {rows.min()} to {rows.max()} are not all among the {len(self)} examples"
            )
        if isinstance(self._rows, range):
            return rows + self._rows.start
        return np.take(self._rows, rows)

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self._rows)

    def __repr__(self) -> str:
        whole = len(self._source.labels)
        of_whole = "" if len(self) == whole else f" of {whole}"
        title = "/".join(part for part in (self.name, self.split_name) if part)
        return (
            f"<Dataset{' ' * bool(title)}{title}: {len(self)}{of_whole} examples, "
            f"{self.image_dtype} images {self.image_shape}, "
            f"{len(self.classes)} classes>"
        )

    def _repr_html_(self) -> str:
        """Return a small picture for notebooks: the first examples of each class."""
        if self.image_dtype != np.uint8 or len(self.image_shape) != 2 or 0 in self.image_shape:
            return picture.class_table(repr(self), [])
        columns = []
        for label, name in list(enumerate(self.classes))[:10]:
            members = np.flatnonzero(self.labels == label)
            if members.size:
                columns.append((name, members.size, self.gather_images(members[:3])))
        return picture.class_table(repr(self), columns)


def own_description(
    source: Source, classes: Sequence[str] | None, mean: float | None, std: float | None
) -> Description:
    """Return the description of data of one's own; classes are numbers unless they are named.

    Raises
    ------
    DataMismatchError
        If images and labels do not go together.
    """
    if classes is not None:
        names = tuple(classes) if isinstance(classes, Iterable) else (classes,)
        if isinstance(classes, str) or not all(isinstance(name, str) for name in names):
            raise DataMismatchError(f"expected classes to be a sequence of str, found {classes!r}")
        source.check_match(len(names))
        return Description("", "", names, mean, std)
    source.check_match(MAX_UNNAMED_CLASSES)
    count = int(source.labels.max()) + 1 if source.labels.size else 0
    return Description("", "", tuple(map(str, range(count))), mean, std)
