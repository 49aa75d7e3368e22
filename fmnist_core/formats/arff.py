"""Weka's ARFF as OpenML publishes this family: pixel1 ... pixel784, then the class as text."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fmnist_core.errors import DataMismatchError
from fmnist_core.files import open_regular
from fmnist_core.formats.csv import LABEL_NAMES, read_table
from fmnist_core.formats.rows import Rows, as_images
from fmnist_core.formats.split import Split
from fmnist_core.formats.target import write_blocks

_LONGEST_LINE = 1 << 16
_MOST_LINES = 1 << 16


def write(splits: Sequence[Split], path: Path) -> None:
    """Write one file with all splits in sequence, train first, as OpenML does."""
    write_blocks(path, _lines(splits))


def _lines(splits: Sequence[Split]) -> Iterator[bytes]:
    dataset = splits[0].dataset
    yield f"@RELATION {dataset.info.title if dataset.name else 'dataset'!r}\n\n".encode()
    pixels = int(np.prod(dataset.image_shape))
    yield b"".join(b"@ATTRIBUTE pixel%d REAL\n" % n for n in range(1, pixels + 1))
    yield f"@ATTRIBUTE class {{{','.join(map(str, range(len(dataset.classes))))}}}\n".encode()
    yield b"\n@DATA\n"
    for split in splits:
        for images, labels in split.blocks():
            table = np.column_stack([images.reshape(len(images), -1), labels])
            yield "".join(f"{','.join(map(str, row))}\n" for row in table.tolist()).encode()


def is_arff(head: bytes) -> bool:
    """Whether a file's first bytes are those of an ARFF file: comments, then its relation."""
    lines = (line.strip().lower() for line in head.split(b"\n"))
    return next((line for line in lines if line and line[:1] != b"%"), b"").startswith(b"@relation")


def read(path: Path) -> Iterator[Rows]:
    """Yield the examples of an ARFF file; any column may be the class.

    Raises
    ------
    DataMismatchError
        If it has no class, or a value that is not a whole number from 0 to 255; the line is named.
    """
    names, line = [], 0
    with open_regular(path) as file:
        while True:
            words = file.readline(_LONGEST_LINE).split(None, 2) or [b"%"]
            line += 1
            if words[0].lower() == b"@data":
                break
            if line == _MOST_LINES:
                raise DataMismatchError(f"{path}: expected a line @DATA, found none")
            if len(words) > 1 and words[0].lower() == b"@attribute":
                names.append(words[1].strip(b"'\"").decode(errors="replace").lower())
        labels = [place for place, name in enumerate(names) if name in LABEL_NAMES]
        if len(labels) != 1:
            raise DataMismatchError(
                f"{path}: expected one attribute {' or '.join(LABEL_NAMES)}, found {len(labels)}"
            )
        table = read_table(file, str(path), line=line + 1, columns=len(names), quote="'")
    images = as_images(np.delete(table, labels[0], axis=1), str(path))
    yield Rows(images, table[:, labels[0]].astype(np.int64))
