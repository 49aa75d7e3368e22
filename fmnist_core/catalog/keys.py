"""Which image of a dataset an image is, by its content.

A key is the first four bytes of the SHA-256 of an image's pixels, as a little-endian number. The
file ``NAME.keys`` has those of all images, split by split, each in the order of the original file.
It was made from the genuine files by ``image_keys(load(NAME, split).images).tobytes()``. No two
images of Fashion-MNIST have one key.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.records import DatasetInfo

KEY_BYTES = 4


def image_keys(images: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the key of each of some images (n, ...)."""
    rows = np.ascontiguousarray(images).reshape(len(images), -1)
    starts = b"".join(hashlib.sha256(row.data).digest()[:KEY_BYTES] for row in rows)
    return np.frombuffer(starts, "<u4")


def known_keys(info: DatasetInfo) -> Mapping[str, NDArray[Any]]:
    """Return the keys of each split's images, in their order; none where no file has them."""
    path = Path(__file__).with_name(f"{info.name}.keys")
    if not path.is_file():
        return {}
    keys = np.fromfile(path, "<u4")
    counts = [split.num_examples for split in info.splits.values()]
    return dict(zip(info.splits, np.split(keys, np.cumsum(counts)[:-1]), strict=True))
