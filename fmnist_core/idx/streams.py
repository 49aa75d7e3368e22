"""File objects opened by a caller: anything with `read` or `write`."""

import io
from typing import Protocol, TypeGuard

from fmnist_core.errors import OptionError, brief, printable
from fmnist_core.files import BLOCK


class Readable(Protocol):
    """A file open for reading bytes."""

    def read(self, size: int, /) -> bytes: ...


class Writable(Protocol):
    """A file open for writing bytes."""

    def write(self, data: bytes, /) -> object: ...


def is_readable(value: object) -> TypeGuard[Readable]:
    """Whether an argument is a file object to read from."""
    return callable(getattr(value, "read", None))


def is_writable(value: object) -> TypeGuard[Writable]:
    """Whether an argument is a file object to write to."""
    return callable(getattr(value, "write", None))


def name_of(file: object) -> str:
    """Return the name of a file object for an error, or "<file>"."""
    name = getattr(file, "name", None)
    return printable(name) if isinstance(name, str) and name else "<file>"


def buffered(file: Readable) -> io.BufferedReader:
    """Return a file object as a buffered reader, which can look ahead."""
    return io.BufferedReader(_Raw(file), BLOCK)


def write_all(file: Writable, data: bytes) -> None:
    """Write bytes to a file object, whose `write` may write fewer, as an unbuffered file's does.

    Raises
    ------
    OptionError
        If it is open for text, or for reading only.
    """
    try:
        while data and isinstance(written := file.write(data), int) and written < len(data):
            data = data[written:]
    except (TypeError, io.UnsupportedOperation) as error:
        raise OptionError(
            f'expected a file open for bytes, found {brief(file)}. Try: open(path, "wb")'
        ) from error


class _Raw(io.RawIOBase):
    """A raw stream for `io.BufferedReader` over anything with `read`; never closes it."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._nbytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Fill the buffer, so that `peek` works with a reader that returns little at a time."""
        filled = 0
        while filled < len(buffer) and (data := self._next(len(buffer) - filled)):
            buffer[filled : filled + len(data)] = data
            filled += len(data)
        self._nbytes += filled
        return filled

    def _next(self, size: int) -> bytes:
        data = self._file.read(size) or b""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise OptionError(
                f'expected a file open for bytes, found {brief(self._file)}. Try: open(path, "rb")'
            )
        return data

    def seekable(self) -> bool:
        seekable = getattr(self._file, "seekable", None)
        return bool(seekable and seekable())

    def seek(self, offset: int, whence: int = 0) -> int:
        if not self.seekable():
            raise io.UnsupportedOperation("seek")
        return self._file.seek(offset, whence)  # type: ignore[attr-defined, no-any-return]

    def tell(self) -> int:
        if not self.seekable():
            return self._nbytes
        return self._file.tell()  # type: ignore[attr-defined, no-any-return]
