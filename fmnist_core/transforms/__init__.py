"""Transforms: augmentation of the pixels between the file and the net, the same bits everywhere.

Each is a pure function from integers to integers, keyed by `(seed, epoch, position)`.
docs/transforms.md defines version 1 in full.
"""

from typing import TYPE_CHECKING

from fmnist_core import on_demand

if TYPE_CHECKING:
    from fmnist_core.transforms.chain import TRANSFORMS_VERSION, Chain, as_chain
    from fmnist_core.transforms.draws import Draws
    from fmnist_core.transforms.masks import Cutout, RandomErasing
    from fmnist_core.transforms.mixes import CutMix, MixUp
    from fmnist_core.transforms.moves import (
        CenterCrop,
        Pad,
        RandomCrop,
        RandomHorizontalFlip,
        RandomVerticalFlip,
    )
    from fmnist_core.transforms.ops import NUMPY, ArrayOps
    from fmnist_core.transforms.parsing import parse
    from fmnist_core.transforms.tones import ColorJitter, GaussianNoise, RandomInvert
    from fmnist_core.transforms.transform import Mix, Transform
    from fmnist_core.transforms.warps import RandomAffine, RandomResizedCrop, RandomRotation, Resize

__all__ = [
    "NUMPY",
    "TRANSFORMS_VERSION",
    "ArrayOps",
    "CenterCrop",
    "Chain",
    "ColorJitter",
    "CutMix",
    "Cutout",
    "Draws",
    "GaussianNoise",
    "Mix",
    "MixUp",
    "Pad",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomInvert",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "Transform",
    "as_chain",
    "parse",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand.names(
        __name__,
        {
            "chain": "TRANSFORMS_VERSION Chain as_chain",
            "draws": "Draws",
            "masks": "Cutout RandomErasing",
            "mixes": "CutMix MixUp",
            "moves": "CenterCrop Pad RandomCrop RandomHorizontalFlip RandomVerticalFlip",
            "ops": "NUMPY ArrayOps",
            "parsing": "parse",
            "tones": "ColorJitter GaussianNoise RandomInvert",
            "transform": "Mix Transform",
            "warps": "RandomAffine RandomResizedCrop RandomRotation Resize",
        },
    )
