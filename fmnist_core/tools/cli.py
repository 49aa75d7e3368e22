"""The command line `fmnist`. A command imports what it needs when it runs, so help is instant."""

import warnings
from pathlib import Path
from typing import Any

import click

from fmnist_core.errors import FmnistError


class PlainErrors(click.Group):
    """Commands whose errors and warnings are for people: a line on stderr, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning  # type: ignore[assignment]
            try:
                return super().invoke(ctx)
            except FmnistError as error:
                raise click.ClickException(str(error)) from error


def _show_warning(message: Warning | str, *_: Any) -> None:
    click.echo(f"Warning: {message}", err=True)


@click.group("fmnist", cls=PlainErrors)
@click.version_option(package_name="fmnist")
def main() -> None:
    """Fashion-MNIST, and every dataset in MNIST's IDX format, in every framework.

    To begin, see the same batches in numpy, PyTorch, TensorFlow and JAX: fmnist demo
    """


@main.command()
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with Fashion-MNIST's four files, raw, .gz or .xz. Without it, the built-in "
    "dataset of drawn garments is used, and no network.",
)
def demo(root: Path | None) -> None:
    """Show that every framework gets the same batches, and train on them.

    Each framework reads two shuffled epochs, which must agree to the bit, and then trains the same
    small network for one epoch. It takes a minute or two. The exit status is 0 if all four agree.
    """
    from fmnist_core.tools.demo import run_demo

    run_demo(root)


@main.command("picture")
@click.argument("name")
@click.option("--split", default="train", show_default=True, help="Which split to draw from.")
@click.option("--root", type=click.Path(path_type=Path), help="Folder with the dataset's files.")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The PNG to write."
)
def picture_command(name: str, split: str, root: Path | None, output: Path) -> None:
    """Write a PNG with ten examples of each class of the dataset NAME."""
    from fmnist_core.loading import load
    from fmnist_core.tools.sheet import write_sheet

    write_sheet(load(name, split, root=root), output)
    click.echo(f"Wrote {output}")
