"""`fmnist fingerprint` and `fmnist merge`: read epochs through an adapter, and keep what came."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from fmnist_core.agreement import check_shard
from fmnist_core.errors import DataMismatchError, OptionError
from fmnist_core.fingerprints import FIELDS, Fingerprint
from fmnist_core.loading import load
from fmnist_core.tools.compare import gaps
from fmnist_core.tools.output import make_room
from fmnist_core.tools.progress import ProgressLine, open_console, say


@dataclass(frozen=True)
class Output:
    """Where to write, if anywhere, and whether a file that is there may be replaced."""

    path: Path | None
    force: bool

    def make_room(self) -> None:
        """Refuse a file that is there, before any work is done."""
        if self.path is not None:
            make_room(self.path.parent, [self.path.name], self.force)

    def write(self, found: Fingerprint, console: Console) -> None:
        """Print a fingerprint, and write it."""
        show(console, found)
        if self.path is not None:
            found.save(self.path)
            say(console, f"Wrote {self.path} ({self.path.stat().st_size / 1e6:,.1f} MB)")


def run_fingerprint(
    name: str,
    split: str,
    root: Path | None,
    *,
    adapter: str,
    epochs: int,
    output: Output,
    options: dict[str, Any],
) -> None:
    """Read epochs of a dataset through an adapter; print and write the fingerprint.

    Parameters
    ----------
    name, split, root
        As `load`.
    adapter : str
    epochs : int
        How many to read.
    output : Output
    options : dict
        Of `Dataset.to`.
    """
    output.make_room()
    # TensorFlow greets on stderr; its warnings remain.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    console = open_console()
    fields = (*FIELDS, "weight") if options["remainder"] == "pad" else FIELDS
    with ProgressLine(console) as progress:
        progress.begin(f"loading {name}")
        loader = load(name, split, root=root).to(adapter, fields=fields, **options)
        found = Fingerprint(loader)
        for epoch in range(options["epoch"], options["epoch"] + epochs):
            progress.begin(f"{adapter}: epoch {epoch}", len(loader.provenance.plan))
            for _ in found.watch(loader):
                progress.advance(1)
    output.write(found, console)


def run_merge(paths: tuple[Path, ...], output: Output) -> None:
    """Merge fingerprints of one run; print and write what they are together."""
    output.make_room()
    found = Fingerprint.load(paths[0])
    for path in paths[1:]:
        more = Fingerprint.load(path)
        try:
            found = found.merge(more)
        except (OptionError, DataMismatchError) as error:
            raise type(error)(f"{path}, beside those before it: {error}") from error
    output.write(found, open_console())


def show(console: Console, found: Fingerprint) -> None:
    """Print a line for each epoch, and under it what was not received."""
    title = found.settings["data"] or f"data {found.settings['digest'][:16]}"
    order = f"seed {found.settings['seed']}" if found.settings["shuffle"] else "not shuffled"
    say(console, f"{title}, {order}, {found.settings['dtype']} {found.settings['scale']}")
    for epoch, digest in found.digests.items():
        one = found.epochs[epoch]
        say(console, f"epoch {epoch}: {one.examples:,} examples  {digest}")
        if missing := gaps(one):
            say(console, f"  incomplete: {missing}", "yellow")


def parsed_shard(text: str) -> tuple[int, int]:
    """Return index and count out of "0/4", or raise OptionError."""
    index, slash, count = text.partition("/")
    if not slash:
        raise OptionError(f"expected --shard INDEX/COUNT, such as 0/4; found {text!r}")
    return check_shard(index, count, "--shard")
