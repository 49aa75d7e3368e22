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


def batches(folder: Path, count: int, name: str) -> Callable[[], None]:
    """Return what takes the first batches of a shuffled epoch, always of the same one."""
    images, labels = write_sparse(folder, count)
    dataset = fm.open_idx(images, labels, classes=list("0123456789"))

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


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as small, tempfile.TemporaryDirectory() as large:
        rows = {
            f"{name}, {count:,} images": batches(Path(folder), count, name)
            for name in fm.available_adapters()
            if name != "ray"  # which is not iterated batch by batch
            for folder, count in ((small, 60_000), (large, INFIMNIST))
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
