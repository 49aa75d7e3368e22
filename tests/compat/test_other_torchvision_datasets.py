"""torchvision's other datasets on small files, held to the arrays; torchvision is not needed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.old_code import write_torchvision_files

pytest.importorskip("torch")
fmnist_torch = pytest.importorskip("fmnist_torch")

Arrays = dict[str, tuple[NDArray[Any], NDArray[Any]]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def written(root: Path) -> Arrays:
    """The arrays of each split, whose files are at torchvision's paths."""
    return write_torchvision_files(root)


def check(dataset: Any, images: NDArray[Any], targets: NDArray[Any]) -> None:
    assert np.array_equal(dataset.data.numpy(), images)
    assert np.array_equal(dataset.targets.numpy(), targets)
    image, target = dataset[3]
    assert np.array_equal(np.asarray(image), images[3])
    assert np.array_equal(target, targets[3])


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_the_three_of_one_layout(root: Path, written: Arrays, name: str, train: bool) -> None:
    dataset = getattr(fmnist_torch, name)(root, train=train, verify=False)
    check(dataset, *written[f"{name}/raw/{'train' if train else 't10k'}"])


@pytest.mark.parametrize("train", [True, False])
def test_emnist_is_as_it_was_published(root: Path, written: Arrays, train: bool) -> None:
    """torchvision leaves the images transposed and counts letters from 1."""
    dataset = fmnist_torch.EMNIST(root, "letters", train=train, verify=False)
    check(dataset, *written[f"EMNIST/raw/{'train' if train else 'test'}"])
    with pytest.raises(ValueError, match="letter"):
        fmnist_torch.EMNIST(root, "letter")


@pytest.mark.parametrize(
    ("what", "file", "begin", "end"),
    [
        ("train", "qmnist-train", 0, None),
        ("test", "qmnist-test", 0, None),
        ("test10k", "qmnist-test", 0, 10_000),
        ("test50k", "qmnist-test", 10_000, None),
        ("nist", "xnist", 0, None),
    ],
)
def test_qmnist(
    root: Path, written: Arrays, what: str, file: str, begin: int, end: int | None
) -> None:
    images, rows = (array[begin:end] for array in written[f"QMNIST/raw/{file}"])
    check(fmnist_torch.QMNIST(root, what, compat=False, verify=False), images, rows)
    compatible = fmnist_torch.QMNIST(root, what, verify=False)
    assert np.array_equal(compatible.targets.numpy(), rows)
    assert [target for _, target in (compatible[0], compatible[3])] == [rows[0, 0], rows[3, 0]]
