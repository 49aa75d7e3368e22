"""The header of an IDX payload.

Two zero bytes, a type byte, the number of axes, one big-endian uint32 per axis (format: Yann
LeCun's MNIST page; see docs/idx.md).
"""

import io
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fmnist_core.errors import IdxError, OptionError

ELEMENT_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
"""Element type by its code, as stored (big-endian)."""

_SHOWN_AXES = 8
MAX_AXIS = 2**32 - 1
_CODES = {dtype.newbyteorder("="): code for code, dtype in ELEMENT_TYPES.items()}


class ByteStream(Protocol):
    """A stream: `read1` returns at least one and at most `size` bytes, or none at the end."""

    def read1(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class IdxHeader:
    """The header of an IDX payload.

    Attributes
    ----------
    dtype : numpy.dtype
        Element type as stored, big-endian.
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

    @classmethod
    def of(cls, dtype: np.dtype[Any], shape: Sequence[int]) -> "IdxHeader":
        """Return the header of an array.

        Raises
        ------
        OptionError
            If IDX cannot hold it: another element type, over 255 axes, an axis of 2**32 or more.
        """
        code = _CODES.get(dtype.newbyteorder("="))
        if code is None:
            allowed = ", ".join(str(dtype) for dtype in _CODES)
            raise OptionError(
                f"IDX holds {allowed}; found {dtype}. Convert first, e.g. array.astype('int32')."
            )
        if len(shape) > 255 or not all(0 <= axis <= MAX_AXIS for axis in shape):
            raise OptionError(f"IDX holds up to 255 axes of up to {MAX_AXIS}; found shape {shape}")
        return cls(ELEMENT_TYPES[code], tuple(shape))

    def to_bytes(self) -> bytes:
        """Return the header as a file starts with it."""
        code = _CODES[self.dtype.newbyteorder("=")]
        return struct.pack(f">2xBB{len(self.shape)}I", code, len(self.shape), *self.shape)


def shape_words(header: IdxHeader) -> str:
    """Describe the shape and element type of a header; if there are many axes, the first ones."""
    shown = " x ".join(map(str, header.shape[:_SHOWN_AXES]))
    more = f" x ... ({len(header.shape)} axes)" if len(header.shape) > _SHOWN_AXES else ""
    return f"{shown or 'a single'}{more} {header.dtype.newbyteorder('=').name}"


def read_exactly(stream: ByteStream, size: int) -> bytes:
    """Return the next `size` bytes of a stream, or fewer at its end."""
    data = b""
    while len(data) < size and (block := stream.read1(size - len(data))):
        data += block
    return data


def parse_header(start: bytes) -> IdxHeader | None:
    """Return the header at the beginning of some bytes, or None if it is not complete."""
    try:
        return read_from(io.BytesIO(start), "")
    except IdxError:
        return None


def read_from(stream: ByteStream, name: str) -> IdxHeader:
    """Read the header at the beginning of a stream, or raise an IdxError that names `name`."""
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
