"""Zip files from any source: their members, and the members' bytes as stored.

Anything that goes wrong in Python's zipfile with a hostile file becomes an IdxError. Members packed
with bzip2 or LZMA raise an error, because `zipfile` unpacks those without a limit.
"""

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fmnist_core.errors import FmnistError, IdxError, printable
from fmnist_core.idx.header import ByteStream

if TYPE_CHECKING:
    import zipfile

MAX_DIRECTORY = 2 << 20
"""Most bytes of a zip file's list of members; 25,000 members of usual names need 2 MB.

Python's zipfile takes a second for a list of 2 MiB that was made to be slow to read.
"""

_MAX_END = 1 << 17
"""Most bytes after that list: its end record, and a comment of at most 64 KiB."""

_SHOWN = 200
"""Most characters of a member's name in a message."""

_METHODS = (0, 8)  # stored, deflated
# Exceptions from reading at an invalid offset.
_ASTRAY = (errno.EINVAL, errno.EOVERFLOW, errno.ESPIPE)


class LargeZipError(IdxError):
    """A zip file with more members than are looked at."""


class TruncatedStreamError(IdxError, EOFError):
    """A packed stream ends before its end marker."""


@contextmanager
def foreign(name: str, fault: str = "is damaged") -> Iterator[None]:
    """Turn any exception in the block into an IdxError with the message ``NAME FAULT``.

    Errors of this machine's disk and errors of fmnist pass unchanged.
    """
    try:
        yield
    except FmnistError:
        raise
    except EOFError as error:
        raise TruncatedStreamError(f"{name} ends too early") from error
    except Exception as error:  # a damaged or hostile file can make a library raise anything
        if isinstance(error, OSError) and error.errno not in (None, *_ASTRAY):
            raise
        reason = printable(str(error)) or type(error).__name__
        raise IdxError(f"{name} {fault} ({reason:.200}). Fetch it again.") from error


class Member:
    """One file of an open zip file.

    Attributes
    ----------
    name : str
        As in the zip file: possibly empty, leading out of the folder, or not text.
    label : str
        Its name in a message: the zip file, ``!`` and the name, safe to print.
    nbytes : int
        Its unpacked size as the zip file claims it; no more is unpacked.
    """

    def __init__(self, archive: "zipfile.ZipFile", info: "zipfile.ZipInfo", zip_name: str) -> None:
        self.name, self.label = info.filename, f"{zip_name}!{printable(info.filename[:_SHOWN])}"
        self.nbytes = info.file_size
        self._archive, self._info = archive, info

    def check_method(self) -> None:
        """Raise IdxError if the member is neither stored nor deflated."""
        if self._info.compress_type not in _METHODS:
            raise IdxError(
                f"{self.label}: cannot be unpacked; it is neither stored nor deflated (method "
                f"{self._info.compress_type}). Unzip it first"
            )

    @contextmanager
    def opened(self) -> Iterator["zipfile.ZipExtFile"]:
        """Open the member for reading.

        Raises
        ------
        IdxError
            If it is encrypted, packed with another method than deflate, or damaged.
        """
        self.check_method()
        with foreign(self.label, "cannot be unpacked"):
            inner = self._archive.open(self._info)
        with inner:
            yield inner  # type: ignore[misc]


@contextmanager
def opened_zip(file: io.BufferedReader, name: str) -> Iterator[list[Member]]:
    """Open a zip file and return its members, in order, without folders.

    Raises
    ------
    IdxError
        If it is damaged.
    LargeZipError
        If it has too many members.
    """
    import zipfile

    with foreign(f"{name}:", "a damaged zip file"):
        archive = zipfile.ZipFile(_Bounded(file, name))
    with archive:
        infos = archive.infolist()
        yield [Member(archive, one, name) for one in infos if not one.filename.endswith("/")]


class _Bounded:
    """The interface that zipfile needs of a file, with a limit on each read."""

    def __init__(self, file: io.BufferedReader, name: str) -> None:
        self._file, self._name = file, name
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1, /) -> bytes:
        if size > MAX_DIRECTORY:
            raise LargeZipError(
                f"{self._name}: a zip file whose list of members has {size:,} bytes, over the "
                f"{MAX_DIRECTORY:,} that are read. Unzip it first"
            )
        return self._file.read(_MAX_END if size < 0 else size)


class Guarded:
    """A stream that raises only IdxError."""

    def __init__(self, stream: ByteStream, name: str) -> None:
        self._stream, self._name = stream, name

    def read1(self, size: int, /) -> bytes:
        with foreign(self._name):
            return self._stream.read1(size)
