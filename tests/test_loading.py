"""Loading: the genuine files in any packing, and no others."""

import gzip
import hashlib
import lzma
import pickle
import re
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist_core import (
    DataMismatchError,
    Dataset,
    FetchError,
    FileAccessError,
    IdxError,
    OptionError,
    UnknownDatasetError,
    load,
    open_idx,
    read_idx,
    synthetic,
    write_idx,
)
from fmnist_core.catalog import FASHION_MNIST, MNIST, SYNTHETIC
from fmnist_core.storage import folders, store

IMAGES, LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
FIRST_LABELS = {
    "train": [9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9],
    "test": [9, 2, 1, 1, 6, 1, 4, 6, 5, 7, 4, 5, 7, 3, 4, 1],
}
Payloads = dict[str, bytes]


@pytest.fixture(scope="module")
def payloads(fashion_root: Path) -> Payloads:
    """Unpacked bytes of the test split, by file name."""
    return {
        name: gzip.decompress((fashion_root / f"{name}.gz").read_bytes())
        for name in (IMAGES, LABELS)
    }


@pytest.fixture
def root(tmp_path: Path, fashion_root: Path) -> Path:
    """A folder with the genuine test split, to spoil."""
    for name in (IMAGES, LABELS):
        (tmp_path / f"{name}.gz").symlink_to((fashion_root / f"{name}.gz").resolve())
    return tmp_path


