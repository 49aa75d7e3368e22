"""Lightning and accelerate at two ranks: each gets its shard, once, also after a restart."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from fmnist_core import BatchPlan
from tests.helpers.programs import environment, helper
from tests.helpers.torchrun import reports_of_ranks

missing = [name for name in ("lightning", "accelerate") if find_spec(name) is None]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing), reason=f"without {missing}")]

RANKS = 2


@pytest.fixture(scope="module", params=["lightning", "accelerate"])
def reports(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    """What each of two ranks reported under a library."""
    folder = tmp_path_factory.mktemp(request.param)
    return reports_of_ranks("torch_libraries", RANKS, folder, request.param)


def law(rank: int, epochs: range = range(2)) -> list[list[int]]:
    """Return the batches of some epochs; rows are indices, as nothing is selected."""
    plan = BatchPlan(101, 6, shuffle=True, seed=4, shard=(rank, RANKS))
    return [rows.tolist() for epoch in epochs for rows in plan.epoch(epoch)]


def test_each_rank_reads_its_shard_once(reports: list[dict[str, Any]]) -> None:
    for rank in range(RANKS):
        assert reports[rank]["whole"] == law(rank)


def test_a_checkpoint_within_an_epoch_resumes(reports: list[dict[str, Any]]) -> None:
    for rank in range(RANKS):
        assert reports[rank]["rest"] == law(rank)[4:]


def test_a_checkpoint_at_an_epochs_end_resumes_with_the_next(reports: list[dict[str, Any]]) -> None:
    for rank in range(RANKS):
        assert reports[rank]["more"] == law(rank, range(2, 4))


def test_a_loader_with_one_shard_raises(reports: list[dict[str, Any]]) -> None:
    for rank in reports:
        assert 'Try: shard="auto"' in rank["unshared"]


def test_lightning_may_start_the_ranks_itself(tmp_path: Path) -> None:
    job = subprocess.run(
        [sys.executable, *helper("torch_libraries"), str(tmp_path), "lightning-alone"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert job.returncode == 0, job.stderr
    for rank in range(RANKS):
        assert json.loads((tmp_path / f"{rank}.json").read_text())["hooked"] == law(rank)
