"""The IDX format: header, parse, read, map, write.

Two zero bytes, a type byte, the number of axes, one big-endian uint32 per axis, then the elements,
big-endian, in row-major order (format: Yann LeCun's MNIST page; see docs/idx.md).
"""

import gzip
import io
import math
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import IdxError, OptionError
from fmnist_core.files import (
    BLOCK,
    ByteStream,
    as_path,
    container_of,
    open_regular,
    read_exactly,
    unpacked,
    write_whole,
)

ELEMENT_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
"""Element type by its code, as the file holds it (big-endian)."""

MAX_AXIS = 2**32 - 1
_CODES = {dtype.newbyteorder("="): code for code, dtype in ELEMENT_TYPES.items()}
_GZIP_LEVEL = 9


@dataclass(frozen=True)
class IdxHeader:
    """What the first bytes of an IDX payload say.

    Attributes
    ----------
    dtype : numpy.dtype
        Element type as the file holds it, big-endian.
    shape : tuple of int
        0 to 255 axes of 0 to 2**32 - 1.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Length of the header itself, in bytes."""
        return 4 + 4 * len(self.shape)

    @property
    def data_nbytes(self) -> int:
        """Length of the elements, in bytes; a Python int, so it cannot overflow."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def payload_nbytes(self) -> int:
        """Length of header and elements together, in bytes."""
        return self.nbytes + self.data_nbytes

    def to_bytes(self) -> bytes:
        """Return the header as a file starts with it."""
        code = _CODES[self.dtype.newbyteorder("=")]
        return struct.pack(f">2xBB{len(self.shape)}I", code, len(self.shape), *self.shape)


def parse_idx(data: bytes | bytearray | memoryview, *, name: str = "<bytes>") -> NDArray[Any]:
    """Parse a whole unpacked IDX payload.

    Parameters
    ----------
    data : bytes-like
        Header and elements, nothing more.
    name : str
        What to call the data in an error.

    Returns
    -------
    ndarray
        Shape and element type of the header, in native byte order. A view of `data` for one-byte
        types (writable if `data` is), else a copy.

    Raises
    ------
    IdxError
        If the header is no IDX header or the length is not the one it calls for.
    """
    try:
        payload = memoryview(data).cast("B")
    except TypeError as error:
        raise OptionError(f"expected contiguous bytes, found {type(data).__name__}") from error
    header = _read_header(io.BytesIO(payload[: 4 + 4 * 255]), name)
    _check_length(header, len(payload) - header.nbytes, name)
    return _array(payload, header, name)


def parse_header(start: bytes) -> IdxHeader | None:
    """Return the header that some bytes begin with, or None if there is no whole one."""
    try:
        return _read_header(io.BytesIO(start), "")
    except IdxError:
        return None


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read a raw, gzip or xz IDX file, judged by content, into memory.

    Returns
    -------
    ndarray
        Writable, in native byte order, with the shape and element type of the header.

    Raises
    ------
    FileUnreadableError
        If the file is missing, not a regular file or unreadable.
    IdxError
        If it is not IDX, is truncated or damaged, or has bytes too many. At most what is really
        there is read, and never more than the header calls for.
    """
    path = as_path(path)
    return parse_idx(read_payload(path), name=str(path))


def read_payload(path: Path) -> bytearray:
    """Read header and elements of an IDX file, checked against each other, as raw bytes.

    Raises
    ------
    FileUnreadableError, IdxError
        As `read_idx`.
    """
    if container_of(path) == "raw":
        _check_raw_length(path, read_header(path))
    with unpacked(path) as stream:
        header = _read_header(stream, str(path))
        payload = bytearray(header.to_bytes())
        # Grown by what arrives, so a header that lies cannot make us allocate; one byte more than
        # it calls for is asked for, which also makes gzip check its CRC.
        wanted = header.payload_nbytes + 1
        try:
            while (room := wanted - len(payload)) and (block := stream.read1(min(BLOCK, room))):
                payload += block
        except EOFError as error:
            found = len(payload) - header.nbytes
            if found == header.data_nbytes:
                raise  # only the stream's own end is missing
            raise IdxError(_length_message(header, found, f"{path} (cut short)")) from error
    _check_length(header, len(payload) - header.nbytes, str(path))
    return payload


def read_header(path: Path) -> IdxHeader:
    """Read only the header of a raw, gzip or xz IDX file.

    Raises
    ------
    FileUnreadableError, IdxError
        If the file cannot be read, or does not start with a whole IDX header.
    """
    with unpacked(path) as stream:
        return _read_header(stream, str(path))


