"""Pictures in a terminal: by its image protocol if it has one, otherwise as half blocks."""

import io
import os
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.style import Style
from rich.text import Text

from fmnist_core.errors import printable
from fmnist_core.picture import Picture, pil_image

SIDE = 28
"""Columns of a terminal that an image takes at most; half of them where five would not fit."""


def has_colours(console: Console) -> bool:
    """Whether a console is a terminal that can show pictures at all."""
    return console.is_terminal and console.color_system is not None


def protocol_image(picture: Picture) -> RenderableType | None:
    """Return a picture for the image protocol of this terminal: kitty's or Sixel.

    Returns
    -------
    renderable or None
        None if the terminal has no such protocol, or textual-image, which knows them, is missing.
    """
    if not _answers():
        return None
    try:
        from textual_image.renderable import Image, halfcell, unicode  # which asks the terminal
    except ModuleNotFoundError:
        return None
    if Image in (halfcell.Image, unicode.Image):
        return None
    from PIL import Image as pillow

    return Image(pillow.open(io.BytesIO(picture.png)))


def _answers() -> bool:
    """Whether a terminal of known size gets what is written, and what it says can be read."""
    try:
        return sys.stdin.isatty() and os.get_terminal_size(sys.stdout.fileno()).columns > 0
    except (OSError, ValueError):
        return False


def half_blocks(images: NDArray[np.uint8], names: Sequence[str], *, width: int) -> RenderableType:
    """Return images over their names, two pixels in each character of a terminal.

    Parameters
    ----------
    images : uint8 (n, height, width)
    names : sequence of str
    width : int
        Columns of the terminal.
    """
    side = SIDE if width >= 5 * (SIDE + 1) else SIDE // 2
    tiles = [
        Group(_tile(image, side), Text(printable(name), overflow="crop", no_wrap=True))
        for image, name in zip(images, names, strict=True)
    ]
    return Columns(tiles, width=side)


def _tile(image: NDArray[np.uint8], side: int) -> Text:
    from PIL import Image

    small = pil_image(image)
    small.thumbnail((side, side), Image.Resampling.BOX)
    pixels = np.asarray(small)
    pixels = np.pad(pixels, ((0, len(pixels) % 2), (0, 0)))
    text = Text(no_wrap=True)
    for top, bottom in zip(pixels[::2].tolist(), pixels[1::2].tolist(), strict=True):
        for above, below in zip(top, bottom, strict=True):
            text.append("\u2580", Style(color=_grey(above), bgcolor=_grey(below)))
        text.append("\n")
    return text[:-1]


def _grey(value: int) -> Color:
    return Color.from_rgb(value, value, value)
