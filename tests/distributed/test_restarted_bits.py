"""A training that is killed three times, once under two ranks, ends with the same weights."""

import random
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import restarted
from tests.helpers.programs import free_port, helper, run_together

pytestmark = pytest.mark.slow

NEVER = 0
ONE_THREAD = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}


def train(framework: str, folder: Path, ranks: int, die_at: int) -> None:
    """Train until a step, with a number of ranks."""
    port = str(free_port())
    environments = [
        {**ONE_THREAD, "RANK_HERE": str(rank), "RANKS": str(ranks), "PORT": port}
        for rank in range(ranks)
    ]
    arguments = [[framework, str(folder), str(die_at)]] * ranks
    ended = run_together(helper("restarted"), arguments, environments)
    output = "\n".join(text for _, text in ended)
    codes = [code for code, _ in ended]
    if die_at == NEVER:
        assert codes == [0] * ranks, output
    else:
        # The first to die may take the others with it, by another way.
        assert -signal.SIGKILL in codes, output
        assert 0 not in codes, output


def saved(folder: Path) -> tuple[int, bytes, bytes]:
    with np.load(folder / "saved.npz") as file:
        return int(file["step"]), file["weights"].tobytes(), file["velocity"].tobytes()


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_three_kills_and_two_ranks_change_no_bit(framework: str, tmp_path: Path) -> None:
    pytest.importorskip(f"fmnist_{framework}")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    train(framework, whole, 1, NEVER)
    steps = sorted(random.Random(framework).sample(range(4, restarted.STEPS), 3))
    for ranks, step in zip((1, 2, 1), steps, strict=True):
        train(framework, killed, ranks, step)
        assert saved(killed)[0] == step // restarted.SAVE_EVERY * restarted.SAVE_EVERY
    train(framework, killed, 2, NEVER)
    assert saved(killed) == saved(whole)
    assert saved(whole)[0] == restarted.STEPS
