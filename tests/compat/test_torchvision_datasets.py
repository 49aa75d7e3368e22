"""torchvision's class: its users' code, unchanged."""

import gzip
import inspect
import operator
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fmnist_core import (
    DataMismatchError,
    FetchError,
    FileAccessError,
    IdxError,
    OptionError,
    load,
    read_idx,
)
from tests.helpers.old_code import RunOld
from tests.helpers.torchvision_here import make_importable

torch = pytest.importorskip("torch")
make_importable()  # where it is installed, our classes are its own
fmnist_torch = pytest.importorskip("fmnist_torch")
FashionMNIST = fmnist_torch.FashionMNIST
TEST_FILES = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")

QUICKSTART = """
import torch
from torch.utils.data import DataLoader
from torchvision import datasets
from torchvision.transforms import ToTensor

training_data = datasets.FashionMNIST(
    root="data",
    train=True,
    download=True,
    transform=ToTensor(),
)
test_data = datasets.FashionMNIST(root="data", train=False, transform=ToTensor())

test_dataloader = DataLoader(test_data, batch_size=64)
for X, y in test_dataloader:
    print(f"Shape of X [N, C, H, W]: {X.shape}")
    print(f"Shape of y: {y.shape} {y.dtype}")
    break

train_set, val_set = torch.utils.data.random_split(training_data, [50000, 10000])
features, label = val_set[0]
sandals = torch.utils.data.Subset(
    test_data, [i for i, t in enumerate(test_data.targets) if t == test_data.class_to_idx["Sandal"]]
)
"""

ONE_HOT = """
import torch
from torchvision import datasets
ds = datasets.FashionMNIST(
    root, False, None,
    lambda y: torch.zeros(10, dtype=torch.float).scatter_(0, torch.tensor(y), value=1))
mean, std = (ds.data / 255.0).mean().item(), (ds.data / 255.0).std().item()
ds.data, ds.targets = ds.data[ds.targets < 2], ds.targets[ds.targets < 2]
ds.targets[0] = 9
"""


class ToTensor:
    """A picture as float32 (1, height, width) from 0 to 1."""

    def __call__(self, picture: Image.Image) -> Any:
        return torch.from_numpy(np.array(picture, np.float32)[np.newaxis] / 255)


TORCHVISION = {
    "torchvision.datasets": SimpleNamespace(FashionMNIST=FashionMNIST),
    "torchvision.transforms": SimpleNamespace(ToTensor=ToTensor),
}


@pytest.fixture(scope="module")
def test_set(fashion_root: Path) -> Any:
    return FashionMNIST(str(fashion_root), train=False)


# -- their code --------------------------------------------------------------------------------


