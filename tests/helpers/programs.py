"""Run programs in separate processes: those of this package, and jobs of several processes."""

import json
import os
import random
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]


INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
"""Begins a program that Ctrl-C ends: a shell lets what it runs in the background ignore it."""


def helper(name: str) -> list[str]:
    """Return Python's arguments to run a module of this package."""
    return ["-m", f"{__package__}.{name}"]


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which a program finds this package."""
    path = os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
    # One thread: on a busy machine, several would spend their time waiting for one another.
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **more}


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now.

    It is below the range from which the system gives any free port (from 32768 on Linux): another
    program could get such a port before it is used.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def run_together(
    program: list[str], arguments: list[list[str]], environments: list[dict[str, str]]
) -> list[tuple[int, str]]:
    """Run one process for each environment, all at once; return their exit codes and output.

    A job that hangs is killed after four minutes; its exit codes are then negative.
    """
    processes = [
        subprocess.Popen(
            [sys.executable, *program, *own_arguments],
            env=environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for own_arguments, more in zip(arguments, environments, strict=True)
    ]
    try:
        outputs = [process.communicate(timeout=240)[0] for process in processes]
    except subprocess.TimeoutExpired:
        for process in processes:
            process.kill()
        outputs = [process.communicate()[0] for process in processes]
    return [(process.returncode, text) for process, text in zip(processes, outputs, strict=True)]


def results(name: str, files: list[Path], environments: list[dict[str, str]]) -> list[Any]:
    """Run a helper in several processes; each writes JSON into the file of its first argument."""
    ended = run_together(helper(name), [[str(file)] for file in files], environments)
    assert [code for code, _ in ended] == [0] * len(ended), "\n".join(text for _, text in ended)
    return [json.loads(file.read_text()) for file in files]
