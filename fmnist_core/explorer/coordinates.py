"""Where each example lies on the map: two numbers, from an embedding or from a file of yours."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import DataMismatchError, printable
from fmnist_core.files import open_regular


def read_coordinates(path: Path, count: int) -> NDArray[np.float32]:
    """Return the coordinates of a .npy file, fitted to the map: float32 (count, 2).

    Raises
    ------
    FileAccessError
        If the file cannot be read.
    DataMismatchError
        If it holds no two finite numbers for each example.
    """
    expected = f"{printable(path)}: expected a .npy file of two numbers for each of {count:,} "
    with open_regular(path):
        pass
    try:
        # Mapped, so that nothing is allocated for what a header claims.
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # numpy raises anything for a damaged file
        raise DataMismatchError(f"{expected}examples ({error})") from error
    if array.shape != (count, 2) or array.dtype.kind not in "fiu":
        found = f"{array.dtype} {array.shape}"
        raise DataMismatchError(f"{expected}examples, in their order, found {found}")
    points = np.asarray(array, np.float64)
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if bad.size:
        raise DataMismatchError(f"{expected}examples, found {points[bad[0]]} in row {bad[0]}")
    return fitted(points)


def fitted(points: NDArray[Any]) -> NDArray[np.float32]:
    """Return points moved and scaled into the square from -1 to 1, their proportions kept."""
    low, high = points.min(axis=0), points.max(axis=0)
    reach = float((high - low).max()) / 2
    placed: NDArray[np.float32] = ((points - (low + high) / 2) / (reach or 1)).astype(np.float32)
    return placed
