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

from fmnist_core.errors import FileAccessError, IdxError, OptionError, brief, printable
from fmnist_core.files import BLOCK, as_path, open_regular, write_output
from fmnist_core.idx.containers import container_of_file, container_of_start, unpacked_stream
from fmnist_core.idx.header import ByteStream, IdxHeader, read_from, shape_words
from fmnist_core.idx.streams import (
    Readable,
    Writable,
    buffered,
    is_readable,
    is_writable,
    name_of,
    write_all,
)

_GZIP_LEVEL = 9
_MAX_BITS = 512


def parse_idx(
    data: bytes | bytearray | memoryview | Readable, *, name: str = "<bytes>"
) -> NDArray[Any]:
    """Parse a complete unpacked IDX payload.

    Parameters
    ----------
    data : bytes-like or binary file
        Header and elements, nothing more. A file is read from its current position.
    name : str
        Name of the data in an error.

    Returns
    -------
    ndarray
        With the header's shape and element type, in native byte order. For one-byte types a view
        of `data` (writable if `data` is), otherwise a copy; writable if `data` is a file.

    Raises
    ------
    IdxError
        If the header is not an IDX header, the length does not match it, or the data are packed.
    """
    if is_readable(data):
        file = buffered(data)
        _check_unpacked(file.peek(8), name)
        return parse_idx(_read_payload(file, name), name=name)
    try:
        payload = memoryview(data).cast("B")  # type: ignore[arg-type]
    except TypeError as error:
        raise OptionError(f"expected contiguous bytes, found {brief(data)}") from error
    _check_unpacked(bytes(payload[:8]), name)
    header = read_from(io.BytesIO(payload[: 4 + 4 * 255]), name)
    _check_length(header, len(payload) - header.nbytes, name)
    return _array(payload, header, name)


def read_idx(path: str | os.PathLike[str] | Readable) -> NDArray[Any]:
    """Read an IDX file, raw or packed, into memory.

    The container is recognised by content: gzip, xz, a zip file with one member, or an array in
    numpy's .npy or .npz.

    Parameters
    ----------
    path : path or binary file
        An open file is read from its current position to its end.

    Returns
    -------
    ndarray
        Writable, in native byte order, with the header's shape and element type.

    Raises
    ------
    FileAccessError
        If the file is missing, not a regular file or unreadable.
    IdxError
        If it is not IDX, is truncated or damaged, or has too many bytes. Never reads more than the
        header calls for.
    """
    if is_readable(path):
        name, file = name_of(path), buffered(path)
        with unpacked_stream(file, name) as stream:
            return parse_idx(_read_payload(stream, name), name=name)
    path = as_path(path)
    return parse_idx(read_payload(path), name=printable(path))


def read_payload(path: Path, member: str = "") -> bytearray:
    """Read the header and elements of an IDX file as raw bytes, and check that they agree.

    `member` names a member of a zip file.

    Raises
    ------
    FileAccessError, IdxError
        As `read_idx`.
    """
    with open_regular(path) as file:
        return _read_open(file, printable(path), member)


def open_array(path: Path, member: str = "") -> NDArray[Any]:
    """Return an IDX file's array: mapped if the file is raw, otherwise unpacked into memory.

    Parameters
    ----------
    path : Path
        Raw, or packed in a container that `read_idx` reads.
    member : str
        Which member of a zip file.

    Raises
    ------
    FileAccessError, IdxError
        As `read_idx`.
    """
    with open_regular(path) as file:
        if container_of_file(file) == "raw":
            return _mapped(file, printable(path))
        return parse_idx(_read_open(file, printable(path), member), name=printable(path))


def read_header(path: Path) -> IdxHeader:
    """Read only the header of an IDX file, raw or packed.

    Raises
    ------
    FileAccessError, IdxError
        If the file cannot be read, or does not start with a complete IDX header.
    """
    with open_regular(path) as file, unpacked_stream(file, printable(path)) as stream:
        return read_from(stream, printable(path))


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
    with open_regular(path) as file:
        container = container_of_file(file)
        if container != "raw":
            raise IdxError(
                f"{printable(path)}: expected a raw IDX file to map, found {container}. "
                "Read it with read_idx, or unpack it first."
            )
        return _mapped(file, printable(path))


def write_idx(path: str | os.PathLike[str] | Writable, array: NDArray[Any]) -> None:
    """Write an array as IDX: gzip if the name ends in ``.gz``, otherwise raw.

    The file gets its name only when it is complete. The same array always gives the same bytes (the
    gzip header has no name and no time).

    Parameters
    ----------
    path : path or binary file
        An open file gets the raw bytes, at its current position.
    array : ndarray

    Raises
    ------
    OptionError
        If IDX cannot hold the array: another element type, over 255 axes, an axis of 2**32 or more.
    FileAccessError
        If the file cannot be written.
    """
    target = path if is_writable(path) else as_path(path)
    try:
        elements = np.asarray(array)
    except ValueError as error:
        raise OptionError(f"expected an array, found {type(array).__name__}: {error}") from error
    header = IdxHeader.of(elements.dtype, elements.shape)
    blocks = _payload_blocks(header, elements)
    if isinstance(target, Path):
        write_output(target, gzipped(blocks) if target.name.endswith(".gz") else blocks)
    else:
        for block in blocks:
            write_all(target, block)


