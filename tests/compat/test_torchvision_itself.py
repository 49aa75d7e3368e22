"""torchvision's datasets and ours, on the same small files: members, examples, messages.

torchvision is what `make bench` installs; without it these tests are skipped.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.old_code import write_torchvision_files
from tests.helpers.torchvision_here import make_importable

torch = pytest.importorskip("torch")

make_importable()
torchvision = pytest.importorskip("torchvision", reason="torchvision is what make bench installs")

import fmnist_torch  # noqa: E402
from fmnist_torch import vision  # noqa: E402

Make = Callable[[Any], Any]
LEFT_OUT = {"images_file", "labels_file", "data_file"}
"""Paths of single files in torchvision's layout; ours may lie elsewhere."""

KINDS: dict[str, Make] = {
    "MNIST": lambda datasets: datasets.MNIST,
    "FashionMNIST": lambda datasets: datasets.FashionMNIST,
    "KMNIST": lambda datasets: datasets.KMNIST,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with small files at torchvision's paths."""
    folder = tmp_path_factory.mktemp("data")
    write_torchvision_files(folder)
    return folder


def both(root: Path, name: str, *args: Any, **options: Any) -> tuple[Any, Any]:
    """Return torchvision's dataset and ours."""
    theirs = getattr(torchvision.datasets, name)(str(root), *args, **options)
    return theirs, getattr(fmnist_torch, name)(str(root), *args, **options, verify=False)


def assert_alike(theirs: Any, ours: Any) -> None:
    assert torch.equal(ours.data, theirs.data)
    assert torch.equal(ours.targets, theirs.targets)
    assert (ours.data.dtype, ours.targets.dtype) == (theirs.data.dtype, theirs.targets.dtype)
    assert repr(ours) == repr(theirs)
    for place in (0, 3, -1):
        (image, target), (their_image, their_target) = ours[place], theirs[place]
        assert np.array_equal(np.asarray(image), np.asarray(their_image))
        assert type(target) is type(their_target)
        assert torch.equal(torch.as_tensor(target), torch.as_tensor(their_target))
    names = [name for name in dir(theirs) if not name.startswith("_") and name not in LEFT_OUT]
    assert [name for name in names if not hasattr_quietly(ours, name)] == []
    for name in ("raw_folder", "processed_folder", "class_to_idx", "classes", "train", "root"):
        assert getattr(ours, name) == getattr(theirs, name), name


def hasattr_quietly(value: Any, name: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hasattr(value, name)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", KINDS)
def test_the_three_of_one_layout(root: Path, name: str, train: bool) -> None:
    theirs, ours = both(root, name, train=train)
    assert_alike(theirs, ours)
    assert [md5 for _, md5 in ours.resources] == [md5 for _, md5 in theirs.resources]
    assert [file for file, _ in ours.resources] == [file for file, _ in theirs.resources]
    assert isinstance(ours, torchvision.datasets.VisionDataset)


@pytest.mark.parametrize("train", [True, False])
def test_emnist(root: Path, train: bool) -> None:
    theirs, ours = both(root, "EMNIST", "letters", train=train)
    assert_alike(theirs, ours)
    assert ours.classes_split_dict == theirs.classes_split_dict
    assert (ours.url, ours.md5, ours.splits) == (theirs.url, theirs.md5, theirs.splits)
    for kind in (type(theirs), type(ours)):
        with pytest.raises(ValueError, match="letter"):
            kind(root, "letter")


@pytest.mark.parametrize("compat", [True, False])
@pytest.mark.parametrize("what", [None, "train", "test", "test10k", "test50k", "nist"])
def test_qmnist(root: Path, what: str | None, compat: bool) -> None:
    theirs, ours = both(root, "QMNIST", what, compat)
    assert_alike(theirs, ours)
    assert ours.what == theirs.what


@pytest.mark.parametrize("name", KINDS)
def test_not_found(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    for datasets in (torchvision.datasets, fmnist_torch):
        with pytest.raises(RuntimeError, match="download=True"):
            getattr(datasets, name)(tmp_path)


class Lines:
    """A transform whose repr has two lines."""

    def __call__(self, value: Any) -> Any:
        return value

    def __repr__(self) -> str:
        return "Lines(\n)"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"transform": Lines()},
        {"target_transform": Lines()},
        {"transform": Lines(), "target_transform": Lines()},
        {"transforms": lambda image, target: (target, image)},
    ],
    ids=["none", "transform", "target", "both", "transforms"],
)
def test_the_base_without_torchvision_is_like_theirs(options: dict[str, Any]) -> None:
    bases = (torchvision.datasets.VisionDataset, vision.VisionDataset)
    theirs, ours = (type("Made", (base,), {"__len__": lambda _: 3}) for base in bases)
    their, our = theirs("~/x", **options), ours("~/x", **options)
    assert repr(our) == repr(their)
    assert (our.root, our.transform, our.target_transform) == (
        their.root,
        their.transform,
        their.target_transform,
    )
    if their.transforms is not None:
        assert our.transforms(1, 2) == their.transforms(1, 2)
    for base in (theirs, ours):
        with pytest.raises(ValueError, match="transforms"):
            base("x", transforms=Lines(), transform=Lines())
