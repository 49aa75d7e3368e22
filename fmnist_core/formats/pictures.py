"""Pictures as bytes: grey PNG files written by blocks of rows, and pictures read as grey."""

import io
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import DataMismatchError, FrameworkMissingError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 1 << 26
"""Most pixels of a picture that is read; a sprite of 65,000 images has 51 million."""


def encoded(image: NDArray[np.uint8]) -> bytes:
    """Return a grey uint8 (height, width) image as a PNG file; equal images give equal bytes."""
    height, width = image.shape
    return b"".join(encoded_blocks(height, width, [image]))


def encoded_blocks(height: int, width: int, blocks: Iterable[NDArray[np.uint8]]) -> Iterator[bytes]:
    """Yield a PNG file of grey rows, which come in uint8 (k, width) blocks, `height` rows in all.

    Pillow would hold the whole picture in memory, so this function writes the file itself.
    """
    yield SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    packer = zlib.compressobj()
    for block in blocks:
        rows = np.zeros((len(block), width + 1), np.uint8)  # each begins with its filter: none
        rows[:, 1:] = block
        if packed := packer.compress(rows.tobytes()):
            yield _chunk(b"IDAT", packed)
    yield _chunk(b"IDAT", packer.flush()) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def deep_mode(picture: Any) -> str:
    """Return the mode of a picture of more than 8 bits a channel, or "".

    Pillow opens colour of 16 bits a channel as colour of 8; only how it will unpack it tells.
    """
    if picture.mode.startswith(("I", "F")):
        return str(picture.mode)
    # BGR;16 is 16 bits a pixel.
    deep = re.search(r"\b(?!BGR)\w+;16\w*", str(getattr(picture, "tile", "")))
    return deep[0] if deep else ""


def decoded(data: bytes, where: str) -> NDArray[np.uint8]:
    """Return a picture, of any format that Pillow reads, as uint8 (height, width).

    A colour picture is converted only if its channels are equal.

    Raises
    ------
    FrameworkMissingError
        If Pillow is not installed.
    DataMismatchError
        If it cannot be read, or is not a grey picture of 8 bits.
    """
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise FrameworkMissingError("pictures need Pillow. Try: pip install pillow") from error
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise DataMismatchError(f"{where}: expected a small picture, found {picture.size}")
            deep = deep_mode(picture)
            mode = deep or picture.mode
            pixels = np.asarray(picture.convert("RGB") if mode in ("P", "RGB") else picture)
    except DataMismatchError:
        raise
    except Exception as error:  # a damaged picture can make Pillow raise anything
        raise DataMismatchError(f"{where}: the picture cannot be read ({error!s:.80})") from error
    if pixels.ndim == 3 and pixels.dtype == np.uint8 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]
    if deep or pixels.ndim != 2 or pixels.dtype != np.uint8:
        raise DataMismatchError(f"{where}: expected a grey picture of 8 bits, found mode {mode}")
    return np.ascontiguousarray(pixels)


def stacked(images: list[NDArray[np.uint8]], names: list[str]) -> NDArray[np.uint8]:
    """Return pictures of one size as uint8 (n, height, width), or raise DataMismatchError."""
    for image, name in zip(images, names, strict=True):
        if image.shape != images[0].shape:
            height, width = images[0].shape
            raise DataMismatchError(
                f"{name}: expected a picture of {width} x {height} pixels as the others, found "
                f"{image.shape[1]} x {image.shape[0]}"
            )
    return np.stack(images)
