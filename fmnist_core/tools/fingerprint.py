"""The commands that digest and compare runs; each imports what it needs as it runs."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fmnist_core.fingerprints import Fingerprint

_FILE = click.Path(path_type=Path)
_output = click.option("-o", "--output", type=_FILE, help="A JSON file to write, for compare.")
_force = click.option("--force", is_flag=True, help="Replace that file if it exists.")


@click.command()
@click.argument("name")
@click.option("--split", default="train", show_default=True, help="Which split to read.")
@click.option("--root", type=_FILE, help="Folder with the dataset's files.")
@click.option("--adapter", default="numpy", show_default=True, help="The framework to read with.")
@click.option("--batch-size", default=128, show_default=True, help="Examples in a batch.")
@click.option("--shuffle", is_flag=True, help="Follow the written order, not the file's.")
@click.option("--seed", default=0, show_default=True, help="Seed of the written order.")
@click.option("--epoch", default=0, show_default=True, help="The first epoch to read.")
@click.option(
    "--epochs", type=click.IntRange(min=1), default=1, show_default=True, help="How many."
)
@click.option(
    "--shard", default="0/1", show_default=True, metavar="INDEX/COUNT", help="Which shard to read."
)
@click.option("--remainder", default="keep", show_default=True, help='Also "drop" or "pad".')
@click.option("--dtype", default="float32", show_default=True, help="Element type of images.")
@click.option("--scale", default="unit", show_default=True, help='Also "standard" or "raw".')
@_output
@_force
def fingerprint(
    name: str,
    split: str,
    root: Path | None,
    adapter: str,
    epochs: int,
    shard: str,
    output: Path | None,
    force: bool,
    **options: Any,
) -> None:
    """Read epochs of the dataset NAME, and print a digest of the examples received.

    The digest is the same in every framework and for any batch size. Merge shards with: fmnist
    merge
    """
    from fmnist_core.fingerprints import FIELDS, Fingerprint
    from fmnist_core.loading import load
    from fmnist_core.tools.progress import ProgressLine, open_console

    target = _Output(output, force)
    target.check()
    # TensorFlow greets on stderr; its warnings remain.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    fields = (*FIELDS, "weight") if options["remainder"] == "pad" else FIELDS
    with ProgressLine(open_console()) as progress:
        progress.begin(f"loading {name}")
        dataset = load(name, split, root=root)
        loader = dataset.to(adapter, fields=fields, shard=_parsed_shard(shard), **options)
        received = Fingerprint(loader)
        for epoch in range(options["epoch"], options["epoch"] + epochs):
            progress.begin(f"{adapter}: epoch {epoch}", len(loader.provenance.plan))
            for _ in received.watch(loader):
                progress.advance(1)
    target.write(received)


@click.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@_output
@_force
def merge(files: tuple[Path, ...], output: Path | None, force: bool) -> None:
    """Merge fingerprints of one run: its shards, pieces of an epoch, or epochs."""
    from fmnist_core.errors import DataMismatchError, OptionError, printable
    from fmnist_core.fingerprints import Fingerprint

    target = _Output(output, force)
    target.check()
    merged = Fingerprint.load(files[0])
    for path in files[1:]:
        part = Fingerprint.load(path)
        try:
            merged = merged.merge(part)
        except (OptionError, DataMismatchError) as error:
            raise type(error)(
                f"{printable(path)}, merged with the files before it: {error}"
            ) from error
    target.write(merged)


@click.command()
@click.argument("first", type=_FILE)
@click.argument("second", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def compare(context: click.Context, first: Path, second: Path, as_json: bool) -> None:
    """Say where two fingerprints first differ; exit status 1 if they do."""
    from fmnist_core.errors import printable
    from fmnist_core.fingerprints import Fingerprint
    from fmnist_core.tools import compare as tool
    from fmnist_core.tools.data import as_json as to_json

    runs = Fingerprint.load(first), Fingerprint.load(second)
    result = tool.compare(*runs)
    names = printable(first), printable(second)
    click.echo(
        to_json(result.record()) if as_json else "\n".join(tool.in_words(result, names, runs))
    )
    if not result.same:
        context.exit(1)


@click.command("compare-training")
@click.argument("first", type=_FILE)
@click.argument("second", type=_FILE)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=1e-4,
    show_default=True,
    help="Largest relative difference of values that count as equal.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def compare_training(
    context: click.Context, first: Path, second: Path, tolerance: float, as_json: bool
) -> None:
    """Name the first step in which two traces of a training diverge; exit status 1 if they do."""
    from fmnist_core.errors import printable
    from fmnist_core.tools import compare_training as tool
    from fmnist_core.tools.data import as_json as to_json
    from fmnist_core.traces import Trace

    result = tool.compare_training(Trace.load(first), Trace.load(second), tolerance)
    names = printable(first), printable(second)
    click.echo(to_json(result.record()) if as_json else "\n".join(tool.in_words(result, names)))
    if not result.same:
        context.exit(1)


@dataclass(frozen=True)
class _Output:
    """The file to write, if any, and whether an existing one may be replaced."""

    path: Path | None
    force: bool

    def check(self) -> None:
        """Raise OptionError if the file exists, before any work is done."""
        from fmnist_core.tools.output import make_room

        if self.path is not None:
            make_room(self.path.parent, [self.path.name], self.force)

    def write(self, received: "Fingerprint") -> None:
        """Print a line for each epoch, with what is missing from it, and write the file."""
        from fmnist_core.errors import printable
        from fmnist_core.tools.compare import gaps
        from fmnist_core.tools.progress import open_console, say

        console = open_console()
        settings = received.settings
        title = settings["data"] or f"data {settings['digest'][:16]}"
        order = f"seed {settings['seed']}" if settings["shuffle"] else "not shuffled"
        say(console, f"{title}, {order}, {settings['dtype']} {settings['scale']}")
        for epoch, digest in received.digests.items():
            say(console, f"epoch {epoch}: {received.epochs[epoch].examples:,} examples  {digest}")
            if missing := gaps(received.epochs[epoch]):
                say(console, f"  incomplete: {missing}", "yellow")
        if self.path is not None:
            received.save(self.path)
            say(console, f"Wrote {printable(self.path)} ({self.path.stat().st_size / 1e6:,.1f} MB)")


def _parsed_shard(text: str) -> tuple[int, int]:
    """Return index and count from "0/4", or raise OptionError."""
    from fmnist_core.agreement import check_shard
    from fmnist_core.errors import OptionError

    index, slash, count = text.partition("/")
    if not slash:
        raise OptionError(f"expected --shard INDEX/COUNT, such as 0/4; found {text!r}")
    return check_shard(index, count, "--shard")
