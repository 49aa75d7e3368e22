"""torch's own ranks, by torchrun on 127.0.0.1: one, two, three and four of them."""

import hashlib
from typing import Any

import numpy as np
import pytest

from tests.helpers import jobs
from tests.helpers.torchrun import reports_of_ranks

pytest.importorskip("torch")
pytest.importorskip("fmnist_torch")
pytestmark = pytest.mark.slow

COUNTS = (1, 2, 3, 4)
Reports = dict[int, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """What each rank reported, for each number of ranks."""
    by_ranks = {}
    for ranks in COUNTS:
        folder = tmp_path_factory.mktemp(f"ranks{ranks}")
        by_ranks[ranks] = reports_of_ranks("torch_ranks", ranks, folder)
    return by_ranks


def test_auto_is_the_rank(reports: Reports) -> None:
    for ranks, job in reports.items():
        assert [rank["shard"] for rank in job] == [[rank, ranks] for rank in range(ranks)]


def test_training_reads_the_same_global_batches_at_any_number_of_ranks(reports: Reports) -> None:
    expected = []
    options = {**jobs.WHOLE_NUMBERS, "shuffle": True, "seed": jobs.SEED, "remainder": "drop"}
    loader = jobs.train().to("numpy", batch_size=jobs.GLOBAL_BATCH, **options)
    for _ in range(2):
        for image, label, weight, index in loader:
            arrays = image, label.astype(np.int64), weight, index
            joined = b"".join(array.tobytes() for array in arrays)
            expected.append(hashlib.sha256(joined).hexdigest())
    assert len(expected) == 2 * (1000 // jobs.GLOBAL_BATCH)
    for ranks, job in reports.items():
        assert [rank["trained"]["digests"] for rank in job] == [expected] * ranks


def test_training_leads_to_the_same_net(reports: Reports) -> None:
    nets = [rank["trained"]["weights"] for job in reports.values() for rank in job]
    for net in nets:
        np.testing.assert_allclose(net, nets[0], rtol=1e-4, atol=1e-7)


def test_each_test_image_is_evaluated_once(reports: Reports) -> None:
    images = jobs.test().images.reshape(-1, 784).astype(np.float32)
    guesses, labels = (images @ jobs.classifier()).argmax(axis=1), jobs.test().labels
    expected = np.zeros((10, 10), np.int64)
    np.add.at(expected, (labels, guesses), 1)
    assert np.trace(expected) == jobs.number_right()
    for ranks, job in reports.items():
        steps = -(-10_000 // (jobs.GLOBAL_BATCH // ranks * ranks))
        for rank in job:
            assert rank["evaluated"]["confusion"] == expected.tolist()
            assert rank["evaluated"]["times_seen"] == [1]
            assert rank["evaluated"]["steps"] == [steps] * ranks


@pytest.mark.parametrize(
    "name", ["seed", "digest", "num_examples", "examples", "batch_size", "encoding"]
)
def test_all_ranks_raise_if_they_disagree(reports: Reports, name: str) -> None:
    for ranks in COUNTS[1:]:
        errors = [rank["errors"][name] for rank in reports[ranks]]
        assert set(errors) == {errors[0]}
        assert f"ranks disagree on {name}: rank 0 has " in errors[0]
        assert f", rank {ranks - 1} has " in errors[0]


def test_shards_that_do_not_fit_the_ranks(reports: Reports) -> None:
    for ranks in COUNTS[1:]:
        for rank in reports[ranks]:
            assert (
                f"{ranks + 1} shards cannot be read by {ranks}" in rank["errors"]["too many shards"]
            )
    for ranks in COUNTS[2:]:
        errors = [rank["errors"]["shard"] for rank in reports[ranks]]
        assert all(
            f"expected the ranks to have shards 0 to {ranks - 1}" in one for one in errors[:-1]
        )
        assert errors[-1] == ""  # two shards among more ranks are its own division


def test_after_a_disagreement_ranks_can_agree(reports: Reports) -> None:
    for ranks in COUNTS[1:]:
        assert [rank["errors"]["agree again"] for rank in reports[ranks]] == [""] * ranks


def test_a_rank_may_read_alone_while_the_others_do_not(reports: Reports) -> None:
    for ranks in COUNTS[1:]:
        assert [rank["errors"]["alone"] for rank in reports[ranks]] == [""] * ranks


def test_a_rank_that_begins_no_loader_is_named_within_the_limit(reports: Reports) -> None:
    for ranks in COUNTS[1:]:
        errors = [rank["errors"]["silent"] for rank in reports[ranks]]
        assert all(
            f"rank {ranks - 1} began no loader of {ranks} shards" in one for one in errors[:-1]
        )
        assert errors[-1] == ""
