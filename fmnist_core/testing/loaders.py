"""Checks of a loader's behaviour: iterators, state, memory, errors."""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, get_args

import numpy as np

from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding, Scale
from fmnist_core.hookspecs import Adapter
from fmnist_core.plan import BatchPlan, Remainder
from fmnist_core.testing.expected import (
    ALL_FIELDS,
    LAYOUTS,
    assert_batches,
    made_dataset,
    refusal,
    wanted_batches,
)


def check_interface(adapter: Adapter) -> None:
    """The adapter has the attributes of the protocol, with valid values."""
    assert isinstance(adapter, Adapter), f"{adapter!r} lacks a part of fmnist_core.Adapter"
    assert adapter.name
    assert isinstance(adapter.name, str)
    assert adapter.layout in LAYOUTS, f"layout {adapter.layout!r}"
    assert adapter.label_dtype in ("int32", "int64"), f"label_dtype {adapter.label_dtype!r}"
    assert isinstance(adapter.writable, bool)


def check_state(adapter: Adapter) -> None:
    """Another batch size resumes from a position saved after any batch, or raises an error.

    Users of a loader without `state_dict` count themselves: `BatchPlan.state` and `position`.
    """
    dataset = made_dataset()
    plan = BatchPlan(23, 4, True, 7, fields=("index",))
    other = BatchPlan(23, 5, True, 7, fields=("index",))
    whole, after = (dataset.indices[np.concatenate([*plan.epoch(epoch)])] for epoch in (1, 2))
    for steps in range(len(plan) + 1):
        state = json.loads(json.dumps(_state_after(adapter, dataset, plan, steps)))
        received = [
            adapter.to_numpy(batch)[0] for batch in _resumed(adapter, dataset, other, state)
        ]
        rest = np.concatenate([whole[:0], *received])
        expected = after if steps == len(plan) else whole[4 * steps :]
        assert np.array_equal(rest, expected), (
            f"{adapter.name}: resumed after {steps} batches of 4, in batches of 5: "
            f"expected {expected}, found {rest}"
        )
    ours = _state_after(adapter, dataset, plan, 2)
    changes: list[dict[str, object]] = [
        {"digest": "0" * 64},
        {"seed": 8},
        {"shuffle": False},
        {"order": 2},
        {"examples": 24},
        {"examples": True},
        {"examples": 8.0},
        {"epoch": -1},
    ]
    for wrong in [*({**ours, **change} for change in changes), None, {}, [1, 2], "state"]:
        message = refusal(partial(_resumed, adapter, dataset, plan, wrong))
        assert message, f"{adapter.name}: the state {wrong!r}: no error was raised"


def _state_after(adapter: Adapter, dataset: Dataset, plan: BatchPlan, steps: int) -> Any:
    """Return the state after `steps` batches of epoch 1."""
    loader: Any = adapter.loader(dataset, plan, Encoding(), epoch=1)
    received = list(itertools.islice(loader, steps))
    if hasattr(loader, "state_dict"):
        return loader.state_dict()
    return plan.state(1, len(received), digest=dataset.digest)


def _resumed(adapter: Adapter, dataset: Dataset, plan: BatchPlan, state: Any) -> Iterable[Any]:
    loader: Any = adapter.loader(dataset, plan, Encoding())
    if hasattr(loader, "load_state_dict"):
        loader.load_state_dict(state)
        return loader  # type: ignore[no-any-return]
    epoch, start = plan.position(state, digest=dataset.digest)
    return adapter.loader(dataset, plan, Encoding(), epoch=epoch, start=start)


def check_length(adapter: Adapter) -> None:
    """len() is the number of batches of the next iteration, or raises an error; never wrong."""
    dataset = made_dataset()
    for start, remainder in itertools.product((0, 11), get_args(Remainder)):
        plan = BatchPlan(23, 5, remainder=remainder, fields=ALL_FIELDS)
        loader: Any = adapter.loader(dataset, plan, Encoding(), start=start)
        for n in range(2):
            try:
                length = len(loader)
            except TypeError:
                assert start, f"{adapter.name}: len() is refused though no start is given"
                continue
            finally:
                count = sum(1 for _ in loader)
            expected = plan.num_steps(start if n == 0 else 0)
            assert length == count == expected, (
                f"{adapter.name}, start {start}, iteration {n}: len() says {length}, "
                f"there were {count} batches, expected {expected}"
            )


def check_abandoned_iteration(adapter: Adapter) -> None:
    """An abandoned iteration counts as its epoch; the next one is complete."""
    dataset, plan = made_dataset(), BatchPlan(23, 5, True, 2, fields=("image", "index"))
    loader = adapter.loader(dataset, plan, Encoding())
    for _ in range(2):
        next(iter(loader))
    expected = wanted_batches(adapter, dataset, plan, epoch=2)
    assert_batches(adapter, loader, expected, plan.fields, "after two abandoned iterations")


