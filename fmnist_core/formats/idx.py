"""IDX files under the names that every reader of MNIST looks for, raw or as .gz.

The labels are numbered from 0, as everywhere here; R and Julia code adds 1 where it needs to.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from fmnist_core.formats.split import Split
from fmnist_core.formats.target import write_blocks
from fmnist_core.idx.format import gzipped
from fmnist_core.idx.header import IdxHeader

_WORDS = {1: "ubyte", 2: "short", 4: "int"}


def write(splits: Sequence[Split], folder: Path) -> None:
    """Write ``train-images-idx3-ubyte`` and the like; the split "test" is called t10k."""
    for split in splits:
        for name, blocks in payloads(split):
            write_blocks(folder / name, blocks)


def write_gz(splits: Sequence[Split], folder: Path) -> None:
    """Write the same files compressed, as ``train-images-idx3-ubyte.gz``."""
    for split in splits:
        for name, blocks in payloads(split):
            write_blocks(folder / f"{name}.gz", gzipped(blocks))


def payloads(split: Split) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield the name and the bytes of the IDX files of images, and of labels."""
    prefix = "t10k" if split.name == "test" else split.name
    images = IdxHeader.of(split.dataset.image_dtype, split.shape)
    labels = IdxHeader.of(split.label_dtype, (len(split),))
    yield f"{prefix}-images-{_kind(images)}", _images(split, images)
    yield f"{prefix}-labels-{_kind(labels)}", _labels(split, labels)


def _kind(header: IdxHeader) -> str:
    """Return how a file's name ends, such as "idx3-ubyte"."""
    word = _WORDS.get(header.dtype.itemsize, "") if header.dtype.kind in "iu" else ""
    return f"idx{len(header.shape)}-{word or header.dtype.newbyteorder('=').name}"


def _images(split: Split, header: IdxHeader) -> Iterator[bytes]:
    yield header.to_bytes()
    for images, _ in split.blocks():
        yield images.astype(header.dtype, copy=False).tobytes()


def _labels(split: Split, header: IdxHeader) -> Iterator[bytes]:
    yield header.to_bytes()
    yield split.labels.astype(header.dtype).tobytes()
