"""MATLAB's .mat, version 5: ``train_images`` (28, 28, n), ``train_labels`` (n, 1), ``classes``.

``train_images(:, :, k)`` is an image, its rows first; labels begin with 0, so the name of a label
is ``classes(label + 1, :)``. SciPy would hold every array twice in memory, so this module writes
the file itself.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedWriter
from itertools import chain
from math import prod
from pathlib import Path

import numpy as np

from fmnist_core.formats.rows import Rows, check_size, paired
from fmnist_core.formats.split import Split
from fmnist_core.formats.table import check_installed
from fmnist_core.idx.zips import foreign

_INT8, _UINT8, _UINT16, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 2, 4, 5, 6, 14, 15
_CHARS, _BYTES, _INTS = 4, 9, 12  # classes of arrays


def write(splits: Sequence[Split], path: Path) -> None:
    """Write a .mat with every split, each variable compressed."""
    with path.open("xb") as file:
        text = b"MATLAB 5.0 MAT-file, written by fmnist".ljust(124)
        file.write(text + struct.pack("<H2s", 0x0100, b"IM"))
        for split in splits:
            height, width = split.dataset.image_shape
            upright = (images.swapaxes(1, 2).tobytes() for images, _ in split.blocks())
            dims = height, width, len(split)
            _add(file, f"{split.name}_images", _BYTES, _UINT8, dims, upright)
            labels = split.labels
            kinds = (_BYTES, _UINT8) if labels.dtype == np.uint8 else (_INTS, _INT32)
            _add(file, f"{split.name}_labels", *kinds, (len(split), 1), [labels.tobytes()])
        names = splits[0].dataset.classes
        longest = max(1, *map(len, names))
        codes = np.array([[*map(ord, name.ljust(longest))] for name in names], np.uint32)
        columns = np.minimum(codes, ord("\uffff")).astype("<u2").T
        _add(file, "classes", _CHARS, _UINT16, (len(names), longest), [columns.tobytes()])


def _add(
    file: BufferedWriter,
    name: str,
    kind: int,
    element: int,
    dims: tuple[int, ...],
    blocks: Iterable[bytes],
) -> None:
    """Append a variable; its data come in blocks, in MATLAB's order (columns first)."""
    size = {_UINT8: 1, _UINT16: 2, _INT32: 4}[element]
    nbytes = int(np.prod(dims, dtype=np.int64)) * size
    head = (
        _element(_UINT32, struct.pack("<II", kind, 0))
        + _element(_INT32, struct.pack(f"<{len(dims)}i", *dims))
        + _element(_INT8, name.encode())
        + struct.pack("<II", element, nbytes)
    )
    padding = bytes(-nbytes % 8)
    whole = struct.pack("<II", _MATRIX, len(head) + nbytes + len(padding))
    place = file.tell()
    file.write(struct.pack("<II", _COMPRESSED, 0))
    packer = zlib.compressobj()
    for block in chain([whole, head], blocks, [padding]):
        file.write(packer.compress(block))
    file.write(packer.flush())
    end = file.tell()
    file.seek(place)
    file.write(struct.pack("<II", _COMPRESSED, end - place - 8))
    file.seek(end)


def _element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def _itemsize(kind: str) -> int:
    """Return the bytes of an element of MATLAB's class, or of a number of the largest."""
    return np.dtype(kind).itemsize if kind.startswith(("int", "uint", "single")) else 16


def read(path: Path) -> Iterator[Rows]:
    """Yield the splits of a .mat."""
    check_installed("scipy", "reading a .mat")
    import scipy.io

    with foreign(str(path)):
        variables = scipy.io.whosmat(path)
        check_size(sum(prod(shape) * _itemsize(kind) for _, shape, kind in variables), str(path))
        arrays = scipy.io.loadmat(path)
    yield from paired({name: one for name, one in arrays.items() if name[0] != "_"}, str(path))
