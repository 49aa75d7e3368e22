"""The command line `fmnist`. A command imports what it needs when it runs, so help is instant."""

import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from fmnist_core import __version__
from fmnist_core.errors import FmnistError, OptionError, printable
from fmnist_core.tools import fingerprint as fingerprints
from fmnist_core.tools import formats, pictures
from fmnist_core.tools.explore import explore

CLOSED_PIPE, INTERRUPTED, TERMINATED = 141, 130, 143
"""Exit statuses as a shell gives them, 128 and the signal's number."""


class NamedPath(click.Path):
    """A path that has a name; an empty text, as of a variable that is not set, is no folder."""

    def convert(self, value: Any, *context: Any) -> Any:
        if not value:
            raise OptionError("expected a path, found an empty text. Try: . for this folder")
        return super().convert(value, *context)


class PlainErrors(click.Group):
    """Commands that print errors and warnings as a line on stderr, never as a traceback."""

    def main(self, *args: Any, **extra: Any) -> Any:
        with _terminable(), _exit_statuses():
            try:
                return super().main(*args, **extra)
            finally:
                if sys.stdout is not None:  # a program may be started without one
                    sys.stdout.flush()

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _exit_statuses():  # --help prints here
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        # A character that a terminal or a pipe cannot encode is printed as its number.
        with suppress(AttributeError):
            sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        with warnings.catch_warnings(), _exit_statuses():
            warnings.showwarning = _show_warning  # type: ignore[assignment]
            try:
                return super().invoke(ctx)
            except FmnistError as error:
                raise click.ClickException(error.for_commands) from error
            except BrokenPipeError:
                raise
            except OSError as error:
                where = f"{error.filename}: " if error.filename else ""
                reason = printable(f"{where}{error.strerror or error}")
                raise click.ClickException(reason) from error


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM unwind a command as Ctrl-C does, so that it removes its temporary files."""
    try:
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    except ValueError:  # only the main thread may
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _exit_statuses() -> Iterator[None]:
    """Exit as a shell expects if the output or the user ends a command."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("\nAborted!", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _leave(CLOSED_PIPE)
    except OSError as error:
        click.echo(f"Error: the output cannot be written ({error.strerror})", err=True)
        _leave(1)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # rich exits by itself, with 1
            _leave(CLOSED_PIPE)
        raise


def _leave(status: int) -> NoReturn:
    with suppress(OSError, ValueError):  # what is left in stdout's buffer goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def _show_warning(message: Warning | str, *_: Any) -> None:
    click.echo(f"Warning: {printable(str(message))}", err=True)


@click.group("fmnist", cls=PlainErrors)
@click.version_option(__version__)
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
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write what each framework gave, with the loss of each step, as JSON.",
)
@click.option("--force", is_flag=True, help="Replace that file if it exists.")
def demo(root: Path | None, output: Path | None, force: bool) -> None:
    """Show that every framework gets the same batches, and train on them.

    Each framework reads two shuffled epochs, which must agree to the bit, and then trains the same
    small network, from the same first weights, for one epoch. It takes a minute or two. The exit
    status is 0 if all four agree.
    """
    from fmnist_core.tools.demo import run_demo

    run_demo(root, output, force=force)


@main.command()
@click.option("--root", type=click.Path(path_type=Path), help="Folder with the dataset's files.")
@click.option("--name", default="fashion-mnist", show_default=True, help="The dataset.")
@click.option("--only", multiple=True, metavar="NAME", help="Only this classifier; repeatable.")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="PACKAGE.MODULE:CALLABLE",
    help="Also a model of yours: the callable returns an object with fit, and predict or score.",
)
@click.option("--train-size", type=click.IntRange(min=1), help="Train on the first N examples.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for benchmark.md, benchmark.csv and benchmark.svg.",
)
@click.option("--force", is_flag=True, help="Replace such files if the folder has them.")
@click.option("--list", "as_list", is_flag=True, help="Name the classifiers and stop.")
def benchmark(
    root: Path | None,
    name: str,
    only: tuple[str, ...],
    models: tuple[str, ...],
    train_size: int | None,
    output: Path | None,
    force: bool,
    as_list: bool,
) -> None:
    """Train the classifiers of Fashion-MNIST's paper; show their accuracy beside the published.

    All twelve take about 40 minutes on two cores. Needed: pip install "fmnist[benchmark]"
    """
    from fmnist_core.tools.benchmark import Data, run_benchmark
    from fmnist_core.tools.benchmark_entries import chosen, own

    entries = [*chosen(only), *map(own, dict.fromkeys(models))]
    if as_list:
        click.echo("\n".join(f"{entry.name:<20} {entry.settings}" for entry in entries))
    else:
        run_benchmark(entries, Data(name, root, train_size), output, force=force)


