"""Arrays inside a page: deflated in pieces, as base64 in elements that no browser runs."""

import base64
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

PIECE = 1 << 22
"""Bytes of an element, before they are deflated."""

GREYS = 16
"""Grey levels of a light page; two pixels share a byte."""

_LEVEL = 6  # level 9 takes eight times as long, and saves a byte in a hundred

Progress = Callable[[int], object]
"""Told how many more bytes are packed."""


def part(name: str, array: NDArray[Any], report: Progress | None = None) -> Iterator[bytes]:
    """Yield the elements that hold an array's bytes, little-endian and in C order."""
    flat = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
    data = flat.reshape(-1).view(np.uint8)
    pieces = [data[start : start + PIECE] for start in range(0, len(data), PIECE)]
    opening = f'<script type="text/plain" data-part="{name}">'.encode()
    with ThreadPoolExecutor() as pool:
        for piece, text in zip(pieces, pool.map(_encoded, pieces), strict=True):
            yield opening + text + b"</script>\n"
            if report:
                report(len(piece))


def _encoded(piece: NDArray[np.uint8]) -> bytes:
    return base64.b64encode(zlib.compress(piece.data, _LEVEL))


def light(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images in 16 greys, two pixels a byte, the first in the high bits: uint8 (bytes,)."""
    nearest = np.arange(256) * (GREYS - 1) / 255
    table = np.rint(nearest).astype(np.uint8)
    greys = table[images.reshape(-1)]
    greys = np.append(greys, np.zeros(len(greys) % 2, np.uint8))
    packed: NDArray[np.uint8] = greys[::2] * np.uint8(GREYS) + greys[1::2]
    return packed
