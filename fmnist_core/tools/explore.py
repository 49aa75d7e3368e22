"""`fmnist explore`: a dataset as one HTML page, to look at in a browser."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import printable
from fmnist_core.tools.classes import class_list
from fmnist_core.tools.output import make_room

if TYPE_CHECKING:
    from fmnist_core.explorer.examples import Examples
    from fmnist_core.tools.progress import ProgressLine

TITLES = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
"""What the page calls each method."""


@click.command()
@click.argument("name")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The .html.")
@click.option("--split", "splits", multiple=True, help="Only this split; repeatable.")
@click.option(
    "--classes",
    metavar="LIST",
    help='Only these: "Sneaker,Ankle boot", or their numbers "7,9".',
)
@click.option("--root", type=click.Path(path_type=Path), help="Folder with the dataset's files.")
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(list(TITLES)),
    help="How to lay out the map; repeatable. By default pca, the quickest.",
)
@click.option(
    "--coordinates",
    type=click.Path(path_type=Path),
    help="A map of your own: a .npy of two numbers for each example, in the order of the splits.",
)
@click.option(
    "--scores",
    "scores_file",
    type=click.Path(path_type=Path),
    help="Your predictions: a CSV of index, predicted and, if you like, score and split.",
)
@click.option(
    "--light/--exact",
    "is_light",
    default=False,
    help="Keep 16 greys, for a smaller file, or every pixel's value.  [default: exact]",
)
@click.option("--force", is_flag=True, help="Replace that file if it is there.")
def explore(
    name: str,
    output: Path,
    splits: Sequence[str],
    classes: str | None,
    root: Path | None,
    methods: Sequence[str],
    coordinates: Path | None,
    scores_file: Path | None,
    is_light: bool,
    force: bool,
) -> None:
    """Write one HTML file that shows every example of the dataset NAME on a map.

    It works from disk, without a network: zoom until points become pictures, filter by class,
    compare neighbours, select examples and copy the code for them.
    """
    from fmnist_core.embedding import check_method
    from fmnist_core.explorer.page import page
    from fmnist_core.explorer.scores import read_scores
    from fmnist_core.files import written_output
    from fmnist_core.tools.progress import ProgressLine, open_console

    methods = tuple(dict.fromkeys(methods)) or (() if coordinates else ("pca",))
    make_room(output.parent, [output.name], force)
    for method in methods:
        check_method(method)
    with ProgressLine(open_console()) as line:
        examples = _loaded(name, splits, classes, root, line)
        scores = read_scores(scores_file, examples) if scores_file else None
        layouts = _layouts(examples, methods, coordinates, line)
        line.begin("packing the pictures", examples.images.size // (2 if is_light else 1))
        blocks = page(examples, layouts, is_light=is_light, scores=scores, report=line.advance)
        with written_output(output) as file:
            size = sum(map(file.write, blocks))
        line.finish("the pictures are packed")
    count = f"{len(examples):,} examples, {size / 1e6:.1f} MB"
    click.echo(f"Wrote {printable(output)}: {count}. Open it in a browser")


def _loaded(
    name: str, splits: Sequence[str], classes: str | None, root: Path | None, line: "ProgressLine"
) -> "Examples":
    """Load what the options say; labels stay those of the files."""
    from fmnist_core.explorer.examples import Examples
    from fmnist_core.loading import load
    from fmnist_core.registry import find_dataset
    from fmnist_core.selection import class_numbers
    from fmnist_core.tools.data import Transfer

    line.begin(f"{name}: loading")
    names = tuple(dict.fromkeys(splits)) or tuple(find_dataset(name).splits)
    datasets = load(name, names, root=root, report=Transfer(line))
    if classes is not None:
        numbers = class_numbers(class_list(classes, datasets[0].classes), datasets[0].classes)
        datasets = tuple(each.select(np.isin(each.labels, numbers)) for each in datasets)
    return Examples(datasets)


def _layouts(
    examples: "Examples", methods: Sequence[str], coordinates: Path | None, line: "ProgressLine"
) -> dict[str, NDArray[np.float32]]:
    """Return the maps by their titles, the user's first."""
    from fmnist_core.embedding import embed
    from fmnist_core.explorer.coordinates import fitted, read_coordinates

    layouts = {}
    if coordinates:
        layouts[printable(coordinates.name)] = read_coordinates(coordinates, len(examples))
    for method in methods:
        step = f"{TITLES[method]} of {len(examples):,} images"
        line.begin(step)
        layouts[TITLES[method]] = fitted(embed(examples.images, method))
        line.finish(step)
    return layouts