# -- the genuine files -------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "test"])
def test_fashion_mnist_has_its_published_content(fashion_root: Path, split: str) -> None:
    dataset = load("fashion-mnist", split, root=fashion_root)
    size = {"train": 60_000, "test": 10_000}[split]
    assert (dataset.name, dataset.split_name, len(dataset)) == ("fashion-mnist", split, size)
    assert (dataset.images.shape, dataset.images.dtype) == ((size, 28, 28), np.uint8)
    assert (dataset.labels.shape, dataset.labels.dtype) == ((size,), np.uint8)
    assert dataset.labels[:16].tolist() == FIRST_LABELS[split]
    assert np.bincount(dataset.labels).tolist() == [size // 10] * 10
    assert (dataset.classes[0], dataset.classes[9]) == ("T-shirt/top", "Ankle boot")
    assert not dataset.images.flags.writeable

    values = np.arange(256)
    histogram = sum(np.bincount(part.ravel(), minlength=256) for part in dataset.images)
    sums = FASHION_MNIST.split(split).sums
    assert sums is not None
    assert (histogram @ np.ones_like(values), histogram @ values, histogram @ values**2) == (
        sums.count,
        sums.total,
        sums.squares,
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_mean_and_deviation_are_those_of_the_train_split(fashion_root: Path, split: str) -> None:
    dataset = load("fashion-mnist", split, root=fashion_root)
    assert dataset.mean == pytest.approx(0.2860405969887955, abs=1e-15)
    assert dataset.std == pytest.approx(0.3530242445149226, abs=1e-15)


PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": lambda data: gzip.compress(data, 1),
    ".xz": lambda data: lzma.compress(data, preset=0),
}


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("suffix", PACK)
def test_any_container_and_either_spelling_of_the_names(
    tmp_path: Path, payloads: Payloads, suffix: str, dotted: bool
) -> None:
    for name, payload in payloads.items():
        spelt = name.replace("-idx", ".idx") if dotted else name
        (tmp_path / f"{spelt}{suffix}").write_bytes(PACK[suffix](payload))
    dataset = load("fashion-mnist", "test", root=str(tmp_path))
    assert dataset.images.tobytes() == payloads[IMAGES][16:]
    assert dataset.labels.tobytes() == payloads[LABELS][8:]
    shutil.rmtree(tmp_path)


def test_packed_files_under_raw_names_and_vice_versa(
    tmp_path: Path, fashion_root: Path, payloads: Payloads
) -> None:
    (tmp_path / IMAGES).symlink_to((fashion_root / f"{IMAGES}.gz").resolve())
    (tmp_path / f"{LABELS}.gz").write_bytes(payloads[LABELS])
    dataset = load("fashion-mnist", "test", root=tmp_path)
    assert dataset.labels[:16].tolist() == FIRST_LABELS["test"]


def test_the_stores_folder_is_the_default(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    monkeypatch.setenv("KERAS_HOME", str(root / "keras"))
    monkeypatch.setenv("FMNIST_HOME", str(root / "home"))
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    with pytest.raises(FetchError, match=f"{IMAGES}.gz: expected it"):
        load("fashion-mnist", "test")
    place = store.folder(FASHION_MNIST)
    shutil.rmtree(place)
    place.symlink_to(root)
    assert load("fashion-mnist", "test").labels[:16].tolist() == FIRST_LABELS["test"]


def test_a_root_may_start_with_a_tilde(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(root.parent))
    monkeypatch.setenv("USERPROFILE", str(root.parent))
    assert len(load("fashion-mnist", "test", root=f"~/{root.name}")) == 10_000


@pytest.mark.parametrize("stale", [b"", b"<html>", b"\0\0\x08\x01\0\0\0\x01\x09"])
def test_a_wrong_file_beside_the_right_one_is_skipped(root: Path, stale: bytes) -> None:
    (root / LABELS).write_bytes(stale)
    (root / LABELS.replace("-idx", ".idx")).mkdir()
    assert load("fashion-mnist", "test", root=root).labels[:16].tolist() == FIRST_LABELS["test"]


# -- other files -------------------------------------------------------------------------------


def spoil(root: Path, name: str, data: bytes) -> Path:
    """Replace the bytes of a genuine file."""
    (root / f"{name}.gz").unlink()
    path = root / name
    path.write_bytes(data)
    return path


def test_mnist_under_the_same_names_is_refused_and_named(tmp_path: Path, data_root: Path) -> None:
    for name in (IMAGES, LABELS):
        source = data_root / "wild" / "kelas__mnist" / f"{name}.gz"
        (tmp_path / f"{name}.gz").symlink_to(source.resolve())
    with pytest.raises(DataMismatchError) as caught:
        load("fashion-mnist", "test", root=tmp_path)
    info = FASHION_MNIST.split("test").images
    for part in (
        str(tmp_path / f"{IMAGES}.gz"),
        f"expected Fashion-MNIST {IMAGES} (SHA-256 {info.payload.sha256})",
        f"found MNIST {IMAGES} (SHA-256 {MNIST.split('test').images.payload.sha256})",
        "open_idx",
    ):
        assert part in str(caught.value)
    dataset = load("mnist", "test", root=tmp_path)
    assert dataset.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(dataset.labels)[0] == 980
    (tmp_path / f"{LABELS}.gz").unlink()
    source = data_root / "wild" / "kelas__mnist" / "train-labels-idx1-ubyte.gz"
    (tmp_path / f"{LABELS}.gz").symlink_to(source.resolve())
    with pytest.raises(DataMismatchError, match=f"expected MNIST {LABELS} .*, found MNIST train-l"):
        load("mnist", "test", root=tmp_path)


def test_labels_of_an_old_revision_are_named(root: Path, payloads: Payloads) -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), 1000)
    spoil(root, LABELS, payloads[LABELS][:8] + labels.tobytes())
    with pytest.raises(
        DataMismatchError, match=r"found Fashion-MNIST t10k-l.* of 2017-08-25 \(.*sorted"
    ):
        load("fashion-mnist", "test", root=root)


def test_one_other_pixel_is_refused(root: Path, payloads: Payloads) -> None:
    changed = bytearray(payloads[IMAGES])
    changed[-1] ^= 1
    digest = hashlib.sha256(changed).hexdigest()
    path = spoil(root, IMAGES, changed)
    for pack in (bytes, lambda data: gzip.compress(data, 1)):
        path.write_bytes(pack(changed))
        with pytest.raises(DataMismatchError, match=rf"10000 x 28 x 28 uint8 \(SHA-256 {digest}\)"):
            load("fashion-mnist", "test", root=root)
    path.unlink()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_stray_byte_at_the_end_is_refused(
    root: Path, payloads: Payloads, pack: Callable[[bytes], bytes]
) -> None:
    path = spoil(root, LABELS, pack(payloads[LABELS] + b"\n"))
    with pytest.raises(IdxError, match=rf"{path}: .* 1 stray byte.*appended"):
        load("fashion-mnist", "test", root=root)


