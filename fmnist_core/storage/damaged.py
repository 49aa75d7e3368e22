"""Recognise damaged IDX files, and what damaged them."""

from collections.abc import Callable

import numpy as np

from fmnist_core.catalog import describe_payload
from fmnist_core.idx.header import ELEMENT_TYPES, IdxHeader, shape_words
from fmnist_core.storage.findings import (
    GET_AGAIN,
    Finding,
    beginning,
)
from fmnist_core.storage.scan import Scan

_NULS_EXPECTED = 2048
"""Length of packed data that almost certainly contains a zero byte (1 - 3e-4)."""


def nothing(scan: Scan) -> Finding | None:
    """Recognise an empty file."""
    if scan.nbytes or scan.error:
        return None
    return Finding("damaged", "an empty file", GET_AGAIN)


def utf_8(scan: Scan) -> Finding | None:
    """Recognise bytes above 7F that were replaced, or encoded, as if the file were text."""
    gzip = scan.head.startswith((b"\x1f\xef\xbf\xbd", b"\x1f\xc2\x8b"))
    if not gzip and not (scan.header and b"\xef\xbf\xbd" in scan.head[4:16]):
        return None
    what = "a gzip file" if gzip else "IDX data"
    return Finding("damaged", f"{what} converted to UTF-8 as if it were text", GET_AGAIN)


def utf_16(scan: Scan) -> Finding | None:
    """Recognise a file that a shell wrote as UTF-16, two bytes for each one."""
    head = scan.head
    if head[:2] == b"\xff\xfe":
        each = head[2::2]
    elif head[:2] == b"\xfe\xff":
        each = head[3::2]
    elif head[:4] == b"\x1f\0\x8b\0":
        each = head[::2]
    else:
        return None
    if each[:1] == b"\x1f":
        what = "a gzip file"
    elif each[:2] == b"\0\0" and each[2:3] in map(_byte, ELEMENT_TYPES):
        what = "IDX data"
    else:
        return None
    advice = f"{GET_AGAIN}, with curl -o FILE or Invoke-WebRequest -OutFile FILE"
    description = f"{what} converted to UTF-16 as if it were text, as PowerShell's > does"
    return Finding("damaged", description, advice)


def zeros_removed(scan: Scan) -> Finding | None:
    """Recognise a file from which every zero byte was removed."""
    head = scan.head
    if scan.container == "gzip":
        stripped = len(scan.packed_head) >= _NULS_EXPECTED and b"\0" not in scan.packed_head
        if not (scan.error and stripped):
            return None
        return Finding("damaged", "a gzip file whose zero bytes were removed", GET_AGAIN)
    # 00 00 08 03 00 00 27 10 ... becomes 08 03 27 10 ...
    if head[:1] not in map(_byte, ELEMENT_TYPES) or head[1:2] not in (b"\1", b"\2", b"\3", b"\4"):
        return None
    if b"\0" in head or len(head) < 4:
        return None
    return Finding("damaged", "IDX data whose zero bytes were removed", GET_AGAIN)


def broken_container(scan: Scan) -> Finding | None:
    """Recognise a packed stream that cannot be unpacked to its end."""
    if not scan.error or (scan.header and scan.extra < 0):
        return None
    description = str(scan.error).partition(": ")[2] or str(scan.error)
    description = description.removesuffix(". Fetch it again.")
    return Finding("damaged", description + beginning(scan), GET_AGAIN)


def carriage_returns_removed(scan: Scan) -> Finding | None:
    """Recognise a float32 header, 00 00 0D xx, from which a text conversion removed the 0D."""
    if scan.header or scan.head[:2] != b"\0\0" or scan.head[3:5] != b"\0\0":
        return None
    if scan.head[2] not in (1, 2, 3, 4):
        return None
    description = "float32 IDX whose 0D bytes were removed by a text conversion"
    return Finding("damaged", description, GET_AGAIN)


def little_endian(scan: Scan) -> Finding | None:
    """Recognise a header whose counts, and perhaps whose first four bytes, are little-endian."""
    head = scan.head
    if scan.header and scan.extra:
        code, rank = head[2], head[3]
    elif head[2:4] == b"\0\0" and head[1:2] in map(_byte, ELEMENT_TYPES) and head[0]:
        rank, code = head[0], head[1]
    else:
        return None
    axes = tuple(int.from_bytes(head[at : at + 4], "little") for at in range(4, 4 + 4 * rank, 4))
    meant = IdxHeader(ELEMENT_TYPES[code], axes)
    if meant.payload_nbytes == scan.nbytes:
        description = f"IDX with little-endian counts, {shape_words(meant)}"
        little = meant.dtype.newbyteorder("<")
        return Finding("damaged", description, _how_to_read(little, meant.nbytes, meant.shape))
    if scan.header:
        return None
    return Finding("damaged", "IDX with little-endian counts, of the wrong length", GET_AGAIN)


