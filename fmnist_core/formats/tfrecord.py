"""TFRecord files of tf.train.Example: image, a PNG, and label, an int64."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from fmnist_core.formats.pictures import encoded
from fmnist_core.formats.records import example, framed, pictures_of, read_records
from fmnist_core.formats.rows import Rows, rows_of_pictures, split_in
from fmnist_core.formats.split import Split
from fmnist_core.formats.target import write_blocks


def write(splits: Sequence[Split], folder: Path) -> None:
    """Write ``train.tfrecord`` and the like."""
    for split in splits:
        write_blocks(folder / f"{split.name}.tfrecord", map(framed, example_blocks(split)))


def example_blocks(split: Split) -> Iterator[list[bytes]]:
    """Yield the examples of a split as serialised tf.train.Example, some at a time."""
    for images, labels in split.blocks():
        yield [
            example({"image": encoded(image), "label": int(label)})
            for image, label in zip(images, labels, strict=True)
        ]


def read(path: Path) -> Iterator[Rows]:
    """Yield the examples of a TFRecord file with the features image and label."""
    pictures = pictures_of(read_records(path))
    yield rows_of_pictures(pictures, str(path), split_in(path.name))
