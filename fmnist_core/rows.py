"""The rows of a source in a selection: a range if they are contiguous, otherwise int64 numbers.

A range slices arrays without a copy, and keeps a pickle small.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import RowOutsideError

Rows = range | NDArray[np.int64]
Packed = tuple[str, Any]
"""Rows in a pickle: how they are packed, and the packed form."""


def compacted(rows: NDArray[np.int64]) -> Rows:
    """Return row numbers as a range if they ascend one by one."""
    if rows.size and rows[-1] - rows[0] == rows.size - 1 and (np.diff(rows) == 1).all():
        return range(int(rows[0]), int(rows[-1]) + 1)
    return rows


def chosen(among: Rows, positions: "range | NDArray[np.int64]") -> Rows:
    """Return the rows at the given positions of `among`; each position must be in range."""
    if isinstance(among, range) and isinstance(positions, range) and positions.step == 1:
        return among[positions.start : positions.stop]
    return compacted(at(among, np.asarray(positions, dtype=np.int64)))


def at(rows: Rows, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows at the given positions as a fresh array.

    Raises
    ------
    RowOutsideError
        If a position is not in [0, n).
    """
    # As unsigned numbers, negative ones are the largest, so one comparison is enough.
    if positions.size and positions.view(np.uint64).max() >= len(rows):
        outside = positions[(positions < 0) | (positions >= len(rows))]
        raise RowOutsideError(f"row {outside[0]} is not among the {len(rows)} examples")
    if isinstance(rows, range):
        return positions + rows.start
    return np.take(rows, positions)


def as_array(rows: Rows) -> NDArray[np.int64]:
    """Return all rows as an int64 array; do not write to it."""
    if isinstance(rows, range):
        return np.arange(rows.start, rows.stop, dtype=np.int64)
    return rows


def take(array: NDArray[Any], rows: Rows) -> NDArray[Any]:
    """Return the given rows of an array, read-only: a view if they are a range."""
    selected = array[rows.start : rows.stop] if isinstance(rows, range) else array[rows]
    selected.setflags(write=False)
    return selected


def packed(rows: Rows, num_rows: int) -> Packed:
    """Return rows of a source of `num_rows` in the smallest form: range, bit mask or numbers.

    A stratified 54,000 of 60,000 rows are a mask of 7,500 bytes.
    """
    if isinstance(rows, range):
        return "range", (rows.start, rows.stop)
    numbers = rows.astype(np.min_scalar_type(max(num_rows - 1, 0)))
    if num_rows < 8 * numbers.nbytes and rows.size and (np.diff(rows) > 0).all():
        mask = np.zeros(num_rows, np.bool_)
        mask[rows] = True
        return "mask", np.packbits(mask)
    return "numbers", numbers


def unpacked(form: Packed, num_rows: int) -> Rows:
    """Return the rows that `packed` packed."""
    kind, content = form
    if kind == "range":
        return range(*content)
    if kind == "mask":
        return np.flatnonzero(np.unpackbits(content, count=num_rows)).astype(np.int64)
    return np.asarray(content).astype(np.int64)
