"""`make bench OPTIONS=--device`: on an accelerator, the same bits as on the host, and how fast.

Where there is no accelerator, this says so and measures nothing. ``--device cpu`` runs all of it on
the processor instead, which only shows that it works.
"""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from fmnist_core import Dataset, get_adapter
from fmnist_core.testing.transforms import CHAINS, SINGLE
from fmnist_core.transforms import CutMix, MixUp, parse
from tests.bench.places import READY, Place, places
from tests.bench.report import interval, machine, shown
from tests.bench.rows import CROP_FLIP

SAMPLE = 1000
"""Examples whose bits are compared: what is compared is arithmetic, which is the same for all."""


def settings() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every dtype with every scale, and every transform: in words, and as options."""
    for dtype in ("float32", "float16", "bfloat16"):
        for scale in ("unit", "standard", "raw"):
            yield f"{dtype}, {scale}", {"dtype": dtype, "scale": scale}
    raw = {"dtype": "uint8", "scale": "raw"}
    yield "uint8, raw", raw
    for chain in (*((one,) for one in SINGLE), *CHAINS):
        yield ", ".join(map(str, chain)), {**raw, "transform": chain}
    for mix in (MixUp(0.4), CutMix(1.0)):
        yield str(mix), {**raw, "transform": mix, "labels": "one_hot"}


def differing(place: Place, train: Dataset) -> Iterator[str]:
    """Yield each setting in which a batch on the device has other bits than numpy's on the host."""
    adapter = get_adapter(place.name)
    part = train[:SAMPLE]
    for words, options in settings():
        same = {"batch_size": 128, "shuffle": True, "layout": adapter.layout, **options}
        expected = part.to("numpy", **same)
        for ours, theirs in zip(place.loader(part, **same), expected, strict=True):
            arrays = zip(adapter.to_numpy(ours), theirs, strict=True)
            if any(np.asarray(one).tobytes() != _like(one, other) for one, other in arrays):
                yield words
                break


def _like(one: Any, other: Any) -> bytes:
    """Return numpy's array as bytes; labels are wider in some frameworks."""
    wide = other.astype(one.dtype) if one.dtype.kind in "iu" else other
    return np.ascontiguousarray(wide).tobytes()


@dataclass(frozen=True)
class Epochs:
    """A way to an epoch on a device, and how many milliseconds it may take at most."""

    name: str
    options: dict[str, Any]
    at_most: float | None = None
    compiled: bool = False


ROWS = (
    Epochs("batches of 128", {"batch_size": 128}, 2),
    Epochs("batches of 4,096", {"batch_size": 4096}, 2),
    Epochs("crop + flip, 128", {"batch_size": 128, "transform": CROP_FLIP}, 4),
    Epochs("crop + flip, 4,096", {"batch_size": 4096, "transform": CROP_FLIP}, 4),
    Epochs("a compiled step on each batch of 128", {"batch_size": 128}, None, compiled=True),
)


def prepare(place: Place, train: Dataset, row: Epochs) -> Callable[[], None]:
    """Return what goes through one epoch and waits until the device is ready."""
    options = {**READY, **row.options}
    if "transform" in options:
        options["transform"] = parse(options["transform"])
    loader = place.loader(train, **options)
    step = place.step() if row.compiled else None

    def epoch() -> None:
        last = None
        for batch in loader:
            last = batch if step is None else step(batch)
        place.wait(last)

    return epoch


def timed(place: Place, train: Dataset, rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each row in each round, one row after another in every round."""
    ways: dict[str, Callable[[], None]] = {row.name: prepare(place, train, row) for row in ROWS}
    ways |= place.ways(train)
    results: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 2):  # two to warm up: a CUDA graph is recorded in the second
        for name, epoch in ways.items():
            begun = perf_counter()
            epoch()
            if turn > 1:
                results[name].append(1000 * (perf_counter() - begun))
    return results


def memory(place: Place, train: Dataset) -> tuple[int, int] | None:
    """Return the bytes of the images, and what a loader of them and a batch hold on the device."""
    before = place.held()
    loader = place.loader(train, batch_size=128, **READY)
    place.wait(None)
    after = place.held()
    del loader
    return None if before is None or after is None else (train.images.nbytes, after - before)


def report(place: Place, train: Dataset, rounds: int, console: Console) -> dict[str, Any]:
    """Print what is found on one device, and return it."""
    console.print(f"{place.name} on {place.title}")
    wrong = list(differing(place, train))
    total = len(list(settings()))
    console.print(f"other bits than the host's: {', '.join(wrong) or 'none'}, of {total} settings")
    held = memory(place, train)
    if held is None:
        console.print("memory on the device: not known")
    else:
        console.print(f"memory: {held[1]:,} bytes, {held[1] / held[0]:.3f} times the images'")
    results = timed(place, train, rounds)
    limits = {row.name: row.at_most for row in ROWS}
    table = Table("epoch", "median ms", "interval", "target", "met")
    for name, values in results.items():
        low, high = interval(values)
        limit = limits.get(name)
        met = "" if limit is None else "yes" if high <= limit else "no" if low > limit else "?"
        table.add_row(
            name,
            shown(statistics.median(values)),
            f"{shown(low)} to {shown(high)}",
            "" if limit is None else f"at most {limit:g}",
            met,
        )
    console.print(table)
    return {
        "machine": machine(),
        "device": place.title,
        "other_bits": wrong,
        "memory": held,
        "milliseconds": results,
    }


def run(kind: str, train: Dataset, rounds: int, console: Console) -> dict[str, Any]:
    """Check and measure every framework that has such a device; say so if none has."""
    results = {place.name: report(place, train, rounds, console) for place in places(kind)}
    if not results:
        console.print(
            "no accelerator found by torch or JAX, so nothing was measured. "
            "Try: --device cpu to see that this works"
        )
    return results