def test_the_lines_of_the_quickstart(
    run_old: RunOld, empty_machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = run_old(QUICKSTART, TORCHVISION)
    assert capsys.readouterr().out == (
        "Shape of X [N, C, H, W]: torch.Size([64, 1, 28, 28])\nShape of y: torch.Size([64]) "
        "torch.int64\n"
    )
    assert [len(names[name]) for name in ("train_set", "val_set", "sandals")] == [
        50_000,
        10_000,
        1_000,
    ]
    assert names["features"].shape == (1, 28, 28)
    assert type(names["label"]) is int
    assert {label for _, label in names["sandals"]} == {5}


def test_what_users_do_to_data_and_targets(run_old: RunOld, fashion_root: Path) -> None:
    names = run_old(f"root = {str(fashion_root)!r}\n{ONE_HOT}", TORCHVISION)
    ds, labels = names["ds"], load("fashion-mnist", "test", root=fashion_root).labels
    assert len(ds) == (labels < 2).sum() == 2000
    assert ds[0][1].argmax() == 9
    assert names["mean"] == pytest.approx(0.2868, abs=1e-3)
    # And the next one is as genuine as ever.
    assert len(FashionMNIST(fashion_root, train=False)) == 10_000


# -- its members -------------------------------------------------------------------------------


def test_members(test_set: Any, fashion_root: Path) -> None:
    assert isinstance(test_set, torch.utils.data.Dataset)
    assert (test_set.data.dtype, test_set.data.shape) == (torch.uint8, (10_000, 28, 28))
    assert (test_set.targets.dtype, test_set.targets.shape) == (torch.int64, (10_000,))
    images, labels = (read_idx(fashion_root / name) for name in TEST_FILES)
    assert test_set.data.numpy().tobytes() == images.tobytes()
    assert test_set.targets.tolist() == labels.tolist()
    assert (test_set.train, test_set.root) == (False, str(fashion_root))
    assert test_set.classes == FashionMNIST.classes == list(test_set.class_to_idx)
    assert test_set.class_to_idx["Ankle boot"] == 9
    assert repr(test_set).splitlines() == [
        "Dataset FashionMNIST",
        "    Number of datapoints: 10000",
        f"    Root location: {fashion_root}",
        "    Split: Test",
    ]


def test_the_signature_is_torchvisions() -> None:
    parameters = list(inspect.signature(FashionMNIST).parameters.values())
    verify = parameters.pop()
    assert (verify.name, verify.default, verify.kind) == ("verify", True, verify.KEYWORD_ONLY)
    assert [(each.name, each.default) for each in parameters] == [
        ("root", inspect.Parameter.empty),
        ("train", True),
        ("transform", None),
        ("target_transform", None),
        ("download", False),
    ]


def test_an_example_is_a_picture_and_a_number(test_set: Any) -> None:
    for place in (0, 17, -1, np.int64(3), torch.tensor(5)):
        picture, label = test_set[place]
        assert (type(label), picture.mode, picture.size) == (int, "L", (28, 28))
        np.testing.assert_array_equal(np.asarray(picture), test_set.data[place])
        assert label == test_set.targets[place]
    with pytest.raises(IndexError):
        test_set[10_000]


def test_transforms_are_applied_and_named(fashion_root: Path) -> None:
    ds = FashionMNIST(fashion_root, False, np.asarray, operator.neg)
    image, label = ds[0]
    assert (type(image), image.shape, label) == (np.ndarray, (28, 28), -9)
    assert repr(ds).endswith(
        "\n    StandardTransform\nTransform: <built-in function asarray>\n"
        "Target transform: <built-in function neg>"
    )
    assert ds.transforms(3, 4) == (np.asarray(3), -4)
    assert FashionMNIST(fashion_root, False).transforms is None


def test_a_subclass(fashion_root: Path) -> None:
    class Noisy(FashionMNIST):
        def __getitem__(self, index: int) -> Any:
            return *super().__getitem__(index), index

    assert Noisy(fashion_root, train=False)[4][2] == 4


# -- with what torch has -----------------------------------------------------------------------


def test_collated_batches_are_the_pixels(fashion_root: Path) -> None:
    ds = FashionMNIST(fashion_root, train=False, transform=ToTensor())
    loader = torch.utils.data.DataLoader(ds, batch_size=100)
    images, labels = next(iter(loader))
    assert (images.dtype, images.shape) == (torch.float32, (100, 1, 28, 28))
    ours, our_labels = next(
        iter(load("fashion-mnist", "test", root=fashion_root).to("torch", batch_size=100))
    )
    assert torch.equal(images, ours)
    assert torch.equal(labels, our_labels)


def test_parts_and_sums(test_set: Any) -> None:
    data = torch.utils.data
    first, second = data.random_split(
        test_set, [0.9, 0.1], generator=torch.Generator().manual_seed(0)
    )
    assert sorted([*first.indices, *second.indices]) == list(range(10_000))
    both = data.ConcatDataset([data.Subset(test_set, [3, 1]), test_set])
    assert [both[place][1] for place in (0, 1, 2)] == test_set.targets[[3, 1, 0]].tolist()


def test_it_pickles(fashion_root: Path) -> None:
    ds = FashionMNIST(fashion_root, train=False, transform=np.asarray)
    again = pickle.loads(pickle.dumps(ds))
    assert torch.equal(again.data, ds.data)
    assert repr(again) == repr(ds)
    np.testing.assert_array_equal(again[7][0], ds[7][0])


WORKERS = """
import sys, numpy as np, torch, fmnist_torch
if __name__ == "__main__":
    ds = fmnist_torch.FashionMNIST(sys.argv[1], train=False, transform=np.array)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.Subset(ds, range(1000)), batch_size=100, num_workers=2,
        multiprocessing_context=sys.argv[2],
    )
    print(sum(int(images.sum()) + int(labels.sum()) for images, labels in loader))
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes(tmp_path: Path, fashion_root: Path, test_set: Any, method: str) -> None:
    if method == "fork" and sys.platform != "linux":
        pytest.skip("forks exist on Linux")
    script = tmp_path / "workers.py"
    script.write_text(WORKERS)
    command = [sys.executable, "-W", "error", str(script), str(fashion_root), method]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    expected = test_set.data[:1000].sum(dtype=torch.int64) + test_set.targets[:1000].sum()
    assert run.stdout == f"{expected}\n", run.stderr


# -- where the data come from ------------------------------------------------------------------


def test_what_torchvision_left(tmp_path: Path, fashion_root: Path, test_set: Any) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name in TEST_FILES:
        (raw / name.removesuffix(".gz")).write_bytes(
            gzip.decompress((fashion_root / name).read_bytes())
        )
    assert torch.equal(FashionMNIST(tmp_path, train=False).data, test_set.data)


def test_a_tilde(fashion_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(fashion_root.parent))
    monkeypatch.setenv("USERPROFILE", str(fashion_root.parent))
    ds = FashionMNIST(f"~/{fashion_root.name}", train=False)
    assert ds.root == str(fashion_root)


def test_without_download_nothing_is_fetched(empty_machine: Path) -> None:
    for root in ("data", empty_machine / "nowhere"):
        with pytest.raises(FileAccessError, match=r"found no such folder. Try: download=True"):
            FashionMNIST(root)
    assert not list((empty_machine.parent / "home").rglob("*ubyte*"))


def test_one_download_is_enough_for_both_splits(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(FashionMNIST("data", train=False, download=True)) == 10_000
    monkeypatch.delenv("FMNIST_MIRROR")
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    assert len(FashionMNIST("data", train=True)) == 60_000
    assert len(FashionMNIST("data", train=True, download=True)) == 60_000
    shutil.rmtree(empty_machine.parent / "home")
    with pytest.raises(FetchError):
        FashionMNIST("data", download=True)


@pytest.mark.parametrize("download", [False, True])
def test_files_that_are_not_genuine_are_refused(
    small_folder: Path, empty_machine: Path, download: bool
) -> None:
    with pytest.raises(DataMismatchError, match="expected Fashion-MNIST"):
        FashionMNIST(small_folder, download=download)
    (small_folder / "train-images-idx3-ubyte.gz").write_bytes(b"<html>")
    with pytest.raises(IdxError, match="HTML"):
        FashionMNIST(small_folder, download=download)


def test_an_invalid_root_raises() -> None:
    with pytest.raises(OptionError, match="expected a path"):
        FashionMNIST(None)


# -- small files that a test wrote -------------------------------------------------------------


def test_verify_false_accepts_own_files(small_folder: Path) -> None:
    """The tests of a program may write tiny files at torchvision's paths."""
    raw = small_folder / "root" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for path in small_folder.glob("*.gz"):
        (raw / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    with pytest.raises(DataMismatchError, match="Try: verify=False for files of your own"):
        FashionMNIST(small_folder / "root")
    for train, count in ((True, 50), (False, 20)):
        ds = FashionMNIST(small_folder / "root", train=train, verify=False)
        assert len(ds) == count
        np.testing.assert_array_equal(np.asarray(ds[7][0]), ds.data[7])
        again = FashionMNIST(small_folder, train=train, verify=False)
        assert torch.equal(again.data, ds.data)
    with pytest.raises(
        RuntimeError, match=r"MNIST; found such a file below it. Try: download=True"
    ):
        fmnist_torch.MNIST(small_folder / "root", verify=False)


def test_own_files_must_be_complete(small_folder: Path) -> None:
    path = small_folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(IdxError, match="items are complete"):
        FashionMNIST(small_folder, verify=False)


# -- idioms ------------------------------------------------------------------------------------


def test_download_where_it_is_not_found(empty_machine: Path) -> None:
    try:
        FashionMNIST("data")
    except RuntimeError:
        ds = FashionMNIST("data", download=True)
    assert len(ds) == 60_000


def test_a_download_that_fails_is_a_runtime_error(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FMNIST_MIRROR")
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    with pytest.raises(RuntimeError, match="FMNIST_OFFLINE"):
        FashionMNIST("data", download=True)


def test_old_names_of_members(test_set: Any) -> None:
    for old, new in (
        ("train_data", "data"),
        ("test_data", "data"),
        ("train_labels", "targets"),
        ("test_labels", "targets"),
    ):
        with pytest.warns(UserWarning, match=f"^{old} has been renamed {new}$") as caught:
            assert getattr(test_set, old) is getattr(test_set, new)
        assert caught[0].filename == __file__


def test_folders_and_files_are_named(test_set: Any, fashion_root: Path) -> None:
    assert test_set.raw_folder == f"{fashion_root}/FashionMNIST/raw"
    assert test_set.processed_folder == f"{fashion_root}/FashionMNIST/processed"
    assert ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310") in test_set.resources
    assert "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/" in test_set.mirrors


def test_importing_the_adapter_leaves_torchvision_alone() -> None:
    script = "import sys, fmnist_torch; print('fmnist_torch.compat' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
    with pytest.raises(AttributeError, match="no attribute 'CIFAR10'"):
        fmnist_torch.CIFAR10  # noqa: B018
