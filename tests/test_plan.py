"""BatchPlan: every example exactly once, whatever the batch size, shards, remainder and start."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fmnist_core import BatchPlan, OptionError
from fmnist_core import plan as plan_module
from fmnist_core.batch import values_of
from fmnist_core.order import whole_order

WEIGHTED = ("image", "label", "weight")


def steps_of(plan: BatchPlan, epoch: int, start: int) -> list[NDArray[np.int64]]:
    return list(plan.epoch(epoch, start))


def all_shards(
    n: int, batch_size: int, shards: int, remainder: str, start: int
) -> list[BatchPlan] | None:
    """Return the plan of every shard, or None if "keep" must raise an error."""
    try:
        plans = [
            BatchPlan(n, batch_size, True, 3, remainder, (index, shards), WEIGHTED)  # type: ignore[arg-type]
            for index in range(shards)
        ]
        plans[0].check_start(start)
    except OptionError:
        left, whole_left = (n - start) % (batch_size * shards), n % (batch_size * shards)
        assert remainder == "keep"
        assert 0 < left < shards or 0 < whole_left < shards
        return None
    return plans


def check_exactly_once(n: int, batch_size: int, shards: int, remainder: str, start: int) -> None:
    plans = all_shards(n, batch_size, shards, remainder, start)
    if plans is None:
        return
    order = whole_order(n, 3, 2) if n else np.empty(0, np.int64)
    steps = [steps_of(plan, 2, start) for plan in plans]
    assert len({len(actual) for actual in steps}) == 1
    assert len(steps[0]) == plans[0].num_steps(start)
    seen: list[int] = []
    for step, parts in enumerate(zip(*steps, strict=True)):
        weights = [plan.weights(step, start) for plan in plans]
        assert [len(part) for part in parts] == [len(weight) for weight in weights]
        if remainder != "keep" or step < (n - start) // (batch_size * shards):
            assert {len(part) for part in parts} == {batch_size}
        else:
            sizes = [len(part) for part in parts]
            assert sizes == sorted(sizes, reverse=True)
            assert sizes[0] - sizes[-1] <= 1
            assert sizes[-1] > 0
        seen += np.concatenate(parts)[np.concatenate(weights) > 0].tolist()
        fillers = np.concatenate(parts)[np.concatenate(weights) == 0]
        assert fillers.tolist() == np.resize(order, len(fillers)).tolist()
    global_size = batch_size * shards
    end = start + (n - start) // global_size * global_size if remainder == "drop" else n
    assert seen == order[start:end].tolist()


@pytest.mark.parametrize("remainder", ["keep", "drop", "pad"])
def test_exactly_once_exhaustively(remainder: str) -> None:
    for n, batch_size, shards in itertools.product(range(14), range(1, 6), range(1, 5)):
        for start in range(n + 1):
            check_exactly_once(n, batch_size, shards, remainder, start)


@given(
    n=st.integers(0, 300),
    batch_size=st.integers(1, 40),
    shards=st.integers(1, 9),
    remainder=st.sampled_from(["keep", "drop", "pad"]),
    data=st.data(),
)
def test_exactly_once(
    n: int, batch_size: int, shards: int, remainder: str, data: st.DataObject
) -> None:
    check_exactly_once(n, batch_size, shards, remainder, data.draw(st.integers(0, n)))


@given(first=st.integers(1, 9), second=st.integers(1, 9), shards=st.integers(1, 4))
def test_a_run_resumes_under_another_batch_size_and_shard_count(
    first: int, second: int, shards: int
) -> None:
    before = BatchPlan(50, first, True, 1)
    consumed = 3 * first
    after = [BatchPlan(50, second, True, 1, "drop", (r, shards)) for r in range(shards)]
    joined = [rows for step in range(3) for rows in before.indices(4, step)]
    for parts in zip(*(plan.epoch(4, consumed) for plan in after), strict=True):
        joined += np.concatenate(parts).tolist()
    assert joined == whole_order(50, 1, 4)[: len(joined)].tolist()


def test_indices_alone_equal_the_epoch() -> None:
    plan = BatchPlan(1000, 64, True, 5, shard=(1, 2))
    for step, rows in enumerate(plan.epoch(3, 17)):
        assert np.array_equal(plan.indices(3, step, 17), rows)


def test_orders_too_large_to_cache_are_computed_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    small = BatchPlan(500, 64, True, 5)
    kept = steps_of(small, 1, 0)
    monkeypatch.setattr(plan_module, "KEPT_ORDER_LIMIT", 100)
    monkeypatch.setattr(plan_module, "whole_order", None)
    assert all(map(np.array_equal, steps_of(small, 1, 0), kept))


def test_a_plan_of_a_billion_examples_is_cheap() -> None:
    plan = BatchPlan(10**9, 128, True, 0)
    assert len(plan) == 7812500
    assert plan.indices(0, 0)[:2].tolist() == [275512913, 838325416]
    assert next(plan.epoch(0))[:2].tolist() == [275512913, 838325416]


def test_without_shuffle_the_order_is_the_examples_own() -> None:
    assert [rows.tolist() for rows in BatchPlan(5, 2).epoch(9)] == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_numpy_integers_are_integers(kind: type[np.integer]) -> None:
    plan = BatchPlan(kind(100), kind(30), np.True_, kind(7), shard=(kind(0), kind(1)))  # type: ignore[arg-type]
    assert plan == BatchPlan(100, 30, True, 7)
    assert plan.indices(kind(2), kind(1), kind(90 - 30)).tolist() == (  # type: ignore[arg-type]
        BatchPlan(100, 30, True, 7).indices(2, 1, 60).tolist()
    )
    assert type(plan.seed) is int


def test_a_plan_for_other_data_raises() -> None:
    with pytest.raises(OptionError, match="for 10 examples, the dataset has 9"):
        BatchPlan(10, 4).check_use(9, 0, 0)


@pytest.mark.parametrize(
    ("fields", "batch"),
    [
        (("label", "image"), (1, 2)),
        ({"y": "label", "x": "image"}, {"y": 1, "x": 2}),
        ("label", 1),
    ],
)
def test_fields_decide_the_form_of_a_batch(fields: Any, batch: Any) -> None:
    plan = BatchPlan(5, 2, fields=fields)
    assert plan.fields == ("label", "image")[: len(plan.fields)]
    packed = plan.pack((1, 2)[: len(plan.fields)])
    assert packed == batch
    assert type(packed) is type(batch)
    assert values_of(packed) == (1, 2)[: len(plan.fields)]
    assert replace(plan, seed=3).pack(values_of(packed)) == batch


def test_a_dictionary_is_put_into_the_plans_order() -> None:
    plan = BatchPlan(5, 2, fields={"y": "label", "x": "image"})  # type: ignore[arg-type]
    assert list(plan.in_order({"x": 2, "y": 1}).items()) == [("y", 1), ("x", 2)]
    assert plan.in_order((1, 2)) == (1, 2)


def test_plans_are_values() -> None:
    assert BatchPlan(5, 2) == BatchPlan(5, 2)
    assert hash(BatchPlan(5, 2, fields=["image"])) == hash(BatchPlan(5, 2, fields=("image",)))  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        BatchPlan(5, 2).seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_examples": -1}, "num_examples must be from 0"),
        ({"batch_size": 0}, "batch_size must be from 1"),
        ({"batch_size": 2.0}, "batch_size must be a whole number"),
        ({"shuffle": 1}, "shuffle must be True or False"),
        ({"seed": -1}, "seed must be from 0"),
        ({"seed": "0"}, "seed must be a whole number"),
        ({"remainder": "wrap"}, "remainder must be one of"),
        ({"shard": (2, 2)}, "shard index must be from 0 to 1"),
        ({"shard": (0, 0)}, "shard count must be from 1"),
        ({"shard": 3}, "shard must be a pair"),
        ({"fields": ()}, "fields must be (a tuple of )?any of"),
        ({"fields": {}}, "fields must be (a tuple of )?any of"),
        ({"fields": "picture"}, "fields must be (a tuple of )?any of"),
        ({"fields": {"x": "picture"}}, "fields must be (a tuple of )?any of"),
        ({"fields": {"x": "image", "y": "image"}}, "each once"),
        ({"fields": {1: "image"}}, "names of fields must be str"),
        ({"keys": ("x",)}, "do not fit their names \\('x',\\)"),
        ({"keys": ()}, "do not fit their names"),
        ({"fields": ("image", "image")}, "each once"),
        ({"fields": ("picture",)}, "fields must be (a tuple of )?any of"),
        ({"batch_size": 2**61, "shard": (0, 4), "remainder": "drop"}, "batch_size times shard"),
        ({"remainder": np.array(["keep", "drop"])}, "remainder must be one of"),
        ({"remainder": "pad"}, "fields=\\('image', 'label', 'weight'\\)"),
        ({"num_examples": 9, "batch_size": 4, "shard": (0, 2)}, 'Try: remainder="drop"'),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        BatchPlan(**{"num_examples": 10, "batch_size": 5, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("epoch", "step", "start"), [(0, 3, 0), (0, -1, 0), (-1, 0, 0), (0, 0, 11), (0, 1, 6)]
)
def test_steps_outside_the_epoch_are_refused(epoch: int, step: int, start: int) -> None:
    with pytest.raises(OptionError):
        BatchPlan(10, 4, True).indices(epoch, step, start)