@main.command()
@click.argument("name")
@click.option("--from", "source", metavar="URL|FILE.zip", help="A mirror, or a bundle.")
def fetch(name: str, source: str | None) -> None:
    """Download and verify the dataset NAME."""
    from fmnist_core.registry import find_dataset
    from fmnist_core.tools import bundle, data
    from fmnist_core.tools.progress import ProgressLine, open_console

    info = find_dataset(name)
    if source and source.lower().endswith(".zip") and "://" not in source:
        bundle.read_bundle(info, Path(source))
        source = None
    with ProgressLine(open_console()) as line:
        lines = data.fetch_all(info, source, line)
    click.echo("\n".join(lines))


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_command(as_json: bool) -> None:
    """List the datasets of the catalog."""
    from fmnist_core.catalog import CATALOG
    from fmnist_core.tools import data
    from fmnist_core.tools.progress import open_console

    if as_json:
        click.echo(data.as_json([data.as_record(info) for info in CATALOG.values()]))
    else:
        open_console().print(data.list_table())


@main.command()
@click.argument("name")
@click.option("--bibtex", is_flag=True, help="Only how to cite it.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def info(name: str, bibtex: bool, as_json: bool) -> None:
    """Show counts, classes, digests, licence and mirrors of the dataset NAME."""
    from fmnist_core.registry import find_dataset
    from fmnist_core.tools import data

    record = find_dataset(name)
    if bibtex:
        click.echo(record.citation)
    elif as_json:
        click.echo(data.as_json(data.as_record(record)))
    else:
        click.echo("\n".join(data.info_lines(record)))


@main.command()
@click.argument("target", metavar="NAME|PATH")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def verify(context: click.Context, target: str, as_json: bool) -> None:
    """Hash a dataset in the store, or the files at a path; exit status 1 if one is not genuine."""
    from dataclasses import asdict

    from fmnist_core.tools import data

    files = data.verify_target(target)
    if as_json:
        click.echo(data.as_json([asdict(file) for file in files]))
    else:
        for file in files:
            click.echo(file.found, err=not file.genuine)
    if not all(file.genuine for file in files):
        context.exit(1)


@main.command()
@click.argument("paths", nargs=-1, required=True, type=NamedPath(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def identify(context: click.Context, paths: tuple[Path, ...], as_json: bool) -> None:
    """Say what files really are, by their content.

    The exit status is 1 if one is damaged, foreign or cannot be read.
    """
    from dataclasses import asdict

    from fmnist_core.tools.data import as_json as to_json
    from fmnist_core.tools.identities import identities

    results = identities(paths)
    if as_json:
        click.echo(to_json([asdict(identity) for identity in results]))
    else:
        click.echo("\n".join(map(str, results)))
    if any(identity.verdict in ("damaged", "foreign", "unreadable") for identity in results):
        context.exit(1)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def doctor(as_json: bool) -> None:
    """Show the store, what is found where, and what would be done next."""
    from fmnist_core.tools import data

    report = data.doctor()
    click.echo(data.as_json(report) if as_json else "\n".join(data.doctor_lines(report)))


@main.command()
def where() -> None:
    """Print the store's folder."""
    from fmnist_core.storage import store

    click.echo(store.home())


@main.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove the dataset NAME from the store."""
    from fmnist_core.registry import find_dataset
    from fmnist_core.tools import data

    click.echo(data.remove(find_dataset(name)))


@main.command("bundle")
@click.argument("name")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The .zip.")
@click.option("--force", is_flag=True, help="Replace that file if it is there.")
def bundle_command(name: str, output: Path, force: bool) -> None:
    """Write the dataset NAME as one zip file, for machines without a network."""
    from fmnist_core.registry import find_dataset
    from fmnist_core.tools.bundle import write_bundle
    from fmnist_core.tools.data import Transfer
    from fmnist_core.tools.progress import ProgressLine, open_console

    info = find_dataset(name)
    with ProgressLine(open_console()) as line:
        line.begin(f"{info.name}: packing")
        write_bundle(info, output, Transfer(line), force=force)
    click.echo(f"Wrote {printable(output)}")


for command in (
    fingerprints.fingerprint,
    fingerprints.merge,
    fingerprints.compare,
    fingerprints.compare_training,
    formats.export,
    formats.import_copy,
    formats.pack,
    formats.list_formats,
    pictures.sprite,
    pictures.show,
    pictures.embed,
    explore,
):
    main.add_command(command)
