"""A run that continues under other frameworks, batch sizes and shards reads each epoch once."""

import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist_core import Adapter, BatchPlan, Dataset, Encoding, OptionError
from fmnist_core.plan import Remainder

Run = tuple[int, int, int, int]
"""Which adapter, how many shards, the batch size, and after how many steps it is stopped."""

RUNS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(1, 9), st.integers(0, 9)),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def garments() -> Dataset:
    return Dataset(np.zeros((37, 2, 2), np.uint8), np.zeros(37, np.uint8))


def resume(
    adapter: Adapter, dataset: Dataset, plan: BatchPlan, state: Any, steps: int
) -> tuple[list[list[int]], Any]:
    """Read some steps of one shard from a state; return its indices by step, and the new state."""
    loader: Any = adapter.loader(dataset, plan, Encoding())
    counts = hasattr(loader, "state_dict")
    epoch, start = plan.position(state, digest=dataset.digest)
    if counts:
        loader.load_state_dict(state)
    else:  # a tf.data pipeline
        loader = adapter.loader(dataset, plan, Encoding(), epoch=epoch, start=start)
    batches = list(itertools.islice(loader, steps))
    read = [index[weight == 1].tolist() for index, weight in map(adapter.to_numpy, batches)]
    if counts:
        return read, loader.state_dict()
    return read, plan.state(epoch, len(batches), start, digest=dataset.digest)


@settings(max_examples=100)
@given(runs=RUNS, epoch=st.integers(0, 2), remainder=st.sampled_from(["keep", "pad"]))
def test_any_schedule_across_frameworks(
    garments: Dataset, adapters: list[Adapter], runs: list[Run], epoch: int, remainder: Remainder
) -> None:
    count = len(garments)
    state: Any = BatchPlan(count, 1, shuffle=True, seed=3).state(epoch, 0, digest=garments.digest)
    joined: list[int] = []
    for number, shards, size, steps in [*runs, (0, 1, 5, count)]:
        if state["epoch"] > epoch:
            break
        try:
            plans = [
                BatchPlan(count, size, True, 3, remainder, (shard, shards), ("index", "weight"))
                for shard in range(shards)
            ]
            ends = [plan.num_steps(state["examples"]) for plan in plans]
        except OptionError:
            continue  # "keep" refuses what would leave a shard without its part
        # Never beyond the last batch: what comes after it is the next epoch, in every framework.
        taken = min(steps, ends[0])
        text = json.dumps(state)
        shares, states = zip(
            *(resume(adapters[number], garments, plan, json.loads(text), taken) for plan in plans),
            strict=True,
        )
        for step in zip(*shares, strict=True):
            joined += itertools.chain(*step)
        assert all(other == states[0] for other in states)
        state = states[0]
    assert joined == BatchPlan(count, count, shuffle=True, seed=3).indices(epoch, 0).tolist()
    assert (state["epoch"], state["examples"]) == (epoch + 1, 0)
