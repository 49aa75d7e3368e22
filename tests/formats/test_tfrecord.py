"""TFRecord, and the folders of TFDS: the same bytes as TensorFlow's; damage is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from fmnist_core import DataMismatchError, Dataset, export
from fmnist_core.catalog import GARMENTS
from fmnist_core.formats import tfds as prepared
from fmnist_core.formats import tfrecord
from fmnist_core.formats.records import example, framed, parse_example, read_records
from fmnist_core.formats.rows import relabelled
from tests.helpers.payloads import assert_same
from tests.helpers.readers import READERS


def stacked(pairs: list[tuple[Any, int]]) -> tuple[Any, Any]:
    images, labels = zip(*pairs, strict=True)
    return np.stack(images), np.array(labels)


def test_tfrecord_is_read(splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]) -> None:
    (rows,) = tfrecord.read(exported("tfrecord") / "test.tfrecord")
    assert rows.split == "test"
    assert_same(splits[1], rows.images, rows.labels)


def test_records_are_those_of_tensorflow(tmp_path: Path) -> None:
    records = [b"", b"a", bytes(300), b"123456789", np.arange(256, dtype=np.uint8).tobytes() * 9]
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in records:
            writer.write(record)
    assert (tmp_path / "theirs").read_bytes() == framed(records)
    assert list(read_records(tmp_path / "theirs")) == records


@pytest.mark.parametrize("label", [0, 1, 127, 128, 2**40])
def test_examples_are_those_of_tensorflow(label: int) -> None:
    image = bytes(range(256))
    feature = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    theirs = tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
    assert parse_example(theirs) == {"image": image, "label": label}
    ours = tf.train.Example.FromString(example({"image": image, "label": label}))
    assert ours.SerializeToString(deterministic=True) == example({"image": image, "label": label})
    assert ours.features.feature["label"].int64_list.value == [label]


@pytest.mark.parametrize("damage", ["flipped", "cut", "lies"])
def test_a_damaged_record_is_named(exported: Callable[[str], Path], damage: str) -> None:
    path = exported("tfrecord") / "test.tfrecord"
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[-9] ^= 1
    elif damage == "cut":
        del data[-9:]
    else:
        data[0:8] = (1 << 60).to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(DataMismatchError, match="record 0" if damage == "lies" else "record 49"):
        list(tfrecord.read(path))


def test_other_messages_are_refused(tmp_path: Path) -> None:
    for record in (b"\xff" * 20, example({"picture": b"", "label": 1})):
        (tmp_path / "x").write_bytes(framed([record]))
        with pytest.raises(DataMismatchError, match="expected"):
            list(tfrecord.read(tmp_path / "x"))


@pytest.mark.parametrize("format", ["tfds", "array-record"])
def test_tfds_knows_the_features(exported: Callable[[str], Path], format: str) -> None:
    features = tfds.builder_from_directory(exported(format)).info.features
    assert features["label"].names == list(GARMENTS)
    assert features["image"].shape == (28, 28, 1)


def test_array_record_is_read_back_by_tfds(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]
) -> None:
    """Grain reads it in test_read_back."""
    actual = READERS["tfds"](exported("array-record"))
    for dataset in splits:
        assert_same(dataset, *actual[dataset.split_name])


def test_tfds_load_finds_it_where_it_looks(tmp_path: Path, fashion_root: Path) -> None:
    from fmnist_core import load

    test = load("fashion-mnist", "test", root=fashion_root).take(50)
    export(test, tmp_path / "fashion_mnist" / "3.0.1", format="tfds")
    loaded = tfds.load("fashion_mnist", split="test", data_dir=tmp_path, download=False)
    assert_same(test, *stacked([(one["image"].numpy()[..., 0], one["label"]) for one in loaded]))


@pytest.mark.parametrize("format", ["tfds", "array-record"])
def test_prepared_folders_are_read(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path], format: str
) -> None:
    by_split = {rows.split: rows for rows in prepared.read(exported(format))}
    for dataset in splits:
        rows = relabelled(by_split[dataset.split_name], GARMENTS, "here")
        assert_same(dataset, rows.images, rows.labels)


def test_a_missing_shard_is_named(exported: Callable[[str], Path]) -> None:
    folder = exported("tfds")
    next(folder.glob("*-test.*")).unlink()
    with pytest.raises(DataMismatchError, match="expected 1 tfrecord files of the split 'test'"):
        list(prepared.read(folder))
    (folder / "dataset_info.json").write_text(json.dumps({"name": "x"}))
    with pytest.raises(DataMismatchError, match="expected the description"):
        list(prepared.read(folder))


def test_a_long_record_among_short_ones_takes_little_memory(
    tmp_path: Path, peak_memory: Callable[[Callable[[], object]], int]
) -> None:
    """Checksums are computed together, each record as long as the longest: 500 x 1 MB here."""
    records = [b"x" * 10, bytes(1 << 18), *[b""] * 499, b"y" * 10]
    (tmp_path / "x").write_bytes(b"".join(framed([record]) for record in records))
    assert peak_memory(lambda: list(read_records(tmp_path / "x"))) < 64 << 20
    assert list(read_records(tmp_path / "x")) == records


def test_a_longer_record_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fmnist_core.formats.records.MAX_RECORD", 1000)
    (tmp_path / "x").write_bytes(framed([bytes(1000), bytes(1001)]))
    with pytest.raises(DataMismatchError, match=r"record 1 is .* longer than 1,000 bytes"):
        list(read_records(tmp_path / "x"))


@pytest.mark.parametrize(
    "changed",
    [
        {"splits": [{"name": 5, "shardLengths": []}]},
        {"splits": [{"name": "../../**/x", "shardLengths": []}]},
        {"name": "/x"},
        {"fileFormat": "*"},
        {"splits": 3},
    ],
)
def test_names_that_lead_elsewhere_are_refused(
    exported: Callable[[str], Path], changed: dict[str, Any]
) -> None:
    folder = exported("tfds")
    info = json.loads((folder / "dataset_info.json").read_text("utf-8"))
    (folder / "dataset_info.json").write_text(json.dumps(info | changed))
    with pytest.raises(DataMismatchError, match=r"dataset_info\.json: expected"):
        list(prepared.read(folder))


def test_names_of_classes_that_are_no_text_are_refused(exported: Callable[[str], Path]) -> None:
    folder = exported("tfds")
    (folder / "label.labels.txt").write_bytes(b"\xff\n" * 10)
    with pytest.raises(DataMismatchError, match="names of classes"):
        list(prepared.read(folder))
