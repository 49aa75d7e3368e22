"""The commands that draw a dataset: `sprite`, `show` and `embed`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fmnist_core.dataset import Dataset
from fmnist_core.errors import OptionError, printable
from fmnist_core.tools.classes import class_list
from fmnist_core.tools.output import make_room

if TYPE_CHECKING:
    from rich.console import Console

    from fmnist_core.picture import Picture
    from fmnist_core.tools.progress import ProgressLine


def _of_a_dataset(command: Callable[..., None]) -> Callable[..., None]:
    """Add the argument and the options that say which examples are drawn."""
    for decorator in (
        click.option(
            "--root", type=click.Path(path_type=Path), help="Folder with the dataset's files."
        ),
        click.option(
            "--classes",
            metavar="LIST",
            help='Only these, in this order: "Sneaker,Ankle boot", or their numbers "7,9".',
        ),
        click.option(
            "--split",
            "splits",
            multiple=True,
            default=["train"],
            show_default=True,
            help="Which split to draw from; repeat it to join several.",
        ),
        click.argument("name"),
    ):
        command = decorator(command)
    return command


def _output(*, required: bool) -> Callable[..., Any]:
    return click.option(
        "-o",
        "--output",
        required=required,
        type=click.Path(path_type=Path),
        help="The .png to write.",
    )


_force = click.option("--force", is_flag=True, help="Replace what is there.")


@click.command()
@_of_a_dataset
@_output(required=True)
@click.option("--rows", default=3, show_default=True, help="Rows for each class.")
@_force
def sprite(output: Path, rows: int, force: bool, **which: Any) -> None:
    """Write a PNG with many examples of the dataset NAME, without gaps, three rows for each class.

    Of Fashion-MNIST, it is the figure of its page: 30 rows of 30 images.
    """
    from fmnist_core import figures

    check_target(output, force)
    figures.sprite(_chosen(**which), rows).save(output)
    click.echo(f"Wrote {printable(output)}")


@click.command()
@_of_a_dataset
@click.argument(
    "figure",
    type=click.Choice(["examples", "means", "histogram", "counts"]),
    default="examples",
)
@_output(required=False)
@click.option(
    "--transform",
    metavar="TEXT",
    help='Show one example of each class through ten epochs of it: "RandomCrop(28, padding=4)".',
)
@_force
def show(
    figure: str, output: Path | None, transform: str | None, force: bool, **which: Any
) -> None:
    """Show examples of each class of the dataset NAME, here in the terminal or as a PNG.

    Or show the mean image of each class, a histogram of the pixels, or the counts of the classes.
    """
    from fmnist_core import figures
    from fmnist_core.tools.progress import open_console
    from fmnist_core.tools.terminal import has_colours
    from fmnist_core.transforms import parse

    if transform is not None and figure != "examples":
        raise OptionError(f"a transform changes examples, not {figure}. Try: leave one of them out")
    console = open_console()
    if output is not None:
        check_target(output, force)
    elif not has_colours(console):
        raise OptionError("expected a terminal with colours, or a file to write. Try: -o FILE.png")
    chain = None if transform is None else parse(transform)
    dataset = _chosen(**which)
    if chain is not None:
        figure, picture = "epochs", figures.transformed(dataset, chain)
    else:
        picture = getattr(figures, figure)(dataset)
    if output is None:
        _draw_here(console, figure, picture, dataset)
    else:
        picture.save(output)
        click.echo(f"Wrote {printable(output)}")


@click.command()
@_of_a_dataset
@click.option(
    "--method",
    type=click.Choice(["pca", "tsne", "umap"]),
    default="pca",
    show_default=True,
    help="pca takes seconds; tsne and umap show clusters, but take minutes.",
)
@click.option("--seed", default=0, show_default=True, help="Of what the method draws.")
@_output(required=True)
@_force
def embed(method: str, seed: int, output: Path, force: bool, **which: Any) -> None:
    """Write a PNG with the images of the dataset NAME as points: alike ones near one another.

    A .csv of the same name gets the coordinates of each example. Needed: pip install
    "fmnist[pictures]"
    """
    from fmnist_core import embedding, figures
    from fmnist_core.files import write_output
    from fmnist_core.tools.progress import ProgressLine, open_console

    check_target(output, force)
    table = output.with_suffix(".csv")
    make_room(table.parent, [table.name], force)
    embedding.check_method(method)
    figures.check_charts()
    with ProgressLine(open_console()) as line:
        dataset = _chosen(**which, line=line)
        figures.check_grey(dataset)
        step = f"{method} of {len(dataset):,} images"
        line.begin(step)
        points = embedding.embed(dataset.images, method, seed=seed)
        picture = figures.scatter(dataset, points)
        line.finish(step)
    examples = zip(points.tolist(), dataset.labels, dataset.indices, strict=True)
    rows = (f"{x:.9g},{y:.9g},{label},{index}\n" for (x, y), label, index in examples)
    write_output(table, [f"x,y,label,index\n{''.join(rows)}".encode()])
    picture.save(output)
    click.echo(f"Wrote {printable(output)} and {printable(table)}")


def _draw_here(console: "Console", figure: str, picture: "Picture", dataset: Dataset) -> None:
    """Show a picture in the terminal; without an image protocol, an image of each class."""
    from fmnist_core import figures
    from fmnist_core.tools import terminal

    if image := terminal.protocol_image(picture):
        console.print(image)
        return
    if figure == "means":
        images, names = figures.mean_images(dataset)
    elif figure == "examples":
        firsts = figures.one_of_each(dataset)
        images, names = firsts.images, [firsts.classes[label] for label in firsts.labels]
    else:
        raise OptionError(
            "expected a terminal with kitty's image protocol or Sixel, found one with characters "
            "only, which are too coarse for this picture. Try: -o FILE.png"
        )
    console.print(terminal.half_blocks(images, names, width=console.width))


def check_target(path: Path, force: bool) -> None:
    """Check that a PNG may be written to a path, before anything is fetched for it.

    Raises
    ------
    OptionError
        If its name does not end in .png, or it exists and `force` is false.
    FileAccessError
        If its folder cannot be made.
    """
    if not path.name:
        raise OptionError(f"expected the name of a file, found {printable(path)}. Try: -o FILE.png")
    if path.suffix.lower() != ".png":
        raise OptionError(
            f"expected a name that ends in .png, found {printable(path)}; pictures are "
            "written as PNG. "
            f"Try: -o {printable(path.with_suffix('.png'))}"
        )
    make_room(path.parent, [path.name], force)


def _chosen(
    name: str,
    splits: tuple[str, ...],
    classes: str | None,
    root: Path | None,
    line: "ProgressLine | None" = None,
) -> Dataset:
    """Load what the options of `_of_a_dataset` say."""
    from fmnist_core.joined import concat
    from fmnist_core.loading import load
    from fmnist_core.tools.data import Transfer

    report = Transfer(line) if line else None
    dataset = concat(*load(name, splits, root=root, report=report))
    if classes is None:
        return dataset
    return dataset.of_classes(*class_list(classes, dataset.classes))
