"""Tables of text with an example in each row: Kaggle's CSV, and OpenML's.

Kaggle's has the label first and names its columns ``label,pixel1,...,pixel784``, row by row of the
image; others have no line of names, or the label last under the name "class".
"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import DataMismatchError, printable
from fmnist_core.files import open_regular
from fmnist_core.formats.rows import Rows, as_images, check_size, split_in
from fmnist_core.formats.split import Split
from fmnist_core.formats.target import write_blocks

LABEL_NAMES = ("label", "class", "y", "target")
"""What the column of labels is called; without names it is the first."""

_LONGEST_LINE = 1 << 16
_BYTES = 1 << 22
"""Bytes of text that are parsed at a time."""


def write(splits: Sequence[Split], folder: Path) -> None:
    """Write ``fashion-mnist_train.csv`` and the like."""
    for split in splits:
        name = f"{split.dataset.name or 'dataset'}_{split.name}.csv"
        write_blocks(folder / name, _lines(split))


def _lines(split: Split) -> Iterator[bytes]:
    pixels = np.prod(split.dataset.image_shape, dtype=int)
    yield f"label,{','.join(f'pixel{n}' for n in range(1, pixels + 1))}\n".encode()
    for images, labels in split.blocks():
        table = np.column_stack([labels, images.reshape(len(images), -1)])
        yield "".join(f"{','.join(map(str, row))}\n" for row in table.tolist()).encode()


def read(path: Path) -> Iterator[Rows]:
    """Yield the examples of a CSV file.

    Raises
    ------
    DataMismatchError
        If a row has another number of columns, or a value that is no whole number from 0 to 255;
        the line is named.
    """
    with open_regular(path) as file:
        names = _names(file.readline(_LONGEST_LINE))
        label = _label_column(names, path) if names else 0
        if not names:
            file.seek(0)
        table = read_table(file, path, line=2 if names else 1, columns=len(names))
    pixels = np.delete(table, label, axis=1)
    yield Rows(as_images(pixels, str(path)), table[:, label].astype(np.int64), split_in(path.name))


def read_table(
    file: io.BufferedReader, path: Path, *, line: int, columns: int = 0, quote: str = '"'
) -> NDArray[np.uint8]:
    """Return the rest of an open file as a table of whole numbers from 0 to 255.

    Parameters
    ----------
    file : binary file
    path : Path
        What errors call the file.
    line : int
        Number of the next line.
    columns : int
        How many there are, if that is known.
    quote : str
        What may stand around a value.
    """
    tables, nbytes = [], 0
    while lines := file.readlines(_BYTES):
        columns = columns or lines[0].count(b",") + 1
        table = _parsed(lines, columns, quote)
        if table is None:
            for number, row in enumerate(lines, line):
                _check_row(row, columns, path, number)
            raise DataMismatchError(f"{path}: expected a table of numbers after line {line - 1}")
        nbytes += table.nbytes
        check_size(nbytes, str(path))
        tables.append(table)
        line += len(lines)
    if not tables:
        raise DataMismatchError(f"{path}: expected rows of numbers, found none")
    return np.concatenate(tables)


def _parsed(lines: list[bytes], columns: int, quote: str) -> NDArray[np.uint8] | None:
    """Return a table of whole numbers from 0 to 255, or None if some value is none."""
    try:
        table = np.loadtxt(
            lines, np.float32, comments=None, delimiter=",", ndmin=2, quotechar=quote
        )
    except ValueError:
        return None
    if table.shape[1] != columns or not ((table >= 0) & (table <= 255)).all():
        return None
    whole = table.astype(np.uint8)
    return whole if (whole == table).all() else None


def _check_row(row: bytes, columns: int, path: Path, number: int) -> None:
    """Raise DataMismatchError for a row that is not as it should be; name it, and what is wrong."""
    values = row.strip().split(b",")
    if values == [b""]:
        return  # an empty line
    if len(values) != columns:
        raise DataMismatchError(
            f"{path}: expected {columns} columns, found {len(values)} in line {number}"
        )
    for column, value in enumerate(values, 1):
        text = value.strip().strip(b"'\"").decode(errors="replace")
        try:
            is_pixel = 0 <= float(text) <= 255 and float(text).is_integer()
        except ValueError:
            is_pixel = False
        if not is_pixel:
            raise DataMismatchError(
                f"{path}: expected whole numbers from 0 to 255, found {printable(text[:40])!r} in "
                f"line {number}, column {column}"
            )


def _names(line: bytes) -> list[str]:
    """Return the names of columns in the first line, or none where it holds numbers."""
    words = [word.strip().strip("'\"").lower() for word in line.decode(errors="replace").split(",")]
    return words if any(not word.replace(".", "").isdigit() for word in words) else []


def _label_column(names: list[str], path: Path) -> int:
    """Return which column holds the labels; check that no pixel is missing or misplaced."""
    labels = [place for place, name in enumerate(names) if name in LABEL_NAMES]
    pixels = [name for name in names if name not in LABEL_NAMES]
    if len(labels) != 1:
        raise DataMismatchError(
            f"{path}: expected one column of labels ({', '.join(LABEL_NAMES)}), found {len(labels)}"
        )
    numbers = [name.lstrip("\ufeff").removeprefix("pixel").removeprefix("px") for name in pixels]
    first = int(numbers[0]) if numbers and numbers[0].isdigit() else None
    if first is None:
        return labels[0]  # such as MNIST's 1x1 ... 28x28
    for place, (name, number) in enumerate(zip(pixels, numbers, strict=True)):
        if number != str(first + place):
            raise DataMismatchError(
                f"{path}: expected the column pixel{first + place}, found {name!r:.40}"
            )
    return labels[0]
