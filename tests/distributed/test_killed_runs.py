"""A run that is killed twice, and goes on under other ranks, sizes, workers and a framework."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fmnist_core import BatchPlan
from tests.helpers import killed_runs
from tests.helpers.programs import environment, helper

pytest.importorskip("fmnist_torch")
pytest.importorskip("fmnist_jax")
pytest.importorskip("fmnist_tensorflow")
pytestmark = pytest.mark.slow

SEEDS = range(12)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    """What each schedule consumed, by its seed."""
    folder = tmp_path_factory.mktemp("killed") / "found.json"
    command = [sys.executable, *helper("killed_runs"), str(folder), *map(str, SEEDS)]
    # Not through pipes, which worker processes hold open when their rank is killed.
    with folder.with_suffix(".txt").open("w+") as output:
        job = subprocess.Popen(
            command,
            env=environment(JAX_PLATFORMS="cpu"),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            job.wait(timeout=280)
        except subprocess.TimeoutExpired:
            pytest.fail(Path(output.name).read_text())
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)
        assert job.returncode == 0, Path(output.name).read_text()
    return dict(zip(SEEDS, json.loads(folder.read_text()), strict=True))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_run_reads_what_an_uninterrupted_run_reads(
    runs: dict[int, dict[str, Any]], seed: int
) -> None:
    schedule, run = killed_runs.schedule_of(seed), runs[seed]
    plan = BatchPlan(killed_runs.COUNT, killed_runs.COUNT, shuffle=True, seed=killed_runs.SEED)
    whole = [row for epoch in range(killed_runs.EPOCHS) for row in plan.indices(epoch, 0).tolist()]
    assert run["rest"] == 0, schedule
    assert run["consumed"] == whole, schedule
    first, second = run["positions"]
    assert 0 < first < second < len(whole), (schedule, run["positions"])
    for leg, codes in zip(schedule["legs"], run["exits"], strict=True):
        # The victim; the others may have missed it, and ended by themselves, before their turn.
        assert codes[leg["victim"] % leg["ranks"]] == -9, (schedule, codes)


def test_schedules_differ_in_all_that_may_change() -> None:
    schedules = [killed_runs.schedule_of(seed) for seed in SEEDS]
    legs = [leg for schedule in schedules for leg in schedule["legs"]]
    assert {leg["ranks"] for leg in legs} == {1, 2, 3}
    assert {leg["workers"] for leg in legs} == {0, 2}
    changes = [[leg["ranks"] for leg in schedule["legs"]] for schedule in schedules]
    assert any(first < second for first, second in changes)
    assert any(first > second for first, second in changes)
    assert {schedule["rest"] for schedule in schedules} == {"numpy", "jax", "tensorflow"}
