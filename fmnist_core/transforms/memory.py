"""Images as memory: numpy moves runs of bytes and wide words faster than single pixels."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]


def as_words(images: Images) -> NDArray[Any]:
    """Return (batch, height, width) as the widest words that divide an image: (batch, words).

    The result is a view if the images are contiguous.
    """
    pixels = math.prod(images.shape[1:])
    joined = np.ascontiguousarray(images).reshape(len(images), pixels)
    return joined.view(f"u{math.gcd(pixels, 8)}")


def as_lines(images: Images) -> NDArray[Any]:
    """Return (batch, height, width) as one element for each row: (batch, height), a view."""
    lines: NDArray[Any] = images.view(np.dtype((np.void, images.shape[2])))[:, :, 0]
    return lines


def mirrored(images: Images) -> Images:
    """Return images mirrored left to right.

    Reversing all bytes of an image rotates it by 180 degrees, which can be done by words; reversing
    its rows then mirrors it. This is four times as fast as reversing each row.
    """
    words = as_words(images)
    other_end_first = words.dtype.newbyteorder()
    turned = words[:, ::-1].astype(other_end_first).view(np.uint8).reshape(images.shape)
    return np.ascontiguousarray(as_lines(turned)[:, ::-1]).view(np.uint8).reshape(images.shape)


def shifted(
    images: Images, padding: int, fill: int, top: NDArray[np.int32], left: NDArray[np.int32]
) -> Images:
    """Return images padded, and then cropped to their size before.

    All pixels of a crop that lie in the image are shifted by the same number of places. So a crop
    is one run of memory, in which pixels beyond the border of a row, or of the image, are then
    replaced by `fill`.
    """
    count, height, width = images.shape
    if not count:
        return images
    pixels, margin = height * width, padding * (width + 1)
    flat = np.empty(count * pixels + 2 * margin, np.uint8)
    flat[margin : margin + count * pixels] = images.reshape(-1)
    run = np.dtype((np.void, pixels))
    runs: NDArray[Any] = np.ndarray((len(flat) - pixels + 1,), run, flat, 0, (1,))
    first = np.arange(count) * pixels + top.astype(np.int64) * width + left
    cropped = runs[first].view(np.uint8).reshape(images.shape)
    inside = _inside(height, width, padding).view(run)[:, 0]
    kept = inside[top * (2 * padding + 1) + left].view(np.uint8).reshape(images.shape)
    return overwritten(cropped, kept, fill)


def overwritten(images: Images, kept: Images, value: Any) -> Images:
    """Return images with `value` where `kept` is 0 instead of 255; they may be overwritten."""
    words = as_words(images)
    words &= as_words(kept)
    if not isinstance(value, int):
        words |= as_words(value) & ~as_words(kept)
    elif value:
        words |= as_words(~kept & np.uint8(value))
    return words.view(np.uint8).reshape(images.shape)


def outside_boxes(rows: NDArray[np.bool_], columns: NDArray[np.bool_]) -> Images:
    """Return 0 where both the row and the column are chosen, otherwise 255.

    Parameters
    ----------
    rows, columns : bool array (batch, height), (batch, width)

    Returns
    -------
    uint8 array (batch, height, width)
    """
    lines = np.full((len(rows), 2, columns.shape[1]), 255, np.uint8)
    lines[:, 1] = np.where(columns, np.uint8(0), np.uint8(255))
    which = rows + np.arange(len(rows))[:, None] * 2
    chosen = as_lines(lines).reshape(-1)[which]
    return chosen.view(np.uint8).reshape(*rows.shape, columns.shape[1])


@lru_cache(maxsize=2)
def _inside(height: int, width: int, padding: int) -> Images:
    """Return, for each crop of a padded image, 255 at pixels of the image and 0 at padding.

    Shape ((2 padding + 1)^2, height * width).
    """
    shifts = np.arange(2 * padding + 1)[:, None] - padding
    rows = (np.arange(height) + shifts >= 0) & (np.arange(height) + shifts < height)
    columns = (np.arange(width) + shifts >= 0) & (np.arange(width) + shifts < width)
    inside = rows[:, None, :, None] & columns[None, :, None, :]
    return (inside * np.uint8(255)).reshape(-1, height * width)
