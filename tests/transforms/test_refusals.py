"""An impossible transform raises fmnist's error when a loader is made, in every adapter."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fmnist_core import Adapter, Dataset, OptionError
from fmnist_core.transforms import (
    CenterCrop,
    ColorJitter,
    CutMix,
    MixUp,
    Pad,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomInvert,
    RandomRotation,
)


def dataset(shape: tuple[int, ...] = (28, 28), dtype: str = "uint8") -> Dataset:
    return Dataset(np.zeros((4, *shape), dtype), np.arange(4, dtype=np.uint8), classes=list("abcd"))


WIDE: dict[str, Any] = {"scale": "raw", "dtype": "int16"}
REFUSED: dict[str, tuple[Dataset, Callable[[], Any], dict[str, Any]]] = {
    "a crop larger than the padded image": (
        dataset(),
        lambda: RandomCrop(37, padding=4),
        {},
    ),
    "a crop larger than what is left": (
        dataset(),
        lambda: (CenterCrop(20), CenterCrop(21)),
        {},
    ),
    "p outside [0, 1]": (dataset(), lambda: RandomHorizontalFlip(p=1.5), {}),
    "a reversed scale": (dataset(), lambda: RandomErasing(scale=(0.3, 0.02)), {}),
    "a reversed ratio": (dataset(), lambda: RandomErasing(ratio=(3.3, 0.3)), {}),
    "MixUp without one_hot": (dataset(), lambda: MixUp(0.2), {"labels": "index"}),
    "CutMix without one_hot": (dataset(), lambda: CutMix(1.0), {"labels": "index"}),
    "images that are not uint8": (dataset(dtype="int16"), RandomInvert, WIDE),
    "more places than a draw has": (dataset((1, 70_000)), lambda: RandomCrop((1, 9)), {}),
    "more padding than a draw has places": (dataset(), lambda: RandomCrop(1, 40_000), {}),
    "more pixels than int32 can sum up": (dataset((4096, 2049)), lambda: ColorJitter(0.1), {}),
    "labels of an image that is not there": (
        dataset(),
        lambda: MixUp(0.2),
        {"labels": "one_hot", "fields": ("view", "label")},
    ),
    "a fill that int8 cannot hold": (
        dataset(dtype="int8"),
        lambda: Pad(1, fill=128),
        {"scale": "raw", "dtype": "int8"},
    ),
    "a function": (dataset(), lambda: lambda image: image, {}),
    "a class": (dataset(), lambda: RandomHorizontalFlip, {}),
    "a warp of large images": (dataset((129, 28)), lambda: RandomRotation(10), {}),
    "a mix that is not the last": (
        dataset(),
        lambda: (MixUp(0.2), RandomCrop(20)),
        {},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_to_says_what_to_do_instead(adapter: Adapter, name: str) -> None:
    data, transform, options = REFUSED[name]
    with pytest.raises(OptionError, match="Try: ") as raised:
        data.to(adapter, batch_size=2, transform=transform(), **options)
    assert len(str(raised.value)) < 400


def test_a_chain_that_changes_the_shape_may_end_in_a_mix(adapter: Adapter) -> None:
    chain = (RandomCrop(20), MixUp(0.2))
    loader = dataset().to(adapter, batch_size=4, labels="one_hot", transform=chain)
    image, label = adapter.to_numpy(next(iter(loader)))
    assert image.size == 4 * 20 * 20
    assert label.shape == (4, 4)
