"""The commands between formats: `export`, `import`, `pack` and `formats`."""

from pathlib import Path

import click

from fmnist_core.errors import printable


@click.command()
@click.argument("name")
@click.argument("format")
@click.argument("dest", type=click.Path(path_type=Path))
@click.option("--split", "splits", multiple=True, help="Only this split; repeatable.")
@click.option("--root", type=click.Path(path_type=Path), help="Folder with the dataset's files.")
@click.option("--force", is_flag=True, help="Replace what is at DEST, if it is an export too.")
def export(
    name: str, format: str, dest: Path, splits: tuple[str, ...], root: Path | None, force: bool
) -> None:
    """Write the dataset NAME in another format to DEST; `fmnist formats` lists them.

    DEST, a file or a folder, appears when it is whole.
    """
    from fmnist_core.formats.export import export as write
    from fmnist_core.formats.table import find_format
    from fmnist_core.formats.target import check_free
    from fmnist_core.loading import load
    from fmnist_core.registry import find_dataset
    from fmnist_core.tools.data import Transfer
    from fmnist_core.tools.progress import ProgressLine, open_console

    chosen = find_format(format)
    chosen.load()
    check_free(dest, force=force)
    info = find_dataset(name)
    with ProgressLine(open_console()) as line:
        line.begin(f"{name}: loading")
        datasets = load(name, splits or tuple(info.splits), root=root, report=Transfer(line))
        write(datasets, dest, format=format, force=force, report=Transfer(line, "writing"))
    count = sum(map(len, datasets))
    click.echo(f"Wrote {printable(dest)}: {count:,} examples as {format}, for {chosen.read_by}")


@click.command("import")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
def import_copy(name: str, path: Path) -> None:
    """Bring a copy of the dataset NAME into the store, from a file or folder of any format.

    Its examples are put into the original order and verified. A split that it lacks is left out.
    """
    from fmnist_core.registry import find_dataset
    from fmnist_core.tools.arrival import import_splits
    from fmnist_core.tools.progress import ProgressLine, open_console

    with ProgressLine(open_console()) as line:
        lines = import_splits(find_dataset(name), path, line)
    click.echo("\n".join(lines))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "dest",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder of IDX files to write.",
)
@click.option("--size", default=28, show_default=True, help="Pixels a side.")
@click.option("--test", default=0.1, show_default=True, help="Part of the pictures for the test.")
@click.option("--seed", default=0, show_default=True, help="Seed of the written order.")
@click.option("--force", is_flag=True, help="Replace what is at DEST, if it was packed too.")
def pack(folder: Path, dest: Path, size: int, test: float, seed: int, force: bool) -> None:
    """Write IDX files of the pictures in FOLDER, which has a folder for each class.

    Pictures become grey and square, and are split by the written order.
    """
    from fmnist_core.formats.pack import pack as write
    from fmnist_core.tools.data import Transfer
    from fmnist_core.tools.progress import ProgressLine, open_console

    with ProgressLine(open_console()) as line:
        report = Transfer(line, "reading")
        parts = write(folder, dest, size=size, test=test, seed=seed, force=force, report=report)
    counts = " and ".join(
        f"{len(part):,} {name}" for name, part in zip(("train", "test"), parts, strict=False)
    )
    classes = len(parts[0].classes)
    click.echo(
        f"Wrote {printable(dest)}: {counts} examples of {classes} classes, {size} x {size} pixels"
    )


@click.command("formats")
def list_formats() -> None:
    """List the formats to export to, and what reads each."""
    from rich.table import Table

    from fmnist_core.formats.table import FORMATS
    from fmnist_core.tools.progress import open_console

    table = Table("format", "what is written", "read by", "needs")
    for each in FORMATS.values():
        table.add_row(each.name, each.written, each.read_by, each.needs)
    open_console().print(table)
