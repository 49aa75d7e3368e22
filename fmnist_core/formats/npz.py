"""numpy's .npz with the keys of Keras's mnist.npz: x_train, y_train, x_test, y_test."""

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from fmnist_core.files import open_regular
from fmnist_core.formats.rows import Rows, check_size, paired
from fmnist_core.formats.split import Split
from fmnist_core.idx.zips import foreign, opened_zip

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that the same data give the same file."""


def write(splits: Sequence[Split], path: Path) -> None:
    """Write a compressed .npz."""
    with path.open("xb") as file, zipfile.ZipFile(file, "w") as zipped:
        for split in splits:
            dtype = split.dataset.image_dtype
            _add(zipped, f"x_{split.name}", dtype, split.shape, split.image_blocks())
            labels = split.labels
            _add(zipped, f"y_{split.name}", labels.dtype, labels.shape, [labels.tobytes()])


def _add(
    zipped: zipfile.ZipFile,
    name: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    blocks: Iterable[bytes],
) -> None:
    entry = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with zipped.open(entry, "w", force_zip64=True) as member:
        npy.write_array_header_1_0(member, header)
        for block in blocks:
            member.write(block)


def read(path: Path) -> Iterator[Rows]:
    """Yield the splits of an .npz; nothing is unpickled."""
    with open_regular(path) as file:
        with opened_zip(file, str(path)) as members:
            for member in members:
                member.check_method()
            check_size(sum(member.nbytes for member in members), str(path))
        file.seek(0)
        with foreign(str(path)), np.load(file, allow_pickle=False) as arrays:
            yield from paired(arrays, str(path))
