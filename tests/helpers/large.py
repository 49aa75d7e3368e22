"""Files larger than memory: sparse ones, which take no disk space."""

import struct
from pathlib import Path

INFIMNIST = 8_100_000
"""Images of infimnist, the largest of the family: 6.35 GB."""


def write_sparse(folder: Path, count: int = INFIMNIST) -> tuple[Path, Path]:
    """Write two IDX files of zero pixels and labels; only the headers take disk space."""
    images, labels = folder / "images", folder / "labels"
    for path, header, size in (
        (images, struct.pack(">2xBB3I", 8, 3, count, 28, 28), count * 784),
        (labels, struct.pack(">2xBBI", 8, 1, count), count),
    ):
        with path.open("wb") as file:
            file.write(header)
            file.truncate(len(header) + size)
    return images, labels
