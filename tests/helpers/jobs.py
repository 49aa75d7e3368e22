"""What the programs of this folder share: data, options, and an exact classifier."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fmnist_core as fm

SEED = 5
GLOBAL_BATCH = 96
FIELDS = ("image", "label", "weight", "index")
WHOLE_NUMBERS = {"dtype": "float32", "scale": "raw", "layout": "flat", "fields": FIELDS}


def train() -> fm.Dataset:
    """Return the examples that are shuffled: 1,000, which no batch size here divides."""
    return fm.load("synthetic", "train").take(1000)


def test() -> fm.Dataset:
    """Return the examples that are evaluated: all 10,000 test images."""
    return fm.load("synthetic", "test")


def classifier() -> NDArray[np.float32]:
    """Return weights, float32 (784, 10): whole numbers so small that their sums are exact."""
    generator = np.random.default_rng(0)
    return generator.integers(-8, 9, (784, 10)).astype(np.float32)


def number_right() -> int:
    """Return how many test images it classifies correctly, counted in one process by numpy."""
    images = test().images.reshape(-1, 784).astype(np.float32)
    return int(((images @ classifier()).argmax(axis=1) == test().labels).sum())


def report(findings: Any) -> None:
    """Write the report of a program to the file that its first argument names."""
    Path(sys.argv[1]).write_text(json.dumps(findings))
