"""What fuzzers feed: bytes to every reader, which may raise nothing but fmnist's errors.

As a program it is a fuzzer of atheris: ``python -m tests.helpers.fuzzing FOLDER -runs=10000``.
"""

import gzip
import json
import lzma
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fmnist_core.catalog import SYNTHETIC
from fmnist_core.dataset import Dataset
from fmnist_core.errors import FmnistError
from fmnist_core.fingerprints import Fingerprint
from fmnist_core.idx.format import open_array, parse_idx, read_idx
from fmnist_core.state import check_same_order, checked_state
from fmnist_core.storage import store
from fmnist_core.storage.identify import identify
from fmnist_core.storage.locks import locked
from fmnist_core.storage.obtain import find_genuine
from fmnist_core.storage.partial import Part
from fmnist_core.tools.bundle import read_bundle
from fmnist_core.tools.data import verify_target
from tests.helpers.corpus import PAYLOAD, QUICK, shaped, zipped

INFO = SYNTHETIC
FILE = INFO.split("test").images


def as_state(path: Path) -> None:
    try:
        state = json.loads(path.read_bytes())
    except (ValueError, RecursionError):  # Python's own, on Python's own door
        return
    check_same_order(checked_state(state), True, 3)


def as_note(path: Path) -> None:
    part = Part(path.with_name("target"))
    path.replace(path.with_name(".target.part.json"))
    part.note()
    part.resumable("http://host/target")


def as_notes(path: Path) -> None:
    place = store.folder(INFO)
    with locked(place):
        path.replace(place / "verified.json")
        (place / FILE.name).write_bytes(b"x")
        store.is_verified(place / FILE.name, FILE)
        store.mark_verified(place / FILE.name, "0")


def as_root(path: Path) -> None:
    path.replace(path.with_name(FILE.name))
    find_genuine([path.parent], INFO, FILE)


def saved_fingerprint() -> bytes:
    """Return the file of an epoch of two batches."""
    dataset = Dataset(np.zeros((4, 2, 2), np.uint8), np.arange(4) % 2)
    loader = dataset.to("numpy", batch_size=2, fields=("image", "label", "index"))
    received = Fingerprint(loader)
    list(received.watch(loader))
    with tempfile.TemporaryDirectory() as folder:
        received.save(f"{folder}/x")
        return Path(folder, "x").read_bytes()


DOORS: dict[str, Callable[[Path], object]] = {
    "parse_idx": lambda path: parse_idx(path.read_bytes()),
    "read_idx": read_idx,
    "open_array": open_array,
    "identify": lambda path: [str(identity) for identity in identify(path)],
    "load": as_root,
    "bundle": lambda path: read_bundle(INFO, path),
    "verify": lambda path: verify_target(str(path)),
    "state": as_state,
    "fingerprint": lambda path: repr(Fingerprint.load(path)),
    "note": as_note,
    "notes": as_notes,
}

STATE = {
    "order": 1,
    "digest": "",
    "shuffle": True,
    "seed": 3,
    "epoch": 0,
    "examples": 0,
    "transform": [],
}

SEEDS = [
    PAYLOAD,
    gzip.compress(PAYLOAD, mtime=0),
    lzma.compress(PAYLOAD),
    zipped(x=PAYLOAD),
    zipped(**{FILE.name: gzip.compress(PAYLOAD, mtime=0)}),
    shaped("(3, 3)"),
    json.dumps(STATE).encode(),
    saved_fingerprint(),
    b'{"url": "http://host/target", "validators": {"total": 7, "etag": "", "modified": ""}}',
    b"00 00 08 01 00 00 00 01 07",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64,
]
"""Where mutation begins: one whole file of each kind."""


def enter(content: bytes, folder: Path) -> None:
    """Give bytes to every reader; only fmnist's errors and warnings may result."""
    for door in DOORS.values():
        path = folder / "x"
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                door(path)
            except FmnistError as error:
                if not all(line.isprintable() for line in str(error).split("\n")):
                    raise AssertionError(f"{error!r} is not fit to be printed") from error
        for left in folder.iterdir():
            if left.is_file():
                left.unlink()


def main() -> None:
    """Fuzz with atheris; what it finds is raised."""
    import atheris

    with tempfile.TemporaryDirectory() as name:
        os.environ["FMNIST_HOME"] = str(Path(name, "store"))
        os.environ["FMNIST_OFFLINE"] = "1"
        folder = Path(name, "work")
        folder.mkdir()
        for number, seed in enumerate([*SEEDS, *_small()]):
            Path(sys.argv[1], f"seed-{number}").write_bytes(seed)
        atheris.instrument_all()
        atheris.Setup(sys.argv, lambda content: enter(content, folder))
        atheris.Fuzz()


def _small() -> list[bytes]:
    """Return the small hostile files, further starting points."""
    contents = []
    with tempfile.TemporaryDirectory() as name:
        for maker in QUICK.values():
            path = Path(name, "x")
            maker(path)
            if path.stat().st_size < 4096:
                contents.append(path.read_bytes())
    return contents


if __name__ == "__main__":
    main()
