"""Transforms: augmentation of the pixels between the file and the net, the same bits everywhere.

Each is a pure function from integers to integers, keyed by `(seed, epoch, position)`.
docs/transforms.md defines version 1 in full.
"""

from fmnist_core.transforms.chain import TRANSFORMS_VERSION, Chain, as_chain
from fmnist_core.transforms.draws import Draws
from fmnist_core.transforms.masks import Cutout, RandomErasing
from fmnist_core.transforms.mixes import CutMix, Mix, MixUp
from fmnist_core.transforms.moves import (
    CenterCrop,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    RandomVerticalFlip,
)
from fmnist_core.transforms.ops import NUMPY, ArrayOps
from fmnist_core.transforms.parse import parse
from fmnist_core.transforms.tones import ColorJitter, GaussianNoise, RandomInvert
from fmnist_core.transforms.transform import Transform
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
