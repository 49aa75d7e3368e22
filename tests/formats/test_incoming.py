"""Copies in other formats: recognised by content, put into the original order, or named."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from fmnist_core import (
    DataMismatchError,
    Dataset,
    FileAccessError,
    IdxError,
    export,
    load,
    order,
)
from fmnist_core.catalog import FASHION_MNIST
from fmnist_core.catalog.keys import image_keys, known_keys
from fmnist_core.formats import folders
from fmnist_core.formats.incoming import KINDS, DataFile, find, read_all, read_some
from fmnist_core.formats.pictures import encoded
from fmnist_core.formats.recovery import recovered, revision_of
from fmnist_core.formats.rows import Rows, as_labels, rows_of_pictures
from fmnist_core.formats.table import FORMATS
from fmnist_core.records import Checksums, FileInfo, OldRevision
from fmnist_core.storage import store
from fmnist_core.tools.cli import main
from tests.helpers.payloads import assert_same, payload_digests

READABLE = sorted(set(FORMATS) - {"idx", "idx-gz", "projector"})


@pytest.fixture(scope="module")
def test_split(fashion_root: Path) -> Dataset:
    return load("fashion-mnist", "test", root=fashion_root)


@pytest.fixture(scope="module")
def both(fashion_root: Path) -> tuple[Dataset, ...]:
    return load("fashion-mnist", ("train", "test"), root=fashion_root)


def rows_of(dataset: Dataset, split: str = "") -> Rows:
    return Rows(np.array(dataset.images), dataset.labels.astype(np.int64), split)


def placed(rows: Rows, split: str = "test") -> Any:
    return recovered(FASHION_MNIST, split, [rows], "copy.csv")


def test_the_keys_are_those_of_the_genuine_images(both: tuple[Dataset, ...]) -> None:
    keys = known_keys(FASHION_MNIST)
    for dataset in both:
        assert np.array_equal(image_keys(dataset.images), keys[dataset.split_name])
    assert len(np.unique(np.concatenate(list(keys.values())))) == 70_000


@pytest.mark.parametrize("format", READABLE)
def test_root_reads_every_format(test_split: Dataset, tmp_path: Path, format: str) -> None:
    path = tmp_path / "copy"
    export(test_split, path, format=format)
    loaded = load("fashion-mnist", "test", root=path)
    assert_same(test_split, loaded.images, loaded.labels)
    assert loaded.digest == test_split.digest
    assert loaded.mean == test_split.mean


def test_every_kind_of_file_belongs_to_a_format(
    splits: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    kinds = set()
    for format in READABLE:
        export(splits, tmp_path / format, format=format)
        kinds |= {file.kind for file in find(tmp_path / format)}
    assert kinds - {"a folder of TFDS", "folders of pictures"} == {kind.name for kind in KINDS} - {
        "zipped CSV",  # in test_zipped.py
        "MATLAB 7.3",  # in test_arrays.py
    }


# -- another order ------------------------------------------------------------------------------


def test_a_shuffled_copy_is_put_in_order(test_split: Dataset, tmp_path: Path) -> None:
    """As TFDS stores it."""
    shuffled = test_split.select(order.whole_order(10_000, 1, 0))
    export(shuffled, tmp_path / "copy", format="tfds")
    loaded = load("fashion-mnist", "test", root=tmp_path / "copy")
    assert_same(test_split, loaded.images, loaded.labels)
    result = CliRunner().invoke(main, ["identify", str(tmp_path / "copy")])
    assert result.exit_code == 0
    assert "Fashion-MNIST test in another order, as a folder of TFDS" in result.stdout


def test_openmls_rows_are_train_then_test(both: tuple[Dataset, ...]) -> None:
    """One table of 70,000, the labels as text."""
    images = np.concatenate([dataset.images for dataset in both])
    text = np.concatenate([dataset.labels for dataset in both]).astype(str)
    rows = Rows(images, as_labels(text, 70_000, "OpenML"))
    for dataset in both:
        assert_same(dataset, *placed(rows, dataset.split_name))
    mixed = order.whole_order(70_000, 3, 0)
    for dataset in both:
        shuffled = Rows(images[mixed], rows.labels[mixed])
        assert_same(dataset, *placed(shuffled, dataset.split_name))


# -- what differs -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda i, y: (np.delete(i, [5, 7], 0), np.delete(y, [5, 7])), r"rows \(2: 5, 7\)"),
        (
            lambda i, y: (np.concatenate([i, i[3:4]]), np.append(y, y[3])),
            r"an earlier row has \(1: 10000\)",
        ),
        (lambda i, y: (flipped(i, 9), y), r"not of it \(1: 9\); no image of its rows \(1: 9\)"),
        (lambda i, y: (i, np.where(np.arange(10_000) == 4, 9, y)), "found others on the same"),
        (lambda i, y: (i.swapaxes(1, 2), y), "which are transposed"),
        (lambda i, y: (255 - i, y), "which are inverted"),
        (lambda i, y: (i[:, :, ::-1], y), "which are mirrored"),
        (lambda i, y: (np.zeros_like(i), y), "that are not its images"),
        (lambda i, y: (i[:, :27, :27], y), "10,000 images of 27 x 27 that"),
    ],
)
def test_differences_are_named(
    test_split: Dataset, change: Callable[..., Any], expected: str
) -> None:
    images, labels = change(*rows_of(test_split)[:2])
    with pytest.raises(DataMismatchError, match=expected) as caught:
        placed(Rows(images, labels, "test"))
    assert "copy.csv" in str(caught.value)


def flipped(images: Any, row: int) -> Any:
    images[row, 14, 14] ^= 1
    return images


def kaggles(dataset: Dataset) -> Any:
    """Return labels that begin as those of Kaggle's CSV do."""
    labels = np.array(dataset.labels)
    labels[:10] = dict(FASHION_MNIST.old_revisions[0].first_labels)[dataset.split_name]
    return labels


