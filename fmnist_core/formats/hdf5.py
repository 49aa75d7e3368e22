"""HDF5 with a group for each split: ``train/images``, ``train/labels``; attribute ``classes``.

MATLAB's .mat, version 7.3, is HDF5 too, with the dimensions of every array reversed.
"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_core.files import open_regular
from fmnist_core.formats.rows import Rows, check_size, paired
from fmnist_core.formats.split import Split
from fmnist_core.formats.table import check_installed
from fmnist_core.idx.zips import foreign

_CHUNK = 1 << 18
"""Approximate bytes of a chunk; HDF5 reads and compresses whole chunks."""


def write(splits: Sequence[Split], path: Path) -> None:
    """Write one file with every split, compressed by gzip."""
    import h5py

    with _Sink(path, "x+b") as sink:
        with h5py.File(sink, "w") as file:
            file.attrs["classes"] = list(splits[0].dataset.classes)
            for split in splits:
                _add(file.create_group(split.name), split, sink)
        sink.check()


def _add(group: Any, split: Split, sink: "_Sink") -> None:
    dtype, shape = split.dataset.image_dtype, split.dataset.image_shape
    rows = max(1, _CHUNK // max(1, int(np.prod(shape)) * dtype.itemsize))
    chunks = (min(len(split), rows), *shape)
    images = group.create_dataset("images", split.shape, dtype, chunks=chunks, compression="gzip")
    place = 0
    for block, _ in split.blocks():
        images[place : place + len(block)] = block
        place += len(block)
        if sink.error:
            return
    group.create_dataset("labels", data=split.labels)


class _Sink(io.FileIO):
    """A file that keeps the error of a write: HDF5 would crash on it when the file is closed."""

    error: OSError | None = None

    def write(self, data: Any, /) -> int:
        rest = memoryview(data)
        while rest.nbytes and self.error is None:
            try:
                rest = rest[super().write(rest) :]
            except OSError as error:
                self.error = error
        return len(data)

    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer)
        return len(buffer) if self.error else count or 0

    def truncate(self, size: int | None = None, /) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0

    def check(self) -> None:
        """Raise the error of a failed write."""
        if self.error:
            raise self.error


def read(path: Path) -> Iterator[Rows]:
    """Yield the splits of an HDF5 file; its arrays may be in any groups."""
    check_installed("h5py", "reading HDF5")
    import h5py

    with open_regular(path) as head:
        is_matlab = head.read(6) == b"MATLAB"
    arrays: dict[str, Any] = {}
    nbytes = 0

    def collect(name: str, item: Any) -> None:
        nonlocal nbytes
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf":
            nbytes += item.size * item.dtype.itemsize
            check_size(nbytes, str(path))
            arrays[name] = item[()].T if is_matlab else item

    with foreign(str(path)), h5py.File(path, "r") as file:
        file.visititems(collect)
        yield from paired(arrays, str(path))