@pytest.mark.parametrize(
    "name", ["network_Gan/t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"]
)
def test_a_truncated_file_is_called_truncated(root: Path, data_root: Path, name: str) -> None:
    (root / f"{IMAGES}.gz").unlink()
    source = data_root / "fashion-damaged" / "ri0090hp__ME-PG-DFME" / name
    (root / source.name).symlink_to(source.resolve())
    whole = {True: "1,?770", False: "334"}[name.endswith(".gz")]
    with pytest.raises(IdxError, match=rf"{whole} of 10,?000 items are complete.*(?i:again)"):
        load("fashion-mnist", "test", root=root)


def test_a_page_instead_of_a_file(root: Path) -> None:
    spoil(root, IMAGES, b"<html>404</html>")
    with pytest.raises(IdxError, match="HTML"):
        load("fashion-mnist", "test", root=root)


def test_a_file_that_is_not_there(root: Path) -> None:
    (root / f"{LABELS}.gz").unlink()
    message = f"{root}: expected {LABELS}, raw or .gz, of Fashion-MNIST; found no such file"
    with pytest.raises(FileAccessError, match=re.escape(message)):
        load("fashion-mnist", "test", root=root)
    (root / f"{LABELS}.gz").symlink_to(root / "gone")
    with pytest.raises(FileAccessError, match="found no such file"):
        load("fashion-mnist", "test", root=root)


@pytest.mark.parametrize("name", ["absent", "file"])
def test_a_root_that_is_not_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    message = f"{tmp_path / name}: expected train-images-idx3-ubyte, raw or .gz"
    with pytest.raises(FileAccessError, match=re.escape(message)):
        load("fashion-mnist", root=tmp_path / name)


def test_a_folder_without_permission(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Any, *_: object, **__: object) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    for call in ("open", "stat"):
        monkeypatch.setattr(f"os.{call}", denied)
    with pytest.raises(FileAccessError, match="Permission denied"):
        load("fashion-mnist", "test", root=root)


def test_unknown_names(fashion_root: Path) -> None:
    with pytest.raises(
        UnknownDatasetError, match=r"found 'fashion_mnist'. Did you mean fashion-mnist"
    ):
        load("fashion_mnist")
    for name in ("fmnist", "FMNIST", "fashion"):
        with pytest.raises(UnknownDatasetError, match=r"Did you mean fashion-mnist\? Try"):
            load(name)
    for split in ("t10k", "val", "Train", ""):
        with pytest.raises(UnknownDatasetError, match=f"splits train, test; found '{split}'"):
            load("fashion-mnist", split, root=fashion_root)


# -- the user's own files ----------------------------------------------------------------------


def pair(folder: Path, images: NDArray[Any], labels: NDArray[Any]) -> tuple[Path, Path]:
    write_idx(folder / "images", images)
    write_idx(folder / "labels", labels)
    return folder / "images", folder / "labels"


SQUARES = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)


def test_own_files_become_a_dataset(tmp_path: Path) -> None:
    paths = pair(tmp_path, SQUARES, np.array([2, 0, 2], np.int32))
    dataset = open_idx(*map(str, paths), mean=0.5, std=0.25)
    assert (dataset.classes, dataset.name) == (("0", "1", "2"), "")
    assert (dataset.mean, dataset.std) == (0.5, 0.25)
    assert [label for _, label in dataset] == [2, 0, 2]
    np.testing.assert_array_equal(dataset[1][0], SQUARES[1])
    assert open_idx(*paths, classes=["a", "b", "c", "d"]).classes == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (
            np.zeros(2, "u1"),
            None,
            r"one image for each of 2 labels in .*labels, found shape \(3, 4",
        ),
        (
            np.zeros(3, "f4"),
            None,
            r"whole numbers along one axis, found float32 of shape \(3,\) in",
        ),
        (
            np.zeros((3, 10), "i4"),
            None,
            r"along one axis, found int32 of shape \(3, 10\) in .*labels",
        ),
        (np.array(1, "u1"), None, r"along one axis, found uint8 of shape \(\) in"),
        (
            np.array([0, -1, 1], "i1"),
            None,
            r"labels from 0 to 65535, found -1 at place 1 in .*labels",
        ),
        (
            np.array([0, 1, 2], "u1"),
            ["a", "b"],
            r"labels from 0 to 1, found 2 at place 2 in .*labels",
        ),
        (np.array([0, 1, 2], "u1"), [], r"found 0 at place 0"),
    ],
)
def test_own_files_that_do_not_go_together(
    tmp_path: Path, labels: NDArray[Any], classes: list[str] | None, message: str
) -> None:
    with pytest.raises(DataMismatchError, match=message):
        open_idx(*pair(tmp_path, SQUARES, labels), classes=classes)


