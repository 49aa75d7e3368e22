"""`make bench`: one epoch through our adapters, through what others use, and through the floors.

All rows take part in every round, one after the other, so that a busy machine hurts all alike.
Preparing, and a first epoch to warm up, are not measured; what is, ends with the last batch ready
on its device. A row whose package is not installed is skipped, and says so.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.bench import device, history, report, start
from tests.bench.measure import Result, load, measure, workers
from tests.bench.rows import ROWS, Setting

SIZES = (32, 128, 512, 4096)


def options(arguments: list[str] | None) -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="tests.bench.speed", description=__doc__)
    add = parser.add_argument
    add("--root", help="a folder with Fashion-MNIST's files; without it, synthetic")
    add("--rounds", type=int, default=5, help="5 unless told; more where others work too")
    add("--batch-size", type=int, default=128)
    add("--dtype", choices=("float32", "uint8"), default="float32")
    add("--only", nargs="+", choices=ROWS, metavar="NAME", help=f"some of: {'; '.join(ROWS)}")
    add("--tables", action="store_true", help=f"also ours and cheap peers in batches of {SIZES}")
    add("--transforms", action="store_true", help="measure transforms instead of plain epochs")
    add(
        "--start",
        action="store_true",
        help="measure from the framework's import to the first batch instead",
    )
    add(
        "--device",
        nargs="?",
        const="auto",
        choices=("auto", "cpu"),
        help='check and measure batches on an accelerator instead; "cpu" only shows that it works',
    )
    add(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="write speed.json and speed.svg there, or transforms.json and .svg, or start.json, "
        "and add the ratios to history.jsonl; or device.json",
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    asked = options(arguments)
    console = Console(width=100)
    if asked.start:
        main_start(asked, console)
    elif asked.device:
        main_device(asked, console)
    else:
        main_epochs(asked, console)


def main_epochs(asked: argparse.Namespace, console: Console) -> None:
    """Measure one epoch after another, plain ones or those with transforms."""
    train = load(asked.root)
    bars = report.TRANSFORM_BARS if asked.transforms else report.BARS
    rows = asked.only or rows_of(asked.transforms)
    names = [name for name in rows if not ROWS[name].missing]
    cheap = [name for name in names if ROWS[name].cheap]
    plans = [(names, Setting(asked.batch_size, asked.dtype))]
    if asked.tables:
        plans += [(cheap, Setting(size, "float32")) for size in SIZES]
        plans += [(cheap, Setting(size, "uint8")) for size in SIZES]
    results = measured(plans, asked.root, asked.rounds, console)
    for name in rows:
        if reason := ROWS[name].missing:
            results[0].skipped[name] = reason

    title = (
        f"{len(train):,} images ({train.name}), batch {asked.batch_size}, shuffled, {asked.dtype}; "
        f"{asked.rounds} rounds"
    )
    console.print(title)
    console.print(report.epochs_table(results[0]))
    for name, reason in results[0].skipped.items():
        console.print(f"skipped: {name}: {reason.splitlines()[0]}", markup=False)
    console.print(report.bar_table(results[0], bars))
    for dtype in ("float32", "uint8"):
        if some := [result for result in results[1:] if result.setting.dtype == dtype]:
            wide = Console(width=120)
            wide.print(f"{dtype}, by batch size: median ms (least to most); {asked.rounds} rounds")
            wide.print(report.sizes_table(some))
    if asked.output:
        content, name = report.as_json(train.name, len(train), results, bars), _name(asked)
        write(asked.output, name, content, console)
        plot_into(asked.output / f"{name}.svg", results[0], title)


def _name(asked: argparse.Namespace) -> str:
    return "transforms" if asked.transforms else "speed"


def main_start(asked: argparse.Namespace, console: Console) -> None:
    """Measure first batches instead of epochs."""
    total = len(start.programs()) * (asked.rounds + 1)
    with progress_bar(console, total) as advance:
        timings = start.measure(asked.root, asked.rounds, advance)
    console.print(f"from the framework's import to the first batch; {asked.rounds} rounds")
    console.print(start.table(timings))
    if asked.output:
        write(
            asked.output,
            "start",
            start.as_json("fashion-mnist" if asked.root else "synthetic", timings),
            console,
        )


def main_device(asked: argparse.Namespace, console: Console) -> None:
    """Check and measure batches that are made on a device."""
    results = device.run(asked.device, load(asked.root), asked.rounds, console)
    if asked.output and results:
        write_json(asked.output / "device.json", results)


@contextmanager
def progress_bar(console: Console, total: int) -> Iterator[Callable[[str], None]]:
    """Show which row is running; yield what is told each."""
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting", total=total)
        yield lambda name: progress.update(task, advance=1, description=name)


def measured(
    plans: list[tuple[list[str], Setting]], root: str | None, rounds: int, console: Console
) -> list[Result]:
    """Measure one plan after the other."""
    total = sum(len(names) for names, _ in plans) * (rounds + 1)
    everyone = list(dict.fromkeys(name for names, _ in plans for name in names))
    with progress_bar(console, total) as advance, workers(everyone, root) as ask:
        return [measure(names, setting, rounds, ask, advance) for names, setting in plans]


def rows_of(transforms: bool) -> list[str]:
    """Return the rows of plain epochs, or those of transforms with our own plain ones beside."""
    if not transforms:
        return [name for name, row in ROWS.items() if not row.transform]
    ours = [bar.over[0] for bar in report.TRANSFORM_BARS if not bar.at_least]
    plain = [name for name in ROWS if f"{name}, crop + flip" in ours]
    return [*plain, *(name for name, row in ROWS.items() if row.transform)]


def write(folder: Path, name: str, content: dict[str, Any], console: Console) -> None:
    """Write what was measured, add its ratios to the history, and say what got worse."""
    write_json(folder / f"{name}.json", content)
    for worse in history.add(folder / "history.jsonl", content):
        console.print(f"worse by more than 10 %: {worse}", markup=False)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write what was measured, so that programs can read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def plot_into(path: Path, result: Result, title: str) -> None:
    """Write a picture of what was measured."""
    from tests.bench import plot  # matplotlib is needed only here

    plot.draw(result, title, path)


if __name__ == "__main__":
    main()
