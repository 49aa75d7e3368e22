"""`make bench-data`: what the data cost to get: from the store, unpacked, fetched.

Each figure is measured in fresh processes, so that imports, caches and memory are those of a user.
"""

import argparse
import functools
import http.server
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

ROUNDS = 7

IN_STORE = """
import time
import fmnist_core as fm
fm.load("fashion-mnist", "train")  # imports of the first load
begun = time.perf_counter()
train, test = fm.load("fashion-mnist", "train"), fm.load("fashion-mnist", "test")
figure = (time.perf_counter() - begun) * 1000 / 2
"""

UNPACK = """
import pathlib, time
from fmnist_core.storage import locks, store
from fmnist_core.catalog import FASHION_MNIST
place = store.folder(FASHION_MNIST)
with locks.locked(place):
    begun = time.perf_counter()
    for file in FASHION_MNIST.split("train").files:
        packed = pathlib.Path({folder!r}) / file.packed_name
        store.unpack_verified(packed, place / file.name, file)
    figure = (time.perf_counter() - begun) * 1000
"""

FETCH = """
import time
import fmnist_core as fm
fm.load("fashion-mnist", "test", source_url={mirror!r})  # imports of the first fetch
begun = time.perf_counter()
fm.load("fashion-mnist", "train", source_url={mirror!r})
figure = (time.perf_counter() - begun) * 1000
"""

BY_HAND = """
import gzip, hashlib, pathlib, time
begun = time.perf_counter()
for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
    payload = gzip.decompress((pathlib.Path({folder!r}) / (name + ".gz")).read_bytes())
    hashlib.sha256(payload).hexdigest()
figure = (time.perf_counter() - begun) * 1000
"""

PEAK = """
import fmnist_core as fm
from fmnist_core.idx import containers
from fmnist_core.storage import download, obtain, store, urls  # what a fetch imports
import filelock, platformdirs, requests

def memory(what: str) -> int:
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1])

before = memory("VmRSS")
{action}
figure = (memory("VmHWM") - before) / 1024
"""


def measured(script: str, home: Path) -> float:
    """Run a script in a process of its own, with a store of its own; return its figure."""
    environment = {**os.environ, "FMNIST_HOME": str(home), "KERAS_HOME": str(home / "keras")}
    environment.pop("FMNIST_MIRROR", None)
    done = subprocess.run(
        [sys.executable, "-c", f"{script}\nimport json; print(json.dumps(figure))"],
        env=environment,
        cwd=home,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(json.loads(done.stdout))


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *_: object) -> None:
        pass


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--root", required=True, type=Path, help="a folder with Fashion-MNIST's .gz"
    )
    folder = parser.parse_args(arguments).root.resolve()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    fetch = f'fm.load("fashion-mnist", "train", source_url={address!r})'
    scripts = {
        "load() of what the store has, ms": IN_STORE,
        "gzip.decompress and SHA-256 of train, ms": BY_HAND.format(folder=str(folder)),
        "train unpacked into the store, ms": UNPACK.format(folder=str(folder)),
        "train fetched from a file:// mirror, ms": FETCH.format(mirror=folder.as_uri()),
        "peak memory of a fetch above import, MiB": PEAK.format(action=fetch),
    }
    with tempfile.TemporaryDirectory() as filled:
        measured(FETCH.format(mirror=folder.as_uri()), Path(filled))
        show(scripts, Path(filled))
    server.shutdown()
    server.server_close()


def show(scripts: dict[str, str], filled: Path) -> None:
    """Run every script in every round, and print the median and the spread of each figure."""
    figures: dict[str, list[float]] = {name: [] for name in scripts}
    for _ in track(range(ROUNDS), "Measuring ...", transient=True):
        for name, script in scripts.items():
            with tempfile.TemporaryDirectory() as empty:
                home = filled if script is IN_STORE else Path(empty)
                figures[name].append(measured(script, home))
    table = Table("what", "median", "least to most")
    for name, seconds in figures.items():
        low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
        table.add_row(name, f"{middle:.2f}", f"{low:.2f} to {high:.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
