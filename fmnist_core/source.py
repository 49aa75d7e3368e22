"""Source: the two arrays behind a Dataset, mapped from files or held in memory.

A source that came from files pickles as their paths, so a worker process maps the same pages again
instead of receiving a copy.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import DataMismatchError, FileUnreadableError
from fmnist_core.files import container_of
from fmnist_core.idx import map_idx, parse_idx, read_payload


@dataclass(frozen=True)
class FileStamp:
    """A file as it was when it was opened: absolute path, size in bytes, modification time."""

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileStamp":
        """Return the stamp of a file as it is now."""
        try:
            status = path.stat()
        except OSError as error:
            raise FileUnreadableError(f"{path}: cannot be read ({error.strerror})") from error
        return cls(str(path.absolute()), status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, eq=False)
class Source:
    """Images and labels of all examples, read-only.

    Attributes
    ----------
    images, labels : ndarray (n, ...), (n,)
        In native byte order, or big-endian where a file of a larger type is mapped.
    stamps : pair of FileStamp, optional
        The files they came from.
    """

    images: NDArray[Any]
    labels: NDArray[Any]
    stamps: tuple[FileStamp, FileStamp] | None = None

    def __post_init__(self) -> None:
        for name in ("images", "labels"):
            try:
                view = np.asarray(getattr(self, name)).view()
            except ValueError as error:
                raise DataMismatchError(f"expected {name} to be an array: {error}") from error
            view.setflags(write=False)
            object.__setattr__(self, name, view)

    def check_match(self, num_classes: int) -> None:
        """Check that images and labels go together and that every label has a class.

        Raises
        ------
        DataMismatchError
            If they do not; the message says what was expected, found and where.
        """
        images, labels = self.images, self.labels
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise DataMismatchError(
                "expected labels to be whole numbers along one axis, found "
                f"{labels.dtype.newbyteorder('=')} of shape {labels.shape}{self._where(1)}"
            )
        if images.ndim < 2 or len(images) != len(labels):
            raise DataMismatchError(
                f"expected one image for each of {len(labels)} labels{self._where(1)}, found "
                f"shape {images.shape}{self._where(0)}"
            )
        outside = np.flatnonzero((labels < 0) | (labels >= num_classes))
        if outside.size:
            raise DataMismatchError(
                f"expected labels from 0 to {num_classes - 1}, found {labels[outside[0]]} at place "
                f"{outside[0]}{self._where(1)}. Try: name the classes with classes="
            )

    def _where(self, which: int) -> str:
        return f" in {self.stamps[which].path}" if self.stamps else ""

    @classmethod
    def from_files(cls, images: Path, labels: Path) -> "Source":
        """Open two IDX files, mapping those that are raw."""
        stamps = FileStamp.of(images), FileStamp.of(labels)
        return cls(open_array(images), open_array(labels), stamps)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.stamps is None:
            return Source, (self.images, self.labels)
        return _reopened, (self.stamps,)


def open_array(path: Path) -> NDArray[Any]:
    """Return an IDX file's array: mapped if the file is raw, else unpacked into memory."""
    if container_of(path) == "raw":
        return map_idx(path)
    return parse_idx(read_payload(path), name=str(path))


def _reopened(stamps: tuple[FileStamp, FileStamp]) -> Source:
    for stamp in stamps:
        if FileStamp.of(Path(stamp.path)) != stamp:
            raise DataMismatchError(
                f"{stamp.path}: the file changed since this dataset was opened. Open it again."
            )
    return Source.from_files(*(Path(stamp.path) for stamp in stamps))
