"""TensorFlow.js's sprite: a PNG with an image in each row, and one-hot labels as bytes.

The tutorials read the first channel / 255. For Fashion-MNIST a picture is 784 pixels wide; browsers
show no picture of over 65,535 rows, so each split has its own.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fmnist_core.errors import DataMismatchError, OptionError
from fmnist_core.files import open_regular
from fmnist_core.formats.pictures import MAX_PIXELS, decoded, encoded_blocks
from fmnist_core.formats.rows import Rows, as_images, split_in
from fmnist_core.formats.split import Split
from fmnist_core.formats.target import write_blocks

MAX_ROWS = 65_535
"""Most rows of a picture in a browser."""

IMAGES, LABELS = "_images.png", "_labels_uint8"


def write(splits: Sequence[Split], folder: Path) -> None:
    """Write ``train_images.png``, ``train_labels_uint8`` and the like."""
    for split in splits:
        if len(split) > MAX_ROWS:
            raise OptionError(
                f"a sprite holds at most {MAX_ROWS:,} images, found {len(split):,} in "
                f"{split.name!r}. Try: dataset.take({MAX_ROWS})"
            )
    for split in splits:
        width = int(np.prod(split.dataset.image_shape))
        rows = (images.reshape(-1, width) for images, _ in split.blocks())
        write_blocks(folder / f"{split.name}{IMAGES}", encoded_blocks(len(split), width, rows))
        one_hot = np.eye(len(split.dataset.classes), dtype=np.uint8)[split.labels]
        write_blocks(folder / f"{split.name}{LABELS}", [one_hot.tobytes()])


def labels_of(path: Path) -> Path:
    """Return the path at which the labels of a sprite should be."""
    return path.with_name(path.name.removesuffix(IMAGES) + LABELS)


def read(path: Path) -> Iterator[Rows]:
    """Yield the examples of a sprite and of the labels next to it.

    Raises
    ------
    DataMismatchError
        If the labels are not one-hot bytes for each row of the picture.
    """
    with open_regular(path) as file:
        rows = decoded(file.read(MAX_PIXELS + 1), str(path))
    with open_regular(labels_of(path)) as file:
        flat = np.frombuffer(file.read(MAX_ROWS * 1000), np.uint8)
    one_hot = flat[: flat.size // len(rows) * len(rows)].reshape(len(rows), -1)
    if one_hot.size != flat.size or (one_hot.sum(axis=1, dtype=int) != 1).any():
        raise DataMismatchError(
            f"{labels_of(path)}: expected one-hot bytes for {len(rows)} images, found {flat.size}"
        )
    labels = one_hot.argmax(axis=1).astype(np.int64)
    yield Rows(as_images(rows, str(path)), labels, split_in(path.name))
