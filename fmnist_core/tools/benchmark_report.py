"""The results of `fmnist benchmark`: as a table, as Markdown, as CSV and as a picture."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fmnist_core.dataset import Dataset
from fmnist_core.files import write_output
from fmnist_core.tools.benchmark_entries import Entry
from fmnist_core.tools.progress import say

COLUMNS = ("classifier", "accuracy", "published", "difference", "fit, s", "predict, s")


@dataclass(frozen=True)
class Result:
    """The result of one classifier; `notes` are its warnings."""

    entry: Entry
    accuracy: float
    fit_seconds: float
    predict_seconds: float
    notes: tuple[str, ...] = ()


def title(train: Dataset, test: Dataset) -> str:
    """Return a line that says what is measured."""
    return (
        f"{train.name}: {len(train):,} training and {len(test):,} test examples; "
        f"scikit-learn {version('scikit-learn')}"
    )


def line(result: Result) -> str:
    """Return a result as a line."""
    published = result.entry.published
    beside = "" if published is None else f" (published {published:.3f})"
    seconds = result.fit_seconds + result.predict_seconds
    return f"{result.entry.name}: {result.accuracy:.4f}{beside}, {seconds:.1f} s"


def show(console: Console, results: Sequence[Result]) -> None:
    """Print the table, and under it the warnings."""
    table = Table(*COLUMNS, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
    cells, notes = _cells(results)
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)
    for note in notes:
        say(console, note, "dim")


def _cells(results: Sequence[Result]) -> tuple[list[tuple[str, ...]], list[str]]:
    """Return the table's rows, and the footnotes that their first cells refer to."""
    notes = list(dict.fromkeys(note for result in results for note in result.notes))
    rows: list[tuple[str, ...]] = []
    for result in results:
        marks = "".join(f" ({notes.index(note) + 1})" for note in result.notes)
        published = result.entry.published
        rows.append(
            (
                result.entry.name + marks,
                f"{result.accuracy:.4f}",
                "" if published is None else f"{published:.3f}",
                "" if published is None else f"{result.accuracy - published:+.4f}",
                f"{result.fit_seconds:.1f}",
                f"{result.predict_seconds:.1f}",
            )
        )
    return rows, [f"({number}) {note}" for number, note in enumerate(notes, 1)]


def as_markdown(heading: str, results: Sequence[Result]) -> str:
    """Return a page with the table and its footnotes."""
    cells, notes = _cells(results)
    rows = [COLUMNS, ("---", *["---:"] * (len(COLUMNS) - 1)), *cells]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n\n".join([heading, table, *notes]) + "\n"


def as_csv(results: Sequence[Result]) -> str:
    """Return a row for each result, with all digits."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        ["classifier", "settings", "published", "accuracy", "fit_s", "predict_s", "warnings"]
    )
    for result in results:
        entry = result.entry
        seconds = (f"{result.fit_seconds:.3f}", f"{result.predict_seconds:.3f}")
        row = (entry.name, entry.settings, entry.published, result.accuracy, *seconds)
        writer.writerow([*row, "; ".join(result.notes)])
    return file.getvalue()


def as_svg(heading: str, results: Sequence[Result]) -> str:
    """Return a picture: for each classifier a dot at its accuracy, a ring at the published one."""
    import matplotlib
    from matplotlib.figure import Figure

    ranked = sorted(results, key=lambda result: result.accuracy)
    names = [result.entry.name for result in ranked]
    both = [(r.entry.name, r.entry.published, r.accuracy) for r in ranked if r.entry.published]
    with matplotlib.rc_context({"svg.hashsalt": "fmnist"}):  # the same results, the same bytes
        figure = Figure(figsize=(7, 1.4 + 0.32 * len(ranked)), layout="constrained")
        axes = figure.subplots()
        for name, published, accuracy in both:
            axes.plot([published, accuracy], [name, name], color="0.75", zorder=1)
        axes.scatter([r.accuracy for r in ranked], names, label="here", zorder=3)
        if both:
            rings: dict[str, Any] = {
                "s": 110,
                "facecolors": "white",
                "edgecolors": "C1",
                "label": "published",
            }
            axes.scatter([p for _, p, _ in both], [name for name, _, _ in both], zorder=2, **rings)
        axes.set_xlabel("accuracy on the test split")
        axes.set_title(heading, fontsize="medium")
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
        axes.legend()
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


WRITERS: dict[str, Callable[[str, Sequence[Result]], str]] = {
    "benchmark.md": as_markdown,
    "benchmark.csv": lambda _, results: as_csv(results),
    "benchmark.svg": as_svg,
}


def write(folder: Path, heading: str, results: Sequence[Result]) -> None:
    """Write all three files, each whole or not at all.

    Raises
    ------
    FileAccessError
        If one cannot be written.
    """
    for name, text_of in WRITERS.items():
        write_output(folder / name, [text_of(heading, results).encode()])