def test_one_axis_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(DataMismatchError, match=r"found shape \(3,\) in .*images"):
        open_idx(*pair(tmp_path, SQUARES[:, 0, 0], np.zeros(3, np.uint8)))


def test_a_huge_label_does_not_allocate_as_many_names(
    tmp_path: Path, peak_memory: Callable[[Callable[[], object]], int]
) -> None:
    paths = pair(tmp_path, SQUARES, np.array([0, 2**31 - 1, 1], np.int32))

    def refuse() -> None:
        with pytest.raises(DataMismatchError, match="found 2147483647 at place 1"):
            open_idx(*paths)

    assert peak_memory(refuse) < 1 << 20


def test_no_examples_at_all(tmp_path: Path) -> None:
    dataset = open_idx(*pair(tmp_path, SQUARES[:0], np.zeros(0, np.uint8)))
    assert (len(dataset), dataset.classes, dataset.image_shape) == (0, (), (4, 4))


def test_qmnist_labels_have_eight_columns(data_root: Path, tmp_path: Path) -> None:
    folder = data_root / "wild" / "facebookresearch__qmnist"
    labels = folder / "qmnist-test-labels-idx2-int.gz"
    images = tmp_path / "images"
    write_idx(images, np.zeros((60_000, 2, 2), np.uint8))
    dataset = open_idx(images, labels)
    assert dataset.extended is not None
    np.testing.assert_array_equal(dataset.extended, read_idx(labels))
    np.testing.assert_array_equal(dataset.labels, dataset.extended[:, 0])
    one = read_idx(folder / "qmnist-test-labels-idx1-ubyte.gz")
    np.testing.assert_array_equal(read_idx(labels)[:, 0], one)


def test_a_missing_own_file(tmp_path: Path) -> None:
    images, labels = pair(tmp_path, SQUARES, np.zeros(3, np.uint8))
    labels.unlink()
    with pytest.raises(FileAccessError, match=re.escape(str(labels))):
        open_idx(images, labels)


# -- "synthetic" -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn() -> Dataset:
    """The test split, from the session's store, where it is drawn once."""
    return load("synthetic", "test")


