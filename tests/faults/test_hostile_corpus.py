"""Every door that a file can come in by, with every hostile file: an error of ours, and soon.

Each runs in a process of its own with 256 MiB of memory more than it has, no larger file than twice
the largest payload here, and a bound in seconds of processor time. FMNIST_FAULTS=all has larger
files of the kinds.
"""

import os
import signal
import subprocess
import sys
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
MEMORY = 1 << (30 if ALL else 28)


@pytest.mark.parametrize("name", CORPUS)
def test_every_door_stays_shut_or_opens_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make: Maker = CORPUS[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FMNIST_MIRROR", raising=False)
    make(tmp_path / "made")
    tried = subprocess.run(
        [sys.executable, *helper("doors"), str(tmp_path), str(SECONDS), str(MEMORY)],
        env=environment(FMNIST_OFFLINE="1", KERAS_HOME=str(tmp_path / "keras")),
        capture_output=True,
        text=True,
        timeout=2400,
    )
    assert (tried.returncode, tried.stdout) == (0, ""), tried.stdout + tried.stderr[-2000:]
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
