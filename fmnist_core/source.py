"""Source: the arrays behind a Dataset, mapped from files or held in memory.

The pickle of a source that came from files holds their paths, so a worker process maps the same
pages instead of receiving a copy.
"""

import mmap
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fmnist_core.encoding import Constant, checked_constant
from fmnist_core.errors import DataMismatchError, FileAccessError, brief, check_range, printable
from fmnist_core.files import hasher
from fmnist_core.idx.format import open_array
from fmnist_core.records import Description

HASHED_AT_ONCE = 2**20
"""Elements converted to one byte order and hashed at a time."""

MAX_UNNAMED_CLASSES = 2**16
"""Most classes that are named by their numbers; otherwise a single label could ask for billions."""

_LARGEST = 2**63 - 1

EXTENDED_COLUMNS = 8
"""Columns of QMNIST's labels, an int32 table whose first column is the label."""


@dataclass(frozen=True)
class FileStamp:
    """A file as it was when it was opened: absolute path, size in bytes, modification time.

    `member` is the member of a zip file that was read. `inode` is the file's number on its disk,
    which may differ when a copy of the same file is opened.
    """

    path: str
    size: int
    mtime_ns: int
    member: str = ""
    inode: int = field(default=0, compare=False)

    @classmethod
    def of(cls, path: Path, member: str = "") -> "FileStamp":
        """Return the stamp of a file as it is now."""
        try:
            status = path.stat()
        except OSError as error:
            raise FileAccessError(
                f"{printable(path)}: cannot be read ({error.strerror})"
            ) from error
        return cls(str(path.absolute()), status.st_size, status.st_mtime_ns, member, status.st_ino)

    def check(self) -> None:
        """Raise DataMismatchError if the file has changed."""
        if FileStamp.of(Path(self.path), self.member) != self:
            raise DataMismatchError(
                f"{printable(self.path)}: the file changed since this dataset was opened. "
                "Open it again."
            )

    def check_mapped(self) -> None:
        """Raise DataMismatchError if the opened file has been written to.

        A file that has replaced it does no harm: the mapping keeps the opened file.
        """
        try:
            now = FileStamp.of(Path(self.path), self.member)
        except FileAccessError:
            return  # it was removed or replaced, not written to
        if now.inode == self.inode and now != self:
            self.check()

    def open(self) -> NDArray[Any]:
        """Return the file's array."""
        return open_array(Path(self.path), self.member)


@dataclass(frozen=True)
class SourceFiles:
    """The files of a source, and how they were read.

    Attributes
    ----------
    images, labels : FileStamp
    transposed : bool
        Whether each image was transposed, which needs memory for all of them.
    first_label : int
        The number subtracted from each label.
    """

    images: FileStamp
    labels: FileStamp
    transposed: bool = False
    first_label: int = 0

    def open(self) -> "Source":
        """Return the arrays, mapped if the files are raw and need no change."""
        images, labels = self.images.open(), self.labels.open()
        extended = None
        if labels.dtype.newbyteorder("=") == np.int32 and labels.shape[1:] == (EXTENDED_COLUMNS,):
            extended, labels = labels, labels[:, 0].astype(np.int32)
        if self.transposed:
            if images.ndim < 3:
                raise DataMismatchError(
                    f"expected images of (height, width) to transpose in "
                    f"{printable(self.images.path)}, "
                    f"found shape {images.shape}"
                )
            images = np.ascontiguousarray(images.swapaxes(1, 2))
        if self.first_label and labels.ndim == 1:  # otherwise `check_match` says what is wrong
            labels = self._from_zero(labels)
        return Source(images, labels, extended, self)

    def _from_zero(self, labels: NDArray[Any]) -> NDArray[Any]:
        below = np.flatnonzero(labels < self.first_label)
        if below.size:
            raise DataMismatchError(
                f"expected labels from {self.first_label}, found {labels[below[0]]} at place "
                f"{below[0]} in {printable(self.labels.path)}. Try: zero_based=False"
            )
        shifted: NDArray[Any] = labels - labels.dtype.type(self.first_label)
        return shifted


