"""Epochs of a loader: counted at their first batch, resumed anywhere, shared by threads."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist_core import BatchPlan, Dataset, OptionError
from fmnist_core.epochs import CountedIterator, EpochCounter
from fmnist_core.source import Source

Batch = tuple[int, int, int]
"""Epoch, start and number of a batch."""


@st.composite
def plans(draw: st.DrawFn) -> BatchPlan:
    count, shards = draw(st.integers(4, 40)), draw(st.integers(1, 4))
    return BatchPlan(
        count,
        draw(st.integers(1, 10)),
        shuffle=draw(st.booleans()),
        seed=draw(st.integers(0, 3)),
        remainder=draw(st.sampled_from(["drop", "pad"])),
        shard=(draw(st.integers(0, shards - 1)), shards),
        fields=("index", "weight"),
    )


def loader(counter: EpochCounter) -> CountedIterator[Batch]:
    """Return an iteration whose batches name their epoch and step."""

    def begin(epoch: int, start: int) -> Iterator[Batch]:
        return ((epoch, start, step) for step in range(counter.plan.num_steps(start)))

    return CountedIterator(counter, begin)


@given(plans(), st.integers(0, 3), st.data())
def test_a_start_belongs_to_the_first_epoch_alone(
    plan: BatchPlan, epoch: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, plan.num_examples))
    counter = EpochCounter(plan, epoch, start)
    assert counter.num_steps() == len(loader(counter)) == plan.num_steps(start)
    actual = [list(loader(counter)) for _ in range(3)]
    starts = [start, 0, 0]
    if not plan.num_steps(start):  # an iteration without a batch takes its epoch too
        assert actual[0] == []
    for turn, batches in enumerate(actual):
        steps = plan.num_steps(starts[turn])
        assert batches == [(epoch + turn, starts[turn], step) for step in range(steps)]
    counter.go_to(epoch)
    assert counter.upcoming() == (epoch, start)
    counter.go_to(epoch + 5)
    assert counter.upcoming() == (epoch + 5, 0)


def test_an_epoch_is_taken_at_its_first_batch() -> None:
    counter = EpochCounter(BatchPlan(10, 3))
    iterations = [loader(counter) for _ in range(3)]
    assert counter.upcoming() == (0, 0)
    assert [next(iterations[turn])[0] for turn in (2, 0, 1)] == [0, 1, 2]
    assert counter.upcoming() == (3, 0)
    assert [next(iterations[turn])[0] for turn in (0, 1, 2)] == [1, 2, 0]


@given(plans(), st.integers(0, 60), st.integers(1, 10))
def test_a_state_resumes_where_any_loader_stopped(
    plan: BatchPlan, received: int, batch_size: int
) -> None:
    counter = EpochCounter(plan)
    if not counter.num_steps():
        return
    for _ in range(received // counter.num_steps()):
        list(loader(counter))
    running = loader(counter)
    steps = len(list(islice(running, received % counter.num_steps())))
    state = json.loads(json.dumps(counter.state("digest")))

    whole, within = divmod(received, plan.num_steps())
    assert state == plan.state(whole, within, digest="digest")
    assert steps == within
    # Of other sizes and shards, as after a restart on other machines.
    other = BatchPlan(plan.num_examples, batch_size, plan.shuffle, plan.seed)
    resumed = EpochCounter(other)
    resumed.load(state, "digest", "the data")
    consumed = within * plan.global_batch_size
    assert resumed.upcoming() == (whole, min(consumed, plan.num_examples) if within else 0)
    assert resumed.num_steps() == -(-(plan.num_examples - resumed.start) // batch_size)


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    counter = EpochCounter(BatchPlan(20, 4, shuffle=True, seed=1), epoch=2, start=8)
    next(loader(counter))
    before = counter.state("digest"), counter.upcoming()
    other = BatchPlan(20, 4, shuffle=True, seed=2).state(0, 1, digest="digest")
    for wrong in (other, {}, None, "state"):
        with pytest.raises(OptionError):
            counter.load(wrong, "digest", "the data")
    assert (counter.state("digest"), counter.upcoming()) == before


def test_the_record_is_of_the_next_epoch() -> None:
    counter = EpochCounter(BatchPlan(20, 4, shuffle=True, seed=1), start=8)
    first = counter.record("digest")
    assert (first["epoch"], first["examples"], first["digest"]) == (0, 8, "digest")
    counter.take()
    second = counter.record("digest")
    assert (second["epoch"], second["examples"]) == (1, 0)
    same = {name for name in first if first[name] == second[name]}
    assert same == first.keys() - {"epoch", "examples"}


def test_a_batch_whose_making_is_interrupted_is_made_again() -> None:
    plan = BatchPlan(20, 4, shard=(0, 1))
    counter, interruptions = EpochCounter(plan, epoch=2, start=4), iter([False, True, False, True])

    def begin(epoch: int, start: int) -> Iterator[int]:
        for first in range(start, 20, 4):
            if next(interruptions, False):
                raise KeyboardInterrupt
            yield first

    iterator = CountedIterator(counter, begin)
    received: list[int] = []
    for _ in range(6):
        try:
            received += islice(iterator, 9)
        except KeyboardInterrupt:
            assert counter.state("")["examples"] == 4 + 4 * len(received)
    assert received == [4, 8, 12, 16]
    assert counter.upcoming() == (3, 0)


@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "keras"])
def test_an_interrupted_loader_reads_its_whole_epoch(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(f"fmnist_{name}")
    dataset = Dataset(np.zeros((1200, 2, 2), np.uint8), np.zeros(1200, np.uint8))
    loader = dataset.to(name, batch_size=100, fields=("image", "index"))
    images_at, calls = Source.images_at, iter([False, True])

    def interrupted(self: Source, places: Any) -> Any:
        if next(calls, False):
            raise KeyboardInterrupt
        return images_at(self, places)

    monkeypatch.setattr(Source, "images_at", interrupted)
    iterator, batches = iter(loader), []
    with pytest.raises(KeyboardInterrupt):
        batches.extend(iterator)
    batches.extend(iterator)
    received = [int(place) for _, index in batches for place in index]
    assert (received, loader.epoch) == (list(range(1200)), 1)


class Slow(EpochCounter):
    """One that lets other threads run while it takes an epoch."""

    def go_to(self, epoch: int) -> None:
        time.sleep(0.001)
        super().go_to(epoch)


def test_threads_share_an_iterator() -> None:
    def begin(epoch: int, start: int) -> Iterator[int]:
        for first in range(start, 200, 4):
            time.sleep(0.0005)
            yield first

    shared = CountedIterator(EpochCounter(BatchPlan(200, 4)), begin)
    with ThreadPoolExecutor(4) as pool:
        received = list(pool.map(lambda _: list(shared), range(4)))
    assert sorted(first for part in received for first in part) == list(range(0, 200, 4))
    assert sum(map(bool, received)) > 1


def test_threads_take_every_epoch_once() -> None:
    counter, count = Slow(BatchPlan(20, 4), start=8), 50
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: counter.take(), range(count)))
    taken.sort(key=lambda position: position.epoch)
    assert [position.epoch for position in taken] == list(range(count))
    assert [position.start for position in taken] == [8, *[0] * (count - 1)]
