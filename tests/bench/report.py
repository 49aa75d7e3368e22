"""What is shown and kept of a measurement: tables, ratios against the bar, and a JSON file."""

import math
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.table import Table

from tests.bench.measure import Result
from tests.bench.rows import ROWS

FLOOR = "floor: numpy"
TORCHVISION = ("torchvision", "torchvision, 2 workers")
GRAIN = ("Grain", "Grain, prefetched")
PACKAGES = (
    *("numpy", "torch", "torchvision", "datasets", "tensorflow", "tensorflow-cpu"),
    *("keras", "tensorflow-datasets", "jax", "grain", "jax-dataloader", "augmax", "dm-pix"),
)


@dataclass(frozen=True)
class Bar:
    """A ratio that we want: the best of some rows over another, at least or at most so much."""

    over: tuple[str, ...]
    under: str
    limit: float
    at_least: bool = True

    @property
    def goal(self) -> str:
        """The limit in words."""
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}"

    def measured(self, result: Result) -> tuple[str, list[float]] | None:
        """Return the best of `over`, and its ratio in each round; None if a row is missing."""
        there = [name for name in self.over if name in result.seconds]
        if not there or self.under not in result.seconds:
            return None
        best = min(there, key=lambda name: statistics.median(result.seconds[name]))
        return best, result.ratios(best, self.under)

    def met(self, ratio: float) -> bool:
        """Whether a ratio is where we want it."""
        return ratio >= self.limit if self.at_least else ratio <= self.limit

    def verdict(self, ratios: list[float]) -> str:
        """Return "yes" or "no" if the whole interval of the median says so, else "undecided"."""
        ends = {self.met(end) for end in interval(ratios)}
        return "undecided" if len(ends) == 2 else "yes" if ends.pop() else "no"


BARS = (
    Bar(TORCHVISION, "torch", 150),
    Bar(("TensorDataset",), "torch", 12),
    Bar(TORCHVISION, "torch-map", 60),
    Bar(TORCHVISION, "torch-map, at once", 60),
    Bar(("torch",), FLOOR, 1.2, at_least=False),
    Bar(("Keras arrays",), "tensorflow", 5),
    Bar(("Keras arrays, map first",), "tensorflow", 20),
    Bar(("tensorflow",), "floor: tf constant", 1.1, at_least=False),
    *(
        Bar((f"Keras arrays, {where}",), f"tensorflow, {where}", 4)
        for where in ("tf.function", "fit", "fit by 64")
    ),
    Bar(GRAIN, "jax", 80),
    Bar(("jax",), "hand-written", 0.7, at_least=False),
    Bar(("jax-dataloader",), "jax", 8),
    Bar(("jax",), "jax-scan", 1.5),
)


def _transform_bars() -> Iterable[Bar]:
    """Yield what we want of transforms."""
    for chain, least in (("crop + flip", 60), ("crop + flip + erase", 40), ("affine", 4)):
        over = tuple(f"{name}, {chain}" for name in TORCHVISION)
        for name in ("numpy", "torch"):
            yield Bar(over, f"{name}, {chain}", least)
    affine = tuple(f"{name}, affine" for name in TORCHVISION)
    yield Bar(affine, "jax-scan, affine", 15)
    yield Bar(affine, "tensorflow, affine", 5)
    yield Bar(("tf.image, crop + flip",), "tensorflow, crop + flip", 15)
    yield Bar(("Keras layers, crop + flip",), "tensorflow, crop + flip", 2)
    yield Bar(("augmax, crop + flip", "dm_pix, crop + flip"), "jax-scan, crop + flip", 2)
    for name in ("numpy", "torch", "tensorflow", "jax", "jax-scan"):
        yield Bar((f"{name}, crop + flip",), name, 2.5, at_least=False)


