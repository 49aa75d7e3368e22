"""Checks of the plan: the examples of each batch, and the form of a batch."""

import itertools
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np

from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding
from fmnist_core.hookspecs import Adapter
from fmnist_core.plan import BatchPlan, Field, Remainder
from fmnist_core.testing.expected import (
    ALL_FIELDS,
    assert_batches,
    assert_epochs,
    made_dataset,
    refusal,
    wanted_batches,
)


def check_order(adapter: Adapter) -> None:
    """Batches hold the examples that the plan names, shuffled or not, for any seed."""
    dataset = made_dataset()
    for batch_size, shuffle, seed in [(4, False, 0), (4, True, 0), (23, True, 7), (50, True, 1)]:
        plan = BatchPlan(23, batch_size, shuffle, seed, fields=("image", "label", "index"))
        assert_epochs(adapter, dataset, plan)


def check_extreme_seeds(adapter: Adapter) -> None:
    """The largest seeds and epochs give their own order."""
    dataset = made_dataset()
    for seed, epoch in [(2**64 - 1, 0), (2**40 + 7, 12), (0, 2**32 - 1), (2**32, 2**31)]:
        plan = BatchPlan(23, 10, True, seed, fields=("index",))
        assert_epochs(adapter, dataset, plan, epoch=epoch)


def check_large_orders(adapter: Adapter) -> None:
    """The order is right at the sizes where the cipher's block grows."""
    for n in (2**16, 2**16 + 1, 70_000):
        images, labels = np.zeros((n, 1, 1), np.uint8), np.zeros(n, np.uint8)
        plan = BatchPlan(n, 10_000, True, 1, fields=("index",))
        assert_epochs(adapter, Dataset(images, labels), plan)


def check_epochs(adapter: Adapter) -> None:
    """The n-th iteration is epoch `epoch` + n, and each epoch has its own order."""
    plan = BatchPlan(23, 5, True, 3, fields=("image", "index"))
    for epoch in (0, 5):
        assert_epochs(adapter, made_dataset(), plan, epoch=epoch, epochs=3)


def check_every_start(adapter: Adapter) -> None:
    """An epoch can be resumed after any number of examples; the next one is complete."""
    dataset = made_dataset(9)
    plan = BatchPlan(9, 4, True, 7, fields=("image", "label", "index"))
    for start in range(10):
        assert_epochs(adapter, dataset, plan, epoch=1, start=start, epochs=2)


def check_remainders_and_shards(adapter: Adapter) -> None:
    """Every shard gets its part of each global batch, for every `remainder`."""
    dataset = made_dataset()
    for count, remainder in itertools.product((1, 2, 3), get_args(Remainder)):
        for index in range(count):
            plan = BatchPlan(23, 3, True, 5, remainder, (index, count), ALL_FIELDS)
            assert_epochs(adapter, dataset, plan, epochs=2)


def check_resumed_shards(adapter: Adapter) -> None:
    """Several shards resume exactly from a start that is not a whole number of batches."""
    dataset = made_dataset()
    for start, remainder in itertools.product((5, 12, 23), get_args(Remainder)):
        for index in range(2):
            plan = BatchPlan(23, 4, True, 5, remainder, (index, 2), ALL_FIELDS)
            if remainder != "keep" or (23 - start) % 8 != 1:
                assert_epochs(adapter, dataset, plan, start=start, epochs=2)


def check_overfull_pad(adapter: Adapter) -> None:
    """A global batch larger than the data is filled by repeating them."""
    plan = BatchPlan(3, 4, True, 1, "pad", (1, 2), ALL_FIELDS)
    assert_epochs(adapter, made_dataset(3), plan)


def check_tiny_datasets(adapter: Adapter) -> None:
    """A dataset without examples gives no batch; one example gives one batch."""
    for n in (0, 1):
        plan = BatchPlan(n, 4, True, fields=ALL_FIELDS)
        assert_epochs(adapter, made_dataset(23).take(n), plan, epochs=2)


def check_fields(adapter: Adapter) -> None:
    """A batch holds the requested fields, in that order, as a tuple."""
    dataset = made_dataset()
    choices: list[tuple[Field, ...]] = [
        ("image",),
        ("label", "image"),
        ("image", "label", "weight"),
        ("weight", "index", "label", "image"),
    ]
    for fields in choices:
        plan = BatchPlan(23, 8, fields=fields)
        assert_epochs(adapter, dataset, plan)
        for batch in adapter.loader(dataset, plan, Encoding()):
            assert isinstance(batch, tuple | list | Mapping), (
                f"{adapter.name}, fields={fields}: a {type(batch).__name__}, expected a tuple"
            )


def check_batch_forms(adapter: Adapter) -> None:
    """Fields as a mapping give dictionaries in its order, and as a single name bare arrays."""
    dataset = made_dataset()
    forms: list[Any] = [{"pixel_values": "image", "labels": "label"}, {"b": "label"}, "image"]
    for fields in forms:
        plan = BatchPlan(23, 8, True, 3, fields=fields)
        expected = wanted_batches(adapter, dataset, plan)
        arrays = []
        for batch in adapter.loader(dataset, plan, Encoding()):
            if plan.keys:
                assert isinstance(batch, Mapping), f"{adapter.name}: {fields}: no mapping"
                assert tuple(batch) == plan.keys, f"{adapter.name}: {fields}: {list(batch)}"
            elif not isinstance(batch, Mapping):  # the batches of some frameworks always are
                assert not isinstance(batch, tuple | list), (
                    f"{adapter.name}: {fields}: a {type(batch).__name__}, expected a bare array"
                )
            arrays.append(plan.in_order(batch))
        assert_batches(adapter, arrays, expected, plan.fields, f"fields={fields!r}")


def check_extended(adapter: Adapter) -> None:
    """Extended labels belong to their images; a dataset without them raises an error."""
    dataset = made_dataset()
    plan = BatchPlan(23, 8, True, 3, fields=("image", "extended", "index"))
    assert_epochs(adapter, dataset, plan, epochs=2)
    without = Dataset(dataset.images, dataset.labels)
    message = refusal(lambda: adapter.loader(without, plan, Encoding()))
    assert message, f"{adapter.name}: extended of a dataset without them: no error was raised"