@pytest.fixture
def draws(drawn: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An empty store, and a list of the splits that are drawn from now on."""
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    calls: list[str] = []

    def draw(split: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        calls.append(split)
        return drawn.images, drawn.labels

    monkeypatch.setattr(synthetic, "draw", draw)
    return calls


def assert_equal(actual: Dataset, expected: Dataset) -> None:
    np.testing.assert_array_equal(actual.images, expected.images)
    np.testing.assert_array_equal(actual.labels, expected.labels)
    assert actual.classes == expected.classes
    assert (actual.name, actual.split_name) == (expected.name, expected.split_name)
    assert (actual.mean, actual.std) == (expected.mean, expected.std)


def test_synthetic_is_drawn_the_first_time_only(drawn: Dataset, draws: list[str]) -> None:
    for _ in range(3):
        assert_equal(load("synthetic", "test"), drawn)
    assert draws == ["test"]
    assert (drawn.name, drawn.split_name, len(drawn)) == ("synthetic", "test", 10_000)
    assert drawn.images.shape == (10_000, 28, 28)
    assert_equal(load("synthetic", "test", root=store.folder(SYNTHETIC)), drawn)


def test_synthetic_is_drawn_again_where_a_file_is_missing(drawn: Dataset, draws: list[str]) -> None:
    load("synthetic", "test")
    (store.folder(SYNTHETIC) / LABELS).unlink()
    assert_equal(load("synthetic", "test"), drawn)
    assert draws == ["test", "test"]


def test_synthetic_with_another_digest_in_the_store_is_drawn_again(
    drawn: Dataset, draws: list[str]
) -> None:
    load("synthetic", "test")
    path = store.folder(SYNTHETIC) / LABELS
    labels = read_idx(path)
    labels[0] += 1
    write_idx(path, labels % 10)
    with pytest.warns(UserWarning, match=f"^{path}: .* genuine {LABELS}") as caught:
        assert_equal(load("synthetic", "test"), drawn)
    assert [warning.filename for warning in caught] == [__file__]
    assert_equal(load("synthetic", "test"), drawn)
    assert draws == ["test", "test"]


def test_synthetic_with_other_pixels_raises(
    draws: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthetic, "draw", lambda _: (SQUARES, SQUARES[:, 0, 0]))
    with pytest.raises(DataMismatchError, match=f"expected Synthetic garments {IMAGES}"):
        load("synthetic", "test")
    assert [path.name for path in store.folder(SYNTHETIC).iterdir()] == [".lock"]


def test_synthetic_works_from_memory_where_the_store_cannot_be_written(
    drawn: Dataset, draws: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "file" / "home"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = load("synthetic", "test")
    (warning,) = caught
    assert "FMNIST_HOME" in str(warning.message)
    assert "kept in memory" in str(warning.message)
    assert warning.filename == __file__
    assert_equal(dataset, drawn)
    assert draws == ["test"]


def test_synthetic_with_an_unknown_split(draws: list[str]) -> None:
    with pytest.raises(UnknownDatasetError, match="synthetic has the splits train, test"):
        load("synthetic", "val")
    assert draws == []


# -- what to do next ---------------------------------------------------------------------------


def test_a_split_by_another_word() -> None:
    with pytest.raises(UnknownDatasetError, match=r"found 't10k'. Try: \"test\""):
        load("fashion-mnist", "t10k")
    with pytest.raises(UnknownDatasetError, match=r"found 'Train'. Try: \"train\""):
        load("fashion-mnist", "Train")
    for word in ("val", "valid", "validation", "dev"):
        with pytest.raises(UnknownDatasetError, match=r"Try: train, val = load\(.*split\(0.9\)"):
            load("fashion-mnist", word)
    with pytest.raises(UnknownDatasetError, match="found bytes of length 1,000"):
        load("fashion-mnist", bytes(1000))  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["s3://bucket/data", "https://host/data", "gs://b"])
def test_a_root_that_is_an_address(address: str) -> None:
    for root in (address, Path(address)):
        with pytest.raises(OptionError, match=f"source_url='{address}'"):
            load("fashion-mnist", root=root)


@pytest.mark.parametrize("below", ["raw", "data/fashion", "FashionMNIST/raw/deeper"])
def test_files_below_the_root_are_named(root: Path, below: str) -> None:
    folder = root / "clone" / below
    folder.mkdir(parents=True)
    for path in root.glob("*.gz"):
        path.rename(folder / path.name)
    with pytest.raises(FileAccessError) as caught:
        load("fashion-mnist", "test", root=root / "clone")
    assert str(caught.value).endswith(f"found such a file below it. Try: root={str(folder)!r}")
    assert caught.value.for_commands.endswith(f"Try: --root {folder}")
    assert len(load("fashion-mnist", "test", root=folder)) == 10_000


def test_files_in_folders_of_their_own_are_named(root: Path) -> None:
    paths = []
    for name in (IMAGES, LABELS):
        (root / "a" / name).mkdir(parents=True)
        paths.append((root / f"{name}.gz").rename(root / "a" / name / f"{name}.gz"))
    with pytest.raises(FileAccessError) as caught:
        load("fashion-mnist", "test", root=root)
    assert str(caught.value).endswith(f"Try: open_idx({str(paths[0])!r}, {str(paths[1])!r})")


def test_a_search_below_the_root_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_ENTRIES", 20)
    for number in range(50):
        (tmp_path / f"{number:02}" / IMAGES).mkdir(parents=True)
    looked_at: list[Path] = []
    monkeypatch.setattr(folders, "_entries", lambda f: looked_at.append(f) or sorted(f.iterdir()))
    with pytest.raises(FileAccessError, match="found no such file"):
        load("fashion-mnist", "test", root=tmp_path)
    assert len(looked_at) < 10


def test_one_zip_file_for_each_file(root: Path, payloads: Payloads) -> None:
    for name, payload in payloads.items():
        (root / f"{name}.gz").unlink()
        with zipfile.ZipFile(root / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, payload)
    assert load("fashion-mnist", "test", root=root).labels[:3].tolist() == [9, 2, 1]


def test_a_root_that_is_a_file(root: Path) -> None:
    with pytest.raises(FileAccessError) as caught:
        load("fashion-mnist", "test", root=root / f"{IMAGES}.gz")
    assert str(caught.value).endswith(f"found a file, not a folder. Try: root={str(root)!r}")
    with zipfile.ZipFile(root / "all.zip", "w") as archive:
        archive.writestr("x", b"")
    with pytest.raises(FileAccessError, match=f"fmnist fetch fashion-mnist --from {root}/all.zip"):
        load("fashion-mnist", "test", root=root / "all.zip")


def test_emnist_as_separate_files_is_read_by_open_idx(tmp_path: Path) -> None:
    """The code in the message works, and gives upright images and labels from 0."""
    names = [f"emnist-letters-train-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")]
    write_idx(tmp_path / names[0], SQUARES)
    write_idx(tmp_path / names[1], np.array([1, 26, 3], np.uint8))
    with pytest.raises(DataMismatchError) as caught:
        load("emnist-letters", root=tmp_path)
    advice = (
        'open_idx(images_path, labels_path, classes=26, orientation="upright", zero_based=True)'
    )
    assert advice in str(caught.value)
    images_path, labels_path = (tmp_path / name for name in names)
    dataset = eval(advice, {"open_idx": open_idx}, locals())
    np.testing.assert_array_equal(dataset.images, SQUARES.swapaxes(1, 2))
    assert (dataset.labels.tolist(), len(dataset.classes)) == ([0, 25, 2], 26)
    again = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(again.images, dataset.images)
    np.testing.assert_array_equal(again.labels, dataset.labels)


# -- the user's own files that do not match ----------------------------------------------------


def test_a_train_and_a_test_file_agree_on_their_classes(tmp_path: Path) -> None:
    for labels in ([1, 2, 3], [3, 1, 1]):
        paths = pair(tmp_path, SQUARES, np.array(labels, np.uint8))
        assert open_idx(*paths, classes=62).classes == tuple(map(str, range(62)))
        dataset = open_idx(*paths, classes=3, zero_based=True)
        assert dataset.labels.tolist() == [label - 1 for label in labels]
        assert dataset.classes == ("0", "1", "2")
    assert Dataset(SQUARES, np.zeros(3, np.uint8), classes=5).counts == {
        "0": 3,
        **dict.fromkeys("1234", 0),
    }


@pytest.mark.parametrize("classes", [0, -1, 2**16 + 1, True, 2.0])
def test_an_invalid_number_of_classes_raises(tmp_path: Path, classes: Any) -> None:
    paths = pair(tmp_path, SQUARES, np.zeros(3, np.uint8))
    with pytest.raises((OptionError, DataMismatchError), match="classes"):
        open_idx(*paths, classes=classes)


def test_labels_that_do_not_begin_with_1(tmp_path: Path) -> None:
    for dtype in (np.uint8, np.int32):
        paths = pair(tmp_path, SQUARES, np.array([1, 0, 2], dtype))
        with pytest.raises(
            DataMismatchError, match=r"labels from 1, found 0 at place 1 in .*False"
        ):
            open_idx(*paths, zero_based=True)
    images, labels = pair(tmp_path, SQUARES, np.array([1, 2, 3], np.uint8))
    with pytest.raises(DataMismatchError, match="Try: the images first, then the labels"):
        open_idx(labels, images, zero_based=True)


@pytest.mark.parametrize(
    "options", [{"zero_based": 1}, {"orientation": "up"}, {"orientation": None}]
)
def test_invalid_options_of_open_idx_raise(tmp_path: Path, options: dict[str, Any]) -> None:
    paths = pair(tmp_path, SQUARES, np.zeros(3, np.uint8))
    with pytest.raises(OptionError, match=f"^{next(iter(options))} must be"):
        open_idx(*paths, **options)


@pytest.mark.parametrize("mean", ["x", [0.5, "x"], True])
def test_invalid_constants_of_open_idx_raise(tmp_path: Path, mean: Any) -> None:
    paths = pair(tmp_path, SQUARES, np.zeros(3, np.uint8))
    with pytest.raises(OptionError, match="mean must be a number"):
        open_idx(*paths, mean=mean, std=0.5)


def test_labels_of_raw_files_are_in_native_byte_order(tmp_path: Path) -> None:
    """Other libraries, such as torch, take no others."""
    labels = np.array([1, 0, 2], np.int32)
    assert open_idx(*pair(tmp_path, SQUARES, labels)).labels.dtype == np.dtype("int32")
    table = np.arange(24, dtype=np.int32).reshape(3, 8)
    extended = open_idx(*pair(tmp_path, SQUARES, table)).extended
    assert extended is not None
    assert extended.dtype == np.dtype("int32")
    assert np.array_equal(extended, table)
    assert not extended.flags.writeable


def test_one_axis_cannot_be_transposed(tmp_path: Path) -> None:
    paths = pair(tmp_path, SQUARES[:, 0], np.zeros(3, np.uint8))
    with pytest.raises(DataMismatchError, match=r"to transpose in .*images, found shape \(3, 4\)"):
        open_idx(*paths, orientation="upright")


THREE = np.array([1, 2, 0])
ADVICE = {
    "column": (THREE[:, None], "Try: labels[:, 0]"),
    "one-hot": (np.eye(3)[THREE], "They look one-hot. Try: labels.argmax(axis=1)"),
    "one-hot bool": (np.eye(3, dtype=bool)[THREE], "Try: labels.argmax(axis=1)"),
    "bool": (THREE == 1, "Try: labels.astype('uint8')"),
    "float": (THREE.astype(np.float32), "Try: labels.astype('int64')"),
    "words": (np.array(["b", "c", "a"]), "Try: classes, labels = np.unique(labels, return_inverse"),
    "pandas": (np.array(["b", "c", "a"], object), "Try: classes, labels = np.unique(labels, retu"),
}


@pytest.mark.parametrize("kind", ADVICE)
def test_labels_in_another_form(kind: str) -> None:
    labels, advice = ADVICE[kind]
    with pytest.raises(DataMismatchError, match=re.escape(advice)) as caught:
        Dataset(SQUARES, labels)
    names: dict[str, Any] = {"np": np, "labels": labels}
    typed = str(caught.value).partition("Try: ")[2]
    exec(typed if " = " in typed else f"labels = {typed}", names)
    expected = (THREE == 1) if kind == "bool" else THREE
    assert Dataset(SQUARES, names["labels"]).labels.tolist() == expected.tolist()


def test_other_arrays_as_labels_get_no_advice() -> None:
    for labels in (np.array([0.5, 1, 2]), np.zeros((3, 4)), np.array([1j, 2, 3])):
        with pytest.raises(DataMismatchError) as caught:
            Dataset(SQUARES, labels)
        assert "Try" not in str(caught.value)


def test_swapped_images_and_labels(tmp_path: Path) -> None:
    images, labels = pair(tmp_path, SQUARES, np.zeros(3, np.uint8))
    with pytest.raises(DataMismatchError, match=r"Try: the images first, then the labels"):
        open_idx(labels, images)


def test_labels_from_1_with_as_many_names(tmp_path: Path) -> None:
    paths = pair(tmp_path, SQUARES, np.array([1, 2, 3], np.uint8))
    with pytest.raises(DataMismatchError, match=r"They begin with 1. Try: zero_based=True"):
        open_idx(*paths, classes=["a", "b", "c"])
    assert open_idx(*paths, classes=["a", "b", "c"], zero_based=True).counts == dict.fromkeys(
        "abc", 1
    )
    with pytest.raises(DataMismatchError, match=r"They begin with 1. Try: labels - 1"):
        Dataset(SQUARES, np.array([1, 2, 3]), classes=3)


def test_unequal_counts() -> None:
    with pytest.raises(DataMismatchError, match="Try: images and labels of one split"):
        Dataset(SQUARES, np.zeros(4, np.uint8))


def test_folders_with_the_names_of_the_files_in_them(fashion_root: Path, tmp_path: Path) -> None:
    """As Kaggle unpacks them, with or without dotted files next to them."""
    for packed in fashion_root.glob("t10k-*.gz"):
        (tmp_path / packed.stem).mkdir()
        payload = gzip.decompress(packed.read_bytes())
        (tmp_path / packed.stem / packed.stem).write_bytes(payload)
    dataset = load("fashion-mnist", "test", root=tmp_path)
    assert dataset.labels[:16].tolist() == FIRST_LABELS["test"]
