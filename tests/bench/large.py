"""What a batch costs of a dataset larger than memory, beside one of 60,000 images.

Both are sparse files of zeros, so that no disk is measured: the pages are in the cache.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

import fmnist_core as fm
from tests.helpers.large import INFIMNIST, write_sparse

BATCH_SIZE, STEPS, ROUNDS = 128, 200, 7


def zeros(folder: str, count: int) -> fm.Dataset:
    """Return a dataset of sparse files, which are written once: no file may change under it."""
    images, labels = write_sparse(Path(folder), count)
    return fm.open_idx(images, labels, classes=list("0123456789"))


def batches(dataset: fm.Dataset, name: str) -> Callable[[], None]:
    """Return what takes the first batches of a shuffled epoch, always of the same one."""

    def take() -> None:
        loader = dataset.to(name, batch_size=BATCH_SIZE, shuffle=True, seed=1)
        for _ in itertools.islice(loader, STEPS):
            pass

    return take


def indices(count: int) -> Callable[[], None]:
    """Return what computes the rows of some batches, each by itself."""
    plan = fm.BatchPlan(count, BATCH_SIZE, shuffle=True, seed=1)

    def compute() -> None:
        for step in range(STEPS):
            plan.indices(0, step)

    return compute


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print a table."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    with tempfile.TemporaryDirectory() as small, tempfile.TemporaryDirectory() as large:
        datasets = zeros(small, 60_000), zeros(large, INFIMNIST)
        rows = {
            f"{name}, {len(dataset):,} images": batches(dataset, name)
            for name in fm.available_adapters()
            if name != "ray"  # which is not iterated batch by batch
            for dataset in datasets
        }
        rows |= {f"indices, {count:,} examples": indices(count) for count in (10**5, 10**9)}
        seconds: dict[str, list[float]] = {name: [] for name in rows}
        for turn in range(ROUNDS + 1):
            for name, run in rows.items():
                begun = time.perf_counter()
                run()
                if turn:  # the first fills the cache
                    seconds[name].append((time.perf_counter() - begun) / STEPS)
    table = Table("what", "median µs a batch", "least to most", "times the smaller")
    names = list(rows)
    for small_name, large_name in zip(names[::2], names[1::2], strict=True):
        for name in (small_name, large_name):
            times = [value * 1e6 for value in seconds[name]]
            ratios = [a / b for a, b in zip(seconds[name], seconds[small_name], strict=True)]
            table.add_row(
                name,
                f"{statistics.median(times):.0f}",
                f"{min(times):.0f} to {max(times):.0f}",
                f"{statistics.median(ratios):.2f}",
            )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
