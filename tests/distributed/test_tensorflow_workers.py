"""TensorFlow's own workers, each a process: MultiWorkerMirroredStrategy on 127.0.0.1."""

import json
from itertools import chain
from typing import Any

import pytest

from fmnist_core import BatchPlan
from tests.helpers import jobs
from tests.helpers.programs import free_port, results

pytestmark = pytest.mark.slow

WORKERS = 2


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two workers got."""
    folder = tmp_path_factory.mktemp("workers")
    cluster = {"worker": [f"127.0.0.1:{free_port()}" for _ in range(WORKERS)]}
    environments = [
        {
            "CUDA_VISIBLE_DEVICES": "-1",
            "TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": i}}),
        }
        for i in range(WORKERS)
    ]
    outputs = [folder / f"{i}.json" for i in range(WORKERS)]
    return results("tensorflow_worker", outputs, environments)


@pytest.mark.parametrize("way", ["function", "whole"])
@pytest.mark.parametrize("remainder", ["keep", "drop", "pad"])
def test_the_workers_batches_of_a_step_are_a_slice_of_the_order(
    reports: list[dict[str, Any]], way: str, remainder: Any
) -> None:
    plan = BatchPlan(
        1000, jobs.GLOBAL_BATCH, True, jobs.SEED, remainder, fields=("index", "weight")
    )
    for epoch in range(2):
        shares = zip(*(worker[f"{way} {remainder}"][epoch] for worker in reports), strict=True)
        joined = [list(chain(*step)) for step in shares]
        expected = [
            rows[plan.weights(step) == 1].tolist() for step, rows in enumerate(plan.epoch(epoch))
        ]
        assert joined == expected


@pytest.mark.parametrize("way", ["function", "whole"])
def test_each_test_image_is_evaluated_once(reports: list[dict[str, Any]], way: str) -> None:
    assert [worker[f"{way} evaluated"] for worker in reports] == [[jobs.number_right(), 10_000]] * 2


def test_tf_config_says_which_worker_a_process_is(reports: list[dict[str, Any]]) -> None:
    assert [worker["auto"] for worker in reports] == [[0, WORKERS], [1, WORKERS]]
