"""Containers of a payload, recognised by content: gzip, xz, zip and npy.

A file's first bytes show how it is packed; its name does not matter. An .npz is a zip file of .npy
arrays, and an array is read as the equivalent IDX payload. Nothing is unpacked to disk, and nothing
is unpickled.
"""

import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.lib import format as npy

from fmnist_core.errors import IdxError, OptionError, printable
from fmnist_core.files import BLOCK, open_regular
from fmnist_core.idx.header import ByteStream, IdxHeader
from fmnist_core.idx.zips import Guarded, Member, TruncatedStreamError, foreign, opened_zip

if TYPE_CHECKING:
    import lzma
    import zipfile

XZ_MEMORY_LIMIT = 1 << 28
"""Most memory (bytes) an xz stream may ask for; ``xz -9`` needs 65 MiB."""

PACKED_BLOCK = 1 << 16
"""Packed bytes read at a time; each of several streams in a row copies the rest of its block."""

MAX_SILENCE = 16 << 20
"""Most packed bytes in a row that unpack to no bytes: padding, empty streams, a header's name."""

_MAGIC = {
    "gzip": b"\x1f\x8b",
    "xz": b"\xfd7zXZ\x00",
    "zip": b"PK\x03\x04",
    "npy": b"\x93NUMPY",
}


class ForeignArrayError(IdxError):
    """A complete .npy array that IDX cannot hold."""


