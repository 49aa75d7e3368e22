"""The reader of the dataset's own repository: its users' code, unchanged."""

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist_core import DataMismatchError, FileAccessError, IdxError, OptionError, compat
from tests.helpers.old_code import RunOld, made_arrays, write_pair

Arrays = tuple[NDArray[np.uint8], NDArray[np.uint8]]

README = """
import mnist_reader
X_train, y_train = mnist_reader.load_mnist('data/fashion', kind='train')
X_test, y_test = mnist_reader.load_mnist('data/fashion', kind='t10k')
"""

USERS = """
from utils import mnist_reader

def load_single_dataset(kind, image_size):
    x, y = mnist_reader.load_mnist('data/fashion', kind=kind)
    x = np.reshape(x, (-1,) + image_size)
    y = np.reshape(y, (-1, 1))
    return {'x': x, 'y': y}

import numpy as np
data = load_single_dataset('t10k', (28, 28))
sample = data['x'][data['y'].ravel() == 9][:10]
data['y'][data['y'] == 9] = 1
"""


def as_the_header_is_skipped(folder: Path, kind: str) -> Arrays:
    """Read as the format is usually read: headers are skipped unread."""
    with gzip.open(folder / f"{kind}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    with gzip.open(folder / f"{kind}-images-idx3-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=16).reshape(len(labels), 784), labels