@dataclass(frozen=True, eq=False)
class Source:
    """Images and labels of all examples, read-only.

    Attributes
    ----------
    images : ndarray (n, ...)
        In native byte order, or big-endian if a file of a larger type is mapped.
    labels : ndarray (n,)
    extended : int32 ndarray (n, columns), optional
        QMNIST's extended labels, or similar ones.
    files : SourceFiles, optional
        The files they came from.
    original : Source, optional
        This source with the labels it came with, if `labels` are others.
    """

    images: NDArray[Any]
    labels: NDArray[Any]
    extended: NDArray[Any] | None = None
    files: SourceFiles | None = None
    original: "Source | None" = None

    def __post_init__(self) -> None:
        for name in ("images", "labels", "extended"):
            if getattr(self, name) is None and name == "extended":
                continue
            try:
                view = np.asarray(getattr(self, name)).view()
            except ValueError as error:
                raise DataMismatchError(f"expected {name} to be an array: {error}") from error
            if name == "labels" and view.dtype.kind == "u" and view.itemsize == 8:
                # numpy computes no sums or indices of both uint64 and int64.
                view = np.minimum(view, np.uint64(_LARGEST)).astype(np.int64)
            numbers = view.dtype.kind in "iu" and view.ndim == (2 if name == "extended" else 1)
            if name != "images" and numbers and not view.dtype.isnative:  # which others refuse
                view = view.astype(view.dtype.newbyteorder("="))
            view.setflags(write=False)
            object.__setattr__(self, name, view)

    def check_match(self, num_classes: int) -> None:
        """Check that there is one label for each image, and that every label has a class.

        Raises
        ------
        DataMismatchError
            If not; the message says what was expected, what was found and where.
        """
        images, labels = self.images, self.labels
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise DataMismatchError(
                "expected labels to be whole numbers along one axis, found "
                f"{labels.dtype.newbyteorder('=')} of shape {labels.shape}"
                f"{self._where('labels')}{_label_advice(images, labels)}"
            )
        if images.ndim < 2 or len(images) != len(labels):
            raise DataMismatchError(
                f"expected one image for each of {len(labels)} labels{self._where('labels')}, "
                f"found shape {images.shape}{self._where('images')}. Try: images and labels of one "
                "split, the images along the first axis"
            )
        more = self.extended
        if more is not None and (
            more.ndim != 2 or more.dtype.newbyteorder("=") != np.int32 or len(more) != len(labels)
        ):
            raise DataMismatchError(
                f"expected extended labels to be int32 of shape ({len(labels)}, columns), found "
                f"{more.dtype.newbyteorder('=')} of shape {more.shape}"
            )
        place = self._first_label_outside(num_classes)
        if place is not None:
            raise DataMismatchError(
                f"expected labels from 0 to {num_classes - 1}, found {labels[place]} at place "
                f"{place}{self._where('labels')}. {self._class_advice(num_classes)}"
            )

    def _first_label_outside(self, num_classes: int) -> int | None:
        place = 0
        for part in in_parts(self.labels):
            outside = np.flatnonzero((part < 0) | (part >= num_classes))
            if outside.size:
                return place + int(outside[0])
            place += len(part)
        return None

    def _class_advice(self, num_classes: int) -> str:
        if self.labels.min() < 0:
            mask = "labels >= 0"
            return f"Those below 0 have no class. Try: images[{mask}], labels[{mask}]"
        if self.labels.min() == 1 and self.labels.max() == num_classes:
            zero_based = "zero_based=True" if self.files else "labels - 1"
            return f"They begin with 1. Try: {zero_based}"
        return "Try: classes= with a name for each label, or with their number"

    def described(
        self, classes: Sequence[str] | int | None, mean: Constant | None, std: Constant | None
    ) -> Description:
        """Return the description of your own data.

        Without names, classes are named by their numbers; without a number of classes, they go up
        to the largest label.

        Raises
        ------
        OptionError
            If the number of classes is not from 1 to `MAX_UNNAMED_CLASSES`, or mean or std is no
            number or sequence of numbers.
        DataMismatchError
            If images and labels do not match.
        """
        mean, std = checked_constant("mean", mean), checked_constant("std", std)
        if classes is None:
            self.check_match(MAX_UNNAMED_CLASSES)
            count = int(self.labels.max()) + 1 if self.labels.size else 0
            return Description("", "", tuple(map(str, range(count))), mean, std)
        if isinstance(classes, int | np.integer):
            classes = [
                str(n) for n in range(check_range("classes", classes, 1, MAX_UNNAMED_CLASSES))
            ]
        names = tuple(classes) if isinstance(classes, Iterable) else (classes,)
        if isinstance(classes, str) or not all(isinstance(name, str) for name in names):
            raise DataMismatchError(
                f"expected classes to be a sequence of str or a number, found {brief(classes)}"
            )
        for name in names:
            if re.search("[\ud800-\udfff]", name):  # the name of a folder that is not UTF-8
                raise DataMismatchError(f"expected names of classes in UTF-8, found {brief(name)}")
        self.check_match(len(names))
        return Description("", "", names, mean, std)

    def check_mapped(self) -> None:
        """Raise DataMismatchError if a mapped file has been written to since it was opened."""
        if self.files is not None and self.is_lazy:
            self.files.images.check_mapped()
            self.files.labels.check_mapped()

    def _where(self, which: Literal["images", "labels"]) -> str:
        return f" in {printable(getattr(self.files, which).path)}" if self.files else ""

    @cached_property
    def content_digest(self) -> str:
        """SHA-256 of the content, hexadecimal; reads all of it, once.

        It covers the arrays of images, labels and, if any, extended labels: for each array a line
        with numpy's name of its type and its shape (``uint8 (60000, 28, 28)``), then its elements
        in C order, little-endian. The labels are those it came with, before any new ones.
        """
        if self.original is not None:
            return self.original.content_digest
        digest = hasher()
        for array in (self.images, self.labels, self.extended):
            if array is not None:
                digest.update(f"{array.dtype.newbyteorder('=')} {array.shape}\n".encode())
                for part in in_parts(array):
                    digest.update(part.astype(part.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()

    def with_labels(self, labels: NDArray[Any]) -> "Source":
        """Return the same images with other labels (n,), which the pickle then holds."""
        view = labels.view()
        view.setflags(write=False)
        # Not copy.copy, which would open the files again.
        source = object.__new__(type(self))
        source.__dict__.update(self.__dict__, labels=view, original=self.original or self)
        return source

    @property
    def new_labels(self) -> NDArray[Any] | None:
        """The labels (n,), if they are not those it came with."""
        return self.labels if self.original is not None else None

    def images_at(self, places: NDArray[np.int64]) -> NDArray[Any]:
        """Return the images at the given places: fresh, in native byte order."""
        native = self.images.dtype.newbyteorder("=")
        return np.take(self.images, places, axis=0).astype(native, copy=False)

    def labels_at(self, places: NDArray[np.int64]) -> NDArray[Any]:
        """Return the labels at the given places: fresh."""
        return np.take(self.labels, places)

    def extended_at(self, places: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the extended labels, which must exist, at the given places: fresh int32."""
        extended: Any = self.extended
        return np.take(extended, places, axis=0).astype(np.int32, copy=False)

    @property
    def is_lazy(self) -> bool:
        """Whether any process can open the images itself and read only what it needs."""
        base: Any = self.images
        while isinstance(base, np.ndarray):
            base = base.base
        return self.files is not None and isinstance(base, mmap.mmap)

    def in_memory(self) -> "Source":
        """Return copies of the arrays, which need no file."""
        if self.original is not None:
            return self.original.in_memory().with_labels(np.array(self.labels))
        extended = None if self.extended is None else np.array(self.extended)
        return Source(np.array(self.images), np.array(self.labels), extended)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.files is not None:
            return _reopened, (self.files, self.new_labels)
        if self.original is not None:
            return Source.with_labels, (self.original, self.labels)
        return Source, (self.images, self.labels, self.extended)


def _label_advice(images: NDArray[Any], labels: NDArray[Any]) -> str:
    """Return how to turn other arrays into labels, or "", judging by their first rows."""
    if labels.ndim:
        labels = next(in_parts(labels), labels)
    kind = labels.dtype.kind
    if images.ndim == 1 and labels.ndim > 1:
        return ". Try: the images first, then the labels"
    if labels.ndim == 2 and labels.shape[1] == 1:
        return ". Try: labels[:, 0]"
    if labels.ndim == 2 and kind in "biuf" and np.all(np.count_nonzero(labels, axis=1) == 1):
        return ". They look one-hot. Try: labels.argmax(axis=1)"
    if labels.ndim == 1 and kind == "b":
        return ". Try: labels.astype('uint8')"
    if labels.ndim == 1 and kind == "f" and np.array_equal(labels, np.floor(labels)):
        return ". Try: labels.astype('int64')"
    first = labels[0] if labels.ndim == 1 and kind == "O" and len(labels) else None
    if labels.ndim == 1 and (kind in "US" or isinstance(first, str)):
        return ". Try: classes, labels = np.unique(labels, return_inverse=True)"
    return ""


def in_parts(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield an array in parts of several rows, so that a mapped file is never held whole."""
    step = max(1, HASHED_AT_ONCE // max(1, array[:1].size))
    return (array[start : start + step] for start in range(0, len(array), step))


def same_images(one: Source, other: Source) -> bool:
    """Whether two sources hold the same examples, apart from their labels."""
    if one.images is other.images:  # as after `Dataset.relabel`
        return True
    if one.images.shape != other.images.shape:
        return False
    if not np.array_equal(one.extended, other.extended):  # type: ignore[arg-type]
        return False
    return all(
        np.array_equal(part, their_part, equal_nan=True)
        for part, their_part in zip(in_parts(one.images), in_parts(other.images), strict=True)
    )


def _reopened(files: SourceFiles, new_labels: NDArray[Any] | None) -> Source:
    files.images.check()
    files.labels.check()
    source = files.open()
    return source if new_labels is None else source.with_labels(new_labels)
