"""A position in an epoch: what it records, what it restores, and its errors."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist_core import BatchPlan, DataMismatchError, Dataset, OptionError, load
from fmnist_core.agreement import check_agreement, check_shard
from fmnist_core.order import ORDER_VERSION
from fmnist_core.state import describe_digest
from fmnist_core.transforms import Chain, RandomCrop, RandomHorizontalFlip

OPTIONS: dict[str, Any] = {"shuffle": True, "seed": 5, "fields": ("index",)}


Run = tuple[int, int, int]
"""How many shards a run has, its batch size, and after how many steps it is stopped."""


@settings(max_examples=100)
@given(
    count=st.integers(1, 60),
    runs=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(0, 40)), max_size=8),
)
def test_any_schedule_of_restarts_reads_whole_epochs(count: int, runs: list[Run]) -> None:
    dataset = Dataset(np.zeros((count, 1, 1), np.uint8), np.zeros(count, np.uint8))
    plan = BatchPlan(count, count, shuffle=True, seed=5)
    received: dict[int, list[int]] = {}
    state: Any = plan.state(0, 0, digest=dataset.digest)
    for shards, size, steps in [*runs, (1, count, 1)]:
        left = (count - state["examples"]) % (shards * size)
        if 0 < left < shards or 0 < count % (shards * size) < shards:
            continue  # "keep" refuses what would leave a shard without its part
        options = {**OPTIONS, "batch_size": size}
        loaders = [dataset.to("numpy", shard=(index, shards), **options) for index in range(shards)]
        for loader in loaders:
            loader.load_state_dict(json.loads(json.dumps(state)))
        running = [iter(loader) for loader in loaders]
        for _ in range(steps):
            step = [next(iterator, None) for iterator in running]
            read = [int(row) for batch in step if batch for row in batch[0]]
            received.setdefault(state["epoch"], []).extend(read)
        states = [loader.state_dict() for loader in loaders]
        assert all(other == states[0] for other in states)
        state = states[0]
    for epoch, rows in received.items():
        whole = plan.indices(epoch, 0).tolist()
        assert rows == (whole if epoch < max(received) else whole[: len(rows)])
    assert state["examples"] == count or state["epoch"] > max(received, default=-1)


@pytest.mark.parametrize("number", [np.uint8, np.int64])
def test_numpy_numbers_are_options_like_any_other(tiny: Dataset, number: Any) -> None:
    given: dict[str, Any] = {
        "batch_size": number(3),
        "shuffle": np.True_,
        "seed": number(5),
        "epoch": number(255),
        "start": number(6),
        "shard": (number(0), number(1)),
        "channels": number(3),
        "transform": RandomCrop(number(2), padding=number(100), fill=number(7)),
    }
    plain = {name: value.item() for name, value in given.items() if hasattr(value, "item")}
    plain |= {"transform": RandomCrop(2, padding=100, fill=7)}
    loader, expected = tiny.to("numpy", **given), tiny.to("numpy", **plain)
    for _ in range(2):  # the second is epoch 256, which uint8 cannot hold
        for batch, other in zip(loader, expected, strict=True):
            assert all(map(np.array_equal, batch, other))
        state = loader.state_dict()
        assert json.loads(json.dumps(state)) == expected.state_dict()
        assert json.loads(json.dumps(loader.agreement())) == json.loads(
            json.dumps(expected.agreement())
        )
    loader.load_state_dict(state)
    plan = BatchPlan(1000, 10)
    assert type(plan.state(0, number(1), number(200))["examples"]) is int
    assert np.array_equal(plan.indices(number(0), number(79), number(200)), range(990, 1000))


def test_a_state_is_a_few_plain_values(tiny: Dataset) -> None:
    loader = tiny.to("numpy", batch_size=3, **OPTIONS, epoch=2)
    next(iter(loader))
    assert loader.state_dict() == {
        "order": ORDER_VERSION,
        "digest": tiny.digest,
        "shuffle": True,
        "seed": 5,
        "epoch": 2,
        "examples": 3,
        "transform": [],
    }
    assert len(json.dumps(loader.state_dict())) < 220


def test_the_position_at_each_point_of_an_epoch(tiny: Dataset) -> None:
    loader = tiny.to("numpy", batch_size=8, remainder="drop", start=1)

    def position() -> tuple[int, int]:
        state = loader.state_dict()
        return state["epoch"], state["examples"]

    assert position() == (0, 1)
    running = iter(loader)
    assert (position(), len(running)) == ((0, 1), 2)
    assert [position() for _ in running] == [(0, 9), (1, 0)]
    iter(loader)
    assert position() == (1, 0)


def test_a_state_of_other_data_is_named() -> None:
    train, test = load("synthetic", "train"), load("synthetic", "test")
    state = test.to("numpy", batch_size=10).state_dict()
    with pytest.raises(DataMismatchError, match=r"the state is of synthetic/test; .*synthetic/tr"):
        train.to("numpy", batch_size=10).load_state_dict(state)
    with pytest.raises(DataMismatchError, match="another digest"):
        train.take(100).to("numpy", batch_size=10).load_state_dict({**state, "digest": "ab" * 32})


def test_an_old_revision_is_named() -> None:
    from fmnist_core.selection import selection_digest

    digest = selection_digest("fashion-mnist", "2017-08-26", "train", np.arange(60_000))
    assert describe_digest(digest) == "fashion-mnist/train of 2017-08-26"


def test_a_state_of_another_order_is_refused(tiny: Dataset) -> None:
    state = tiny.to("numpy", batch_size=3, **OPTIONS).state_dict()
    other = tiny.to("numpy", batch_size=3, shuffle=True, seed=6)
    with pytest.raises(OptionError, match=r"with seed 5; expected .* seed 6.*Try: shuffle=True, s"):
        other.load_state_dict(state)
    with pytest.raises(OptionError, match="version 2 of the order"):
        other.load_state_dict({**state, "order": 2})
    assert other.state_dict()["epoch"] == 0


def test_unshuffled_data_have_one_order_whatever_the_seed(tiny: Dataset) -> None:
    first = tiny.to("numpy", batch_size=3, seed=1, fields="index")
    running = iter(first)
    next(running)
    other = tiny.to("numpy", batch_size=3, seed=2, fields="index")
    other.load_state_dict(first.state_dict())
    assert np.concatenate(list(other)).tolist() == list(range(3, 20))


def test_transforms_draw_by_the_seed_also_in_file_order(tiny: Dataset) -> None:
    options: dict[str, Any] = {"batch_size": 3, "transform": RandomHorizontalFlip()}
    state = tiny.to("numpy", seed=1, **options).state_dict()
    other = tiny.to("numpy", seed=2, **options)
    with pytest.raises(OptionError, match=r"transforms of seed 1; expected .* seed 2.*Try: .*=1"):
        other.load_state_dict(state)
    tiny.to("numpy", seed=1, **options).load_state_dict(state)


def test_a_plan_refuses_other_transforms(tiny: Dataset) -> None:
    plan, flip = BatchPlan(20, 3), Chain((RandomHorizontalFlip(),)).record()
    state = plan.state(0, 2, digest=tiny.digest, transform=flip)
    assert plan.position(state, digest=tiny.digest, transform=flip) == (0, 6)
    with pytest.raises(OptionError, match=r"RandomHorizontalFlip.*expected one with no transf"):
        plan.position(state, digest=tiny.digest)
    with pytest.raises(OptionError, match=r"no transforms; expected .* RandomHorizontalFlip"):
        plan.position(plan.state(0, 2), transform=flip)


def test_a_plan_counts_for_pipelines_that_cannot(tiny: Dataset) -> None:
    plan = BatchPlan(20, 3, shuffle=True, seed=5, shard=(1, 2))
    state = plan.state(4, 2, start=2, digest=tiny.digest)
    assert (state["epoch"], state["examples"]) == (4, 14)
    assert plan.position(state, digest=tiny.digest) == (4, 14)
    assert (plan.state(4, 4)["epoch"], plan.state(4, 4)["examples"]) == (5, 0)
    with pytest.raises(OptionError, match="steps"):
        plan.state(4, 5)


def record(rank: int, **changes: object) -> dict[str, Any]:
    return {**BatchPlan(20, 3, shuffle=True, shard=(rank, 2)).record(), "epoch": 0, **changes}


def test_ranks_that_agree() -> None:
    check_agreement([record(0), record(1)])
    check_agreement(json.loads(json.dumps([record(0), record(1)])))


@pytest.mark.parametrize("name", ["seed", "batch_size", "num_examples", "epoch", "order"])
def test_ranks_that_disagree_learn_on_what(name: str) -> None:
    with pytest.raises(OptionError, match=f"disagree on {name}: rank 0 has .*, rank 1 has 77"):
        check_agreement([record(0), record(1, **{name: 77})])


def test_ranks_with_one_shard_twice() -> None:
    with pytest.raises(OptionError, match="shards 0 to 1 of 2, one each"):
        check_agreement([record(0), record(0)])


@pytest.mark.parametrize("pair", [("2", "2"), ("-1", "2"), ("0", "0"), ("a", "2"), ("None", "2")])
def test_an_invalid_shard_of_a_launcher_raises(pair: tuple[str, str]) -> None:
    with pytest.raises(OptionError, match="RANK"):
        check_shard(*pair, "RANK and WORLD_SIZE")
    assert check_shard("1", "2", "RANK") == (1, 2)


def test_numpy_does_not_know_the_processes(tiny: Dataset) -> None:
    with pytest.raises(OptionError, match="'numpy' cannot tell which process this is"):
        tiny.to("numpy", batch_size=3, shard="auto")
    with pytest.raises(OptionError, match='"auto"'):
        tiny.to("numpy", batch_size=3, shard="all")  # type: ignore[arg-type]
