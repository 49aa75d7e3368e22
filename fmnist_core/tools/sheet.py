"""`fmnist picture`: the first examples of each class on one sheet, a row for each class."""

from pathlib import Path

import numpy as np

from fmnist_core import picture
from fmnist_core.dataset import Dataset
from fmnist_core.errors import OptionError
from fmnist_core.files import write_whole

PER_CLASS = 10


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
    write_whole(path, [picture.png(picture.grid(images, PER_CLASS), zoom=2)])
