"""`make bench`: one epoch through our adapters, through what others use, and through the floors.

All rows take part in every round, one after the other, so that a busy machine hurts all alike.
Preparing, and a first epoch to warm up, are not measured; what is, ends with the last batch ready
on its device. A row whose package is not installed is skipped, and says so.
"""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.bench import report
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
    add("--output", type=Path, metavar="FOLDER", help="write speed.json and speed.svg there")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    asked = options(arguments)
    train = load(asked.root)
    names = [name for name in asked.only or ROWS if not ROWS[name].missing]
    cheap = [name for name in names if ROWS[name].cheap]
    plans = [(names, Setting(asked.batch_size, asked.dtype))]
    if asked.tables:
        plans += [(cheap, Setting(size, "float32")) for size in SIZES]
        plans += [(cheap, Setting(size, "uint8")) for size in SIZES]
    console = Console(width=100)
    results = measured(plans, asked.root, asked.rounds, console)
    for name in asked.only or ROWS:
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
    console.print(report.bar_table(results[0]))
    for dtype in ("float32", "uint8"):
        if some := [result for result in results[1:] if result.setting.dtype == dtype]:
            wide = Console(width=120)
            wide.print(f"{dtype}, by batch size: median ms (least to most); {asked.rounds} rounds")
            wide.print(report.sizes_table(some))
    if asked.output:
        write(asked.output, train.name, len(train), results, title)


def measured(
    plans: list[tuple[list[str], Setting]], root: str | None, rounds: int, console: Console
) -> list[Result]:
    """Measure one plan after the other, and show which row is running."""
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    total = sum(len(names) for names, _ in plans) * (rounds + 1)
    everyone = list(dict.fromkeys(name for names, _ in plans for name in names))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting", total=total)

        def advance(name: str) -> None:
            progress.update(task, advance=1, description=name)

        with workers(everyone, root) as ask:
            return [measure(names, setting, rounds, ask, advance) for names, setting in plans]


def write(folder: Path, data: str, examples: int, results: list[Result], title: str) -> None:
    """Write what was measured, and a picture of it."""
    from tests.bench import plot  # matplotlib is wanted only here

    folder.mkdir(parents=True, exist_ok=True)
    content = report.as_json(data, examples, results)
    (folder / "speed.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    plot.draw(results[0], title, folder / "speed.svg")


if __name__ == "__main__":
    main()
