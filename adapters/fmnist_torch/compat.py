"""torchvision's datasets of this family, for code that was written for them.

They are torchvision's VisionDatasets if it is installed. This module imports torchvision;
fmnist_torch does not.
"""

import os
import string
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from fmnist_core import load, open_idx
from fmnist_core.catalog import CATALOG
from fmnist_core.dataset import Dataset
from fmnist_core.errors import DataMismatchError, FetchError, FileAccessError, OptionError, brief
from fmnist_core.files import as_path
from fmnist_core.picture import pil_image
from fmnist_core.storage.folders import find_unverified
from fmnist_core.storage.obtain import find_local

if TYPE_CHECKING:
    from fmnist_torch.vision import VisionDataset
else:
    try:
        from torchvision.datasets import VisionDataset
    except (ImportError, RuntimeError):  # missing, or built for another torch
        from fmnist_torch.vision import VisionDataset

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class DatasetNotFoundError(FileAccessError, RuntimeError):
    """The files are not on this machine; a RuntimeError, as torchvision raises."""


class DownloadError(FetchError, RuntimeError):
    """No mirror serves a file; a RuntimeError, as torchvision raises."""


def _published(name: str, *splits: str) -> list[tuple[str, str | None]]:
    """Return name and MD5 of the files in which a dataset is published."""
    files = (file for split in splits for file in CATALOG[name].split(split).files)
    return [(file.packed_name, file.packed.md5) for file in files]


class MNIST(VisionDataset):
    """MNIST with torchvision's name, signature and members; genuine, or an error.

    Parameters
    ----------
    root : path
        Folder with the IDX files, in it or in its ``MNIST/raw``; read in place.
    train : bool
        Whether to take the train split instead of the test split.
    transform, target_transform : callable, optional
        Applied to an image (PIL, mode L) and to a label (int).
    download : bool
        Whether to fetch both splits into the store if `root` lacks the files. Files that are
        already on this machine (docs/data.md) are found without it.
    verify : bool
        Whether files must be genuine. False accepts any complete IDX files under `root`, such as
        small ones that a test wrote.

    Raises
    ------
    DatasetNotFoundError, DownloadError
        If the files are missing, or cannot be fetched; both are RuntimeErrors too.
    FileAccessError, IdxError, DataMismatchError
        As `fmnist_core.load`.
    """

    mirrors: ClassVar[list[str]] = list(CATALOG["mnist"].mirrors)
    resources: ClassVar[Any] = _published("mnist", "train", "test")
    training_file = "training.pt"
    test_file = "test.pt"
    classes: ClassVar[list[str]] = [f"{digit} - {word}" for digit, word in enumerate(_DIGITS)]
    _name = "mnist"

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
        *,
        verify: bool = True,
    ) -> None:
        as_path(root)
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        dataset = self._found(download, verify)
        # Copies, from which examples are taken: users write to them or replace them.
        self.data = torch.from_numpy(np.array(dataset.images, dataset.image_dtype))
        self.targets = torch.from_numpy(self._labels(dataset).astype(np.int64))

    @property
    def _split(self) -> str:
        return "train" if self.train else "test"

    def _found(self, download: bool, verify: bool) -> Dataset:
        info = CATALOG[self._name]
        root = as_path(self.root)
        try:
            if not verify:
                return open_idx(*find_unverified(root, info, self._split))
            return load(self._name, self._split, root=root, orientation="file")
        except DataMismatchError as error:
            if not verify:
                raise
            problem = str(error).partition(". Try: ")[0]
            advice = "verify=False for files of your own, such as a test's"
            raise DataMismatchError(problem, advice=advice) from error
        except FileAccessError as error:
            if download:
                self.download()
            elif not all(find_local(info, file) for file in info.split(self._split).files):
                problem = str(error).partition(". Try: ")[0]
                raise DatasetNotFoundError(problem, advice="download=True") from error
        return load(self._name, self._split, orientation="file")

    def _labels(self, dataset: Dataset) -> Any:
        return dataset.labels

    def download(self) -> None:
        """Fetch all splits into the store, unless they are there."""
        # Older code calls this once, for either split: torchvision then fetches both.
        try:
            for split in self._fetched_together():
                load(self._name, split, orientation="file")
        except FetchError as error:
            raise DownloadError(str(error)) from error

    def _fetched_together(self) -> list[str]:
        return list(CATALOG[self._name].splits)

    @property
    def raw_folder(self) -> str:
        """Where torchvision keeps the unpacked files; the store is elsewhere."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self) -> str:
        """Where torchvision once kept tensors; nothing is read from there."""
        return os.path.join(self.root, type(self).__name__, "processed")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """Label of each class name."""
        return {name: label for label, name in enumerate(self.classes)}

    @property
    def train_data(self) -> torch.Tensor:
        """Old name of `data`."""
        return _renamed("train_data", "data", self.data)

    @property
    def test_data(self) -> torch.Tensor:
        """Old name of `data`."""
        return _renamed("test_data", "data", self.data)

    @property
    def train_labels(self) -> torch.Tensor:
        """Old name of `targets`."""
        return _renamed("train_labels", "targets", self.targets)

    @property
    def test_labels(self) -> torch.Tensor:
        """Old name of `targets`."""
        return _renamed("test_labels", "targets", self.targets)

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Return one example, transformed."""
        image: Any = pil_image(self.data[index].numpy())
        target = self._target(index)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def _target(self, index: int) -> Any:
        return int(self.targets[index])

    def extra_repr(self) -> str:
        """Return the line of `repr` that names the split."""
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """Fashion-MNIST with torchvision's name, signature and members; otherwise as `MNIST`."""

    mirrors: ClassVar[list[str]] = list(CATALOG["fashion-mnist"].mirrors)
    resources: ClassVar[Any] = _published("fashion-mnist", "train", "test")
    classes: ClassVar[list[str]] = list(CATALOG["fashion-mnist"].classes)
    _name = "fashion-mnist"


