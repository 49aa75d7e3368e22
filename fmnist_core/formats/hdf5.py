"""HDF5 with a group for each split: ``train/images``, ``train/labels``; attribute ``classes``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_core.formats.rows import Rows, check_size, paired
from fmnist_core.formats.split import BLOCK, Split
from fmnist_core.formats.table import check_installed
from fmnist_core.idx.zips import foreign

_CHUNK = 1 << 18
"""Bytes of a chunk, about; HDF5 reads and packs whole ones."""


def write(splits: Sequence[Split], path: Path) -> None:
    """Write one file with every split, packed by gzip."""
    import h5py

    # A file of ours: what the system says when the disk is full stays an OSError with its number.
    with path.open("x+b") as opened, h5py.File(opened, "w") as file:
        file.attrs["classes"] = list(splits[0].dataset.classes)
        for split in splits:
            example = int(np.prod(split.dataset.image_shape)) * split.dataset.image_dtype.itemsize
            rows = min(len(split), BLOCK, max(1, _CHUNK // example))
            images = file.create_dataset(
                f"{split.name}/images",
                split.shape,
                split.dataset.image_dtype,
                chunks=(rows, *split.dataset.image_shape),
                compression="gzip",
            )
            place = 0
            for block, _ in split.blocks():
                images[place : place + len(block)] = block
                place += len(block)
            file.create_dataset(f"{split.name}/labels", data=split.labels)


def read(path: Path) -> Iterator[Rows]:
    """Yield the splits of an HDF5 file, in whatever groups its arrays are."""
    check_installed("h5py", "reading HDF5")
    import h5py

    arrays: dict[str, Any] = {}

    def collect(name: str, found: Any) -> None:
        if isinstance(found, h5py.Dataset) and found.dtype.kind in "iuf":
            check_size(found.size * found.dtype.itemsize, str(path))
            arrays[name] = found

    with foreign(str(path)), h5py.File(path, "r") as file:
        file.visititems(collect)
        yield from paired(arrays, str(path))
