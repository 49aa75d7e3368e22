"""torchvision's FashionMNIST, for code written for it: fmnist_torch.FashionMNIST."""

import os
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from torch.utils.data import Dataset as TorchDataset

from fmnist_core import load
from fmnist_core.catalog import FASHION_MNIST
from fmnist_core.dataset import Dataset
from fmnist_core.errors import FileAccessError
from fmnist_core.files import as_path
from fmnist_core.picture import pil_image
from fmnist_core.storage.obtain import find_local


class FashionMNIST(TorchDataset[tuple[Any, Any]]):
    """Fashion-MNIST by torchvision's name, signature and members; the genuine one or an error.

    Parameters
    ----------
    root : path
        Folder with the IDX files, in it or in its ``FashionMNIST/raw``; read in place.
    train : bool
        Whether the train or the test split.
    transform, target_transform : callable, optional
        What to make of an image (PIL, mode L) and of a label (int).
    download : bool
        Whether to fetch both splits, into the store, if `root` has no such files. What is on this
        machine already (docs/data.md) is found without it.

    Raises
    ------
    FileAccessError, FetchError, IdxError, DataMismatchError
        As `fmnist_core.load`.
    """

    classes: ClassVar[list[str]] = list(FASHION_MNIST.classes)

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        download: bool = False,
    ) -> None:
        dataset = _garments(root, "train" if train else "test", download)
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        self.train = train
        self.transform = transform
        self.target_transform = target_transform
        # Copies, and what examples are taken from: users write to them, or replace them.
        self.data = torch.from_numpy(dataset.images.copy())
        self.targets = torch.from_numpy(dataset.labels.astype(np.int64))

    @property
    def class_to_idx(self) -> dict[str, int]:
        """Label of each class name."""
        return {name: label for label, name in enumerate(self.classes)}

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Return one example, transformed."""
        image: Any = pil_image(self.data[index].numpy())
        target: Any = int(self.targets[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __repr__(self) -> str:
        lines = [
            f"Dataset {type(self).__name__}",
            f"Number of datapoints: {len(self)}",
            f"Root location: {self.root}",
            f"Split: {'Train' if self.train else 'Test'}",
        ]
        for name in ("transform", "target_transform"):
            if (function := getattr(self, name)) is not None:
                lines.append(f"{name}: {function!r}")
        return "\n    ".join(lines)


def _garments(root: str | os.PathLike[str], split: str, download: bool) -> Dataset:
    info = FASHION_MNIST
    try:
        return load(info.name, split, root=as_path(root))
    except FileAccessError as error:
        if download:
            # Old code asks for it once, of either split: torchvision then brought both.
            return {name: load(info.name, name) for name in info.splits}[split]
        files = info.split(split).images, info.split(split).labels
        if not all(find_local(info, file) for file in files):
            raise FileAccessError(f"{error}; or download=True") from error
    return load(info.name, split)