def _payload_blocks(header: IdxHeader, array: NDArray[Any]) -> Iterator[bytes]:
    yield header.to_bytes()
    flat = array.reshape(-1)
    step = BLOCK // header.dtype.itemsize
    for first in range(0, flat.size, step):
        yield flat[first : first + step].astype(header.dtype).tobytes()


def gzipped(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a gzip file of some blocks, whose header holds no name and no time."""
    packed = io.BytesIO()
    import gzip

    with gzip.GzipFile("", "wb", _GZIP_LEVEL, packed, mtime=0) as file:
        for block in blocks:
            file.write(block)
            yield packed.getvalue()
            packed.seek(0)
            packed.truncate()
    yield packed.getvalue()


def _read_open(file: io.BufferedReader, name: str, member: str) -> bytearray:
    """Read the payload of an open regular file."""
    is_raw = container_of_file(file) == "raw"
    nbytes = os.fstat(file.fileno()).st_size if is_raw else None
    with unpacked_stream(file, name, member) as stream:
        return _read_payload(stream, name, nbytes)


def _read_payload(stream: ByteStream, name: str, nbytes: int | None = None) -> bytearray:
    """Read header and elements from a stream; if its length is known, check that first."""
    header = read_from(stream, name)
    if nbytes is not None:
        _check_length(header, nbytes - header.nbytes, name)
    payload = bytearray(header.to_bytes())
    # The buffer grows with what arrives, so a false header cannot make us allocate. Reading one
    # byte more than the header calls for also makes gzip check its CRC.
    limit = header.payload_nbytes + 1
    try:
        while (room := limit - len(payload)) and (block := stream.read1(min(BLOCK, room))):
            payload += block
    except EOFError as error:
        arrived = len(payload) - header.nbytes
        if arrived == header.data_nbytes:
            raise  # only the stream's own end is missing
        raise IdxError(_length_message(header, arrived, f"{name} (truncated)")) from error
    except MemoryError as error:
        received = len(payload)
        del payload
        raise FileAccessError(
            f"{name}: {shape_words(header)} does not fit into memory, which was full after "
            f"{received:,} bytes",
            advice="map_idx(path), if the file is raw and really has this size",
        ) from error
    _check_length(header, len(payload) - header.nbytes, name)
    return payload


def _mapped(file: io.BufferedReader, name: str) -> NDArray[Any]:
    header = read_from(file, name)
    _check_length(header, os.fstat(file.fileno()).st_size - header.nbytes, name)
    if header.data_nbytes == 0:
        payload: NDArray[Any] = np.frombuffer(header.to_bytes(), np.uint8)
    else:
        payload = np.asarray(np.memmap(file, np.uint8, "r"))
    return _shaped(payload[header.nbytes :].view(header.dtype), header, name)


def _check_unpacked(start: bytes, name: str) -> None:
    container = container_of_start(start)
    if container != "raw":
        raise IdxError(
            f"{name}: expected unpacked IDX bytes, found {container}. "
            "Try: read_idx(io.BytesIO(data)), which unpacks"
        )


def _check_length(header: IdxHeader, nbytes: int, name: str) -> None:
    if nbytes != header.data_nbytes:
        raise IdxError(_length_message(header, nbytes, name))


def _digits(number: int) -> str:
    """Return a number's digits, or the size of a huge one, as a header of 255 axes can give."""
    return str(number) if number.bit_length() <= _MAX_BITS else f"over 2**{_MAX_BITS}"


def _length_message(header: IdxHeader, nbytes: int, name: str) -> str:
    expected = header.data_nbytes
    claim = (
        f"{name}: the header calls for {shape_words(header)}, {_digits(expected)} bytes from "
        f"offset {header.nbytes}"
    )
    if nbytes > expected:
        return (
            f"{claim}; found at least {nbytes}. Something was appended, or the elements are wider "
            "than the header says."
        )
    whole = ""
    if expected and len(header.shape) > 1:
        items = nbytes // (expected // header.shape[0])
        whole = f" ({items} of {header.shape[0]} items are complete)"
    return (
        f"{claim}; found {nbytes}{whole}. An interrupted download or copy leaves such a file; "
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
            f"{name}: well-formed IDX, but numpy cannot hold {len(header.shape)} axes: "
            f"{shape_words(header)} ({error})"
        ) from error
