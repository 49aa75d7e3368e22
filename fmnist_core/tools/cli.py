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


@click.group(cls=PlainErrors)
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
