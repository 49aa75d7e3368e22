"""Read each format with the library that it is meant for: every split as (images, labels)."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

Splits = dict[str, tuple[Any, Any]]
NAMES = ("train", "test")


def _stacked(pairs: Iterable[tuple[Any, Any]]) -> tuple[Any, Any]:
    images, labels = zip(*pairs, strict=True)
    return np.stack(images), np.array(labels)


def _here(folder: Path, pattern: str) -> dict[str, Path]:
    """Return the files of the splits that exist."""
    paths = {name: folder / pattern.format(name) for name in NAMES}
    return {name: path for name, path in paths.items() if path.exists()}


def idx(folder: Path) -> Splits:
    import idx2numpy

    splits = {}
    for name, prefix in (("train", "train"), ("test", "t10k")):
        images = folder / f"{prefix}-images-idx3-ubyte"
        labels = folder / f"{prefix}-labels-idx1-ubyte"
        splits[name] = tuple(idx2numpy.convert_from_file(str(path)) for path in (images, labels))
    return splits  # type: ignore[return-value]


def idx_gz(folder: Path) -> Splits:
    """As Zalando's mnist_reader does."""
    import gzip

    splits = {}
    for name, prefix in (("train", "train"), ("test", "t10k")):
        with gzip.open(folder / f"{prefix}-labels-idx1-ubyte.gz") as file:
            labels = np.frombuffer(file.read(), np.uint8, offset=8)
        with gzip.open(folder / f"{prefix}-images-idx3-ubyte.gz") as file:
            images = np.frombuffer(file.read(), np.uint8, offset=16)
        splits[name] = images.reshape(-1, 28, 28), labels
    return splits


def npz(path: Path) -> Splits:
    with np.load(path) as arrays:
        return {name: (arrays[f"x_{name}"], arrays[f"y_{name}"]) for name in NAMES}


def csv(folder: Path) -> Splits:
    import pandas

    splits = {}
    for name in NAMES:
        (path,) = folder.glob(f"*_{name}.csv")
        frame = pandas.read_csv(path)
        assert list(frame.columns) == ["label", *(f"pixel{n}" for n in range(1, 785))]
        pixels = frame.drop(columns="label").to_numpy()
        splits[name] = pixels.reshape(-1, 28, 28), frame["label"].to_numpy()
    return splits


def png(folder: Path) -> Splits:
    from PIL import Image

    mapping = json.loads((folder / "classes.json").read_text())
    label_of = {row["folder"]: row["label"] for row in mapping}
    splits = {}
    for name in NAMES:
        paths = sorted((folder / name).rglob("*.png"), key=lambda path: path.name)
        assert [path.name for path in paths] == [f"{n:05}.png" for n in range(len(paths))]
        pictures = ((np.asarray(Image.open(path)), label_of[path.parent.name]) for path in paths)
        splits[name] = _stacked(pictures)
    return splits


def parquet(folder: Path) -> Splits:
    import tempfile

    import datasets

    with tempfile.TemporaryDirectory() as cache:
        hub = datasets.load_dataset(str(folder), cache_dir=cache)
        return {
            name: _stacked((np.asarray(one["image"]), one["label"]) for one in hub[name])
            for name in hub
        }


def arrow(folder: Path) -> Splits:
    import pyarrow as pa

    splits = {}
    for name, path in _here(folder, "{}.arrow").items():
        with pa.memory_map(str(path)) as mapped:
            table = pa.ipc.open_file(mapped).read_all()
            images = table["image"].combine_chunks().to_numpy_ndarray().copy()
            splits[name] = images, table["label"].to_numpy()
    return splits


def _parsed(records: Any) -> tuple[Any, Any]:
    """Return the images and labels of a tf.data.Dataset of serialised examples."""
    import tensorflow as tf

    number, text = (tf.io.FixedLenFeature([], kind) for kind in (tf.int64, tf.string))

    def parse(record: Any) -> tuple[Any, Any]:
        features = tf.io.parse_single_example(record, {"image": text, "label": number})
        return tf.io.decode_png(features["image"])[..., 0], features["label"]

    batches = [(images.numpy(), labels.numpy()) for images, labels in records.map(parse).batch(500)]
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def tfrecord(folder: Path) -> Splits:
    import tensorflow as tf

    return {
        name: _parsed(tf.data.TFRecordDataset(str(path)))
        for name, path in _here(folder, "{}.tfrecord").items()
    }


