"""Predictions of one's own, read from a CSV file."""

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import DataMismatchError, printable
from fmnist_core.explorer.examples import Examples
from fmnist_core.files import open_regular

NONE = -1
"""Stands for the prediction of an example that has none."""


@dataclass(frozen=True)
class Scores:
    """A prediction for each example of one split, or of all.

    Attributes
    ----------
    predicted : int32 (n,)
        The predicted label, or `NONE`.
    score : float32 (n,), optional
        What the file says beside it; NaN where there is no prediction.
    """

    predicted: NDArray[np.int32]
    score: NDArray[np.float32] | None


Row = tuple[int, Mapping[str, str]]
"""A line's number and its values by column."""


def read_scores(path: Path, examples: Examples) -> Scores:
    """Return the predictions of a CSV file: index, predicted and, if you like, score and split.

    Each example of a split needs one row; their order is free. Without a column "split", the rows
    belong to the split that has as many examples.

    Raises
    ------
    FileAccessError
        If the file cannot be read.
    DataMismatchError
        If a column is missing, an example has no row or several, or a value is no index, no class
        or no number; the line is named.
    """
    rows = list(_rows(path))
    has_score = bool(rows) and "score" in rows[0][1]
    predicted = np.full(len(examples), NONE, np.int32)
    score = np.full(len(examples), np.nan, np.float32)
    labels = _labels(examples.classes)
    for split, own in _by_split(rows, examples, path).items():
        for (line, row), number in zip(own, _numbers(own, split, examples, path), strict=True):
            label = labels.get(row["predicted"])
            if label is None:
                _fail(path, line, "a class, by name or number,", row["predicted"])
            if predicted[number] != NONE:
                _fail(path, line, f"one row for each example of {split}", f"{row['index']} again")
            predicted[number] = label
            if has_score:
                score[number] = _number(path, line, row["score"])
    return Scores(predicted, score if has_score else None)


def _rows(path: Path) -> Iterator[Row]:
    with open_regular(path) as file:
        text = io.TextIOWrapper(file, "utf-8-sig", newline="")
        reader = csv.reader(text, strict=True)
        try:
            header = [name.strip().lower() for name in next(reader, [])]
            if not {"index", "predicted"} <= set(header):
                _fail(path, 1, "the columns index,predicted (and score, split)", ",".join(header))
            for values in reader:
                if not values:
                    continue
                if len(values) != len(header):
                    _fail(path, reader.line_num, f"{len(header)} values", str(len(values)))
                row = {name: value.strip() for name, value in zip(header, values, strict=True)}
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataMismatchError(
                f"{printable(path)}: expected CSV in UTF-8 ({error})"
            ) from error


def _by_split(rows: Sequence[Row], examples: Examples, path: Path) -> dict[str, list[Row]]:
    """Return the rows of each split, as many as it has examples."""
    counts = {split.split_name: len(split) for split in examples.splits}
    sizes = " and ".join(f"{count:,} for {name}" for name, count in counts.items())
    if rows and "split" in rows[0][1]:
        by_split: dict[str, list[Row]] = {}
        for line, row in rows:
            if row["split"] not in counts:
                _fail(path, line, f"a split of this page ({', '.join(counts)})", row["split"])
            by_split.setdefault(row["split"], []).append((line, row))
    else:
        alike = [name for name, count in counts.items() if count == len(rows)]
        if len(alike) > 1:
            raise DataMismatchError(
                f"{printable(path)}: expected a column split, as {' and '.join(alike)} have "
                f"{len(rows):,} examples each"
            )
        by_split = {alike[0]: list(rows)} if alike else {"": list(rows)}
    for name, members in by_split.items():
        if counts.get(name) != len(members):
            where = f" for {name}" if name else ""
            raise DataMismatchError(
                f"{printable(path)}: expected a row for each example ({sizes}), found "
                f"{len(members):,} rows{where}. Try: --split with the split they belong to, or a "
                "column split"
            )
    return by_split


def _numbers(rows: Sequence[Row], split: str, examples: Examples, path: Path) -> list[int]:
    """Return the numbers on the page of the examples that rows of a split name."""
    places = [
        int(row["index"]) if re.fullmatch("[0-9]{1,18}", row["index"]) else -1 for _, row in rows
    ]
    numbers = []
    for (line, row), number in zip(rows, examples.numbers(split, places), strict=True):
        if number is None:
            _fail(path, line, f"an index of {split}'s examples here", row["index"])
        numbers.append(number)
    return numbers


def _labels(classes: Sequence[str]) -> dict[str, int]:
    """Return every way to write a class: its number, and its name, which goes first."""
    by_number = {str(label): label for label in range(len(classes))}
    return by_number | {name: label for label, name in enumerate(classes)}


def _number(path: Path, line: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        _fail(path, line, "a number as the score", text)
    return value


def _fail(path: Path, line: int, expected: str, found: str) -> NoReturn:
    raise DataMismatchError(
        f"{printable(path)}: expected {expected} in line {line}, found {printable(found[:60])!r}"
    )
