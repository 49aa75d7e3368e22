"""Every door that a file can come in by, with every hostile file: an error of ours, and soon.

Each runs in a process of its own with 128 MiB of memory more than it has, no larger file than that,
and a bound in seconds of processor time. FMNIST_FAULTS=all has larger files and larger bounds.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers import limits
from tests.helpers.corpus import LARGE, QUICK, Maker
from tests.helpers.doors import DOORS
from tests.helpers.programs import environment, helper

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")

ALL = os.environ.get("FMNIST_FAULTS") == "all"
CORPUS = {**QUICK, **LARGE} if ALL else QUICK
SECONDS = 60.0 if ALL else 10.0
MEMORY = 1 << (30 if ALL else 27)

TryAll = Callable[[Path], list[str]]


@pytest.fixture(scope="module")
def try_all() -> Iterator[TryAll]:
    """A function that brings the file "made" of a folder in by every door.

    One process, which has imported what the doors need, makes a copy of itself for each.
    """
    process = subprocess.Popen(
        [sys.executable, *helper("doors"), str(SECONDS), str(MEMORY)],
        env=environment(FMNIST_OFFLINE="1", FMNIST_MIRROR=""),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin
        assert process.stdout
        asked, answered = process.stdin, process.stdout

        def tried(folder: Path) -> list[str]:
            asked.write(f"{folder}\n")
            asked.flush()
            faults: list[str] = json.loads(answered.readline())
            return faults

        yield tried
        asked.close()


@pytest.mark.parametrize("name", CORPUS)
def test_every_entry_point_answers_or_raises_in_time(
    tmp_path: Path, try_all: TryAll, name: str
) -> None:
    make: Maker = CORPUS[name]
    make(tmp_path / "made")
    assert try_all(tmp_path) == []
    assert len(list(tmp_path.glob("[0-9]*"))) == len(DOORS)
    assert not (tmp_path / "unpickled").exists()
    assert not Path("/etc/fmnist-was-here").exists()


def test_the_limits_bite() -> None:
    def endless() -> None:
        while True:
            pass

    def asleep() -> None:
        signal.pause()

    assert limits.run_limited(endless, 0.2, MEMORY).ended == f"signal {signal.SIGPROF}"
    assert limits.run_limited(asleep, 0.02, MEMORY).ended == f"signal {signal.SIGALRM}"
    assert limits.run_limited(lambda: bytes(2 * MEMORY), 5, MEMORY).ended == "MemoryError"
    assert limits.run_limited(lambda: 7, 5, MEMORY) == limits.Outcome("ok", "7")
