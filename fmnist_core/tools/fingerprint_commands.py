"""The commands `fingerprint`, `merge` and `compare`; each imports what it needs as it runs."""

from pathlib import Path
from typing import Any

import click

_FILE = click.Path(path_type=Path)
_output = click.option("-o", "--output", type=_FILE, help="A JSON file to write, for compare.")
_force = click.option("--force", is_flag=True, help="Replace that file if it is there.")


@click.command()
@click.argument("name")
@click.option("--split", default="train", show_default=True, help="Which split to read.")
@click.option("--root", type=_FILE, help="Folder with the dataset's files.")
@click.option("--adapter", default="numpy", show_default=True, help="The framework to read by.")
@click.option("--batch-size", default=128, show_default=True, help="Examples in a batch.")
@click.option("--shuffle", is_flag=True, help="Follow the written order, not the file's.")
@click.option("--seed", default=0, show_default=True, help="Seed of the written order.")
@click.option("--epoch", default=0, show_default=True, help="The first epoch to read.")
@click.option(
    "--epochs", type=click.IntRange(min=1), default=1, show_default=True, help="How many."
)
@click.option(
    "--shard", default="0/1", show_default=True, metavar="INDEX/COUNT", help="Whose part."
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
    """Read epochs of the dataset NAME, and print a digest of what came.

    It is the same in every framework, and for any batch size. Shards can be merged: fmnist merge
    """
    from fmnist_core.tools import fingerprint as tool

    options["shard"] = tool.parsed_shard(shard)
    tool.run_fingerprint(
        name,
        split,
        root,
        adapter=adapter,
        epochs=epochs,
        output=tool.Output(output, force),
        options=options,
    )


@click.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@_output
@_force
def merge(files: tuple[Path, ...], output: Path | None, force: bool) -> None:
    """Merge fingerprints of one run: its shards, pieces of an epoch, or epochs."""
    from fmnist_core.tools import fingerprint as tool

    tool.run_merge(files, tool.Output(output, force))


@click.command()
@click.argument("first", type=_FILE)
@click.argument("second", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def compare(context: click.Context, first: Path, second: Path, as_json: bool) -> None:
    """Say where two fingerprints first differ; exit status 1 if they do."""
    from fmnist_core.fingerprints import Fingerprint
    from fmnist_core.tools import compare as tool
    from fmnist_core.tools.data import as_json as to_json

    runs = Fingerprint.load(first), Fingerprint.load(second)
    found = tool.compare(*runs)
    names = str(first), str(second)
    click.echo(to_json(found.record()) if as_json else "\n".join(tool.in_words(found, names, runs)))
    if not found.same:
        context.exit(1)
