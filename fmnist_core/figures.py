"""Figures of a dataset, or of a selection: its sprite, examples, mean images, and charts.

Each function takes a `Dataset` of grey uint8 images and returns a `Picture`. The charts need
matplotlib, the others only Pillow.
"""

import io
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_core.dataset import Dataset
from fmnist_core.errors import FrameworkMissingError, OptionError, brief, check_range, printable
from fmnist_core.picture import Picture, contact_sheet, grid, named_rows, png
from fmnist_core.selection import class_members
from fmnist_core.transforms import Chain, Transform

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_SIDE = 16_384
"""Most pixels a side of a sprite; browsers show no larger picture everywhere."""

PER_CLASS = 10
"""Examples of each class on a sheet."""

_BLOCK = 1000  # images that are read at a time
_MOST_NAMES = 104  # of a legend, in four columns
_MOST_BARS = 2000  # of a chart that matplotlib can draw
_BAR = "#4c72b0"


def sprite(dataset: Dataset, rows: int = 3) -> Picture:
    """Return a nearly square picture of examples without gaps, some rows for each class.

    Of Fashion-MNIST, these are the first 90 examples of each class, in three rows of 30. A class
    with fewer examples leaves black places; one without any is left out.

    Parameters
    ----------
    dataset : Dataset
    rows : int
        Rows for each class.

    Raises
    ------
    OptionError
        If there are no examples, they are not grey uint8 images, or the picture would be too large.
    FrameworkMissingError
        If Pillow is not installed.
    """
    rows = check_range("rows", rows, 1, MAX_SIDE)
    members = [places for places in _members(dataset) if len(places)]
    height, width = dataset.image_shape
    square = max(1, round(len(members) * rows * height / width))
    columns = min(square, max(-(-len(places) // rows) for places in members))
    size = columns * width, len(members) * rows * height
    if max(size) > MAX_SIDE:
        raise OptionError(
            f"expected a sprite of at most {MAX_SIDE:,} pixels a side, found {size[0]:,} x "
            f"{size[1]:,}. Try: fewer rows or classes"
        )
    cells = _first_of_each(dataset, members, rows * columns)
    return Picture(png(grid(cells.reshape(-1, height, width), columns, gap=0)))


def examples(dataset: Dataset) -> Picture:
    """Return a sheet of the first ten examples of each class, a named row for each.

    Raises
    ------
    OptionError
        If there are no examples, or they are not grey uint8 images.
    FrameworkMissingError
        If Pillow is not installed.
    """
    sheet = _first_of_each(dataset, _members(dataset), PER_CLASS)
    return Picture(named_rows(sheet, dataset.classes, zoom=2))


def transformed(dataset: Dataset, transform: Transform | Chain) -> Picture:
    """Return a sheet with an example of each class: as it is, then as in each of ten epochs.

    Raises
    ------
    OptionError
        If there are no examples, they are not grey uint8 images, or the transform does not take
        them.
    FrameworkMissingError
        If Pillow is not installed.
    """
    firsts = one_of_each(dataset)
    loader = firsts.to(
        "numpy",
        batch_size=len(firsts),
        fields="image",
        dtype="uint8",
        scale="raw",
        layout="NHW",
        labels="one_hot",  # which a mix asks for
        transform=transform,
    )
    columns = [firsts.images[:], *(image for _ in range(PER_CLASS) for image in loader)]
    height, width = np.max([column.shape[1:] for column in columns], axis=0)
    sheet = np.zeros((len(firsts), len(columns), height, width), np.uint8)
    for place, column in enumerate(columns):
        sheet[:, place, : column.shape[1], : column.shape[2]] = column
    return Picture(named_rows(sheet, [firsts.classes[label] for label in firsts.labels], zoom=2))


def one_of_each(dataset: Dataset) -> Dataset:
    """Return the first example of each class that has any.

    Raises
    ------
    OptionError
        If there are no examples, or they are not grey uint8 images.
    """
    return dataset.select([places[0] for places in _members(dataset) if len(places)])


def means(dataset: Dataset) -> Picture:
    """Return the mean image of each class that has examples, over its name.

    Raises
    ------
    OptionError
        If there are no examples, or they are not grey uint8 images.
    FrameworkMissingError
        If Pillow is not installed.
    """
    return contact_sheet(*mean_images(dataset))


def mean_images(dataset: Dataset) -> tuple[NDArray[np.uint8], list[str]]:
    """Return the mean image of each class that has examples, uint8 (k, height, width), and names.

    Raises
    ------
    OptionError
        If there are no examples, or they are not grey uint8 images.
    """
    named = [pair for pair in zip(_members(dataset), dataset.classes, strict=True) if len(pair[0])]
    mean = [dataset[places].images.mean(axis=0) for places, _ in named]
    return np.rint(mean).astype(np.uint8), [name for _, name in named]


def histogram(dataset: Dataset) -> Picture:
    """Return a chart of how many pixels have each of the 256 values.

    Raises
    ------
    OptionError
        If there are no examples, or they are not grey uint8 images.
    FrameworkMissingError
        If matplotlib is not installed.
    """
    check_grey(dataset)
    counts = np.zeros(256, np.int64)
    for first in range(0, len(dataset), _BLOCK):
        pixels = dataset[first : first + _BLOCK].images.reshape(-1)
        counts += np.bincount(pixels, minlength=256)
    figure = _new_figure(7, 3.6)
    axes = figure.subplots()
    axes.bar(range(256), counts, width=1, color=_BAR)
    axes.set(title=f"Pixels of {_title(dataset)}, by value", xlim=(-1, 256), yscale="log")
    return _finished(figure)


def counts(dataset: Dataset) -> Picture:
    """Return a chart of how many examples each class has, whatever their images.

    Raises
    ------
    OptionError
        If there are over 2,000 classes.
    FrameworkMissingError
        If matplotlib is not installed.
    """
    numbers = list(dataset.counts.values())
    if len(numbers) > _MOST_BARS:
        raise OptionError(f"expected at most {_MOST_BARS:,} classes, found {len(numbers):,}")
    figure = _new_figure(7, 1.2 + 0.28 * len(numbers))
    axes = figure.subplots()
    bars = axes.barh(range(len(numbers)), numbers, color=_BAR)
    axes.bar_label(bars, [f"{number:,}" for number in numbers], padding=3)
    axes.set_yticks(range(len(numbers)), map(printable, dataset.classes), parse_math=False)
    axes.invert_yaxis()
    axes.set(title=_title(dataset), xmargin=0.12)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    return _finished(figure)


def scatter(dataset: Dataset, points: NDArray[np.floating]) -> Picture:
    """Return a chart of the examples as points in the plane, coloured by class, with a legend.

    Parameters
    ----------
    dataset : Dataset
    points : floating-point array (n, 2)
        Such as `embedding.embed` gives.

    Raises
    ------
    OptionError
        If there is not a point for each example.
    FrameworkMissingError
        If matplotlib is not installed.
    """
    if points.shape != (len(dataset), 2):
        raise OptionError(f"expected points ({len(dataset)}, 2), found {brief(points)}")
    figure = _new_figure(8, 6.4)
    from matplotlib import colormaps
    from matplotlib.lines import Line2D

    present = np.unique(dataset.labels)
    palette = colormaps["tab10" if len(dataset.classes) <= 10 else "turbo"]
    spread = len(dataset.classes) if len(dataset.classes) > 10 else 10
    colours = palette((np.arange(len(dataset.classes)) + 0.5) / spread)
    axes = figure.subplots()
    area = float(np.clip(20_000 / max(len(points), 1), 1, 30))
    axes.scatter(points[:, 0], points[:, 1], s=area, c=colours[dataset.labels], linewidths=0)
    axes.set(title=_title(dataset))
    axes.axis("off")
    if len(present) > _MOST_NAMES:
        return _finished(figure)
    dots = [Line2D([], [], marker="o", linestyle="", color=colours[label]) for label in present]
    names = [printable(dataset.classes[label]) for label in present]
    columns = -(-len(names) // 26)
    legend = figure.legend(dots, names, loc="outside right upper", frameon=False, ncols=columns)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return _finished(figure)


def check_grey(dataset: Dataset) -> None:
    """Raise OptionError unless there are examples and they are grey uint8 images."""
    if dataset.image_dtype != np.uint8 or len(dataset.image_shape) != 2:
        raise OptionError(f"expected grey uint8 images to draw, found {dataset!r}")
    if not len(dataset) or 0 in dataset.image_shape:
        raise OptionError(f"expected some pixels to draw, found none in {dataset!r}")


def _members(dataset: Dataset) -> list[NDArray[np.int64]]:
    """Return the rows of each class, once it is certain that the images can be drawn."""
    check_grey(dataset)
    return class_members(dataset.labels, len(dataset.classes))


def _first_of_each(
    dataset: Dataset, members: Sequence[NDArray[np.int64]], count: int
) -> NDArray[np.uint8]:
    """Return the first examples of each class (k, count, height, width), black where none is."""
    cells = np.zeros((len(members), count, *dataset.image_shape), np.uint8)
    for line, places in zip(cells, members, strict=True):
        line[: len(places)] = dataset[places[:count]].images
    return cells


def _title(dataset: Dataset) -> str:
    named = "/".join(filter(None, (dataset.name, dataset.split_name)))
    return f"{len(dataset):,} examples of {named}" if named else f"{len(dataset):,} examples"


def check_charts() -> None:
    """Raise FrameworkMissingError if matplotlib, which draws the charts, is not installed."""
    if not find_spec("matplotlib"):
        raise FrameworkMissingError('charts need matplotlib. Try: pip install "fmnist[pictures]"')


def _new_figure(width: float, height: float) -> "Figure":
    check_charts()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def _finished(figure: "Figure") -> Picture:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return Picture(file.getvalue())
