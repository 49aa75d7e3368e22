"""`make bench`: an epoch through each adapter, beside the least that copying the bytes can cost.

All take part in every round, one after the other, so that a busy machine hurts all alike.
"""

import argparse
import os
import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import fmnist_core as fm
from fmnist_core.order import whole_order

BATCH_SIZE = 128
ROUNDS = 7


def floor(train: fm.Dataset) -> Callable[[], None]:
    """Return one epoch of numpy's take and divide into one buffer, which no user could keep."""
    images, order = np.ascontiguousarray(train.images), whole_order(len(train), 0, 0)
    pixels = np.empty((BATCH_SIZE, *train.image_shape), np.uint8)
    values = np.empty(pixels.shape, np.float32)

    def epoch() -> None:
        for first in range(0, len(train), BATCH_SIZE):
            rows = order[first : first + BATCH_SIZE]
            np.take(images, rows, axis=0, out=pixels[: len(rows)], mode="clip")
            np.divide(pixels[: len(rows)], np.float32(255), out=values[: len(rows)])

    return epoch


def through(train: fm.Dataset, name: str) -> Callable[[], None]:
    """Return one epoch through an adapter, to the last batch ready on its device."""
    loader = train.to(name, batch_size=BATCH_SIZE, shuffle=True, seed=0)

    def epoch() -> None:
        last: tuple[Any, ...] = deque(loader, maxlen=1)[0]
        if name == "jax":
            last[0].block_until_ready()

    return epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", help="a folder with Fashion-MNIST's files; default: synthetic")
    root = parser.parse_args().root
    train = fm.load("fashion-mnist", root=root) if root else fm.load("synthetic")
    rows = {"floor": floor(train)}
    rows |= {name: through(train, name) for name in fm.available_adapters()}
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for turn in track(range(ROUNDS + 1), "Measuring ...", transient=True):
        for name, epoch in rows.items():
            begun = time.perf_counter()
            epoch()
            if turn:  # the first warms up
                seconds[name].append(time.perf_counter() - begun)
    show(train, seconds)


def show(train: fm.Dataset, seconds: dict[str, list[float]]) -> None:
    """Print the median epoch of each row with its spread, and how many times the floor it is."""
    least = statistics.median(seconds["floor"])
    table = Table("adapter", "median ms", "least to most ms", "times the floor")
    for name, times in sorted(seconds.items(), key=lambda row: statistics.median(row[1])):
        low, middle, high = min(times), statistics.median(times), max(times)
        cells = f"{middle * 1e3:.0f}", f"{low * 1e3:.0f} to {high * 1e3:.0f}"
        table.add_row(name, *cells, f"{middle / least:.1f}")
    console = Console(width=100)
    console.print(f"{len(train):,} images, batch {BATCH_SIZE}, shuffled, float32; {ROUNDS} rounds")
    console.print(table)


if __name__ == "__main__":
    main()
