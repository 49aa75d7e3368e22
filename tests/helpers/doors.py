"""Give one file after another to every function and command that reads files (a "door").

    python -m tests.helpers.doors SECONDS BYTES

Each line of stdin is a folder with a file named "made"; the answer is a line of JSON, a list of
problems. Each door is tried in a fork of this process, which has imported no framework, with
SECONDS of processor time and BYTES of memory more than it has.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import requests  # noqa: F401  (here, so that no copy spends its time importing it)
from click.testing import CliRunner, Result

from fmnist_core import errors, load, map_idx, open_idx, parse_idx, read_idx
from fmnist_core.catalog import FASHION_MNIST
from fmnist_core.fingerprints import Fingerprint
from fmnist_core.storage import store
from fmnist_core.storage.identify import identify
from fmnist_core.tools import bundle, data, identities  # noqa: F401  (likewise)
from fmnist_core.tools.cli import main
from tests.helpers import limits

IMAGES = "t10k-images-idx3-ubyte"
LARGEST_FILE = 1 << 27  # bytes, twice the largest payload here
Door = Callable[[Path], object]


def ours(kind: type[errors.FmnistError] = errors.FmnistError) -> set[str]:
    """Return the names of all errors of fmnist."""
    return {kind.__name__}.union(*map(ours, kind.__subclasses__()))


def invoke(*arguments: object) -> str:
    """Run a command; it succeeds or exits with a status of fmnist, and prints no control codes."""
    result: Result = CliRunner().invoke(main, [*map(str, arguments)])
    exception = result.exception
    if exception is not None and not isinstance(exception, SystemExit):
        raise exception
    assert result.exit_code in (0, 1)
    for line in result.output.splitlines():
        assert line.isprintable(), line
    return result.output


def as_root(path: Path) -> object:
    root = path.parent / "root"
    root.mkdir()
    (root / IMAGES).symlink_to(path)
    return load("fashion-mnist", "test", root=root)


def as_mirror(path: Path) -> object:
    mirror = path.parent / "mirror"
    mirror.mkdir()
    (mirror / f"{IMAGES}.gz").symlink_to(path)
    return load("fashion-mnist", "test", source_url=mirror.as_uri())


def as_zip(path: Path) -> object:
    path.rename(path.parent / "x.zip")
    return invoke("fetch", "fashion-mnist", "--from", path.parent / "x.zip")


def in_store(path: Path) -> object:
    place = store.folder(FASHION_MNIST)
    place.mkdir(parents=True)
    (place / IMAGES).symlink_to(path)
    return load("fashion-mnist", "test")


DOORS: dict[str, Door] = {
    "read_idx": read_idx,
    "map_idx": map_idx,
    "read_idx of a file object": lambda path: read_idx(path.open("rb")),
    "parse_idx of a file object": lambda path: parse_idx(path.open("rb")),
    "open_idx": lambda path: open_idx(path, path),
    "identify": identify,
    "load, root": as_root,
    "load, a mirror": as_mirror,
    "load, in the store": in_store,
    "fetch --from": as_zip,
    "fmnist identify": lambda path: invoke("identify", path),
    "fmnist verify": lambda path: invoke("verify", path),
    "Fingerprint.load": Fingerprint.load,
    "fmnist compare": lambda path: invoke("compare", path, path),
}


def try_door(door: Door, path: Path, seconds: float, memory: int) -> str:
    """Return what went wrong when a door read a file, or "" if nothing did."""
    with limits.largest_file(LARGEST_FILE):
        outcome = limits.run_limited(lambda: door(path), seconds, memory)
    if outcome.ended not in {"ok", "UserWarning", *ours()}:
        return f"{outcome.ended} {outcome.message:.200}"
    if outcome.ended != "ok" and len(outcome.message) > 2000:
        return f"a message of {len(outcome.message)} characters"
    return ""


def try_all(made: Path, seconds: float, memory: int) -> list[str]:
    """Return what went wrong at each door, for those where something did."""
    faults = []
    os.chdir(made.parent)
    os.environ["KERAS_HOME"] = str(made.parent / "keras")
    for number, (name, door) in enumerate(DOORS.items()):
        folder = made.parent / str(number)
        folder.mkdir()
        os.link(made, folder / "x")
        os.environ["FMNIST_HOME"] = str(folder / "store")
        if wrong := try_door(door, folder / "x", seconds, memory):
            faults.append(f"{name}: {wrong}")
    return faults


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(try_all(Path(line[:-1], "made"), float(sys.argv[1]), int(sys.argv[2]))))
        sys.stdout.flush()
