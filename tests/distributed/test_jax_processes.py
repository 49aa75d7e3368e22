"""JAX's distributed processes: two on 127.0.0.1, with four virtual devices each."""

from typing import Any

import pytest

from fmnist_core import BatchPlan
from tests.helpers import jobs
from tests.helpers.programs import free_port, results

pytestmark = pytest.mark.slow

PROCESSES = 2


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The report of each of two processes."""
    folder = tmp_path_factory.mktemp("processes")
    coordinator = f"127.0.0.1:{free_port()}"
    environments = [
        {
            "COORDINATOR": coordinator,
            "PROCESSES": str(PROCESSES),
            "PROCESS": str(process),
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
        }
        for process in range(PROCESSES)
    ]
    outputs = [folder / f"{process}.json" for process in range(PROCESSES)]
    return results("jax_process", outputs, environments)


def test_auto_is_the_process(reports: list[dict[str, Any]]) -> None:
    assert [process["shard"] for process in reports] == [[0, PROCESSES], [1, PROCESSES]]
    assert [process["devices"] for process in reports] == [8, 8]


@pytest.mark.parametrize("remainder", ["drop", "pad"])
def test_global_arrays_hold_the_plans_batches(
    reports: list[dict[str, Any]], remainder: Any
) -> None:
    fields = ("index", "weight")
    plan = BatchPlan(1000, jobs.GLOBAL_BATCH, True, jobs.SEED, remainder, fields=fields)
    expected = [
        [
            [rows.tolist(), plan.weights(step).tolist()]
            for step, rows in enumerate(plan.epoch(epoch))
        ]
        for epoch in range(2)
    ]
    assert [process[remainder] for process in reports] == [expected] * PROCESSES


def test_each_test_image_is_evaluated_once(reports: list[dict[str, Any]]) -> None:
    expected = [jobs.number_right(), 10_000]
    assert [process["evaluated"] for process in reports] == [expected] * PROCESSES


@pytest.mark.parametrize("name", ["replicated", "rows among processes", "other order"])
def test_a_mesh_on_which_a_process_does_not_hold_its_shard_raises(
    reports: list[dict[str, Any]], name: str
) -> None:
    """JAX would take what the processes send for the rows of their devices."""
    for number, process in enumerate(reports):
        assert f"the devices of process {number} hold other examples" in process[name]
        assert "Try: a mesh of the devices in the order" in process[name]


def test_fewer_examples_than_a_batch_are_laid_out(reports: list[dict[str, Any]]) -> None:
    expected = [[1.0] * 5 + [0.0] * (jobs.GLOBAL_BATCH - 5)]
    assert [process["few"] for process in reports] == [expected] * PROCESSES


def test_a_process_may_have_a_mesh_of_its_own(reports: list[dict[str, Any]]) -> None:
    plan = BatchPlan(1000, jobs.GLOBAL_BATCH, True, jobs.SEED, "drop")
    for number, process in enumerate(reports):
        half = slice(*(jobs.GLOBAL_BATCH // PROCESSES * (number + edge) for edge in (0, 1)))
        assert process["own mesh"] == [rows[half].tolist() for rows in plan.epoch(0)]


@pytest.mark.parametrize("name", ["seed", "epoch", "examples", "digest"])
def test_all_processes_raise_if_they_disagree(reports: list[dict[str, Any]], name: str) -> None:
    first, second = (process[name] for process in reports)
    assert first == second
    assert f"ranks disagree on {name}: rank 0 has " in first