class _Unpacker(Protocol):
    """The interface of `lzma.LZMADecompressor`."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Inflater:
    """zlib's decompressor of a gzip stream, with the interface of lzma's.

    The module `gzip` unpacks as fast, but reads the file name in a header byte by byte in Python: a
    name of 20 MB takes it 5.8 s, and zlib 0.05 s.
    """

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        block = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self.needs_input = not self._zlib.unconsumed_tail and len(block) < max_length
        return block


def _xz_unpacker() -> "lzma.LZMADecompressor":
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_LIMIT)


class _PackedStream:
    """Unpack the streams of a file, one after the other, with bounded memory.

    Several streams in a row are one payload; zero bytes between them are padding.
    """

    def __init__(self, file: io.BufferedIOBase, name: str, new: Callable[[], _Unpacker]) -> None:
        self._file, self._name, self._new = file, name, new
        self._unpacker = new()
        self._nbytes = 0

    def read1(self, size: int, /) -> bytes:
        block, limit = b"", self._nbytes + MAX_SILENCE
        while not block:
            packed = b""
            if self._unpacker.eof:
                packed = self._unpacker.unused_data.lstrip(b"\0")
                while not packed and (more := self._more(limit)):
                    packed = more.lstrip(b"\0")
                if not packed:
                    break
                self._unpacker = self._new()
            elif self._unpacker.needs_input:
                packed = self._more(limit)
                if not packed:
                    raise TruncatedStreamError(
                        f"{self._name} ends too early, after {self._nbytes} packed bytes"
                    )
            block = self._unpacker.decompress(packed, size)
        return block

    def _more(self, limit: int) -> bytes:
        packed = self._file.read(PACKED_BLOCK)
        self._nbytes += len(packed)
        if self._nbytes > limit:
            raise IdxError(f"{self._name} has no data in {MAX_SILENCE} bytes, and continues")
        return packed


class _NpyStream:
    """Read a .npy array as an IDX payload, a block at a time.

    Raises
    ------
    IdxError
        If it is damaged, or IDX cannot hold it, as for pickled objects.
    """

    def __init__(self, file: io.BufferedIOBase, name: str) -> None:
        self._file = file
        shape, fortran, self._dtype = _read_npy_header(file, name)
        if fortran and len(shape) > 1:
            raise ForeignArrayError(f"{name}: expected an array in C order, found Fortran order")
        try:
            header = IdxHeader.of(self._dtype, shape)
        except OptionError as error:
            raise ForeignArrayError(f"{name}: {error}") from error
        self._native, self._ready = header.dtype, header.to_bytes()

    def read1(self, size: int, /) -> bytes:
        if not self._ready:
            block = self._file.read(BLOCK)
            whole = len(block) // self._dtype.itemsize * self._dtype.itemsize
            elements = np.frombuffer(block[:whole], self._dtype)
            self._ready = elements.astype(self._native, copy=False).tobytes() + block[whole:]
        part, self._ready = self._ready[:size], self._ready[size:]
        return part


def _read_npy_header(
    file: io.BufferedIOBase, name: str
) -> tuple[tuple[int, ...], bool, "np.dtype[np.generic]"]:
    try:
        version = npy.read_magic(file)
        plain = npy.read_array_header_1_0(file) if version == (1, 0) else None
    except (EOFError, OSError):
        raise
    except Exception as error:  # numpy parses the header as Python, which fails in many ways
        raise IdxError(f"{name}: a damaged .npy array ({error})") from error
    if plain is None:
        raise ForeignArrayError(f"{name}: expected version 1.0 of .npy, as for plain arrays")
    shape, fortran, dtype = plain
    if dtype.hasobject:
        raise ForeignArrayError(f"{name}: an array of pickled objects, which are never unpickled")
    return shape, fortran, dtype


def container_of(path: Path) -> str:
    """Return how a file is packed, by its first bytes: "gzip", "xz", "zip", "npy" or "raw".

    Raises
    ------
    FileAccessError
        If `path` is missing, is not a regular file or cannot be read.
    """
    with open_regular(path) as file:
        return container_of_file(file)


def container_of_file(file: "io.BufferedReader | zipfile.ZipExtFile") -> str:
    """Return how an open file is packed, as `container_of`; the position stays."""
    return container_of_start(file.peek(8))


def container_of_start(start: bytes) -> str:
    """Return how a file that begins with these bytes is packed, as `container_of`."""
    return next((name for name, magic in _MAGIC.items() if start.startswith(magic)), "raw")


@contextmanager
def unpacked(path: Path, member: str = "") -> Iterator[ByteStream]:
    """Open a file as a stream of its unpacked bytes.

    Parameters
    ----------
    path : Path
        Raw, gzip, xz, npy, or a zip file (.npz is one) whose member may be any of these.
    member : str
        Which member of a zip file; not needed if there is only one.

    Raises
    ------
    FileAccessError
        If the file cannot be opened.
    IdxError
        If the file is damaged or ends before its end marker, or has no such member.
    """
    with open_regular(path) as file, unpacked_stream(file, printable(path), member) as stream:
        yield stream


@contextmanager
def unpacked_stream(file: io.BufferedReader, name: str, member: str = "") -> Iterator[ByteStream]:
    """Unpack an open file, as `unpacked` does; errors call it `name`."""
    container = container_of_file(file)
    if container == "zip":
        with opened_zip(file, name) as members:
            with unpacked_member(_chosen(members, name, member)) as stream:
                yield stream
    else:
        yield _stream(file, container, name)


@contextmanager
def unpacked_member(member: Member) -> Iterator[ByteStream]:
    """Open a member of a zip file as a stream of its unpacked bytes.

    Raises
    ------
    IdxError
        If it cannot be unpacked; the stream raises it too.
    """
    with member.opened() as file:
        with foreign(member.label):
            container = container_of_file(file)
        yield _stream(file, container, member.label)


@contextmanager
def opened_members(path: Path) -> Iterator[list[Member]]:
    """Open a zip file and return its members, in order; none for any other file.

    Raises
    ------
    FileAccessError, IdxError
        If it cannot be read or is damaged.
    """
    with open_regular(path) as file:
        if container_of_file(file) != "zip":
            yield []
            return
        with opened_zip(file, printable(path)) as members:
            yield members


def members(path: Path) -> list[str]:
    """Return the names of a zip file's members, in the order of `opened_members`."""
    with opened_members(path) as opened:
        return [member.name for member in opened]


def _chosen(members: Sequence[Member], name: str, member_name: str) -> Member:
    chosen = [member for member in members if not member_name or member.name == member_name]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(printable(member.name[:80]) for member in members[:8])
    more = ", ..." if len(members) > 8 else ""
    what = f"a member {member_name!r}" if member_name else "a single file in the zip file"
    raise IdxError(f"{name}: expected {what}, found {len(members)}: {names}{more}")


def _stream(
    file: "io.BufferedReader | zipfile.ZipExtFile", container: str, name: str
) -> ByteStream:
    what = f"{name}: the {container} stream"
    with foreign(what):
        if container == "gzip":
            return Guarded(_PackedStream(file, what, _Inflater), what)
        if container == "xz":
            return Guarded(_PackedStream(file, what, _xz_unpacker), what)
        return Guarded(_NpyStream(file, name) if container == "npy" else file, what)
