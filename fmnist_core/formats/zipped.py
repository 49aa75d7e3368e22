"""CSV tables in a zip file, as Kaggle sends them; nothing is unpacked to disk."""

import io
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipExtFile

from fmnist_core.errors import DataMismatchError, IdxError
from fmnist_core.formats import csv
from fmnist_core.formats.rows import Rows, split_in
from fmnist_core.idx.containers import opened_members
from fmnist_core.idx.zips import Member, foreign

ZIPPED = "zipped CSV"
"""The name of this kind of file."""

_LEAST, _RATIO = 1 << 24, 32
"""Text is unpacked up to so many bytes, and up to so many times the size of the zip file.
Fashion-MNIST's CSV shrinks to a quarter."""


def has_tables(path: Path, head: bytes) -> bool:
    """Whether a file is a zip file whose members have the names of tables."""
    if not head.startswith(b"PK\x03\x04"):
        return False
    try:
        with opened_members(path) as members:
            return any(map(_is_table, members))
    except IdxError:
        return False


def _is_table(member: Member) -> bool:
    return member.name.lower().endswith(".csv")


def read(path: Path) -> Iterator[Rows]:
    """Yield the examples of each table in a zip file.

    Raises
    ------
    DataMismatchError
        If a table is damaged, or the text is too long for the size of the zip file.
    IdxError
        If the zip file is damaged.
    """
    limit = _LEAST + _RATIO * path.stat().st_size
    with opened_members(path) as members:
        for member in filter(_is_table, members):
            with member.opened() as file, foreign(member.label, "cannot be unpacked"):
                text = _Limited(file, member.label, limit)
                rows = csv.read_open(text, member.label, split_in(member.name))
            limit = text.left
            yield rows


class _Limited(io.BufferedIOBase):
    """A member of a zip file, readable up to a number of bytes."""

    def __init__(self, file: ZipExtFile, name: str, left: int) -> None:
        self._file, self._name, self.left = file, name, left

    def read(self, size: int | None = -1, /) -> bytes:
        return self._counted(self._file.read(size))

    def readline(self, size: int | None = -1, /) -> bytes:
        return self._counted(self._file.readline(-1 if size is None else size))

    def _counted(self, text: bytes) -> bytes:
        self.left -= len(text)
        if self.left < 0:
            raise DataMismatchError(
                f"{self._name}: expected a table of a plausible length, found one that is over "
                f"{_RATIO} times as long as the zip file. Unzip it first, if you trust it"
            )
        return text
