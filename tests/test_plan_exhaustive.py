"""Every small plan: up to 64 examples, batches of 9, 9 shards, each remainder and end.

The expectation is written from the words of docs/order.md, with lists, not from the code.
"""

from collections.abc import Iterator
from typing import get_args

import numpy as np
import pytest

from fmnist_core import BatchPlan, OptionError
from fmnist_core.plan import Field, Remainder

MOST_EXAMPLES, MOST_BATCH, MOST_SHARDS = 64, 9, 9
FIELDS: tuple[Field, ...] = ("index", "weight")

Step = list[list[int]]
"""The places in the order that each shard takes; a filler's is written as -1 - place."""


def expected_steps(
    count: int, size: int, shards: int, remainder: str, start: int
) -> list[Step] | None:
    """Return each step of an epoch, or None if a shard would get nothing of the last."""
    left = list(range(start, count))
    whole = size * shards
    steps = []
    while left:
        taken, left = left[:whole], left[whole:]
        if len(taken) < whole:
            if remainder == "drop":
                break
            if remainder == "keep" and len(taken) < shards:
                return None
            if remainder == "pad":
                head = (-1 - place % count for place in range(whole - len(taken)))
                taken = [*taken, *head]
        steps.append(shares(taken, size, shards))
    return steps


def shares(taken: list[int], size: int, shards: int) -> Step:
    """Return a step's contiguous pieces: of the batch size, or the first ones longer by one."""
    sizes = [size] * shards
    if len(taken) < size * shards:
        short, longer = divmod(len(taken), shards)
        sizes = [short + (shard < longer) for shard in range(shards)]
    pieces = []
    for length in sizes:
        pieces.append(taken[:length])
        taken = taken[length:]
    return pieces


def plans(count: int, size: int, shards: int, remainder: Remainder) -> list[BatchPlan]:
    return [
        BatchPlan(count, size, remainder=remainder, shard=(shard, shards), fields=FIELDS)
        for shard in range(shards)
    ]


def settings(count: int) -> Iterator[tuple[int, int, Remainder]]:
    for size in range(1, MOST_BATCH + 1):
        for shards in range(1, MOST_SHARDS + 1):
            for remainder in get_args(Remainder):
                yield size, shards, remainder


def actual_share(plan: BatchPlan, step: int, start: int) -> list[int]:
    places = plan.positions(step, start).tolist()
    if plan.remainder != "pad":
        return places
    real = plan.weights(step, start).tolist()
    wrapped = [place % plan.num_examples for place in places]
    return [place if weight else -1 - place for place, weight in zip(wrapped, real, strict=True)]


@pytest.mark.parametrize("count", range(MOST_EXAMPLES + 1))
def test_every_plan_of(count: int) -> None:
    """Check every shard's share of every step for each start, and the error if none is possible."""
    for size, shards, remainder in settings(count):
        whole = expected_steps(count, size, shards, remainder, 0)
        if whole is None:
            with pytest.raises(OptionError, match="a shard would get none"):
                plans(count, size, shards, remainder)
            continue
        every_shard = plans(count, size, shards, remainder)
        assert {len(plan) for plan in every_shard} == {len(whole)}
        for start in starts(count, size * shards + shards):
            check_start(every_shard, start, expected_steps(count, size, shards, remainder, start))


def starts(count: int, end: int) -> list[int]:
    """Return every start of few examples; of more, those before the last `end`, and some others.

    With more left, an epoch has further whole steps, like those of the other starts.
    """
    if count <= 24:
        return list(range(count + 1))
    return sorted({0, 1, count // 2, *range(max(0, count - end), count + 1)})


def check_start(every_shard: list[BatchPlan], start: int, expected: list[Step] | None) -> None:
    if expected is None:
        for plan in every_shard:
            with pytest.raises(OptionError, match="a shard would get none"):
                plan.check_start(start)
        return
    assert all(plan.num_steps(start) == len(expected) for plan in every_shard)
    for number, step in enumerate(expected):
        assert [actual_share(plan, number, start) for plan in every_shard] == step, (
            f"step {number} after {start} examples of {every_shard[0]}"
        )


@pytest.mark.parametrize("count", range(MOST_EXAMPLES + 1))
def test_every_example_comes_once(count: int) -> None:
    """Check shuffled epochs over all shards: once each, dropped, or repeated with weight 0."""
    order = BatchPlan(count, count, shuffle=True).indices(0, 0).tolist() if count else []
    for size, shards, remainder in settings(count):
        if expected_steps(count, size, shards, remainder, 0) is None:
            continue
        read: list[int] = []
        for plan in plans(count, size, shards, remainder):
            shuffled = BatchPlan(count, size, True, 0, remainder, plan.shard, FIELDS)
            for step, rows in enumerate(shuffled.epoch(0)):
                real = shuffled.weights(step) == 1
                assert len(rows) == size or remainder == "keep"
                read += np.asarray(rows)[real].tolist()
        expected = order[: count - count % (size * shards)] if remainder == "drop" else order
        assert sorted(read) == sorted(expected)
