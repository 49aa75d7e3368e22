"""Draw the records of trainings; as a program, several of them together, with a table.

python docs/examples/pictures.py results/*/history.json --output curves.svg
"""

import json
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

mpl.rcParams["svg.fonttype"] = "none"  # text stays text
mpl.rcParams["svg.hashsalt"] = "fmnist"  # the same figures make the same file


def draw_curves(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw loss and accuracy by epoch: dotted for training, solid for validation."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for number, run in enumerate(runs):
            epochs = range(1, len(run[name]) + 1)
            axes.plot(epochs, run[name], ":", color=f"C{number}", linewidth=1.2)
            axes.plot(epochs, run[f"val_{name}"], ".-", color=f"C{number}", label=run["title"])
        axes.set(title=f"{name}: training dotted, validation solid", xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.legend(frameon=False)
    _save(figure, path)


def draw_losses(report: Mapping[str, Any], path: Path) -> None:
    """Draw the loss of each step of `fmnist demo --output`, all frameworks in one plot."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    steps, zoomed = figure.subplots(1, 2)
    for number, (name, reports) in enumerate(report.items()):
        if len(reports) < 2:
            continue
        losses = reports[1]["losses"]
        style = {"color": f"C{number}", "linewidth": 4 - number, "alpha": 0.8, "label": name}
        steps.plot(range(1, len(losses) + 1), losses, **style)
        zoomed.plot(range(1, 31), losses[:30], **style)
    steps.set(title="loss of each step", xlabel="step")
    zoomed.set(title="the first 30", xlabel="step")
    for axes in (steps, zoomed):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    steps.legend(frameon=False)
    _save(figure, path)


def draw_confusion(run: Mapping[str, Any], classes: Sequence[str], path: Path) -> None:
    """Draw the confusion matrix: how many test images of each class were predicted as which."""
    counts = run["confusion"]
    most = max(max(row) for row in counts)
    figure = Figure(figsize=(7.2, 6.4), layout="constrained")
    axes = figure.subplots()
    # A square-root scale shows a few mistakes beside a thousand correct predictions.
    axes.imshow(counts, cmap="Blues", norm=PowerNorm(0.4, 0, most))
    for row, column in ((r, c) for r in range(len(counts)) for c in range(len(counts))):
        if count := counts[row][column]:
            color = "white" if count > 0.3 * most else "black"
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=color, fontsize=9)
    axes.set_xticks(range(len(classes)), classes, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="taken for", ylabel="true class")
    axes.set_title(f"{run['title']}: {run['test_accuracy']:.2%} of the test images right")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    dated = path.suffix == ".svg"
    figure.savefig(path, dpi=120, metadata={"Date": None} if dated else None)


def main() -> None:
    """Draw the curves of several runs in one picture and print their results as a table."""
    parser = ArgumentParser(description=main.__doc__)
    parser.add_argument("history", type=Path, nargs="+", help="history.json of a run")
    parser.add_argument("--output", type=Path, default=Path("curves.svg"))
    args = parser.parse_args()
    runs = [json.loads(path.read_text()) for path in args.history]
    draw_curves(runs, args.output)
    print("| run | test accuracy | epochs | processor minutes | minutes |\n|---|---|---|---|---|")
    for run in runs:
        minutes = f"{run['processor_minutes']:.1f} | {run['minutes']:.1f}"
        print(f"| {run['title']} | {run['test_accuracy']:.2%} | {len(run['loss'])} | {minutes} |")


if __name__ == "__main__":
    main()
