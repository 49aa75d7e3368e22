"""Transforms with many options, and images, for tests."""

import hashlib
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from fmnist_core.transforms import (
    CenterCrop,
    ColorJitter,
    CutMix,
    Cutout,
    GaussianNoise,
    MixUp,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomInvert,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
)

SINGLE = (
    RandomHorizontalFlip(),
    RandomVerticalFlip(p=0.3),
    Pad(3, fill=9),
    CenterCrop((11, 8)),
    RandomCrop((12, 10), padding=4),
    RandomCrop((12, 10), padding=2, fill=200),
    RandomCrop((9, 4), padding=1, fill=7),
    RandomCrop((12, 10), padding=11),
    RandomErasing(),
    RandomErasing(p=1, value=255),
    RandomErasing(p=0.8, value="random"),
    Cutout(5, value=77),
    RandomAffine(15, (0.1, 0.2), (0.8, 1.3), shear=10),
    RandomAffine(360, (1, 1), (0.2, 3), fill=200),
    RandomRotation(10),
    RandomResizedCrop(14),
    RandomResizedCrop((5, 9), scale=(0.3, 0.9), ratio=(0.5, 2)),
    Resize(17),
    Resize((5, 31)),
    ColorJitter(0.4, 0.4),
    ColorJitter(contrast=3),
    RandomInvert(),
    GaussianNoise(0.1),
    GaussianNoise(1),
)
"""Transforms of single images, to be tried on images of 12 x 10."""

CHAINS = (
    (RandomCrop((12, 10), padding=4), RandomHorizontalFlip(), RandomErasing()),
    (RandomAffine(10, (0.1, 0.1), (0.9, 1.1)), ColorJitter(0.2), GaussianNoise(0.05)),
    (RandomResizedCrop(9), RandomHorizontalFlip(), MixUp(0.2)),
    (RandomCrop(10, padding=2), CutMix(1.0)),
    (MixUp(0.4),),
    (CutMix(0.4),),
    (),
)


def digest(array: NDArray[Any]) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def drawn_images(count: int, height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return images with smooth shades, noise and flat black, as garments have."""
    y, x, n = np.ogrid[:height, :width, :count]
    shades = (y * 37 + x * 11 + n * 29 + seed * 101 + x * y * (n % 7)) % 509
    return np.ascontiguousarray(
        np.where(shades < 256, shades, 0).astype(np.uint8).transpose(2, 0, 1)
    )


seeds = st.integers(0, 2**64 - 1)
epochs = st.integers(0, 2**32 - 1)
decimals = st.integers(0, 100).map(lambda hundredths: hundredths / 100)
pixels = st.integers(0, 255)


@st.composite
def intervals(draw: Any, low: float, high: float) -> tuple[float, float]:
    """Pairs of decimals, the smaller first."""
    tenths = st.integers(round(low * 100), round(high * 100)).map(lambda number: number / 100)
    least, most = sorted((draw(tenths), draw(tenths)))
    return least, most


@st.composite
def transforms(draw: Any, height: int, width: int) -> Any:
    """Transforms that images of some size can have."""
    sides = st.tuples(st.integers(1, height), st.integers(1, width))
    new = st.tuples(st.integers(1, 20), st.integers(1, 20))
    kinds = [
        st.builds(RandomHorizontalFlip, p=decimals),
        st.builds(RandomVerticalFlip, p=decimals),
        st.builds(Pad, st.integers(0, 9), fill=pixels),
        st.builds(CenterCrop, sides),
        st.builds(RandomCrop, sides, padding=st.integers(0, 12), fill=pixels),
        st.builds(RandomCrop, st.just((height, width)), padding=st.integers(0, 12), fill=pixels),
        st.builds(Cutout, st.integers(1, 30), value=pixels),
        st.builds(
            RandomAffine,
            degrees=st.integers(0, 360),
            translate=st.tuples(decimals, decimals),
            scale=intervals(0.3, 3),
            shear=st.integers(0, 45),
            fill=pixels,
        ),
        st.builds(RandomRotation, degrees=st.integers(0, 3600).map(lambda x: x / 10), fill=pixels),
        st.builds(RandomResizedCrop, new, scale=intervals(0, 1), ratio=intervals(0.1, 9)),
        st.builds(
            ColorJitter, brightness=intervals(0, 4).map(max), contrast=intervals(0, 4).map(max)
        ),
        st.builds(RandomInvert, p=decimals),
        st.builds(GaussianNoise, sigma=decimals),
    ]
    if height > 2 and width > 2:
        values = st.one_of(pixels, st.just("random"))
        kinds.append(st.builds(RandomErasing, p=decimals, value=values))
    return draw(st.one_of(kinds))
