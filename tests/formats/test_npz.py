"""The .npz with Keras's keys, and arrays of other conventions."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fmnist_core import DataMismatchError, Dataset, IdxError, export
from fmnist_core.formats import npz
from fmnist_core.formats.rows import paired
from tests.helpers.payloads import assert_same


def test_npz_is_read(splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]) -> None:
    for dataset, rows in zip(splits, npz.read(exported("npz")), strict=True):
        assert rows.split == dataset.split_name
        assert_same(dataset, rows.images, rows.labels)


def test_other_types_and_shapes_are_written(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((7, 4, 5, 3))
    export(Dataset(images, np.arange(7)), tmp_path / "colour.npz", format="npz")
    with np.load(tmp_path / "colour.npz") as arrays:
        assert np.array_equal(arrays["x_train"], images)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", x_train=np.array([{}]), y_train=np.array([1]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"bad\.npz"):
        list(npz.read(tmp_path / "bad.npz"))


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((3, 784), np.float32), np.array([[1], [2], [3]])),
        (np.zeros((3, 28, 28, 1)), np.eye(10)[:3]),
        (np.zeros((3, 1, 28, 28), np.int64), np.array([b"1", b"2", b"3"])),
    ],
)
def test_other_conventions_are_read(images: object, labels: object) -> None:
    (rows,) = paired({"test_images": images, "test_labels": labels}, "here")
    assert rows.images.shape == (3, 28, 28)
    assert rows.images.dtype == np.uint8
    assert rows.labels.shape == (3,)
    assert rows.split == "test"


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.full((3, 28, 28), 0.5), np.zeros(3)),
        (np.full((3, 28, 28), 256), np.zeros(3)),
        (np.zeros((3, 28, 28, 3), np.uint8), np.zeros(3)),
        (np.zeros((3, 28, 28), np.uint8), np.zeros(4)),
        (np.zeros((3, 28, 28), np.uint8), np.full(3, 0.5)),
        (np.zeros((3, 28, 28), np.uint8), np.array(["a", "b", "c"])),
    ],
)
def test_other_images_and_labels_raise(images: object, labels: object) -> None:
    with pytest.raises(DataMismatchError, match="here"):
        list(paired({"x": images, "y": labels}, "here"))


def test_members_of_other_methods_and_long_directories_are_refused(tmp_path: Path) -> None:
    """As in any zip file: zipfile unpacks bzip2 and LZMA without a limit."""
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_LZMA) as file:
        file.writestr("x_train.npy", bytes(100))
    with pytest.raises(IdxError, match="neither stored nor deflated"):
        list(npz.read(tmp_path / "x.npz"))
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        for number in range(40):
            file.writestr(f"{number}" + "x" * 60_000, b"")
    with pytest.raises(IdxError, match="list of members"):
        list(npz.read(tmp_path / "x.npz"))
