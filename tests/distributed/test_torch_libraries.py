"""Lightning and accelerate at two ranks: each gets its shard, once, also after a restart."""

from importlib.util import find_spec
from typing import Any

import pytest
from torchrun import found_by_ranks

from fmnist_core import BatchPlan

pytest.importorskip("torch")
pytestmark = pytest.mark.slow

RANKS = 2


@pytest.fixture(scope="module", params=["lightning", "accelerate"])
def found(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    """What each of two ranks found under a library."""
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    return found_by_ranks("torch_libraries.py", RANKS, folder, request.param)


def law(rank: int) -> list[list[int]]:
    """Return the batches of two epochs; rows are indices, as nothing is selected."""
    plan = BatchPlan(101, 6, shuffle=True, seed=4, shard=(rank, RANKS))
    return [rows.tolist() for epoch in range(2) for rows in plan.epoch(epoch)]


def test_each_rank_reads_its_shard_once(found: list[dict[str, Any]]) -> None:
    for rank in range(RANKS):
        assert found[rank]["whole"] == law(rank)
        assert found[rank].get("hooked", law(rank)) == law(rank)


def test_a_checkpoint_within_an_epoch_goes_on(found: list[dict[str, Any]]) -> None:
    for rank in range(RANKS):
        assert found[rank]["rest"] == law(rank)[4:]


def test_a_loader_that_is_not_shared_is_refused(found: list[dict[str, Any]]) -> None:
    for rank in found:
        wanted = ("use_distributed_sampler=False", 'Try: shard="auto"')
        assert any(words in rank["unshared"] for words in wanted)
