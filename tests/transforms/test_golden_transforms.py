"""Golden values: what version 1 makes of images, for good."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fmnist_core as fm
from fmnist_core.transforms import Chain, parse
from fmnist_core.transforms.tables import beta_quantiles
from tests.golden import PROJECT, VECTORS
from tests.transforms.examples import CHAINS, digest, drawn_images
from tests.transforms.libraries import RUNS, run_numpy

# Of the first 64 train images, image i at position i, seed 7, epoch 3.
REAL = [(vector["transform"], vector["sha256"]) for vector in VECTORS["transforms"]]


@pytest.fixture(scope="module")
def garments(fashion_root: Path) -> Any:
    return np.array(fm.load("fashion-mnist", "train", root=fashion_root).images[:64])


@pytest.mark.parametrize("library", RUNS)
@pytest.mark.parametrize(("text", "expected"), REAL, ids=[text.split("(")[0] for text, _ in REAL])
def test_golden_garments(text: str, expected: str, library: str, garments: Any) -> None:
    actual, _ = RUNS[library](parse(text), garments, None, np.arange(64), seed=7, epoch=3)
    assert hashlib.sha256(actual.tobytes()).hexdigest() == expected


def test_golden_values_are_on_the_page() -> None:
    page = (PROJECT / "docs" / "transforms.md").read_text(encoding="utf-8")
    for text, expected in REAL:
        assert f"| `{text}` | {expected[:16]} |" in page
    for vector in VECTORS["words"]:
        assert f"{vector['words'][0]} {vector['words'][1]}" in page


# The same without real files: 64 made images of 28 x 28.
MADE = {
    "RandomHorizontalFlip()": "526d27564809f11e",
    "RandomCrop(size=28, padding=4)": "842a75ca2856d34d",
    "CenterCrop(size=21)": "2e7bd2f5c907b77a",
    "RandomErasing()": "cb0c5b7b8ce446c3",
    "RandomErasing(p=1, scale=(0.02, 0.4), ratio=(0.3, 3.3333333333333335), value='random')": (
        "87500921094ac0e4"
    ),
    "Cutout(size=8)": "146f182a71365059",
    "RandomRotation(degrees=10)": "c7c6f2ab547f9fba",
    "RandomAffine(degrees=15, translate=(0.1, 0.1), scale=(0.9, 1.1), shear=10)": (
        "110c83f9734f2e2d"
    ),
    "RandomResizedCrop(size=28)": "12ef38ee55fcc4c7",
    "ColorJitter(brightness=0.4, contrast=0.4)": "b8d1d6244d5dea2b",
    "RandomInvert()": "49a5aa797162f73f",
    "GaussianNoise(sigma=0.1)": "68719e04fbd885e2",
    "RandomVerticalFlip(p=0.3)": "054eb0a751fe35e5",
    "Pad(padding=2, fill=9)": "3d955fa71b2a4d51",
    "Resize(size=32)": "e1b3bf069c1a15bd",
    "Resize(size=(13, 40))": "2596d6cc1d610ac2",
}

# Of images and of labels, of the chains in examples.py.
MIXED = [
    ("d414522404af873c", "3c9e5432a9aae44f"),
    ("fcabb32af1f82b0d", "3c9e5432a9aae44f"),
    ("fcd67df3a200646a", "c8f57a52885628ef"),
    ("57c4fced3f4abf55", "19fea2bc8b8eb152"),
    ("ae9bc1671a706fb4", "04297f561eb6f375"),
    ("b7e55a4571055792", "a1bf164695da9566"),
]

QUANTILES = {0.2: "4ab2c2a953c03bf1", 0.4: "5b53459e78eeaf41", 1.0: "80fa0f6d1caca9aa"}


@pytest.mark.parametrize("text", MADE)
def test_golden_made_images(text: str) -> None:
    images = drawn_images(64, 28, 28)
    actual, _ = run_numpy(parse(text), images, None, np.arange(64), seed=7, epoch=3)
    assert digest(actual) == MADE[text]


@pytest.mark.parametrize("number", range(len(MIXED)))
def test_golden_chains(number: int) -> None:
    images, labels = drawn_images(64, 12, 10), np.eye(4, dtype=np.float32)[np.arange(64) % 4]
    chain = Chain(CHAINS[number])
    actual = run_numpy(chain, images, labels, np.arange(64), seed=7, epoch=3)
    assert (digest(actual[0]), digest(actual[1])) == MIXED[number]


@pytest.mark.parametrize("alpha", QUANTILES)
def test_golden_quantiles(alpha: float) -> None:
    assert digest(beta_quantiles(alpha).astype("<i4")) == QUANTILES[alpha]
