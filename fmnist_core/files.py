"""Files as bytes: unpacked by content when read, whole or absent when written.

A file's first bytes say how it is packed; its name is never asked.
"""

import gzip
import hashlib
import io
import lzma
import os
import secrets
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from fmnist_core.errors import FileUnreadableError, IdxError, OptionError

BLOCK = 1 << 20
"""Bytes read or unpacked at a time."""

XZ_MEMORY_LIMIT = 1 << 28
"""Most memory (bytes) an xz stream may ask for; ``xz -9`` needs 65 MiB."""

_GZIP_MAGIC = b"\x1f\x8b"
_XZ_MAGIC = b"\xfd7zXZ\x00"
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


class ByteStream(Protocol):
    """Something that gives its next bytes: at least one, at most `size`, none at its end."""

    def read1(self, size: int, /) -> bytes: ...


class _XzStream:
    """Unpack xz with bounded memory, which `lzma.LZMAFile` cannot promise."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._unpacker = self._new_unpacker()

    @staticmethod
    def _new_unpacker() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_LIMIT)

    def read1(self, size: int, /) -> bytes:
        block = b""
        while not block:
            packed = b""
            if self._unpacker.eof:
                # Several xz streams in a row are one file; zero bytes may pad between them.
                packed = self._unpacker.unused_data.lstrip(b"\0")
                while not packed and (more := self._file.read(BLOCK)):
                    packed = more.lstrip(b"\0")
                if not packed:
                    break
                self._unpacker = self._new_unpacker()
            elif self._unpacker.needs_input:
                packed = self._file.read(BLOCK)
                if not packed:
                    raise EOFError("the xz stream ends before its end marker")
            block = self._unpacker.decompress(packed, size)
        return block


def as_path(path: object) -> Path:
    """Return what a caller gave as a path, or raise OptionError if it cannot be one."""
    if not isinstance(path, str | os.PathLike) or "\0" in str(path):
        raise OptionError(f"expected a path, found {path!r}")
    return Path(path)


def read_exactly(stream: ByteStream, size: int) -> bytes:
    """Return the next `size` bytes of a stream, or fewer where it ends."""
    found = b""
    while len(found) < size and (block := stream.read1(size - len(found))):
        found += block
    return found


def container_of(path: Path) -> str:
    """Return how a file is packed: "gzip", "xz" or "raw", judged by its first bytes.

    Raises
    ------
    FileUnreadableError
        If `path` is missing, is not a regular file or cannot be read.
    """
    with open_regular(path) as file:
        return _container(file)


def _container(file: io.BufferedReader) -> str:
    start = file.read(len(_XZ_MAGIC))
    file.seek(0)
    if start.startswith(_GZIP_MAGIC):
        return "gzip"
    return "xz" if start == _XZ_MAGIC else "raw"


@contextmanager
def open_regular(path: Path) -> Iterator[io.BufferedReader]:
    """Open a regular file for reading; anything else could hang or mean nothing.

    Raises
    ------
    FileUnreadableError
        If `path` is missing, is a directory, a pipe or a device, or cannot be read.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileUnreadableError(f"{path}: expected a file, found a pipe or a device")
            yield file
    except FileUnreadableError:
        raise
    except OSError as error:
        raise FileUnreadableError(
            f"{path}: cannot be read ({_reason(error)}). Check the path and its permissions."
        ) from error


def _open_at_once(path: str, flags: int) -> int:
    """Open a named pipe without waiting for a writer; it is refused afterwards."""
    return os.open(path, flags | _NONBLOCK)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as it lies (hexadecimal)."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def unpacked(path: Path) -> Iterator[ByteStream]:
    """Open a raw, gzip or xz file as a stream of its unpacked bytes.

    Raises
    ------
    FileUnreadableError
        If the file cannot be opened.
    IdxError
        If the packed stream is damaged or ends before its end marker.
    """
    with open_regular(path) as file:
        container = _container(file)
        stream: ByteStream = file
        if container == "gzip":
            stream = gzip.GzipFile(fileobj=file, mode="rb")
        elif container == "xz":
            stream = _XzStream(file)
        try:
            yield stream
        except EOFError as error:
            raise IdxError(
                f"{path}: the {container} stream ends too early, after {file.tell()} packed bytes"
            ) from error
        except (gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
            raise IdxError(
                f"{path}: the {container} stream is damaged ({error}). Fetch it again."
            ) from error


def write_whole(path: Path, blocks: Iterable[bytes | memoryview]) -> None:
    """Write a file that appears under its name only when it is complete and on disk.

    Raises
    ------
    FileUnreadableError
        If the folder is missing or the file cannot be written; nothing is left behind.
    """
    with written_whole(path) as file:
        for block in blocks:
            file.write(block)


@contextmanager
def written_whole(path: Path) -> Iterator[io.BufferedWriter]:
    """Open a file for writing that appears under its name only if the block ends without an error.

    Raises
    ------
    FileUnreadableError
        As `write_whole`.
    """
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}.part"
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except FileUnreadableError:
        raise
    except OSError as error:
        raise FileUnreadableError(
            f"{path}: cannot be written ({_reason(error)}). "
            "Check the disk's free space and the folder's permissions"
        ) from error
    finally:
        # Gone already where the rename succeeded; never made where the folder forbids it.
        with suppress(OSError):
            temporary.unlink()


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
