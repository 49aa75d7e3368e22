"""Sources: mapped if possible, small in a pickle, and an error if their files change."""

import mmap
import os
import pickle
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist_core import DataMismatchError, Dataset, FileAccessError, concat, open_idx, write_idx
from fmnist_core.idx.format import open_array
from fmnist_core.source import FileStamp, Source, SourceFiles

IMAGES = np.arange(3000 * 4 * 5, dtype=np.int32).astype(np.uint8).reshape(3000, 4, 5)
LABELS = (np.arange(3000) % 10).astype(np.uint8)


@pytest.fixture(params=["", ".gz"], ids=["raw", "gz"])
def paths(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """Two IDX files, raw or compressed."""
    images, labels = tmp_path / f"images{request.param}", tmp_path / f"labels{request.param}"
    write_idx(images, IMAGES)
    write_idx(labels, LABELS)
    return images, labels


def opened(images: Path, labels: Path) -> Source:
    """Return the source of two files."""
    return SourceFiles(FileStamp.of(images), FileStamp.of(labels)).open()


def is_mapped(array: NDArray[Any]) -> bool:
    """Return whether an array's memory is a file's."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, mmap.mmap)


def test_raw_files_are_mapped_and_packed_ones_are_not(paths: tuple[Path, Path]) -> None:
    source = opened(*paths)
    raw = not paths[0].name.endswith(".gz")
    assert is_mapped(source.images) is is_mapped(source.labels) is source.is_lazy is raw
    assert not Source(source.images, source.labels).is_lazy, "a pickle of it holds the arrays"
    np.testing.assert_array_equal(source.images, IMAGES)
    np.testing.assert_array_equal(source.labels, LABELS)


def test_a_source_is_read_only(paths: tuple[Path, Path]) -> None:
    copied = Source(IMAGES.copy(), LABELS.copy())
    for source in (opened(*paths), copied, pickle.loads(pickle.dumps(copied))):
        for array in (source.images, source.labels):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0


def test_the_callers_own_arrays_stay_writable() -> None:
    images = IMAGES.copy()
    source = Source(images, LABELS)
    images[0] = 7
    assert (source.images[0] == 7).all()


def test_a_pickle_of_files_is_small_and_opens_them_again(
    paths: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = paths[0].parent
    monkeypatch.chdir(folder)
    source = opened(*(Path(path.name) for path in paths))
    data = pickle.dumps(source)
    assert len(data) < 1000 < IMAGES.nbytes
    monkeypatch.chdir(folder.parent)  # a worker may run anywhere
    again = pickle.loads(data)
    assert is_mapped(again.images) is is_mapped(source.images)
    assert again.files == source.files
    np.testing.assert_array_equal(again.images, IMAGES)
    np.testing.assert_array_equal(again.labels, LABELS)
    assert len(pickle.dumps(again)) == len(data)


def test_a_selection_in_memory_needs_no_file(paths: tuple[Path, Path]) -> None:
    dataset = open_idx(*paths)
    part = dataset.select([2999, 5])
    assert part.source.is_lazy is dataset.source.is_lazy
    copied = part.in_memory()
    for path in paths:
        path.unlink()
    copied = pickle.loads(pickle.dumps(copied))
    assert not copied.source.is_lazy
    assert np.array_equal(copied.images, IMAGES[[2999, 5]])
    assert copied.indices.tolist() == [2999, 5]


def test_a_pickle_of_data_in_memory_holds_the_arrays() -> None:
    again = pickle.loads(pickle.dumps(Source(IMAGES, LABELS)))
    assert again.files is None
    np.testing.assert_array_equal(again.images, IMAGES)
    np.testing.assert_array_equal(again.labels, LABELS)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("change", ["size", "time"])
def test_a_changed_file_is_refused(paths: tuple[Path, Path], which: int, change: str) -> None:
    data = pickle.dumps(opened(*paths))
    path = paths[which]
    if change == "size":
        stamp = path.stat()
        path.write_bytes(path.read_bytes() + b"\0")
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    else:
        os.utime(path, ns=(1, 1))
    with pytest.raises(DataMismatchError, match=f"{path}: the file changed .* Open it again"):
        pickle.loads(data)


def test_a_file_that_is_gone(paths: tuple[Path, Path]) -> None:
    data = pickle.dumps(opened(*paths))
    paths[1].unlink()
    with pytest.raises(FileAccessError, match=f"{paths[1]}: cannot be read"):
        pickle.loads(data)
    with pytest.raises(FileAccessError, match=f"{paths[1]}: cannot be read"):
        opened(*paths)


def test_a_stamp_is_of_the_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x").write_bytes(b"12345")
    stamp = FileStamp.of(Path("x"))
    assert (stamp.path, stamp.size) == (str(tmp_path / "x"), 5)


def test_open_array_of_a_wider_type(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.int32)
    for name, order in (("x", ">"), ("x.gz", "=")):
        write_idx(tmp_path / name, array)
        actual = open_array(tmp_path / name)
        assert actual.dtype == array.dtype.newbyteorder(order)
        np.testing.assert_array_equal(actual, array)


def test_a_mapped_file_that_was_written_to_is_noticed_before_batches(tmp_path: Path) -> None:
    images, labels = tmp_path / "images", tmp_path / "labels"
    write_idx(images, IMAGES)
    write_idx(labels, LABELS)
    dataset = open_idx(images, labels)
    dataset.to("numpy", batch_size=8)
    with images.open("r+b") as file:
        file.seek(100)
        file.write(b"\x07")
    os.utime(images, ns=(0, 0))
    for chosen in (dataset, dataset.take(5), concat(dataset, open_idx(images, labels))):
        with pytest.raises(DataMismatchError, match="the file changed since"):
            chosen.to("numpy", batch_size=8)
        with pytest.raises(DataMismatchError, match="the file changed since"):
            chosen.arrays()
    for package, make in (
        ("fmnist_torch", lambda module: module.MapDataset(dataset)),
        ("fmnist_jax", lambda module: module.resident(dataset, batch_size=1)),
    ):
        if find_spec(package.removeprefix("fmnist_")):
            with pytest.raises(DataMismatchError, match="the file changed since"):
                make(import_module(package))


def test_replacing_or_removing_a_mapped_file_is_harmless(tmp_path: Path) -> None:
    images, labels = tmp_path / "images", tmp_path / "labels"
    write_idx(images, IMAGES)
    write_idx(labels, LABELS)
    dataset = open_idx(images, labels)
    write_idx(images, IMAGES[::-1])  # another file takes the name
    labels.unlink()
    (image, _), *_ = dataset.to("numpy", batch_size=8, dtype="uint8", scale="raw")
    np.testing.assert_array_equal(image, IMAGES[:8])


def test_labels_of_uint64_are_usable() -> None:
    labels = (np.arange(8) % 2).astype(np.uint64)
    dataset = Dataset(np.zeros((8, 2, 2), np.uint8), labels, classes=["a", "b"])
    assert dataset.labels.dtype == np.int64
    assert dataset.counts == {"a": 4, "b": 4}
    assert [len(part) for part in dataset.split(0.5, stratify=True)] == [4, 4]
    with pytest.raises(DataMismatchError, match="expected labels from 0 to 1, found"):
        Dataset(np.zeros((1, 2, 2), np.uint8), np.array([2**64 - 1], np.uint64), classes=["a", "b"])
