"""A folder that TensorFlow Datasets reads like one that it prepared itself.

``tfds.builder_from_directory(folder)`` opens it; at ``DATA_DIR/fashion_mnist/3.0.1`` it is what
``tfds.load("fashion_mnist", data_dir=DATA_DIR)`` looks for. The examples are in the order of the
original file; TFDS shuffles those that it prepares.
"""

import errno
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fmnist_core.errors import DataMismatchError, brief
from fmnist_core.files import open_regular, read_json
from fmnist_core.formats.records import framed, pictures_of, read_records
from fmnist_core.formats.rows import Rows, rows_of_pictures, split_in
from fmnist_core.formats.split import Split
from fmnist_core.formats.table import check_installed
from fmnist_core.formats.target import class_lines, write_blocks, write_text
from fmnist_core.formats.tfrecord import example_blocks
from fmnist_core.idx.zips import foreign

INFO, FEATURES = "dataset_info.json", "features.json"
VERSION = "3.0.1"
"""The version of fashion_mnist, mnist and kmnist in TFDS 4.9."""

_MAX_JSON = 1 << 20


def write(splits: Sequence[Split], folder: Path) -> None:
    """Write a prepared folder with a TFRecord file for each split."""

    def write_records(path: Path, blocks: Iterable[list[bytes]]) -> None:
        write_blocks(path, map(framed, blocks))

    _write(splits, folder, "tfrecord", write_records)


def write_array_record(splits: Sequence[Split], folder: Path) -> None:
    """Write a prepared folder with an ArrayRecord file, for random access, for each split."""
    from array_record.python import array_record_module

    def write_records(path: Path, blocks: Iterable[list[bytes]]) -> None:
        try:
            writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
            for block in blocks:
                for record in block:
                    writer.write(record)
            writer.close()
        except RuntimeError as error:
            raise OSError(_number(error), str(error)) from error

    _write(splits, folder, "array_record", write_records)


def _number(error: RuntimeError) -> int:
    """Return the system's number of an ArrayRecord error, which has only the system's words."""
    numbers = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EACCES)
    return next((n for n in numbers if os.strerror(n) in str(error)), errno.EIO)


def _write(
    splits: Sequence[Split],
    folder: Path,
    kind: str,
    write_records: Callable[[Path, Iterable[list[bytes]]], None],
) -> None:
    folder.mkdir()
    dataset = splits[0].dataset
    name = (dataset.name or "dataset").replace("-", "_")
    entries = []
    for split in splits:
        path = folder / f"{name}-{split.name}.{kind}-00000-of-00001"
        write_records(path, example_blocks(split))
        entries.append(
            {
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                "name": split.name,
                "numBytes": str(path.stat().st_size),
                "shardLengths": [str(len(split))],
            }
        )
    info = dataset.info if dataset.name else None
    record = {
        "citation": info.citation if info else "",
        "description": info.title if info else name,
        "fileFormat": kind,
        "location": {"urls": [info.homepage] if info and info.homepage else []},
        "moduleName": f"tensorflow_datasets.image_classification.{name}",
        "name": name,
        "releaseNotes": {},
        "splits": entries,
        "supervisedKeys": {"tuple": {"items": [{"featureKey": "image"}, {"featureKey": "label"}]}},
        "version": VERSION,
    }
    _write_json(folder / INFO, record)
    _write_json(folder / FEATURES, _features(dataset.image_shape, len(dataset.classes)))
    write_text(folder / "label.labels.txt", class_lines(dataset.classes))


def _features(shape: tuple[int, ...], count: int) -> dict[str, Any]:
    """Return what the examples hold, as TFDS writes it: an Image and a ClassLabel."""
    package = "tensorflow_datasets.core.features"
    image = {
        "shape": {"dimensions": [*map(str, shape), "1"]},
        "dtype": "uint8",
        "encodingFormat": "png",
    }
    features = {
        "image": {"pythonClassName": f"{package}.image_feature.Image", "image": image},
        "label": {
            "pythonClassName": f"{package}.class_label_feature.ClassLabel",
            "classLabel": {"numClasses": str(count)},
        },
    }
    return {
        "pythonClassName": f"{package}.features_dict.FeaturesDict",
        "featuresDict": {"features": features},
    }


def _write_json(path: Path, value: object) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def is_prepared(folder: Path) -> bool:
    """Whether TFDS prepared a folder, or would read it as prepared."""
    return (folder / INFO).is_file() and (folder / FEATURES).is_file()


def read(folder: Path) -> Iterator[Rows]:
    """Yield the splits of a prepared folder, in their stored order.

    Raises
    ------
    DataMismatchError
        If its description or a file is damaged, or a file is missing.
    """
    info: Any = read_json(folder / INFO, _MAX_JSON)
    try:
        name, kind = info["name"], info.get("fileFormat", "tfrecord")
        splits = [(one["name"], len(one["shardLengths"])) for one in info["splits"]]
    except (AttributeError, KeyError, TypeError) as error:
        raise DataMismatchError(f"{folder / INFO}: expected the description of TFDS") from error
    for word in (name, kind, *(split for split, _ in splits)):
        # A name with a slash or a wildcard would lead to other files.
        if not isinstance(word, str) or not re.fullmatch(r"[\w.+-]{1,200}", word):
            raise DataMismatchError(f"{folder / INFO}: expected a name, found {brief(word)}")
    classes = _classes(folder / "label.labels.txt")
    for split, count in splits:
        paths = sorted(folder.glob(f"{name}-{split}.{kind}-?????-of-?????"))
        if len(paths) != count:
            raise DataMismatchError(
                f"{folder}: expected {count} {kind} files of the split {split!r}, found "
                f"{len(paths)}"
            )
        records = (record for path in paths for record in _records(path, kind))
        rows = rows_of_pictures(pictures_of(records), f"{folder}, {split}", split_in(split))
        yield rows._replace(classes=classes)


def _classes(path: Path) -> tuple[str, ...]:
    """Return the names of classes, a line each, or none without the file."""
    if not path.is_file():
        return ()
    with open_regular(path) as file:
        text = file.read(_MAX_JSON)
    try:
        return tuple(text.decode().split("\n")[:-1])
    except UnicodeDecodeError as error:
        raise DataMismatchError(f"{path}: expected names of classes in UTF-8") from error


def _records(path: Path, kind: str) -> Iterator[bytes]:
    return read_array_record(path) if kind == "array_record" else read_records(path)


def read_array_record(path: Path) -> Iterator[bytes]:
    """Yield the records of an ArrayRecord file."""
    check_installed("array_record", "reading ArrayRecord")
    from array_record.python import array_record_module

    with foreign(str(path)):
        reader = array_record_module.ArrayRecordReader(str(path))
        try:
            for first in range(0, reader.num_records(), 1000):
                numbers = range(first, min(first + 1000, reader.num_records()))
                yield from reader.read(list(numbers))
        finally:
            reader.close()