def assert_same(actual: Arrays, expected: Arrays) -> None:
    for ours, theirs in zip(actual, expected, strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        np.testing.assert_array_equal(ours, theirs)
        assert ours.flags.writeable
        assert ours.flags.c_contiguous


def test_the_lines_of_the_readme(run_old: RunOld, data_fashion: Path) -> None:
    names = run_old(README, {"mnist_reader": compat})
    assert names["X_train"].shape == (60_000, 784)
    train = names["X_train"], names["y_train"]
    assert_same(train, as_the_header_is_skipped(data_fashion, "train"))
    test = names["X_test"], names["y_test"]
    assert_same(test, as_the_header_is_skipped(data_fashion, "t10k"))


def test_users_code(run_old: RunOld, data_fashion: Path) -> None:
    names = run_old(USERS, {"utils.mnist_reader": compat})
    images, labels = as_the_header_is_skipped(data_fashion, "t10k")
    np.testing.assert_array_equal(names["sample"], images[labels == 9][:10].reshape(10, 28, 28))
    assert (names["data"]["y"] == 1).sum() == 2000


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize(
    ("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)]
)
def test_any_container_and_either_spelling(
    small_folder: Path, suffix: str, pack: Callable[[bytes], bytes], dotted: bool
) -> None:
    for path in list(small_folder.glob("*.gz")):
        payload = gzip.decompress(path.read_bytes())
        path.unlink()
        name = path.stem.replace("-idx", ".idx") if dotted else path.stem
        (small_folder / f"{name}{suffix}").write_bytes(pack(payload))
    images, labels = made_arrays(50)
    assert_same(compat.load_mnist(str(small_folder)), (images.reshape(50, 20), labels))


def test_the_file_that_old_code_read_comes_first(small_folder: Path) -> None:
    images, labels = made_arrays(7)
    write_pair(small_folder, "train", images + 1, labels, suffix="")
    write_pair(small_folder, "train", images, labels)
    np.testing.assert_array_equal(compat.load_mnist(small_folder)[0], images.reshape(7, 20))


def test_an_empty_split(small_folder: Path) -> None:
    write_pair(small_folder, "train", np.empty((0, 28, 28), np.uint8), np.empty(0, np.uint8))
    images, labels = compat.load_mnist(small_folder)
    assert (images.shape, labels.shape) == ((0, 784), (0,))


def test_one_kind_is_enough(small_folder: Path) -> None:
    for path in small_folder.glob("t10k*"):
        path.unlink()
    assert len(compat.load_mnist(small_folder)[0]) == 50
    with pytest.raises(FileAccessError, match=r"expected t10k-images-idx3-ubyte\.gz"):
        compat.load_mnist(small_folder, "t10k")


@pytest.mark.parametrize("kind", ["test", "", "TRAIN", None, 0])
def test_another_kind(small_folder: Path, kind: object) -> None:
    with pytest.raises(OptionError, match="'train' or 't10k'"):
        compat.load_mnist(small_folder, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["train", "t10k"])
def test_no_folder(tmp_path: Path, kind: str) -> None:
    with pytest.raises(FileAccessError, match=rf"(?s)expected {kind}.*Try: load_data\(\)"):
        compat.load_mnist(tmp_path / "nowhere", kind)
    with pytest.raises(FileAccessError, match="no such user"):
        compat.load_mnist("~nobody-of-this-name/x", kind)
    with pytest.raises(OptionError, match="expected a path"):
        compat.load_mnist(None, kind)  # type: ignore[arg-type]


def test_a_link_that_leads_nowhere_is_named(small_folder: Path) -> None:
    path = small_folder / "train-labels-idx1-ubyte.gz"
    path.unlink()
    path.symlink_to(small_folder / ".git" / "annex" / "objects")
    with pytest.raises(FileAccessError, match=r"train-labels-idx1-ubyte\.gz: cannot be read"):
        compat.load_mnist(small_folder)


@pytest.mark.parametrize("keep", [0, 3, 200, -1])
def test_a_cut_file(small_folder: Path, keep: int) -> None:
    path = small_folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(IdxError, match=r"train-images-idx3-ubyte\.gz"):
        compat.load_mnist(small_folder)


def test_a_page_instead_of_a_file(small_folder: Path) -> None:
    (small_folder / "train-labels-idx1-ubyte.gz").write_text("<html>404</html>")
    with pytest.raises(IdxError, match="HTML"):
        compat.load_mnist(small_folder)


@pytest.mark.parametrize(
    "folder", ["aschroede__RU-Deep-Learning", "ri0090hp__ME-PG-DFME", "fredguth__reax"]
)
def test_damaged_files_from_public_places(
    tmp_path: Path, data_root: Path, fashion_root: Path, folder: str
) -> None:
    for path in (data_root / "fashion-damaged" / folder).glob("*.gz"):
        kind = path.name.split("-")[0]
        labels = f"{kind}-labels-idx1-ubyte.gz"
        (tmp_path / path.name).symlink_to(path.resolve())
        (tmp_path / labels).symlink_to((fashion_root / labels).resolve())
        with pytest.raises((IdxError, DataMismatchError), match=path.name):
            compat.load_mnist(tmp_path, kind)


@pytest.mark.parametrize("what", ["counts", "float", "wide", "rank"])
def test_files_that_do_not_go_together(small_folder: Path, what: str) -> None:
    images, labels = made_arrays(9)
    spoilt = {
        "counts": (images, labels[:8]),
        "float": (images.astype(np.float32), labels),
        "wide": (images, labels.astype(np.int32)),
        "rank": (np.stack([images, images], -1), labels),
    }
    write_pair(small_folder, "train", *spoilt[what])
    with pytest.raises(DataMismatchError, match="expected"):
        compat.load_mnist(small_folder)


def test_a_folder_with_a_files_name(small_folder: Path) -> None:
    """A layout of Kaggle's: folders named like the files, next to dotted files."""
    for path in list(small_folder.glob("*.gz")):
        raw = path.stem
        (small_folder / raw.replace("-idx", ".idx")).write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
        (small_folder / raw).mkdir()
        (small_folder / f"{raw}.gz").mkdir()
    images, labels = made_arrays(50)
    assert_same(compat.load_mnist(small_folder), (images.reshape(50, 20), labels))
    for path in list(small_folder.glob("*.idx*")):
        name = path.name.replace(".idx", "-idx")
        path.rename(small_folder / name / name)
    assert_same(compat.load_mnist(small_folder), (images.reshape(50, 20), labels))
    sets = compat.read_data_sets(small_folder, validation_size=0)
    assert (sets.train.num_examples, sets.test.num_examples) == (50, 20)
