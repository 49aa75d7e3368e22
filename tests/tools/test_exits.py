"""A command that its output or its user ends: it exits with a shell's status."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.programs import INTERRUPTIBLE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")

MAIN = f"{INTERRUPTIBLE}; from fmnist_core.tools.cli import main; main()"
COMMAND = [sys.executable, "-c", MAIN]
COMMANDS = [["--help"], ["--version"], ["list"], ["info", "mnist"], ["doctor"]]


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path))


@pytest.fixture(scope="module")
def shared_store() -> str:
    """The store of all tests, in which "synthetic" is drawn once."""
    return os.environ["FMNIST_HOME"]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_a_pipe_that_nobody_reads(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as output:
        done = subprocess.run(
            [*COMMAND, *arguments], stdout=output, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_a_disk_that_is_full(arguments: list[str]) -> None:
    with open("/dev/full", "w") as output:
        done = subprocess.run(
            [*COMMAND, *arguments], stdout=output, stderr=subprocess.PIPE, check=False, text=True
        )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "No space left on device" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_a_program_without_standard_output(arguments: list[str]) -> None:
    """A job of cron may be started so, or a shell's ``>&-``."""
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, *arguments],
        stderr=subprocess.PIPE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c() -> None:
    from fmnist_core.catalog import SYNTHETIC
    from fmnist_core.storage import locks, store

    # It says at once that it waits.
    program = f"from fmnist_core.storage import locks; locks.NOTICE = 0; {MAIN}"
    with locks.locked(store.folder(SYNTHETIC)):  # what it waits for
        process = subprocess.Popen(
            [sys.executable, "-c", program, "fetch", "synthetic"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr
        assert any("waiting for another process" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=30)
    assert process.returncode == 130
    assert complaints.splitlines()[-1] == "Aborted!"


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"]
)
def test_a_demo_that_is_stopped_leaves_no_folder(
    tmp_path: Path, shared_store: str, number: signal.Signals, status: int
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary), "FMNIST_HOME": shared_store}
    process = subprocess.Popen(
        [*COMMAND, "demo"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    )
    while not list(temporary.glob("fmnist-demo-*")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == status
    assert list(temporary.iterdir()) == []