def count_of_bytes(scan: Scan) -> Finding | None:
    """Recognise a first axis that counts bytes, as one exporter writes it."""
    if not scan.header or len(scan.header.shape) < 2 or scan.error:
        return None
    count = scan.header.shape[0]
    each = scan.header.data_nbytes // count if count else 0
    if not each or count % each or scan.nbytes - scan.header.nbytes != count:
        return None
    description = f"IDX whose first axis counts bytes: {count} for {count // each} items of {each}"
    shape = (count // each, *scan.header.shape[1:])
    return Finding(
        "damaged", description, _how_to_read(scan.header.dtype, scan.header.nbytes, shape)
    )


def wide_elements(scan: Scan) -> Finding | None:
    """Recognise elements that are wider than the header says."""
    if not scan.header or scan.error or scan.extra <= 0 or scan.stopped:
        return None
    elements = scan.nbytes - scan.header.nbytes
    claimed = scan.header.data_nbytes
    if not claimed or elements % claimed or elements // claimed not in (2, 4, 8):
        return None
    width = elements // claimed * scan.header.dtype.itemsize
    offset, shape = scan.header.nbytes, scan.header.shape
    under = f"under a header of {shape_words(scan.header)}"
    if width == 4 and set(scan.data_head[3::4]) == {255}:
        advice = f"{_how_to_read(np.dtype('u1'), offset, (*shape, 4))}. Grey is channel 0, [..., 0]"
        return Finding("damaged", f"RGBA pixels, 4 bytes each, {under}", advice)
    dtype = _whole_numbers(scan.data_head, width)
    if dtype is None:
        advice = "Write it again with write_idx, in the type that it has"
        return Finding("damaged", f"{width}-byte elements {under}", advice)
    order = "little-endian" if dtype.str[0] == "<" else "big-endian"
    description = f"{width}-byte elements, {order}, {under}"
    return Finding("damaged", description, _how_to_read(dtype, offset, shape))


def _whole_numbers(data: bytes, width: int) -> "np.dtype[np.generic] | None":
    """Return the integer type, of either byte order, in which data are small numbers, or None."""
    data = data[: len(data) // width * width]
    for order in "<>" if width in (2, 4, 8) else "":
        dtype = np.dtype(f"{order}i{width}")
        numbers = np.frombuffer(data, dtype).astype(np.float64)
        if np.abs(numbers).max(initial=0) < 2 ** (4 * width):
            return dtype
    return None


def _how_to_read(dtype: "np.dtype[np.generic]", offset: int, shape: tuple[int, ...]) -> str:
    """Return how to read the data behind a wrong header with numpy."""
    return (
        f"Read it with np.frombuffer(data, '{dtype.str.lstrip('|')}', offset={offset})"
        f".reshape({shape}), where data are the unpacked bytes, and save it with write_idx"
    )


def appended(scan: Scan) -> Finding | None:
    """Recognise complete data followed by more bytes."""
    if not scan.header or scan.extra <= 0:
        return None
    inner = describe_payload(scan.payload.hexdigest())
    more = "many stray bytes" if scan.stopped else f"{scan.extra} stray byte(s)"
    what = inner.words if inner else shape_words(scan.header)
    advice = f"{GET_AGAIN}; something was appended"
    return Finding("damaged", f"{what}, with {more} at the end", advice)


def cut_short(scan: Scan) -> Finding | None:
    """Recognise data that are shorter than their header says."""
    if not scan.header or scan.extra >= 0:
        return None
    items = ""
    if len(scan.header.shape) > 1 and scan.header.data_nbytes:
        each = scan.header.data_nbytes // scan.header.shape[0]
        whole = max(scan.nbytes - scan.header.nbytes, 0) // each
        items = f": {whole:,} of {scan.header.shape[0]:,} items are complete"
    description = f"truncated IDX, {shape_words(scan.header)}{items}{beginning(scan)}"
    return Finding("damaged", description, f"{GET_AGAIN}; the download or copy was interrupted")


def cut_in_the_header(scan: Scan) -> Finding | None:
    """Recognise the beginning of a header."""
    if scan.header or len(scan.head) < 3 or scan.head[:2] != b"\0\0":
        return None
    if scan.head[2] not in ELEMENT_TYPES:
        return None
    return Finding("damaged", f"a truncated IDX header of {len(scan.head)} bytes", GET_AGAIN)


def _byte(code: int) -> bytes:
    return bytes([code])


DAMAGED: tuple[Callable[[Scan], Finding | None], ...] = (
    utf_8,
    utf_16,
    zeros_removed,
    nothing,
    broken_container,
    carriage_returns_removed,
    little_endian,
    count_of_bytes,
    wide_elements,
    appended,
    cut_short,
    cut_in_the_header,
)
"""Each returns what it recognises in a scan, or None; the first result counts."""