def tfds(folder: Path) -> Splits:
    import tensorflow_datasets

    builder = tensorflow_datasets.builder_from_directory(folder)
    is_stream = builder.info.file_format.value == "tfrecord"
    splits = {}
    for name in builder.info.splits:
        source = builder.as_dataset(name) if is_stream else builder.as_data_source(name)
        splits[name] = _stacked(
            (np.asarray(one["image"])[..., 0], int(one["label"])) for one in source
        )
        assert builder.info.splits[name].num_examples == len(splits[name][1])
    return splits


def array_record(folder: Path) -> Splits:
    import grain
    import tensorflow as tf

    splits = {}
    for name in NAMES:
        (path,) = folder.glob(f"*-{name}.array_record-*")
        source = grain.sources.ArrayRecordDataSource(str(path))
        records = [source[n] for n in range(len(source))]
        splits[name] = _parsed(tf.data.Dataset.from_tensor_slices(records))
    return splits


def webdataset(folder: Path) -> Splits:
    import webdataset as wds

    splits = {}
    for name in NAMES:
        count = int((folder / name / "nshards.txt").read_text())
        urls = [str(folder / name / f"{n}.tar") for n in range(count)]
        pipeline = wds.WebDataset(urls, shardshuffle=False).decode("pill").to_tuple("png", "cls")
        splits[name] = _stacked((np.asarray(image), label) for image, label in pipeline)
    return splits


def tfjs(folder: Path) -> Splits:
    """As the tutorials do: a row of the picture is an image, and the first channel counts."""
    from PIL import Image

    splits = {}
    for name in NAMES:
        rows = np.asarray(Image.open(folder / f"{name}_images.png").convert("RGBA"))[..., 0]
        assert rows.shape[1] == 784
        labels = np.fromfile(folder / f"{name}_labels_uint8", np.uint8).reshape(len(rows), -1)
        assert (labels.sum(axis=1) == 1).all()
        splits[name] = rows.reshape(-1, 28, 28), labels.argmax(axis=1)
    return splits


def projector(folder: Path) -> Splits:
    """By the configuration that TensorBoard reads; images come from the sprite, not the vectors."""
    from google.protobuf import text_format
    from PIL import Image
    from tensorboard.plugins.projector import ProjectorConfig

    config = text_format.Parse((folder / "projector_config.pbtxt").read_text(), ProjectorConfig())
    splits = {}
    for entry in config.embeddings:
        header, *lines = (folder / entry.metadata_path).read_text().splitlines()
        assert header == "label\tclass"
        sprite = np.asarray(Image.open(folder / entry.sprite.image_path))
        width, height = entry.sprite.single_image_dim
        cells = sprite.reshape(-1, height, sprite.shape[1] // width, width).swapaxes(1, 2)
        labels = np.array([int(line.split("\t")[0]) for line in lines])
        splits[entry.tensor_name] = cells.reshape(-1, height, width)[: len(labels)], labels
    return splits


def mat(path: Path) -> Splits:
    import scipy.io

    arrays = scipy.io.loadmat(str(path), appendmat=False)
    return {
        name: (np.moveaxis(arrays[f"{name}_images"], -1, 0), arrays[f"{name}_labels"][:, 0])
        for name in NAMES
    }


def safetensors(path: Path) -> Splits:
    from safetensors.numpy import load_file

    arrays = load_file(path)
    return {name: (arrays[f"{name}_images"], arrays[f"{name}_labels"]) for name in NAMES}


def hdf5(path: Path) -> Splits:
    import h5py

    with h5py.File(path) as file:
        return {name: (file[name]["images"][:], file[name]["labels"][:]) for name in file}


def arff(path: Path) -> Splits:
    """Split the one table by row number, as users of OpenML do."""
    import scipy.io.arff

    table, meta = scipy.io.arff.loadarff(path)
    names = [f"pixel{n}" for n in range(1, 785)]
    assert meta.names() == [*names, "class"]
    images = np.column_stack([table[name].astype(np.uint8) for name in names])
    labels = table["class"].astype(int)
    count = len(labels) * 6 // 7
    cuts = {"train": slice(0, count), "test": slice(count, None)}
    return {name: (images[cut].reshape(-1, 28, 28), labels[cut]) for name, cut in cuts.items()}


READERS: dict[str, Callable[[Path], Splits]] = {
    "idx": idx,
    "idx-gz": idx_gz,
    "npz": npz,
    "csv": csv,
    "png": png,
    "parquet": parquet,
    "arrow": arrow,
    "tfrecord": tfrecord,
    "tfds": tfds,
    "array-record": array_record,
    "webdataset": webdataset,
    "tfjs": tfjs,
    "projector": projector,
    "mat": mat,
    "safetensors": safetensors,
    "hdf5": hdf5,
    "arff": arff,
}
