"""Ray Train's prepare_data_loader on the torch loader, in two workers."""

import json
import subprocess
import sys
from typing import Any

import pytest

from fmnist_core.testing import made_dataset
from tests.helpers.programs import environment, helper

pytest.importorskip("torch")
pytest.importorskip("fmnist_torch")
pytest.importorskip("ray.train")
pytestmark = pytest.mark.slow

RANKS = 2


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two workers reported."""
    folder = tmp_path_factory.mktemp("ray")
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    command = [sys.executable, *helper("torch_ray"), str(folder)]
    job = subprocess.run(
        command,
        env={**environment(), **quiet},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert job.returncode == 0, job.stderr
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(RANKS)]


def test_a_shared_loader_reads_its_shard(reports: list[dict[str, Any]]) -> None:
    for rank, worker in enumerate(reports):
        loader = made_dataset().to(
            "numpy", batch_size=4, shuffle=True, seed=3, shard=(rank, RANKS), fields=("index",)
        )
        assert worker["plan"] == [[index.tolist() for (index,) in loader] for _ in range(2)]


@pytest.mark.parametrize("name", ["in order", "shuffled"])
def test_a_loader_that_ray_shares_is_like_a_plain_one(
    reports: list[dict[str, Any]], name: str
) -> None:
    """In batches, of the whole dataset over both workers, shuffled if it was."""
    indices = made_dataset().indices.tolist()
    labels = dict(zip(indices, made_dataset().labels.tolist(), strict=True))
    seen = []
    for worker in reports:
        assert [len(label) for label, _ in worker[name]] == [4, 4, 4]
        for label, index in worker[name]:
            assert label == [labels[place] for place in index]
            seen += index
    assert set(seen) == set(indices)
    first = [index for _, index in reports[0][name]]
    assert (first[0] == indices[:8:2]) == (name == "in order")
