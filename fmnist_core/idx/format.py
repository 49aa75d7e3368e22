"""The IDX format: parse, read, map, write.

A header, then the elements, big-endian, in row-major order (docs/idx.md).
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import IdxError, OptionError
from fmnist_core.files import BLOCK, as_path, open_regular, write_whole
from fmnist_core.idx.containers import container_of, unpacked
from fmnist_core.idx.header import IdxHeader, read_from

_GZIP_LEVEL = 9


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
    header = read_from(io.BytesIO(payload[: 4 + 4 * 255]), name)
    _check_length(header, len(payload) - header.nbytes, name)
    return _array(payload, header, name)


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an IDX file, raw or packed, into memory.

    How it is packed is judged by content: gzip, xz, a zip file with one member, or an array in
    numpy's .npy or .npz.

    Returns
    -------
    ndarray
        Writable, in native byte order, with the shape and element type of the header.

    Raises
    ------
    FileAccessError
        If the file is missing, not a regular file or unreadable.
    IdxError
        If it is not IDX, is truncated or damaged, or has bytes too many. At most what is really
        there is read, and never more than the header calls for.
    """
    path = as_path(path)
    return parse_idx(read_payload(path), name=str(path))


def read_payload(path: Path, member: str = "") -> bytearray:
    """Read header and elements of an IDX file, checked against each other, as raw bytes.

    `member` says which one of a zip file.

    Raises
    ------
    FileAccessError, IdxError
        As `read_idx`.
    """
    if container_of(path) == "raw":
        _check_raw_length(path, read_header(path))
    with unpacked(path, member) as stream:
        header = read_from(stream, str(path))
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
    """Read only the header of an IDX file, raw or packed.

    Raises
    ------
    FileAccessError, IdxError
        If the file cannot be read, or does not start with a whole IDX header.
    """
    with unpacked(path) as stream:
        return read_from(stream, str(path))


def map_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Map a raw IDX file read-only, without reading its elements.

    Returns
    -------
    ndarray
        Read-only. One-byte types are plain arrays; larger types are big-endian views, as on disk.

    Raises
    ------
    FileAccessError
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
    FileAccessError
        If the file cannot be written.
    """
    path = as_path(path)
    try:
        given = np.asarray(array)
    except ValueError as error:
        raise OptionError(f"expected an array, found {type(array).__name__}: {error}") from error
    header = IdxHeader.of(given.dtype, given.shape)
    blocks = _payload_blocks(header, given)
    write_whole(path, _gzipped(blocks) if path.name.endswith(".gz") else blocks)


def _payload_blocks(header: IdxHeader, array: NDArray[Any]) -> Iterator[bytes | memoryview]:
    yield header.to_bytes()
    flat = array.reshape(-1)
    step = BLOCK // header.dtype.itemsize
    for first in range(0, flat.size, step):
        yield flat[first : first + step].astype(header.dtype).tobytes()


def _gzipped(blocks: Iterator[bytes | memoryview]) -> Iterator[bytes]:
    packed = io.BytesIO()
    import gzip

    with gzip.GzipFile("", "wb", _GZIP_LEVEL, packed, mtime=0) as file:
        for block in blocks:
            file.write(block)
            yield packed.getvalue()
            packed.seek(0)
            packed.truncate()
    yield packed.getvalue()


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