def test_kaggles_revision_is_named(test_split: Dataset, tmp_path: Path) -> None:
    export(test_split.relabel(kaggles(test_split)), tmp_path / "copy", format="csv")
    with pytest.raises(DataMismatchError) as caught:
        load("fashion-mnist", "test", root=tmp_path / "copy")
    message = str(caught.value)
    assert "expected Fashion-MNIST of 2017-08-31, found that of 2017-08-26" in message
    assert "10,000 of its 10,000 images are in the current one too" in message
    result = CliRunner().invoke(main, ["identify", str(tmp_path / "copy")])
    assert "Fashion-MNIST test of 2017-08-26 (before duplicates were replaced" in result.stdout
    assert "fmnist fetch fashion-mnist" in result.stdout


def test_a_revision_is_known_by_all_its_labels(test_split: Dataset) -> None:
    labels = np.array(test_split.labels)[::-1]
    file = FileInfo("t10k-labels-idx1-ubyte", Checksums(sha256=payload_digests(labels, labels)[1]))
    info = replace(FASHION_MNIST, old_revisions=(OldRevision("2017-01-01", "made up", (file,)),))
    old = revision_of(info, "test", labels)
    assert old is not None
    assert old.released == "2017-01-01"
    assert revision_of(info, "test", test_split.labels) is None
    assert revision_of(info, "train", labels) is None


def test_without_keys_only_the_original_order_is_known(tmp_path: Path) -> None:
    test = load("synthetic", "test")
    export(test, tmp_path / "a", format="safetensors")
    loaded = load("synthetic", "test", root=tmp_path / "a")
    assert_same(test, loaded.images, loaded.labels)
    export(test.select(order.whole_order(10_000, 1, 0)), tmp_path / "b", format="safetensors")
    with pytest.raises(DataMismatchError, match="not its images in its order"):
        load("synthetic", "test", root=tmp_path / "b")


