"""The readers of docs/languages.md, compiled and run: the same counts, pixels and order as here."""

import hashlib
import os
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import fmnist_core as fm
from tests.golden import PROJECT, VECTORS
from tests.helpers.plain_order import plain_shuffle

SOURCES = PROJECT / "docs" / "languages"


class Reader(NamedTuple):
    """How to build and run one reader; `{source}` and `{built}` stand for paths."""

    tool: str  # without it there is nothing to run with
    source: str
    build: str
    run: str
    check: str = "sha256"
    reads_gz: bool = True
    has_seeds_of_64_bits: bool = True


WARNINGS = "-Wall -Wextra -Werror -O1"
READERS = {
    "c": Reader(
        "cc",
        "reader.c",
        f"cc -std=c99 {WARNINGS} -o {{built}} {{source}}",
        "{built}",
        "adler32",
        False,
    ),
    "c++": Reader(
        "c++",
        "reader.cpp",
        f"c++ -std=c++17 {WARNINGS} -o {{built}} {{source}}",
        "{built}",
        "adler32",
        False,
    ),
    "javascript": Reader("node", "reader.mjs", "", "node {source}"),
    "java": Reader("javac", "Reader.java", "javac -d {built} {source}", "java -cp {built} Reader"),
    "rust": Reader(
        "rustc",
        "reader.rs",
        "rustc -O --edition 2021 -o {built} {source}",
        "{built}",
        "adler32",
        False,
    ),
    "go": Reader("go", "reader.go", "go build -o {built} {source}", "{built}"),
    "ruby": Reader("ruby", "reader.rb", "", "ruby {source}"),
    "r": Reader("Rscript", "reader.R", "", "Rscript {source}", "md5", has_seeds_of_64_bits=False),
    "octave": Reader(
        "octave-cli", "reader.m", "", "octave-cli --quiet {source}", has_seeds_of_64_bits=False
    ),
    "scala": Reader(
        "scalac",
        "Reader.scala",
        "scalac -nobootcp -d {built} {source}",
        "scala -nobootcp -nocompdaemon -cp {built} Reader",
    ),
    "c#": Reader("mcs", "Reader.cs", "mcs -out:{built} {source}", "mono {built}"),
}

CHECKS: dict[str, Callable[[bytes], str]] = {
    "sha256": lambda pixels: hashlib.sha256(pixels).hexdigest(),
    "md5": lambda pixels: hashlib.md5(pixels, usedforsecurity=False).hexdigest(),
    "adler32": lambda pixels: f"{zlib.adler32(pixels):08x}",
}


@pytest.fixture(scope="module", params=READERS, ids=str)
def reader(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Reader, list[str]]:
    """Build each reader in turn; give the command that runs it."""
    chosen = READERS[request.param]
    if not shutil.which(chosen.tool):
        pytest.skip(f"no {chosen.tool}")
    folder = tmp_path_factory.mktemp("reader")
    built = folder / "built"
    if "-d {built}" in chosen.build:
        built.mkdir()
    paths = {"source": str(SOURCES / chosen.source), "built": str(built)}
    if chosen.build:
        built_well = execute([part.format(**paths) for part in chosen.build.split()])
        assert built_well.returncode == 0, built_well.stderr
    return chosen, [part.format(**paths) for part in chosen.run.split()]


def execute(command: list[str]) -> "subprocess.CompletedProcess[str]":
    environment = {"GO111MODULE": "off", **os.environ}  # Go without a go.mod
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def check(
    reader: tuple[Reader, list[str]],
    paths: tuple[Path, Path],
    pixels: bytes,
    labels: NDArray[Any],
    seed: int,
    epoch: int,
    indices: list[int],
) -> None:
    chosen, command = reader
    run = execute([*command, *map(str, paths), str(seed), str(epoch)])
    assert run.returncode == 0, run.stderr
    assert [line.strip() for line in run.stdout.splitlines()] == [
        f"count {len(labels)}",
        f"labels {labels.sum(dtype=np.int64)}",
        f"{chosen.check} {CHECKS[chosen.check](pixels)}",
        "order " + " ".join(map(str, indices)),
    ]


def written(folder: Path, images: NDArray[Any], labels: NDArray[Any], *, gz: bool) -> Any:
    """Write images and labels as IDX files, raw or .gz; return their paths."""
    paths = tuple(folder / f"{part}{'.gz' * gz}" for part in ("images", "labels"))
    for path, array in zip(paths, (images, labels), strict=True):
        fm.write_idx(path, np.ascontiguousarray(array))
    return paths


# A much smaller order takes thousands of steps for an index, which some interpreters feel.
GOLDEN = [vector for vector in VECTORS["orders"] if vector["n"] in (1000, 65_537)]


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: str(vector["n"]))
def test_golden_orders(reader: tuple[Reader, list[str]], vector: Any, tmp_path: Path) -> None:
    n = vector["n"]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 5, 4), np.uint8)
    labels = rng.integers(0, 10, n, np.uint8)
    paths = written(tmp_path, images, labels, gz=reader[0].reads_gz and n == 1000)
    seed, epoch = int(vector["seed"]), vector["epoch"]
    check(reader, paths, images.tobytes(), labels, seed, epoch, vector["indices"])


def test_synthetic_garments_and_a_large_seed(
    reader: tuple[Reader, list[str]], tmp_path: Path
) -> None:
    few = fm.load("synthetic", "test").take(1000)
    paths = written(tmp_path, few.images, few.labels, gz=False)
    seed = 2**64 - 1 if reader[0].has_seeds_of_64_bits else 2**53 - 1
    epoch = 2**32 - 1
    indices = [plain_shuffle(position, 1000, seed, epoch) for position in range(10)]
    check(reader, paths, few.images.tobytes(), few.labels, seed, epoch, indices)


def test_real_files(reader: tuple[Reader, list[str]], fashion_root: Path, tmp_path: Path) -> None:
    paths = tuple(fashion_root / f"t10k-{part}-ubyte.gz" for part in ("images-idx3", "labels-idx1"))
    test = fm.load("fashion-mnist", "test", root=fashion_root)
    if not reader[0].reads_gz:
        paths = written(tmp_path, test.images, test.labels, gz=False)
    indices = [plain_shuffle(position, 10_000, 7, 3) for position in range(10)]
    check(reader, (paths[0], paths[1]), test.images.tobytes(), test.labels, 7, 3, indices)


def test_a_truncated_file_is_an_error(reader: tuple[Reader, list[str]], tmp_path: Path) -> None:
    images, labels = np.zeros((30, 5, 4), np.uint8), np.zeros(30, np.uint8)
    paths = written(tmp_path, images, labels, gz=False)
    paths[0].write_bytes(paths[0].read_bytes()[:-1])
    run = execute([*reader[1], *map(str, paths), "0", "0"])
    assert run.returncode > 0, run  # below 0 it would have crashed
    assert run.stderr


def test_every_reader_is_on_the_page() -> None:
    page = (PROJECT / "docs" / "languages.md").read_text(encoding="utf-8")
    included = {path.name for path in SOURCES.iterdir() if f"languages/{path.name}" in page}
    assert included == {path.name for path in SOURCES.iterdir()}
    assert {reader.source for reader in READERS.values()} <= included
