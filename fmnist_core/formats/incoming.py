"""Examples in files of other formats, recognised by content; names give only the split."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fmnist_core.errors import DataMismatchError, FileAccessError, FmnistError, printable
from fmnist_core.files import open_regular
from fmnist_core.formats import arff, folders, records, safetensors, sprite, tfds, zipped
from fmnist_core.formats.pictures import SIGNATURE
from fmnist_core.formats.rows import Rows, relabelled
from fmnist_core.idx.zips import foreign

_HEAD = 1 << 14
_DEPTH = 3
_MOST_FILES = 1000


class Kind(NamedTuple):
    """A kind of file: its name, the test that recognises it, and the module that reads it."""

    name: str
    fits: Callable[[Path, bytes], bool]
    module: str


def _begins(*signatures: bytes) -> Callable[[Path, bytes], bool]:
    return lambda path, head: head.startswith(signatures)


def _is_arrow(path: Path, head: bytes) -> bool:
    """Whether this is Arrow's file, or a stream: four bytes of 255 and the first message's length.

    Without the length, a file of white pixels would be one too.
    """
    length = int.from_bytes(head[4:8], "little", signed=True)
    return head.startswith(b"ARROW1") or (head.startswith(b"\xff" * 4) and length > 0)


def _is_npz(path: Path, head: bytes) -> bool:
    length = int.from_bytes(head[26:28], "little")
    return head.startswith(b"PK\x03\x04") and head[30 : 30 + length].endswith(b".npy")


def _is_sprite(path: Path, head: bytes) -> bool:
    return head.startswith(SIGNATURE) and sprite.labels_of(path).is_file()


def _is_table(path: Path, head: bytes) -> bool:
    line = head.partition(b"\n")[0]
    return line.count(b",") > 2 and bool(re.fullmatch(rb"(\xef\xbb\xbf)?[\w .,+\"'-]+\r?", line))


KINDS = (
    Kind("Parquet", _begins(b"PAR1"), "parquet"),
    Kind("Arrow", _is_arrow, "arrow"),
    Kind("HDF5", _begins(b"\x89HDF\r\n\x1a\n"), "hdf5"),
    Kind("MATLAB", _begins(b"MATLAB 5.0"), "mat"),
    Kind("MATLAB 7.3", _begins(b"MATLAB 7.3"), "hdf5"),
    Kind("npz", _is_npz, "npz"),
    Kind(zipped.ZIPPED, zipped.has_tables, "zipped"),
    Kind("a tar archive", lambda path, head: head[257:262] == b"ustar", "webdataset"),
    Kind("a sprite", _is_sprite, "sprite"),
    Kind("ARFF", lambda path, head: arff.is_arff(head), "arff"),
    Kind("TFRecord", lambda path, head: records.is_tfrecord(head), "tfrecord"),
    Kind("safetensors", lambda path, head: safetensors.is_safetensors(head), "safetensors"),
    Kind("CSV", _is_table, "csv"),
)
"""The first whose test passes is the kind of a file."""


class DataFile(NamedTuple):
    """A file or folder of another format, and the function that reads it.

    Attributes
    ----------
    split : str
        "train" or "test" if that is the folder in which the file was found; it counts if neither
        the file's name nor its content tells the split.
    """

    path: Path
    kind: str
    read: Callable[[Path], Iterator[Rows]]
    split: str = ""


def find(path: Path) -> list[DataFile]:
    """Return the file or folder of another format at a path, or the several in a folder.

    Those that cannot be read are left out.
    """
    if not os.path.isdir(path):
        kind = kind_of(path) if os.path.isfile(path) else None
        return [kind] if kind else []
    with suppress(OSError):  # where access is not permitted; there may be other files
        if tfds.is_prepared(path):
            return [DataFile(path, "a folder of TFDS", tfds.read)]
        if folders.is_tree(path):
            return [DataFile(path, "folders of pictures", folders.read)]
    return files_in(path)


def files_in(folder: Path) -> list[DataFile]:
    """Return the files of other formats in a folder and below it."""
    try:
        files = _files(folder)
    except OSError:
        return []
    kinds = ((kind_of(file), file.relative_to(folder).parent.name.lower()) for file in files)
    return [
        kind._replace(split=name if name in ("train", "test") else "")
        for kind, name in kinds
        if kind
    ]


def kind_of(path: Path) -> DataFile | None:
    """Return a file with its kind, or None if it has none of these formats or cannot be read."""
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD)
    except FileAccessError:
        return None
    for kind in KINDS:
        if kind.fits(path, head):
            read = import_module(f"fmnist_core.formats.{kind.module}").read
            return DataFile(path, kind.name, read)
    return None


def read_all(files: Sequence[DataFile]) -> list[Rows]:
    """Return the examples of several files: one `Rows` for each split that names tell apart.

    Raises
    ------
    DataMismatchError, IdxError
        If a file is damaged, or has the format but other contents; the place is named.
    """
    parts = [rows for each in files for rows in _read(each)]
    if not parts:
        raise _none_found(files)
    return _by_split(parts)


def read_some(files: Sequence[DataFile]) -> tuple[list[Rows], FmnistError | None]:
    """Return the examples of those files that have some, and the first error of the others."""
    parts, problem = [], None
    for file in files:
        try:
            parts += _read(file)
        except FmnistError as error:
            problem = problem or error
    if files and not parts:
        problem = problem or _none_found(files)
    return _by_split(parts), problem


def _none_found(files: Sequence[DataFile]) -> DataMismatchError:
    where = files[0].path if files else "here"
    return DataMismatchError(f"{where}: expected images with their labels, found none")


def _by_split(parts: list[Rows]) -> list[Rows]:
    splits = dict.fromkeys(rows.split for rows in parts)
    return [_joined([rows for rows in parts if rows.split == split]) for split in splits]


def _read(file: DataFile) -> list[Rows]:
    with foreign(printable(str(file.path))):
        return [rows._replace(split=rows.split or file.split) for rows in file.read(file.path)]


def _joined(parts: list[Rows]) -> Rows:
    alike = [rows for rows in parts if rows.images.shape[1:] == parts[0].images.shape[1:]]
    if all(rows.classes for rows in alike):  # of shards with other classes, by their names
        names = tuple(dict.fromkeys(name for rows in alike for name in rows.classes))
        alike = [relabelled(rows, names, "these files")._replace(classes=names) for rows in alike]
    first = alike[0]
    alike = [rows for rows in alike if rows.classes == first.classes]
    images = np.concatenate([rows.images for rows in alike])
    labels = np.concatenate([rows.labels for rows in alike])
    return Rows(images, labels, first.split, first.classes)


def _files(folder: Path) -> list[Path]:
    """Return the files in a folder and below it, in the order of the numbers in their names."""
    levels = [folder.glob("/".join("*" * depth)) for depth in range(1, _DEPTH + 1)]
    files = [path for level in levels for _, path in zip(range(_MOST_FILES), level, strict=False)]
    return sorted(filter(os.path.isfile, files), key=_by_number)


def _by_number(path: Path) -> list[tuple[int, str]]:
    words = re.split(r"(\d+)", str(path))
    return [(int(word[-18:]), "") if word.isdigit() else (-1, word) for word in words]