class KMNIST(MNIST):
    """Kuzushiji-MNIST with torchvision's name, signature and members; otherwise as `MNIST`."""

    mirrors: ClassVar[list[str]] = list(CATALOG["kmnist"].mirrors)
    resources: ClassVar[Any] = _published("kmnist", "train", "test")
    classes: ClassVar[list[str]] = list(CATALOG["kmnist"].classes)
    _name = "kmnist"


class EMNIST(MNIST):
    """EMNIST with torchvision's name, signature and members; otherwise as `MNIST`.

    As in torchvision, images are transposed, and the labels of "letters" begin with 1;
    `fmnist_core.load` returns upright images.

    Parameters
    ----------
    root : path
    split : {"byclass", "bymerge", "balanced", "letters", "digits", "mnist"}
    **kwargs
        As for `MNIST`.
    """

    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    url = CATALOG["emnist-mnist"].mirrors[0] + "gzip.zip"
    md5 = CATALOG["emnist-mnist"].split("train").images.packed.md5
    classes_split_dict: ClassVar[dict[str, list[str]]] = {
        **{split: list(CATALOG[f"emnist-{split}"].classes) for split in splits},
        "letters": ["N/A", *string.ascii_lowercase],
    }

    def __init__(self, root: str | os.PathLike[str], split: str, **kwargs: Any) -> None:
        self.split = _chosen("split", split, self.splits)
        self._name = f"emnist-{split}"
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[split]  # type: ignore[misc]


class QMNIST(MNIST):
    """QMNIST with torchvision's name, signature and members; otherwise as `MNIST`.

    Parameters
    ----------
    root : path
    what : {"train", "test", "test10k", "test50k", "nist"}, optional
        By default determined by `train`.
    compat : bool
        Whether a label is the class, instead of all eight columns of QMNIST's labels.
    train : bool
    **kwargs
        As for `MNIST`.
    """

    subsets: ClassVar[dict[str, str]] = {
        "train": "train",
        "test": "test",
        "test10k": "test",
        "test50k": "test",
        "nist": "nist",
    }
    mirrors: ClassVar[list[str]] = list(CATALOG["qmnist"].mirrors)
    resources: ClassVar[Any] = {
        split: _published("qmnist", split) for split in ("train", "test", "nist")
    }
    _name = "qmnist"

    def __init__(
        self,
        root: str | os.PathLike[str],
        what: str | None = None,
        compat: bool = True,
        train: bool = True,
        **kwargs: Any,
    ) -> None:
        self.what = _chosen("what", what or ("train" if train else "test"), tuple(self.subsets))
        self.compat = compat
        super().__init__(root, train, **kwargs)

    @property
    def _split(self) -> str:
        return self.subsets[self.what]

    def _found(self, download: bool, verify: bool) -> Dataset:
        dataset = super()._found(download, verify)
        first = 10_000  # the number of MNIST's own test split
        if self.what == "test10k":
            return dataset[:first]
        return dataset[first:] if self.what == "test50k" else dataset

    def _labels(self, dataset: Dataset) -> Any:
        return dataset.labels[:, np.newaxis] if dataset.extended is None else dataset.extended

    def _fetched_together(self) -> list[str]:
        return [self._split]

    def _target(self, index: int) -> Any:
        target = self.targets[index]
        return int(target[0]) if self.compat else target

    def extra_repr(self) -> str:
        """Return the line of `repr` that names the subset."""
        return f"Split: {self.what}"


def _chosen(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise OptionError(f"{name} must be one of {', '.join(allowed)}; found {brief(value)}")
    return value


def _renamed(old: str, new: str, value: torch.Tensor) -> torch.Tensor:
    warnings.warn(f"{old} has been renamed {new}", stacklevel=3)
    return value