def map_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Map a raw IDX file read-only, without reading its elements.

    Returns
    -------
    ndarray
        Read-only. One-byte types are plain arrays; larger types are big-endian views, as on disk.

    Raises
    ------
    FileUnreadableError
        If the file is missing, not a regular file or unreadable.
    IdxError
        If it is packed (only raw files can be mapped), not IDX, or of the wrong length.
    """
    path = as_path(path)
    container = container_of(path)
    if container != "raw":
        raise IdxError(
            f"{path}: expected a raw IDX file to map, found {container}. "
            "Read it with read_idx, or unpack it first."
        )
    header = read_header(path)
    _check_raw_length(path, header)
    if header.data_nbytes == 0:
        payload: NDArray[Any] = np.frombuffer(header.to_bytes(), np.uint8)
    else:
        with open_regular(path) as file:
            payload = np.asarray(np.memmap(file, np.uint8, "r"))
    return _shaped(payload[header.nbytes :].view(header.dtype), header, str(path))


def write_idx(path: str | os.PathLike[str], array: NDArray[Any]) -> None:
    """Write an array as IDX: gzip if the name ends in ``.gz``, else raw.

    The file appears under its name only when it is whole. The same array gives the same bytes
    every time (the gzip header holds no name and no time).

    Raises
    ------
    OptionError
        If IDX cannot hold the array: another element type, over 255 axes, an axis of 2**32 or more.
    FileUnreadableError
        If the file cannot be written.
    """
    path = as_path(path)
    try:
        given = np.asarray(array)
    except ValueError as error:
        raise OptionError(f"expected an array, found {type(array).__name__}: {error}") from error
    code = _CODES.get(given.dtype.newbyteorder("="))
    if code is None:
        allowed = ", ".join(str(dtype) for dtype in _CODES)
        raise OptionError(
            f"IDX holds {allowed}; found {given.dtype}. Convert first, e.g. array.astype('int32')."
        )
    check_shape(given.shape)
    header = IdxHeader(ELEMENT_TYPES[code], given.shape)
    blocks = _payload_blocks(header, given)
    write_whole(path, _gzipped(blocks) if path.name.endswith(".gz") else blocks)


def check_shape(shape: Sequence[int]) -> None:
    """Raise OptionError if IDX cannot hold this shape."""
    if len(shape) > 255 or any(axis > MAX_AXIS for axis in shape):
        raise OptionError(f"IDX holds up to 255 axes of up to {MAX_AXIS}; found shape {shape}")


def _payload_blocks(header: IdxHeader, array: NDArray[Any]) -> Iterator[bytes | memoryview]:
    yield header.to_bytes()
    flat = array.reshape(-1)
    step = BLOCK // header.dtype.itemsize
    for first in range(0, flat.size, step):
        yield flat[first : first + step].astype(header.dtype).tobytes()


def _gzipped(blocks: Iterator[bytes | memoryview]) -> Iterator[bytes]:
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", _GZIP_LEVEL, packed, mtime=0) as file:
        for block in blocks:
            file.write(block)
            yield packed.getvalue()
            packed.seek(0)
            packed.truncate()
    yield packed.getvalue()


def _read_header(stream: ByteStream, name: str) -> IdxHeader:
    start = read_exactly(stream, 4)
    if not start:
        raise IdxError(f"{name}: expected an IDX header at offset 0, found an empty file")
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in ELEMENT_TYPES:
        codes = " ".join(f"{code:02x}" for code in ELEMENT_TYPES)
        raise IdxError(
            f"{name}: expected an IDX header (00 00, one of {codes}, number of axes) at offset 0, "
            f"found {start.hex(' ')}{_looks_like(start)}"
        )
    rank = start[3]
    axes = read_exactly(stream, 4 * rank)
    if len(axes) < 4 * rank:
        raise IdxError(
            f"{name}: expected {rank} axis lengths of 4 bytes at offset 4, "
            f"found only {len(axes)} bytes; the header is truncated"
        )
    return IdxHeader(ELEMENT_TYPES[start[2]], struct.unpack(f">{rank}I", axes))


def _looks_like(start: bytes) -> str:
    if start.lstrip()[:1] == b"<":
        return " (an HTML or XML page?)"
    if start == b"vers":
        return " (a Git-LFS pointer? Run: git lfs pull)"
    if start.startswith((b".git", b"../.", b"/ann")):
        return " (a git-annex link? Run: git annex get)"
    if start == b"\x00\x05\x16\x07":
        return " (a macOS AppleDouble side file; the data is the file without '._')"
    return ""


def _check_raw_length(path: Path, header: IdxHeader) -> None:
    """Check a raw file's length before any of it is read or mapped."""
    _check_length(header, path.stat().st_size - header.nbytes, str(path))


def _check_length(header: IdxHeader, found: int, name: str) -> None:
    if found != header.data_nbytes:
        raise IdxError(_length_message(header, found, name))


def _length_message(header: IdxHeader, found: int, name: str) -> str:
    expected = header.data_nbytes
    shape = " x ".join(map(str, header.shape)) or "scalar"
    claim = (
        f"{name}: the header calls for {shape} {header.dtype.newbyteorder('=')}, "
        f"{expected} bytes from offset {header.nbytes}"
    )
    if found > expected:
        return (
            f"{claim}; found at least {found}. Something was appended, or the elements are wider "
            "than the header says."
        )
    whole = ""
    if expected and len(header.shape) > 1:
        items = found // (expected // header.shape[0])
        whole = f" ({items} of {header.shape[0]} items are whole)"
    return (
        f"{claim}; found {found}{whole}. An interrupted download or copy leaves such a file; "
        "get it again. If it is complete, its header is wrong."
    )


def _array(payload: memoryview, header: IdxHeader, name: str) -> NDArray[Any]:
    """Return the elements in native byte order; for one-byte types without a copy."""
    elements: NDArray[Any] = np.frombuffer(payload, np.uint8)[header.nbytes :].view(header.dtype)
    native = elements.astype(header.dtype.newbyteorder("="), copy=False)
    return _shaped(native, header, name)


def _shaped(elements: NDArray[Any], header: IdxHeader, name: str) -> NDArray[Any]:
    try:
        return elements.reshape(header.shape)
    except ValueError as error:
        raise IdxError(
            f"{name}: well-formed IDX, but numpy cannot hold {len(header.shape)} axes of "
            f"{header.shape} ({error})"
        ) from error