def check_unused_iterator(adapter: Adapter) -> None:
    """An unused iterator takes no epoch."""
    dataset, plan = made_dataset(), BatchPlan(23, 5, True, 2, fields=("image", "index"))
    loader = adapter.loader(dataset, plan, Encoding())
    unused = [iter(loader) for _ in range(2)]
    assert_batches(
        adapter, loader, wanted_batches(adapter, dataset, plan), plan.fields, "after unused iter()"
    )
    assert len(unused) == 2


def check_two_iterators(adapter: Adapter) -> None:
    """Two iterations at once do not disturb each other."""
    dataset, plan = made_dataset(), BatchPlan(23, 5, True, 2, fields=("image", "index"))
    loader = adapter.loader(dataset, plan, Encoding())
    iterators: list[Iterator[Any]] = []
    received: list[list[Any]] = [[], []]
    for n in range(2):
        iterators.append(iter(loader))
        received[n].append(next(iterators[n]))
    for _ in range(len(plan)):
        for n in range(2):
            received[n] += itertools.islice(iterators[n], 1)
    for n in range(2):
        expected = wanted_batches(adapter, dataset, plan, epoch=n)
        assert_batches(adapter, received[n], expected, plan.fields, f"iterator {n} of two at once")


def check_fresh_batches(adapter: Adapter) -> None:
    """A batch belongs to the caller: writing into it changes neither the data nor other batches."""
    for dtype, encoding in (("float32", Encoding()), ("uint8", Encoding("uint8", "raw"))):
        scattered = made_dataset(8)
        # Contiguous, so that a careless adapter could hand out slices of the data themselves.
        dataset = Dataset(scattered.images, scattered.labels)
        plan = BatchPlan(8, 4, fields=ALL_FIELDS)
        before = _content(dataset)
        loader = adapter.loader(dataset, plan, encoding)
        batches = [adapter.to_numpy(batch) for batch in loader]
        copies = [tuple(array.copy() for array in batch) for batch in batches]
        for field, array in zip(plan.fields, batches[0], strict=True):
            at = f"{adapter.name}, dtype={dtype!r}, {field}"
            assert array.flags.c_contiguous, f"{at}: the batch is not C-contiguous"
            if adapter.writable:
                assert array.flags.writeable, f"{at}: the batch cannot be written"
                array[...] = 1 - array
        for array, kept in zip(batches[1], copies[1], strict=True):
            assert array.tobytes() == kept.tobytes(), f"{adapter.name}: two batches share memory"
        assert _content(dataset) == before, f"{adapter.name}: a batch is an alias of the data"
        expected = wanted_batches(adapter, dataset, plan, encoding, epoch=1)
        assert_batches(adapter, loader, expected, plan.fields, "after a batch was written into")


def check_source_unchanged(adapter: Adapter) -> None:
    """Reading leaves the dataset's arrays as they were, and read-only."""
    dataset = made_dataset()
    before = _content(dataset)
    for scale in get_args(Scale):
        for _ in adapter.loader(dataset, BatchPlan(23, 4, True), Encoding(scale=scale)):
            assert _content(dataset) == before, f"{adapter.name}: the dataset's arrays were changed"
    assert not dataset.take(1).images.flags.writeable, f"{adapter.name}: they became writable"


def check_errors(adapter: Adapter) -> None:
    """Invalid requests raise an `FmnistError` when the loader is made."""
    plan = BatchPlan(23, 4, shard=(1, 3), fields=ALL_FIELDS)
    refused: list[tuple[str, Callable[[], object]]] = [
        ("start beyond the epoch", lambda: _loader(adapter, plan, start=24)),
        ("negative start", lambda: _loader(adapter, plan, start=-1)),
        ("a start that leaves a shard nothing", lambda: _loader(adapter, plan, start=22)),
        ("negative epoch", lambda: _loader(adapter, plan, epoch=-1)),
        ("epoch beyond 32 bits", lambda: _loader(adapter, plan, epoch=2**32)),
        ("float images with scale unit", lambda: _loader(adapter, plan, images=np.float32)),
        ("a plan of other data", lambda: _loader(adapter, BatchPlan(24, 4))),
        ("unknown option", lambda: made_dataset().to(adapter, batch_size=4, no_such_option=1)),
    ]
    for what, attempt in refused:
        message = refusal(attempt)
        assert message is not None, f"{adapter.name}: {what}: no error was raised"
        assert message, f"{adapter.name}: {what}: the error says nothing"


def _loader(
    adapter: Adapter,
    plan: BatchPlan,
    *,
    epoch: int = 0,
    start: int = 0,
    images: type[np.generic] = np.uint8,
) -> object:
    dataset = made_dataset()
    dataset = Dataset(dataset.images.astype(images), dataset.labels)
    return adapter.loader(dataset, plan, Encoding(), epoch=epoch, start=start)


def _content(dataset: Dataset) -> str:
    content = hashlib.sha256(dataset.images.tobytes())
    content.update(dataset.labels.tobytes())
    content.update(dataset.indices.tobytes())
    return content.hexdigest()