def test_another_split_or_dataset_raises(splits: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    export(splits, tmp_path / "copy", format="npz")
    with pytest.raises(DataMismatchError, match="expected 10,000 examples of Fashion-MNIST test"):
        load("fashion-mnist", "test", root=tmp_path / "copy")
    export(splits[0], tmp_path / "train.npz", format="npz")
    with pytest.raises(DataMismatchError, match="found none of that split"):
        load("synthetic", "test", root=tmp_path / "train.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileAccessError, match="expected t10k-images"):
        load("fashion-mnist", "test", root=tmp_path / "empty")


def test_other_files_may_lie_beside_a_copy(test_split: Dataset, tmp_path: Path) -> None:
    export({"test": test_split}, tmp_path / "fashion.npz", format="npz")
    (tmp_path / "notes.csv").write_text("id,text,owner,day\n1,2,3,4\n")
    for folder in ("figures", "plots"):
        (tmp_path / folder).mkdir()
        Image.new("RGBA", (9, 9)).save(tmp_path / folder / "loss.png")
        assert load("fashion-mnist", "test", root=tmp_path).digest == test_split.digest
    (tmp_path / "fashion.npz").unlink()
    with pytest.raises(DataMismatchError, match=r"expected the names of classes .*found 'figures'"):
        load("fashion-mnist", "test", root=tmp_path)
    export({"test": test_split.take(9)}, tmp_path / "few.npz", format="npz")
    with pytest.raises(DataMismatchError, match=r"no image of its rows.*Left out: .*notes.csv"):
        load("fashion-mnist", "test", root=tmp_path)


def test_a_folder_without_permission_may_lie_beside_a_copy(
    test_split: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export({"test": test_split}, tmp_path / "fashion.npz", format="npz")
    (tmp_path / "lost+found").mkdir()

    def unless_lost(call: Callable[..., Any]) -> Callable[..., Any]:
        def asked(path: Any = ".") -> Any:
            if str(path).endswith("lost+found"):
                raise PermissionError(13, "Permission denied", str(path))
            return call(path)

        return asked

    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, unless_lost(getattr(os, name)))
    with pytest.raises(PermissionError):
        list((tmp_path / "lost+found").iterdir())
    assert load("fashion-mnist", "test", root=tmp_path).digest == test_split.digest


@pytest.mark.parametrize("name", ["train", "test"])
def test_the_name_of_the_root_is_no_split(tmp_path: Path, name: str) -> None:
    """Both splits in one table, in a folder with the name of one of them."""
    both = np.concatenate([load("synthetic", split).images for split in ("train", "test")])
    labels = np.concatenate([load("synthetic", split).labels for split in ("train", "test")])
    (tmp_path / name).mkdir()
    np.savez(tmp_path / name / "all.npz", x=both, y=labels)
    for split in ("train", "test"):
        assert len(load("synthetic", split, root=tmp_path / name)) == len(load("synthetic", split))


def test_files_without_examples_are_named(tmp_path: Path) -> None:
    empty = DataFile(tmp_path / "empty", "a format", lambda path: iter(()))
    parts, problem = read_some([empty])
    assert not parts
    assert str(problem) == f"{tmp_path / 'empty'}: expected images with their labels, found none"
    assert read_some([]) == ([], None)


def test_idx_files_below_are_named_in_spite_of_other_files(
    fashion_root: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    for path in fashion_root.glob("t10k*"):
        (tmp_path / "data" / path.name).symlink_to(path)
    (tmp_path / "notes.csv").write_text("id,text,owner,day\n1,2,3,4\n")
    with pytest.raises(FileAccessError, match=r"such a file below it. Try: root='.*data'"):
        load("fashion-mnist", "test", root=tmp_path)


# -- identify and import ------------------------------------------------------------------------


def test_identify_tells_what_a_copy_holds(test_split: Dataset, tmp_path: Path) -> None:
    export(test_split.take(30), tmp_path / "few", format="arrow")
    export({"test": test_split}, tmp_path / "all.arff", format="arff")
    (tmp_path / "bad.csv").write_text("label,pixel1,pixel2,pixel3,pixel4\n1,2,3,4,256\n")
    result = CliRunner().invoke(main, ["identify", str(tmp_path)])
    assert result.exit_code == 1
    assert "all.arff: Fashion-MNIST test in the original order, as ARFF" in result.stdout
    assert "Arrow with 30 images, among them of Fashion-MNIST 30 of test" in result.stdout
    assert "bad.csv: CSV, of which no examples can be read: expected whole numbers" in result.stdout
    assert "found '256' in line 2, column 5" in result.stdout


def test_import_brings_a_copy_into_the_store(
    test_split: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    export(test_split, tmp_path / "copy", format="parquet")
    result = CliRunner().invoke(main, ["import", "fashion-mnist", str(tmp_path / "copy")])
    assert result.exit_code == 0, result.output
    assert "fashion-mnist/test: 10,000 examples, genuine, in the store" in result.stdout
    assert "fashion-mnist/train: left out" in result.stdout
    assert store.is_verified(
        store.folder(FASHION_MNIST) / "t10k-images-idx3-ubyte", FASHION_MNIST.splits["test"].images
    )
    assert load("fashion-mnist", "test").digest == test_split.digest


def test_import_of_something_else_fails_and_leaves_nothing(
    splits: tuple[Dataset, Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "store"))
    export(splits, tmp_path / "copy.npz", format="npz")
    for name, expected in (("fashion-mnist", "expected 60,000"), ("kmnist", "published files")):
        result = CliRunner().invoke(main, ["import", name, str(tmp_path / "copy.npz")])
        assert result.exit_code == 1
        assert expected in result.stderr
    assert not (tmp_path / "store").exists()


def test_any_exception_of_a_reader_becomes_ours(tmp_path: Path) -> None:
    def failing(path: Path) -> Iterator[Rows]:
        yield Rows(np.zeros((1, 2, 2), np.uint8), np.zeros(1, np.int64))
        raise RecursionError

    with pytest.raises(IdxError, match=r"copy is damaged \(RecursionError\)"):
        read_all([DataFile(tmp_path / "copy", "a format", failing)])


def test_the_limit_counts_every_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the first, times their number: it may be the smallest."""
    monkeypatch.setattr("fmnist_core.formats.rows.MAX_NBYTES", 300_000)
    pictures = [encoded(np.zeros((side, side), np.uint8)) for side in (1, 400, 400)]
    with pytest.raises(DataMismatchError, match="at most 300,000 bytes of examples"):
        rows_of_pictures(zip(pictures, range(3), strict=True), "here")
    (tmp_path / "boots").mkdir()
    for number, picture in enumerate(pictures):
        (tmp_path / "boots" / f"{number}.png").write_bytes(picture)
    with pytest.raises(DataMismatchError, match="at most 300,000 bytes of examples"):
        list(folders.read(tmp_path))
