"""Text tables with an example in each row: Kaggle's CSV, and OpenML's.

Kaggle's has the label first and names its columns ``label,pixel1,...,pixel784``, row by row of the
image; others have no line of names, or have the label last, under the name "class".
"""

import codecs
import io
import re
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
"""Names of the column of labels; without names it is the first column."""

_LONGEST_LINE = 1 << 20
"""Most bytes of a line: one of 256 x 256 pixels has about 256 KB."""

_BYTES = 1 << 20
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
        If a row has another number of columns, or a value that is not a whole number from 0 to
        255; the line is named.
    """
    with open_regular(path) as file:
        yield read_open(file, str(path), split_in(path.name))


def read_open(file: io.BufferedIOBase, where: str, split: str) -> Rows:
    """Return the examples of an open CSV file, as `read`; errors call it `where`."""
    first = _line(file, where).removeprefix(codecs.BOM_UTF8)
    names = _names(first)
    label = _label_column(names, where) if names else 0
    if names:
        table = read_table(file, where, line=2, columns=len(names))
    else:
        table = read_table(file, where, line=1, head=first)
    pixels = np.delete(table, label, axis=1)
    return Rows(as_images(pixels, where), table[:, label].astype(np.int64), split)


def read_table(
    file: io.BufferedIOBase,
    where: str,
    *,
    line: int,
    columns: int = 0,
    quote: str = '"',
    head: bytes = b"",
) -> NDArray[np.uint8]:
    """Return the rest of an open file as a table of whole numbers from 0 to 255.

    Parameters
    ----------
    file : binary file
    where : str
        What errors call the file.
    line : int
        Number of the next line.
    columns : int
        How many there are, if that is known.
    quote : str
        What may stand around a value.
    head : bytes
        Lines that were already read.
    """
    tables, nbytes = [], 0
    for text in _blocks(file, where, head):
        columns = columns or text.partition(b"\n")[0].count(b",") + 1
        table = _plain(text, columns)
        if table is None:
            table = _parsed(text, columns, quote)
        if table is None:
            for number, row in enumerate(text.split(b"\n"), line):
                _check_row(row, columns, where, number)
            raise DataMismatchError(f"{where}: expected a table of numbers after line {line - 1}")
        nbytes += table.nbytes
        check_size(nbytes, where)
        tables.append(table)
        line += text.count(b"\n")
    if not tables:
        raise DataMismatchError(f"{where}: expected rows of numbers, found none")
    return np.concatenate(tables)


def _blocks(file: io.BufferedIOBase, where: str, head: bytes) -> Iterator[bytes]:
    """Yield whole lines, some megabytes at a time, the first of them after `head`."""
    while text := head + file.read(_BYTES):
        yield text + _line(file, where)
        head = b""


def _line(file: io.BufferedIOBase, where: str) -> bytes:
    """Return the rest of a line."""
    line = file.readline(_LONGEST_LINE)
    if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
        raise DataMismatchError(
            f"{where}: expected lines of at most {_LONGEST_LINE:,} bytes, found a longer one"
        )
    return line


def _plain(text: bytes, columns: int) -> NDArray[np.uint8] | None:
    """Return a table whose text has only digits, commas and line ends, or None for another.

    `np.loadtxt` takes 30 times as long.
    """
    text = text.replace(b"\r\n", b"\n")
    codes = np.frombuffer(text if text.endswith(b"\n") else text + b"\n", np.uint8)
    ends = np.flatnonzero((codes == ord(",")) | (codes == ord("\n")))
    lengths = np.diff(ends, prepend=-1) - 1
    digits = codes - np.uint8(ord("0"))  # wraps, so that every other character is over 9
    if len(ends) % columns or lengths.min() < 1 or lengths.max() > 3:
        return None
    if np.count_nonzero(digits <= 9) + len(ends) != len(codes):
        return None
    marks = codes[ends].reshape(-1, columns)
    if (marks[:, -1] != ord("\n")).any() or (marks[:, :-1] != ord(",")).any():
        return None
    values = digits[ends - 1].astype(np.uint16)
    for place, power in (2, 10), (3, 100):
        values += np.where(lengths >= place, digits[ends - place], 0) * np.uint16(power)
    return values.astype(np.uint8).reshape(-1, columns) if values.max() <= 255 else None


def _parsed(text: bytes, columns: int, quote: str) -> NDArray[np.uint8] | None:
    """Return a table of whole numbers from 0 to 255, or None if a value is something else."""
    try:
        table = np.loadtxt(
            text.split(b"\n"), np.float32, comments=None, delimiter=",", ndmin=2, quotechar=quote
        )
    except ValueError:
        return None
    if table.shape[1] != columns or not ((table >= 0) & (table <= 255)).all():
        return None
    whole = table.astype(np.uint8)
    return whole if (whole == table).all() else None


def _check_row(row: bytes, columns: int, where: str, number: int) -> None:
    """Raise DataMismatchError for a wrong row; the message says which, and what is wrong."""
    values = row.strip().split(b",")
    if values == [b""]:
        return  # an empty line
    if len(values) != columns:
        raise DataMismatchError(
            f"{where}: expected {columns} columns, found {len(values)} in line {number}"
        )
    for column, value in enumerate(values, 1):
        text = value.strip().strip(b"'\"").decode(errors="replace")
        try:
            is_pixel = 0 <= float(text) <= 255 and float(text).is_integer()
        except ValueError:
            is_pixel = False
        if not is_pixel:
            raise DataMismatchError(
                f"{where}: expected whole numbers from 0 to 255, found {printable(text[:40])!r} in "
                f"line {number}, column {column}"
            )


def _names(line: bytes) -> list[str]:
    """Return the column names in the first line, or none if it holds numbers."""
    words = [word.strip().strip("'\"").lower() for word in line.decode(errors="replace").split(",")]
    return words if any(not word.replace(".", "").isdigit() for word in words) else []


def _label_column(names: list[str], where: str) -> int:
    """Return the place of the column of labels; check that no pixel is missing or misplaced."""
    labels = [place for place, name in enumerate(names) if name in LABEL_NAMES]
    pixels = [name for name in names if name not in LABEL_NAMES]
    if len(labels) != 1:
        raise DataMismatchError(
            f"{where}: expected one column of labels ({', '.join(LABEL_NAMES)}), found "
            f"{len(labels)}"
        )
    numbers = [name.removeprefix("pixel").removeprefix("px") for name in pixels]
    if not numbers or not re.fullmatch("[0-9]{1,9}", numbers[0]):
        return labels[0]  # such as MNIST's 1x1 ... 28x28
    first = int(numbers[0])
    for place, (name, number) in enumerate(zip(pixels, numbers, strict=True)):
        if number != str(first + place):
            raise DataMismatchError(
                f"{where}: expected the column pixel{first + place}, found {name!r:.40}"
            )
    return labels[0]
