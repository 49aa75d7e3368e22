"""The picture of a measurement: a dot for each row, on a line from its least to its most."""

import statistics
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tests.bench.measure import Result
from tests.bench.report import by_speed
from tests.bench.rows import ROWS

# Colours that stay apart for most kinds of colour blindness; shapes for everyone else and in grey.
STYLES: dict[str, dict[str, Any]] = {
    "ours": {"marker": "o", "color": "#0072b2", "markerfacecolor": "#0072b2"},
    "peer": {"marker": "s", "color": "#d55e00", "markerfacecolor": "white"},
    "floor": {"marker": "|", "color": "#000000", "markerfacecolor": "#000000"},
}
DOT: dict[str, Any] = {"linestyle": "", "markersize": 9, "markeredgewidth": 2}
NAMES = {
    "ours": "fmnist",
    "peer": "other ways",
    "floor": "floors",
}
TITLES = {"numpy": "numpy", "torch": "torch", "tensorflow": "TensorFlow", "jax": "JAX"}
GAP = 1.0  # between frameworks, in rows


# Text stays text; and the same figures give the same file.
@matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "fmnist", "font.size": 11})
def draw(result: Result, title: str, path: Path) -> None:
    """Write the picture as SVG: a logarithmic axis, since rows differ by a factor of hundreds."""
    names = by_speed(result)
    places: dict[str, float] = {}
    headings: dict[str, float] = {}
    place = 0.0
    for name in names:
        framework = ROWS[name].framework
        if framework not in headings:
            place += GAP * bool(headings)
            headings[framework] = place
            place += 1
        places[name] = place
        place += 1
    figure = Figure(figsize=(9, 0.29 * place + 1.6), layout="constrained")
    axes = figure.add_subplot()
    for name, at in places.items():
        style = STYLES[ROWS[name].kind]
        milliseconds = [seconds * 1e3 for seconds in result.seconds[name]]
        middle = statistics.median(milliseconds)
        axes.plot([min(milliseconds), max(milliseconds)], [at, at], color=style["color"], lw=2)
        axes.plot(middle, at, **DOT, **style)
        axes.annotate(
            f"{middle:,.0f}",
            (max(milliseconds), at),
            (8, 0),
            textcoords="offset points",
            verticalalignment="center",
        )
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.set_ylim(place - 0.4, -0.6)
    axes.set_yticks([*headings.values(), *places.values()])
    labels = axes.set_yticklabels([*(TITLES[name] for name in headings), *places])
    for label in labels[: len(headings)]:
        label.set_fontweight("bold")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("milliseconds for one epoch: median, least to most (logarithmic)")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="x", which="both", color="#dddddd")
    axes.set_axisbelow(True)
    axes.spines[["left", "top", "right"]].set_visible(False)
    shown = [kind for kind in STYLES if any(ROWS[name].kind == kind for name in names)]
    figure.legend(
        handles=[Line2D([], [], label=NAMES[kind], **DOT, **STYLES[kind]) for kind in shown],
        loc="outside upper left",
        ncols=len(shown),
        frameon=False,
        title=title,
        alignment="left",
    )
    figure.savefig(path, format="svg", metadata={"Date": None})
