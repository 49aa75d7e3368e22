"""Files of named arrays: .mat, safetensors and HDF5."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import safetensors.numpy
import scipy.io

from fmnist_core import DataMismatchError, Dataset, export
from fmnist_core.catalog import GARMENTS
from fmnist_core.formats import hdf5, mat
from fmnist_core.formats import safetensors as tensors
from fmnist_core.formats.incoming import kind_of
from tests.helpers.payloads import assert_same


def test_mat_is_read_back_by_scipy(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]
) -> None:
    arrays = scipy.io.loadmat(str(exported("mat")), appendmat=False)
    for dataset in splits:
        images = arrays[f"{dataset.split_name}_images"]
        assert images.shape == (28, 28, len(dataset))
        assert np.array_equal(images[:, :, 3], dataset.images[3])
        labels = arrays[f"{dataset.split_name}_labels"]
        assert labels.shape == (len(dataset), 1)
        assert_same(dataset, np.moveaxis(images, -1, 0), labels[:, 0])
    assert [name.rstrip() for name in arrays["classes"]] == list(GARMENTS)


def test_mat_takes_many_classes(tmp_path: Path) -> None:
    many = Dataset(np.zeros((3, 5, 4), np.uint8), np.array([0, 300, 2]), classes=301)
    export(many, tmp_path / "x.mat", format="mat")
    arrays = scipy.io.loadmat(tmp_path / "x.mat")
    assert arrays["train_labels"].ravel().tolist() == [0, 300, 2]
    assert arrays["train_images"].shape == (5, 4, 3)


def test_hdf5_is_read_back_by_h5py(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]
) -> None:
    with h5py.File(exported("hdf5")) as file:
        assert list(file.attrs["classes"]) == list(GARMENTS)
        for dataset in splits:
            group = file[dataset.split_name]
            assert_same(dataset, group["images"][:], group["labels"][:])


@pytest.mark.parametrize(
    ("format", "module"), [("mat", mat), ("safetensors", tensors), ("hdf5", hdf5)]
)
def test_arrays_are_read(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path], format: str, module: Any
) -> None:
    by_split = {rows.split: rows for rows in module.read(exported(format))}
    for dataset in splits:
        rows = by_split[dataset.split_name]
        assert_same(dataset, rows.images, rows.labels)


def test_matlab_7_3_comes_in(splits: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    """As `save -v7.3` writes it: HDF5 after a block of 512 bytes, dimensions reversed, doubles."""
    path = tmp_path / "copy.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        for dataset in splits:
            name = dataset.split_name
            upright = np.moveaxis(dataset.images, 0, -1)  # (28, 28, n), as MATLAB shows it
            file[f"{name}_images"] = upright.T
            file[f"{name}_labels"] = dataset.labels.astype(np.float64)[np.newaxis]
    with path.open("r+b") as head:
        head.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\0\2IM")
    kind = kind_of(path)
    assert kind is not None
    by_split = {rows.split: rows for rows in kind.read(path)}
    for dataset in splits:
        rows = by_split[dataset.split_name]
        assert_same(dataset, rows.images, rows.labels)


@pytest.mark.parametrize("format", ["safetensors", "hdf5"])
def test_colour_images_are_written(tmp_path: Path, format: str) -> None:
    images = np.random.default_rng(0).random((7, 4, 5, 3), np.float32)
    export(Dataset(images, np.arange(7)), tmp_path / "out", format=format)
    if format == "safetensors":
        actual = safetensors.numpy.load_file(tmp_path / "out")["train_images"]
    else:
        with h5py.File(tmp_path / "out") as file:
            actual = file["train/images"][:]
    assert np.array_equal(actual, images)


@pytest.mark.parametrize(
    ("format", "module"), [("mat", mat), ("safetensors", tensors), ("hdf5", hdf5)]
)
def test_a_truncated_file_raises_our_error(
    exported: Callable[[str], Path], format: str, module: Any
) -> None:
    path = exported(format)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match="exported"):
        list(module.read(path))


@pytest.mark.parametrize("format", ["mat", "safetensors"])
def test_the_limit_is_of_bytes_not_of_elements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    monkeypatch.setattr("fmnist_core.formats.rows.MAX_NBYTES", 50_000)
    arrays = {"train_images": np.zeros((10, 28, 28)), "train_labels": np.zeros((10, 1), np.uint8)}
    if format == "mat":
        scipy.io.savemat(tmp_path / "x", arrays, appendmat=False)
    else:
        safetensors.numpy.save_file(arrays, tmp_path / "x")
    module: Any = {"mat": mat, "safetensors": tensors}[format]
    with pytest.raises(DataMismatchError, match="at most 50,000 bytes of examples, found"):
        list(module.read(tmp_path / "x"))


def test_spans_that_end_before_they_begin_are_refused(tmp_path: Path) -> None:
    """Their negative lengths would make room for others, and ``read(-n)`` reads a whole file."""
    for span, shape, message in (
        ([9, 0], [-9], "expected arrays of numbers"),
        ([-9, 0], [9], "expected arrays of numbers"),
        ([9_000_000_000, 0], [-9_000_000_000], "expected at most"),
    ):
        header = {"x": {"dtype": "U8", "shape": shape, "data_offsets": span}}
        text = json.dumps(header).encode()
        (tmp_path / "x").write_bytes(len(text).to_bytes(8, "little") + text + bytes(9))
        with pytest.raises(DataMismatchError, match=message):
            list(tensors.read(tmp_path / "x"))
