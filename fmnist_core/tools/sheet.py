"""`fmnist picture`: the first examples of each class on one sheet, a row for each class."""

from pathlib import Path

import numpy as np

from fmnist_core import picture
from fmnist_core.dataset import Dataset
from fmnist_core.errors import OptionError
from fmnist_core.files import write_output
from fmnist_core.tools.output import make_room

PER_CLASS = 10


def check_target(path: Path, force: bool) -> None:
    """Check that a PNG may be written to a path, before anything is fetched for it.

    Raises
    ------
    OptionError
        If its name does not end in .png, or it exists and `force` is false.
    FileAccessError
        If its folder cannot be made.
    """
    if path.suffix.lower() != ".png":
        raise OptionError(
            f"expected a name that ends in .png, found {path}; pictures are written as PNG. "
            f"Try: -o {path.with_suffix('.png')}"
        )
    make_room(path.parent, [path.name], force)


def write_sheet(dataset: Dataset, path: Path) -> None:
    """Write a PNG with the first ten examples of each class, as the file has them.

    Raises
    ------
    OptionError
        If the images are not grey uint8 pictures.
    FileAccessError
        If the file cannot be written.
    """
    if dataset.image_dtype != np.uint8 or len(dataset.image_shape) != 2:
        raise OptionError(f"expected grey uint8 images to draw, found {dataset!r}")
    rows = [np.flatnonzero(dataset.labels == label) for label in range(len(dataset.classes))]
    sheet = np.zeros((len(rows), PER_CLASS, *dataset.image_shape), np.uint8)
    for line, members in zip(sheet, rows, strict=True):
        shown = members[:PER_CLASS]
        line[: len(shown)] = dataset.images[shown]
    images = sheet.reshape(-1, *dataset.image_shape)
    write_output(path, [picture.png(picture.grid(images, PER_CLASS), zoom=2)])
