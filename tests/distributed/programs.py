"""Start the processes of one job on this machine, and wait for what they say."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def run_together(
    program: Path, arguments: list[list[str]], environments: list[dict[str, str]], *, seconds: int
) -> list[tuple[int, str]]:
    """Run one process for each environment, all at once; return their exit codes and what they say.

    A job that hangs is ended after so many seconds, and then its exit codes are negative.
    """
    processes = [
        subprocess.Popen(
            [sys.executable, str(program), *own],
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for own, environment in zip(arguments, environments, strict=True)
    ]
    try:
        said = [process.communicate(timeout=seconds)[0] for process in processes]
    except subprocess.TimeoutExpired:
        for process in processes:
            process.kill()
        said = [process.communicate()[0] for process in processes]
    return [(process.returncode, words) for process, words in zip(processes, said, strict=True)]


def results(program: str, outputs: list[Path], environments: list[dict[str, str]]) -> list[Any]:
    """Run a job whose processes each write a JSON file, named by their first argument."""
    arguments = [[str(output)] for output in outputs]
    ended = run_together(HERE / program, arguments, environments, seconds=240)
    assert [code for code, _ in ended] == [0] * len(ended), "\n".join(words for _, words in ended)
    return [json.loads(output.read_text()) for output in outputs]
