"""Every door that a file can come in by, with every hostile file: an error of ours, and soon.

Each runs in a process of its own with a GiB of memory more than it has, no larger file than twice
the largest payload here, and a bound in seconds. FMNIST_FAULTS=all has larger files of the kinds.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests  # noqa: F401  (here, so that no process of a test spends its time importing it)
from click.testing import CliRunner, Result

from fmnist_core import errors, load, map_idx, open_idx, parse_idx, read_idx
from fmnist_core.catalog import FASHION_MNIST
from fmnist_core.fingerprints import Fingerprint
from fmnist_core.storage import store
from fmnist_core.storage.identify import identify
from fmnist_core.tools import bundle, data, identities  # noqa: F401  (likewise)
from fmnist_core.tools.cli import main
from tests.helpers import limits
from tests.helpers.corpus import LARGE, QUICK, Maker

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")

ALL = os.environ.get("FMNIST_FAULTS") == "all"
CORPUS = {**QUICK, **LARGE} if ALL else QUICK
SECONDS = 60.0 if ALL else 10.0
MEMORY = 1 << (30 if ALL else 28)
IMAGES = "t10k-images-idx3-ubyte"
Door = Callable[[Path], object]


def ours(kind: type[errors.FmnistError] = errors.FmnistError) -> set[str]:
    """Return the names of all errors of ours."""
    return {kind.__name__}.union(*map(ours, kind.__subclasses__()))


def invoke(*arguments: object) -> str:
    """Run a command; it ends well or with a status of ours, and prints nothing that acts."""
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


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    monkeypatch.delenv("FMNIST_MIRROR", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", CORPUS)
def test_every_door_stays_shut_or_opens_soon(tmp_path: Path, name: str) -> None:
    make: Maker = CORPUS[name]
    make(tmp_path / "made")
    wrong = []
    for number, (door, enter) in enumerate(DOORS.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / "x"
        os.link(tmp_path / "made", path)
        os.environ["FMNIST_HOME"] = str(folder / "store")
        with limits.largest_file(1 << 27):
            outcome = limits.run_limited(lambda: enter(path), SECONDS, MEMORY)  # noqa: B023
        if outcome.ended not in {"ok", "UserWarning", *ours()}:
            wrong.append(f"{door}: {outcome.ended} {outcome.message:.200}")
        elif outcome.ended != "ok" and len(outcome.message) > 2000:
            wrong.append(f"{door}: a message of {len(outcome.message)} characters")
    assert not wrong, "\n".join(wrong)
    assert not (tmp_path / "unpickled").exists()
    assert not Path("/etc/fmnist-was-here").exists()


def test_the_limits_bite() -> None:
    def endless() -> None:
        while True:
            pass

    assert limits.run_limited(endless, 0.2, MEMORY).ended.startswith("signal")
    assert limits.run_limited(lambda: bytes(2 * MEMORY), 5, MEMORY).ended == "MemoryError"
    assert limits.run_limited(lambda: 7, 5, MEMORY) != limits.Outcome("ok", "7", 0)
