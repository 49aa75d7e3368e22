"""Pictures of examples: many images in one grid, as an array, PNG or HTML."""

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import FrameworkMissingError

if TYPE_CHECKING:
    from PIL import Image

THUMBNAIL_SIDE = 128
"""Largest side of an image in a notebook, in pixels."""

NAME_HEIGHT = 14
"""Pixels that the name of a row takes beneath it."""


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
    """Return a uint8 (height, width) image as a Pillow image of mode L.

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


def thumbnails(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return every k-th row and column of images, at most `THUMBNAIL_SIDE` each."""
    rows, columns = (-(-side // THUMBNAIL_SIDE) for side in images.shape[1:])
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
