"""TensorBoard's Embedding Projector: vectors and labels as TSV, and a square sprite of the images.

``projector_config.pbtxt`` names them, so that ``tensorboard --logdir FOLDER`` shows them. The same
files can be uploaded to the projector on the web.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import OptionError
from fmnist_core.formats.pictures import encoded_blocks
from fmnist_core.formats.split import Split
from fmnist_core.formats.target import class_lines, write_text
from fmnist_core.picture import grid

MAX_SIDE = 8192
"""Largest width and height of the projector's sprite, in pixels."""


def write(splits: Sequence[Split], folder: Path) -> None:
    """Write a folder for each split, and the configuration that names their files."""
    for split in splits:
        _check_sprite(split)
    for split in splits:
        _write_split(split, folder / split.name)
    write_text(folder / "projector_config.pbtxt", "".join(map(_entry, splits)))


def _check_sprite(split: Split) -> None:
    height, width = split.dataset.image_shape
    most = (MAX_SIDE // max(height, width)) ** 2
    if len(split) > most:
        raise OptionError(
            f"the projector's sprite holds at most {most:,} such images, found {len(split):,} in "
            f"{split.name!r}. Try: dataset.take({most})"
        )


def _write_split(split: Split, folder: Path) -> None:
    folder.mkdir(parents=True)
    height, width = split.dataset.image_shape
    side = math.ceil(math.sqrt(len(split)))
    rows = -(-len(split) // side)
    names = class_lines(split.dataset.classes).splitlines()
    with ExitStack() as stack:
        vectors = stack.enter_context((folder / "vectors.tsv").open("xb"))
        metadata = stack.enter_context((folder / "metadata.tsv").open("xb"))
        sprite = stack.enter_context((folder / "sprite.png").open("xb"))
        metadata.write(b"label\tclass\n")

        def strips() -> Iterator[NDArray[np.uint8]]:
            for images, labels in split.blocks(side):
                for row in images.reshape(len(images), -1).tolist():
                    vectors.write(("\t".join(map(str, row)) + "\n").encode())
                metadata.writelines(f"{label}\t{names[label]}\n".encode() for label in labels)
                yield grid(images, side, gap=0)

        for block in encoded_blocks(rows * height, side * width, strips()):
            sprite.write(block)


def _entry(split: Split) -> str:
    height, width = split.dataset.image_shape
    return f"""\
embeddings {{
  tensor_name: "{split.name}"
  tensor_path: "{split.name}/vectors.tsv"
  metadata_path: "{split.name}/metadata.tsv"
  sprite {{
    image_path: "{split.name}/sprite.png"
    single_image_dim: {width}
    single_image_dim: {height}
  }}
}}
"""
