"""Pictures of examples: many images in one grid, as an array, PNG or HTML."""

import io
import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import FrameworkMissingError, OptionError, printable
from fmnist_core.files import as_path, write_output

if TYPE_CHECKING:
    from PIL import Image

THUMBNAIL_SIDE = 128
"""Largest side of an image in a notebook, in pixels."""

NAME_HEIGHT = 14
"""Pixels that a name takes beneath a row or an image."""

SHOWN = 40
"""Most examples on a contact sheet."""

_COLUMNS, _GAP = 8, 6
_LEAST_WIDTH = 72  # room for a name


def grid(images: NDArray[np.uint8], columns: int, *, gap: int = 1) -> NDArray[np.uint8]:
    """Arrange images in rows of `columns`, `gap` black pixels apart.

    Parameters
    ----------
    images : uint8 (n, height, width)
    columns : int
    gap : int

    Returns
    -------
    uint8 (rows * (height + gap) - gap, columns * (width + gap) - gap)
    """
    count, height, width = images.shape
    rows = -(-count // columns)
    cells = np.zeros((rows * columns, height + gap, width + gap), np.uint8)
    cells[:count, :height, :width] = images
    lines = cells.reshape(rows, columns, height + gap, width + gap).swapaxes(1, 2)
    sheet = lines.reshape(rows * (height + gap), columns * (width + gap))
    return sheet[: rows * (height + gap) - gap, : columns * (width + gap) - gap]


def png(image: NDArray[np.uint8], *, zoom: int = 1) -> bytes:
    """Return a grey uint8 (height, width) image as a PNG file, each pixel `zoom` pixels wide.

    Raises
    ------
    FrameworkMissingError
        If Pillow is not installed.
    """
    file = io.BytesIO()
    pil_image(np.kron(image, np.ones((zoom, zoom), np.uint8))).save(file, "PNG", optimize=True)
    return file.getvalue()


def named_rows(sheet: NDArray[np.uint8], names: Sequence[str], *, zoom: int = 1) -> bytes:
    """Return rows of images as a PNG file, with the name of each row beneath it.

    Parameters
    ----------
    sheet : uint8 (rows, columns, height, width)
    names : sequence of str
        One for each row.
    zoom : int
        How many pixels wide each pixel of an image becomes.

    Raises
    ------
    FrameworkMissingError
        If Pillow is not installed.
    """
    lines = [
        pil_image(np.kron(grid(row, len(row)), np.ones((zoom, zoom), np.uint8))) for row in sheet
    ]
    from PIL import Image, ImageDraw

    width, height = lines[0].size if lines else (1, 0)
    page = Image.new("L", (width, max(len(lines) * (height + NAME_HEIGHT), 1)))
    draw = ImageDraw.Draw(page)
    for number, (line, name) in enumerate(zip(lines, names, strict=True)):
        top = number * (height + NAME_HEIGHT)
        page.paste(line, (0, top))
        draw.text((2, top + height), name, fill=255, font_size=NAME_HEIGHT - 4)
    file = io.BytesIO()
    page.save(file, "PNG", optimize=True)
    return file.getvalue()


def pil_image(image: NDArray[np.uint8]) -> "Image.Image":
    """Return a uint8 (height, width) image as a Pillow image of mode L; colours as RGB or RGBA.

    Raises
    ------
    FrameworkMissingError
        If Pillow is not installed.
    """
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise FrameworkMissingError("pictures need Pillow. Try: pip install pillow") from error
    return Image.fromarray(image)


@dataclass(frozen=True, repr=False)
class Picture:
    """A PNG file in memory, which a notebook displays.

    Attributes
    ----------
    png : bytes
    """

    png: bytes

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the PNG file, over another of that name.

        Raises
        ------
        FileAccessError
            If it cannot be written.
        """
        write_output(as_path(path), [self.png])

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        width, height = struct.unpack(">II", self.png[16:24])
        return f'<Picture of {width} x {height} pixels. Try: .save("picture.png")>'


def contact_sheet(images: NDArray[Any], names: Sequence[str]) -> Picture:
    """Return a picture of images in even rows of up to eight, each over its name.

    Parameters
    ----------
    images : uint8 (n, height, width), or (n, height, width, channels) with 1, 3 or 4 channels
    names : sequence of str
        One for each image; what does not fit is cut off.

    Raises
    ------
    OptionError
        If the images are no such pictures, or there are none.
    FrameworkMissingError
        If Pillow is not installed.
    """
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    is_grey, is_colour = images.ndim == 3, images.ndim == 4 and images.shape[-1] in (3, 4)
    if images.dtype != np.uint8 or not images.size or not (is_grey or is_colour):
        raise OptionError(
            "expected some uint8 images (n, height, width), or with 1, 3 or 4 channels behind, to "
            f"draw; found {images.dtype} of shape {images.shape}"
        )
    tiles = [pil_image(image) for image in thumbnails(images)]
    from PIL import Image, ImageDraw, ImageFont

    zoom = max(1, _LEAST_WIDTH // max(tiles[0].size))
    width, height = (side * zoom for side in tiles[0].size)
    across, down = max(width, _LEAST_WIDTH) + _GAP, height + NAME_HEIGHT + _GAP
    rows = -(-len(tiles) // _COLUMNS)
    columns = -(-len(tiles) // rows)
    size = (columns * across + _GAP, rows * down + _GAP)
    sheet = Image.new("L" if is_grey else "RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for number, (tile, name) in enumerate(zip(tiles, names, strict=True)):
        left, top = _GAP + number % columns * across, _GAP + number // columns * down
        sheet.paste(tile.resize((width, height), Image.Resampling.NEAREST), (left, top))
        # Pillow's own font has no further letters.
        text = printable(name[:_LEAST_WIDTH]).encode("latin-1", "replace").decode("latin-1")
        while font.getlength(text) > across - _GAP:
            text = text[:-1]
        draw.text((left, top + height), text, "black", font)
    file = io.BytesIO()
    sheet.save(file, "PNG", optimize=True)
    return Picture(file.getvalue())


def thumbnails(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return every k-th row and column of images, at most `THUMBNAIL_SIDE` each."""
    rows, columns = (-(-side // THUMBNAIL_SIDE) for side in images.shape[1:3])
    return images[:, ::rows, ::columns]


def class_table(
    title: str,
    classes: Sequence[str],
    labels: NDArray[np.integer],
    images_at: Callable[[NDArray[np.int64]], NDArray[Any]],
) -> str:
    """Return HTML for notebooks: a title above a few examples of each of the first ten classes.

    Parameters
    ----------
    title : str
    classes : sequence of str
    labels : integer array (n,)
    images_at : callable
        Returns the images at the given rows; only uint8 (k, height, width) are drawn.
    """
    import base64
    from html import escape

    cells = []
    for label, name in enumerate(classes[:10]):
        members = np.flatnonzero(labels == label)
        images = images_at(members[:3])
        if images.dtype != np.uint8 or images.ndim != 3 or not images.size:
            continue
        code = base64.b64encode(png(grid(thumbnails(images), 1), zoom=2)).decode()
        cells.append(
            f'<td style="text-align:center">{escape(name)}<br><small>{members.size}</small><br>'
            f'<img alt="{escape(name)}" src="data:image/png;base64,{code}"></td>'
        )
    return f"<code>{escape(title)}</code><table><tr>{''.join(cells)}</tr></table>"
