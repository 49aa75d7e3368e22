"""What the tests of old code share: small files, and the type of the function that runs it."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core import write_idx

RunOld = Callable[[str, dict[str, ModuleType]], dict[str, Any]]


def made_arrays(count: int, first: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images of 5 x 4 that start with their own number, and labels of ten classes."""
    numbers = np.arange(first, first + count)
    images = (numbers[:, None] + np.arange(20) * 7).astype(np.uint8).reshape(count, 5, 4)
    return images, (numbers % 10).astype(np.uint8)


def write_pair(
    folder: Path, kind: str, images: NDArray[Any], labels: NDArray[Any], suffix: str = ".gz"
) -> None:
    """Write one split as IDX files under their usual names."""
    write_idx(folder / f"{kind}-images-idx3-ubyte{suffix}", images)
    write_idx(folder / f"{kind}-labels-idx1-ubyte{suffix}", labels)
