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


TORCHVISION_FILES = {
    **{
        f"{name}/raw/{kind}": (f"{kind}-images-idx3-ubyte", f"{kind}-labels-idx1-ubyte")
        for name in ("MNIST", "FashionMNIST", "KMNIST")
        for kind in ("train", "t10k")
    },
    **{
        f"EMNIST/raw/{split}": (
            f"emnist-letters-{split}-images-idx3-ubyte",
            f"emnist-letters-{split}-labels-idx1-ubyte",
        )
        for split in ("train", "test")
    },
    **{
        f"QMNIST/raw/{name}": (f"{name}-images-idx3-ubyte", f"{name}-labels-idx2-int")
        for name in ("qmnist-train", "qmnist-test", "xnist")
    },
}
"""Images and labels of each split at torchvision's paths."""


def write_torchvision_files(folder: Path) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Write small files at torchvision's paths; return the images and labels of each."""
    written = {}
    for number, (place, names) in enumerate(TORCHVISION_FILES.items()):
        images, labels = made_arrays(10_004 if "qmnist-test" in place else 12, first=number)
        raw = (folder / place).parent
        raw.mkdir(parents=True, exist_ok=True)
        write_idx(raw / names[0], images)
        if names[1].endswith("int"):
            rows = labels[:, None].astype(np.int32) + np.arange(8, dtype=np.int32)
            write_idx(raw / names[1], rows)
            written[place] = images, rows
        else:
            write_idx(raw / names[1], labels)
            written[place] = images, labels
    return written
