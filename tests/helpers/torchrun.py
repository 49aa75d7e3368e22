"""Start a program under torchrun on this machine, and read the reports of its ranks."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.helpers.programs import environment, free_port, helper


def torchrun(program: list[str], ranks: int, *arguments: str) -> tuple[int, str]:
    """Return the exit code and the output of a job.

    A job that hangs is killed after four minutes; its exit code is then negative.
    """
    launcher = ["torch.distributed.run", f"--nproc-per-node={ranks}", "--master-addr=127.0.0.1"]
    job = subprocess.Popen(
        [sys.executable, "-m", *launcher, f"--master-port={free_port()}", *program, *arguments],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that its ranks end with it
    )
    try:
        output = job.communicate(timeout=240)[0]
    except subprocess.TimeoutExpired:
        os.killpg(job.pid, signal.SIGKILL)
        output = job.communicate()[0]
    return job.returncode, output


def reports_of_ranks(name: str, ranks: int, folder: Path, *arguments: str) -> list[Any]:
    """Run a helper in several ranks; return the JSON that each wrote into a folder."""
    code, output = torchrun(helper(name), ranks, str(folder), *arguments)
    assert code == 0, output
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(ranks)]
