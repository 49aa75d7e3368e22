"""Start a program by torchrun on this machine, and read what each of its ranks found."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from programs import free_port

HERE = Path(__file__).parent


def torchrun(program: Path, ranks: int, *arguments: str, seconds: int = 240) -> tuple[int, str]:
    """Return the exit code and the words of a job; one that hangs is ended, its code negative."""
    launcher = ["torch.distributed.run", f"--nproc-per-node={ranks}", "--master-addr=127.0.0.1"]
    job = subprocess.Popen(
        [sys.executable, "-m", *launcher, f"--master-port={free_port()}", str(program), *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that its ranks end with it
    )
    try:
        said = job.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        os.killpg(job.pid, signal.SIGKILL)
        said = job.communicate()[0]
    return job.returncode, said


def found_by_ranks(program: str, ranks: int, folder: Path, *arguments: str) -> list[Any]:
    """Run one of this folder's programs; return what each rank left as JSON in a folder."""
    code, said = torchrun(HERE / program, ranks, str(folder), *arguments)
    assert code == 0, said
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(ranks)]