TRANSFORM_BARS = tuple(_transform_bars())


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the two of some values between which their distribution's median lies.

    They are as near to each other as 95 % of confidence allow, whatever the distribution: each
    value is as likely above the median as below. Five values or fewer give least and most, which
    hold it with 94 % or less.
    """
    ordered, count = sorted(values), len(values)
    left_out, outside = 0, 2 / 2**count
    while (outside := outside + 2 * math.comb(count, left_out + 1) / 2**count) <= 0.05:
        left_out += 1
    return ordered[left_out], ordered[-1 - left_out]


def spread(values: Sequence[float], scale: float = 1, digits: int = 3) -> tuple[str, str]:
    """Return the median and "least to most" of some values, in significant digits."""
    low, middle, high = (
        shown(value * scale, digits)
        for value in (min(values), statistics.median(values), max(values))
    )
    return middle, f"{low} to {high}"


def shown(value: float, digits: int = 3) -> str:
    """Return a number with some significant digits, or whole."""
    whole = len(str(int(value))) if value >= 1 else 1
    return f"{value:,.{max(0, digits - whole)}f}"


def by_speed(result: Result) -> list[str]:
    """Return the rows that ran: by framework, then fastest first."""
    frameworks = list(dict.fromkeys(row.framework for row in ROWS.values()))
    return sorted(
        result.seconds,
        key=lambda name: (
            frameworks.index(ROWS[name].framework),
            statistics.median(result.seconds[name]),
        ),
    )


def epochs_table(result: Result) -> Table:
    """Return the table of a whole measurement."""
    table = Table("row", "kind", "median ms", "least to most ms", "times the floor", "rounds")
    before = None
    for name in by_speed(result):
        row, seconds = ROWS[name], result.seconds[name]
        if before not in (None, row.framework):
            table.add_section()
        before = row.framework
        times = spread(result.ratios(name, FLOOR), 1, 2)[0] if FLOOR in result.seconds else ""
        table.add_row(name, row.kind, *spread(seconds, 1e3), times, str(len(seconds)))
    return table


def bar_table(result: Result, bars: Sequence[Bar] = BARS) -> Table:
    """Return the ratios we want beside those measured, with their intervals."""
    table = Table("ratio of seconds", "goal", "median", "95 % interval", "met")
    for bar in bars:
        measured = bar.measured(result)
        if measured is None:
            table.add_row(f"{' or '.join(bar.over)} / {bar.under}", bar.goal, "not measured")
            continue
        best, ratios = measured
        middle = spread(ratios)[0]
        between = spread(interval(ratios))[1]
        table.add_row(f"{best} / {bar.under}", bar.goal, middle, between, bar.verdict(ratios))
    return table


def sizes_table(results: Iterable[Result]) -> Table:
    """Return the milliseconds of each row, a column for each batch size."""
    results = list(results)
    sizes = [str(result.setting.batch_size) for result in results]
    table = Table("row", *sizes)
    for name in by_speed(results[0]):
        cells = [
            "{} ({})".format(*spread(result.seconds[name], 1e3))
            if name in result.seconds
            else "skipped"
            for result in results
        ]
        table.add_row(name, *cells)
    return table


def machine() -> dict[str, Any]:
    """Describe the machine in words, as far as a figure depends on it."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def as_json(
    data: str, examples: int, results: Sequence[Result], bars: Sequence[Bar] = BARS
) -> dict[str, Any]:
    """Return everything that was measured: every second of every round."""
    return {
        "data": data,
        "examples": examples,
        "machine": machine(),
        "measurements": [
            {**asdict(result.setting), "seconds": result.seconds, "skipped": result.skipped}
            for result in results
        ],
        "bars": [
            {
                "ratio": f"{measured[0]} / {bar.under}",
                "goal": bar.goal,
                "at_least": bar.at_least,
                "median": statistics.median(measured[1]),
                "interval": interval(measured[1]),
                "by_round": measured[1],
                "met": bar.verdict(measured[1]),
            }
            for bar in bars
            if (measured := bar.measured(results[0]))
        ],
    }
