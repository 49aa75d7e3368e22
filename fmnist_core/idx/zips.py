"""Zip files, whoever made them: which files one holds, and their bytes as they are stored.

Whatever a hostile file makes Python's zipfile do, the result is an IdxError. Members packed with
bzip2 or LZMA are refused: `zipfile` unpacks those without a limit.
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
"""Most bytes of what follows that list: its end record, and a comment of at most 64 KiB."""

_SHOWN = 200
"""Most characters of a member's name in a message."""

_METHODS = (0, 8)  # stored, deflated
# What reading at an offset that a file made up comes to.
_ASTRAY = (errno.EINVAL, errno.EOVERFLOW, errno.ESPIPE)


class LargeZipError(IdxError):
    """A zip file with more members than are looked at."""


class TruncatedStreamError(IdxError, EOFError):
    """A packed stream ends before its end marker."""


@contextmanager
def foreign(name: str, fault: str = "is damaged") -> Iterator[None]:
    """Raise IdxError, ``NAME FAULT``, for whatever goes wrong in reading what others made.

    This machine's own errors pass: those of the disk, and those of fmnist.
    """
    try:
        yield
    except FmnistError:
        raise
    except EOFError as error:
        raise TruncatedStreamError(f"{name} ends too early") from error
    except Exception as error:  # what a damaged or hostile file makes a library do has no end
        if isinstance(error, OSError) and error.errno not in (None, *_ASTRAY):
            raise
        reason = printable(str(error)) or type(error).__name__
        raise IdxError(f"{name} {fault} ({reason:.200}). Fetch it again.") from error


class Member:
    """One file of an open zip file.

    Attributes
    ----------
    name : str
        As the zip file has it: perhaps empty, leading out of a folder, or no text at all.
    label : str
        What to call it in a message: the zip file, ``!`` and the name, fit to be printed.
    """

    def __init__(self, archive: "zipfile.ZipFile", info: "zipfile.ZipInfo", zip_name: str) -> None:
        self.name, self.label = info.filename, f"{zip_name}!{printable(info.filename[:_SHOWN])}"
        self._archive, self._info = archive, info

    @contextmanager
    def opened(self) -> Iterator["zipfile.ZipExtFile"]:
        """Open the member, as it is stored, for reading.

        Raises
        ------
        IdxError
            If it is encrypted, packed by other means than deflate, or damaged.
        """
        if self._info.compress_type not in _METHODS:
            raise IdxError(
                f"{self.label}: cannot be unpacked, as it is neither stored nor deflated (method "
                f"{self._info.compress_type}). Unzip it first"
            )
        with foreign(self.label, "cannot be unpacked"):
            inner = self._archive.open(self._info)
        with inner:
            yield inner  # type: ignore[misc]


@contextmanager
def opened_zip(file: io.BufferedReader, name: str) -> Iterator[list[Member]]:
    """Open a zip file and give its members, in its order; folders are left out.

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
    """What zipfile asks of a file, of which it may take only so much at a time."""

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
    """A stream of bytes whose every failure is an IdxError."""

    def __init__(self, stream: ByteStream, name: str) -> None:
        self._stream, self._name = stream, name

    def read1(self, size: int, /) -> bytes:
        with foreign(self._name):
            return self._stream.read1(size)
