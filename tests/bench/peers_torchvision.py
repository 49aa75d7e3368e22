"""torchvision's FashionMNIST with ToTensor, as its documentation shows it.

https://docs.pytorch.org/tutorials/beginner/basics/data_tutorial.html
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from fmnist_core import Dataset, write_idx
from tests.bench.rows import CHAINS, Batches, Setting

try:
    import torchvision
except RuntimeError:
    # The published wheel is built for torch with CUDA: beside a torch without it, the operators it
    # describes are missing. FashionMNIST uses none of them, so it is enough to declare them.
    for operator in ("nms", "qnms"):
        torch.library.define(
            f"torchvision::{operator}",
            "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        )
    import torchvision

import torchvision.transforms.v2


def plain(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs without workers."""
    return _epochs(train, setting, 0)


def two_workers(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs with two worker processes."""
    return _epochs(train, setting, 2)


def _epochs(train: Dataset, setting: Setting, num_workers: int) -> Callable[[], Batches]:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "FashionMNIST", "raw")
        folder.mkdir(parents=True)
        for split in ("train", "t10k"):  # the test files only have to be there
            write_idx(folder / f"{split}-images-idx3-ubyte", train.images)
            write_idx(folder / f"{split}-labels-idx1-ubyte", train.labels)
        examples = torchvision.datasets.FashionMNIST(
            root, train=True, transform=_transform(setting)
        )
    loader = DataLoader(
        examples, batch_size=setting.batch_size, shuffle=True, num_workers=num_workers
    )
    return lambda: loader


def _transform(setting: Setting) -> Any:
    """Return ToTensor, or where images are transformed what the guide of transforms v2 advises.

    https://docs.pytorch.org/vision/stable/transforms.html: tensors, uint8 as long as possible.
    """
    if not setting.transform:
        transforms = torchvision.transforms
        return transforms.ToTensor() if setting.encoded else transforms.PILToTensor()
    v2 = torchvision.transforms.v2
    same = {
        CHAINS["crop + flip"]: [v2.RandomCrop(28, padding=4), v2.RandomHorizontalFlip()],
        CHAINS["crop + flip + erase"]: [
            *(v2.RandomCrop(28, padding=4), v2.RandomHorizontalFlip(), v2.RandomErasing())
        ],
        CHAINS["affine"]: [
            v2.RandomAffine(10, (0.1, 0.1), (0.9, 1.1), interpolation=v2.InterpolationMode.BILINEAR)
        ],
    }[setting.transform]
    encoded = [v2.ToDtype(torch.float32, scale=True)] if setting.encoded else []
    return v2.Compose([v2.ToImage(), *same, *encoded])
