"""`fmnist picture`: examples of each class on one sheet, a row for each class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_core import picture
from fmnist_core.dataset import Dataset
from fmnist_core.errors import OptionError, printable
from fmnist_core.files import write_output
from fmnist_core.tools.output import make_room
from fmnist_core.transforms import Chain

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
            f"expected a name that ends in .png, found {printable(path)}; pictures are "
            "written as PNG. "
            f"Try: -o {printable(path.with_suffix('.png'))}"
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
    _check_grey(dataset)
    rows = _of_each_class(dataset)
    sheet = np.zeros((len(rows), PER_CLASS, *dataset.image_shape), np.uint8)
    for line, members in zip(sheet, rows, strict=True):
        shown = members[:PER_CLASS]
        line[: len(shown)] = dataset.images[shown]
    _write(sheet, dataset.classes, path)


def write_transformed(dataset: Dataset, transform: Chain, path: Path) -> None:
    """Write a PNG with an example of each class: as it is, then as in each of ten epochs.

    Raises
    ------
    OptionError
        If the images are not grey uint8 pictures, or the transform does not take them.
    FileAccessError
        If the file cannot be written.
    """
    _check_grey(dataset)
    firsts = dataset.select([members[0] for members in _of_each_class(dataset) if len(members)])
    loader = firsts.to(
        "numpy",
        batch_size=len(firsts),
        fields="image",
        dtype="uint8",
        scale="raw",
        layout="NHW",
        labels="one_hot",  # which a mix asks for
        transform=transform,
    )
    columns = [firsts.images[:], *(image for _ in range(PER_CLASS) for image in loader)]
    height, width = np.max([column.shape[1:] for column in columns], axis=0)
    sheet = np.zeros((len(firsts), len(columns), height, width), np.uint8)
    for place, column in enumerate(columns):
        sheet[:, place, : column.shape[1], : column.shape[2]] = column
    _write(sheet, [firsts.classes[label] for label in firsts.labels], path)


def _check_grey(dataset: Dataset) -> None:
    if dataset.image_dtype != np.uint8 or len(dataset.image_shape) != 2:
        raise OptionError(f"expected grey uint8 images to draw, found {dataset!r}")


def _of_each_class(dataset: Dataset) -> list[NDArray[np.int64]]:
    return [np.flatnonzero(dataset.labels == label) for label in range(len(dataset.classes))]


def _write(sheet: NDArray[np.uint8], names: Sequence[str], path: Path) -> None:
    """Write images (rows, columns, height, width) as a PNG, the name of each row beneath it."""
    write_output(path, [picture.named_rows(sheet, names, zoom=2)])
