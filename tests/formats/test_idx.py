"""IDX files: read by idx2numpy, by Zalando's reader and by `load`."""

from collections.abc import Callable
from pathlib import Path

import idx2numpy
import pytest

from fmnist_core import Dataset, compat, export, load, read_idx
from tests.helpers.payloads import assert_same

NAMES = {"train": "train", "test": "t10k"}


@pytest.mark.parametrize("format", ["idx", "idx-gz"])
def test_idx_is_read_back(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path], format: str
) -> None:
    folder, suffix = exported(format), ".gz" if format == "idx-gz" else ""
    for dataset in splits:
        name = NAMES[dataset.split_name]
        images = folder / f"{name}-images-idx3-ubyte{suffix}"
        labels = folder / f"{name}-labels-idx1-ubyte{suffix}"
        assert_same(dataset, read_idx(images), read_idx(labels))
        if not suffix:
            assert_same(
                dataset,
                idx2numpy.convert_from_file(str(images)),
                idx2numpy.convert_from_file(str(labels)),
            )
    assert len(list(folder.iterdir())) == 4


def test_mnist_reader_finds_the_files(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]
) -> None:
    images, labels = compat.load_mnist(exported("idx-gz"), "t10k")
    assert_same(splits[1], images.reshape(-1, 28, 28), labels)


def test_the_published_payload_is_written(fashion_root: Path, tmp_path: Path) -> None:
    test = load("fashion-mnist", "test", root=fashion_root)
    export(test, tmp_path / "idx", format="idx")
    assert load("fashion-mnist", "test", root=tmp_path / "idx").digest == test.digest


def test_a_selection_in_another_order_is_exported_in_that_order(
    splits: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    chosen = splits[0].select([7, 3, 250])
    export({"val": chosen}, tmp_path / "out", format="idx")
    images = read_idx(tmp_path / "out" / "val-images-idx3-ubyte")
    assert_same(chosen, images, read_idx(tmp_path / "out" / "val-labels-idx1-ubyte"))
