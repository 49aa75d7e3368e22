"""Raw IDX files at addresses, read by range: a Dataset whose pixels stay where they are.

Used by fmnist_ray; fsspec, which opens the addresses, comes with Ray Data.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import fsspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Constant
from fmnist_core.errors import FileAccessError, FrameworkMissingError, IdxError, OptionError
from fmnist_core.idx.containers import container_of_start
from fmnist_core.idx.header import IdxHeader, read_from
from fmnist_core.source import Source
from fmnist_core.storage.urls import offline

LONGEST_HEADER = 4 + 4 * 255
"""Bytes that hold any IDX header."""

GAP_BYTES = 2**16
"""Most bytes between two rows of one request; two requests would take longer."""

REQUEST_BYTES = 2**23
"""Most bytes requested at once, unless one row has more."""


def open_urls(
    images_url: str,
    labels_url: str,
    *,
    classes: Sequence[str] | None = None,
    mean: Constant | None = None,
    std: Constant | None = None,
) -> Dataset:
    """Return a Dataset of raw IDX files at any addresses that fsspec opens.

    Only headers and labels are read here. Images are read by range where and when they are
    requested: by the tasks of `ray_dataset`, which carry only the addresses.

    Parameters
    ----------
    images_url, labels_url : str
        Such as ``s3://bucket/train-images-idx3-ubyte``, https or ``file:///...``; every node must
        be able to open them.
    classes, mean, std
        As `fmnist_core.open_idx`.

    Returns
    -------
    Dataset
        Each access to its `images` reads all rows of the selection.

    Raises
    ------
    OptionError
        If an address has no scheme.
    FileAccessError
        If it cannot be opened or read by range.
    FrameworkMissingError
        If fsspec needs another package to open it.
    IdxError
        If a file is packed, not IDX, or has another length than its header calls for.
    DataMismatchError
        If images and labels do not match.
    """
    images, labels = UrlArray.open(images_url), UrlArray.open(labels_url)
    source = UrlSource(
        cast("NDArray[Any]", images), labels[:] if len(labels.shape) == 1 else labels, at=labels
    )
    return Dataset.from_source(source, source.described(classes, mean, std))


@dataclass(frozen=True)
class UrlArray:
    """The array of a raw IDX file at an address; only the requested rows are read.

    Attributes
    ----------
    url : str
    header : IdxHeader
    """

    url: str
    header: IdxHeader

    @classmethod
    def open(cls, url: str) -> "UrlArray":
        """Read the header; errors as `open_urls`."""
        with _opened(url) as file:
            start = _read(file, url, 0, LONGEST_HEADER, whole=False)
            container = container_of_start(start)
            if container != "raw":
                raise IdxError(
                    f"{url}: expected a raw IDX file, found {container}, which cannot be read by "
                    "range. Try: unpack it and store it raw; or fetch it and use "
                    "fmnist_core.open_idx"
                )
            header = read_from(io.BytesIO(start), url)
            size = getattr(file, "size", None)
            if size is not None and size != header.payload_nbytes:
                raise IdxError(
                    f"{url}: the header calls for {header.payload_nbytes} bytes in all, found "
                    f"{size}. An interrupted copy leaves such a file; store it again"
                )
            # Detect a server without ranges now, not in a worker.
            _read(file, url, header.payload_nbytes - 1, 1)
        return cls(url, header)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape in the header."""
        return self.header.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.header.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of the rows read, in native byte order."""
        return self.header.dtype.newbyteorder("=")

    @property
    def nbytes(self) -> int:
        """Length of all elements, in bytes; none of them is in memory."""
        return self.header.data_nbytes

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """Read one row, a slice of rows, or the rows at an array of places."""
        if isinstance(rows, slice):
            return self.take(np.arange(len(self))[rows])
        return self.take(np.asarray(rows, np.int64))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read everything when numpy converts it to an array."""
        return self[:].astype(dtype or self.dtype, copy=False)

    def take(self, indices: ArrayLike, axis: int | None = 0, **_: Any) -> NDArray[Any]:
        """Return some rows, fresh and in native byte order; numpy.take calls this."""
        rows = np.asarray(indices)
        unique_rows, places = np.unique(rows.reshape(-1), return_inverse=True)
        images = np.empty((len(unique_rows), *self.shape[1:]), self.dtype)
        if images.size:
            with _opened(self.url) as file:
                for first, last in self._runs(unique_rows):
                    begin = int(unique_rows[first])
                    part = self._rows(file, begin, int(unique_rows[last - 1]) + 1)
                    images[first:last] = part[unique_rows[first:last] - begin]
        return images[places].reshape((*rows.shape, *self.shape[1:]))

    def _rows(self, file: io.BufferedIOBase, begin: int, end: int) -> NDArray[Any]:
        first, last = (self.header.nbytes + row * self._row_nbytes for row in (begin, end))
        payload = _read(file, self.url, first, last - first)
        return np.frombuffer(payload, self.header.dtype).reshape(end - begin, *self.shape[1:])

    @property
    def _row_nbytes(self) -> int:
        return self.header.data_nbytes // len(self)

    def _runs(self, rows: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
        """Yield the first and last place, in ascending rows, of each request."""
        gap, most = (max(size // self._row_nbytes, 1) for size in (GAP_BYTES, REQUEST_BYTES))
        first = 0
        for place in range(1, len(rows)):
            far = rows[place] - rows[place - 1] > gap
            if far or rows[place] - rows[first] >= most:
                yield first, place
                first = place
        yield first, len(rows)


class UrlSource(Source):
    """A source at addresses: its images are unread, and in other processes its labels too."""

    def __init__(self, images: NDArray[Any], labels: Any, *, at: UrlArray) -> None:
        if isinstance(labels, np.ndarray):
            labels.setflags(write=False)
        for name, value in {"images": images, "labels": labels, "extended": None}.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "files", None)
        object.__setattr__(self, "at", at)

    def check_match(self, num_classes: int) -> None:
        """Check it only once, in the process that opened it."""
        if isinstance(self.labels, np.ndarray) or self.labels.ndim != 1:
            super().check_match(num_classes)

    @property
    def is_lazy(self) -> bool:
        """Whether any process can read the images itself: always."""
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        at = self.at  # type: ignore[attr-defined]
        return _sent, (self.images, at, self.new_labels)


def _sent(images: NDArray[Any], at: UrlArray, new_labels: NDArray[Any] | None) -> Source:
    source = UrlSource(images, at, at=at)
    return source if new_labels is None else source.with_labels(new_labels)


@contextmanager
def _opened(url: str) -> Iterator[io.BufferedIOBase]:
    """Open an address for reading by range, without reading ahead."""
    try:
        scheme = urlsplit(url).scheme
    except (AttributeError, TypeError, ValueError):
        scheme = ""
    if not scheme:
        raise OptionError(
            f"expected an address such as s3://... or file:///..., found {url!r}. "
            "Try: fmnist_core.open_idx for files of this machine"
        )
    if offline() and scheme != "file":
        raise FileAccessError(f"{url}: not tried, as FMNIST_OFFLINE is set")
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
        file = filesystem.open(path, "rb", cache_type="none")
    except ImportError as error:
        raise FrameworkMissingError(f"{url}: needs another package: {error}") from error
    except Exception as error:
        raise FileAccessError(
            f"{url}: cannot be opened ({type(error).__name__}: {error}). Check the address, and "
            "that every node may read it"
        ) from error
    with closing(file):
        yield file


def _read(file: io.BufferedIOBase, url: str, first: int, size: int, *, whole: bool = True) -> bytes:
    """Read bytes from an offset; if `whole`, raise an error when the file ends earlier."""
    payload = bytearray()
    try:
        file.seek(first)
        while len(payload) < size and (block := file.read(size - len(payload))):
            payload += block
    except Exception as error:
        raise FileAccessError(
            f"{url}: expected bytes {first} to {first + size} by range, found "
            f"{type(error).__name__}: {error}. Try: a server that answers requests for a range, or "
            "fetch the file and use fmnist_core.open_idx"
        ) from error
    if whole and len(payload) < size:
        raise IdxError(
            f"{url}: expected {size} bytes from offset {first}, found {len(payload)}. The file "
            "was cut short, or changed since it was opened"
        )
    return bytes(payload)
