"""The law: for any dataset, plan and encoding all adapters yield the same arrays, bit for bit."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist_core import Adapter, BatchPlan, Dataset, Encoding, OptionError, load
from fmnist_core.order import whole_order
from fmnist_core.testing import ALL_FIELDS, assert_batches, made_dataset, wanted_batches

some_fields = st.permutations(ALL_FIELDS).flatmap(
    lambda order: st.integers(1, 4).map(lambda count: tuple(order[:count]))
)


@st.composite
def plans(draw: st.DrawFn) -> BatchPlan:
    """Any plan over 23 examples that the rules allow."""
    shards = draw(st.integers(1, 4))
    shard = draw(st.integers(0, shards - 1)), shards
    remainder = draw(st.sampled_from(["keep", "drop", "pad"]))
    fields = draw(some_fields.filter(lambda fields: remainder != "pad" or "weight" in fields))
    seed, size = draw(st.integers(0, 2**64 - 1)), draw(st.integers(1, 30))
    try:
        return BatchPlan(23, size, draw(st.booleans()), seed, remainder, shard, fields)
    except OptionError:  # "keep" would leave a shard without its part
        return BatchPlan(23, size, draw(st.booleans()), seed, "drop", shard, fields)


@st.composite
def encodings(draw: st.DrawFn) -> Encoding:
    scale = draw(st.sampled_from(["unit", "standard", "raw"]))
    dtypes = ["float32", "float16", "bfloat16", *(["uint8"] if scale == "raw" else [])]
    layout = draw(st.sampled_from([None, "NHW", "NHWC", "NCHW", "flat"]))
    labels = draw(st.sampled_from(["index", "one_hot"]))
    return Encoding(draw(st.sampled_from(dtypes)), scale, layout, labels)


@settings(max_examples=40)
@given(plan=plans(), encoding=encodings(), epoch=st.integers(0, 2**32 - 2), data=st.data())
def test_all_adapters_yield_what_the_plan_says(
    adapters: list[Adapter], plan: BatchPlan, encoding: Encoding, epoch: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, 23))
    try:
        plan.check_start(start)
    except OptionError:
        start = 0
    dataset = made_dataset()
    for adapter in adapters:
        loader = adapter.loader(dataset, plan, encoding, epoch=epoch, start=start)
        for n, first in enumerate((start, 0)):
            wanted = wanted_batches(adapter, dataset, plan, encoding, epoch=epoch + n, start=first)
            assert_batches(adapter, loader, wanted, plan.fields, f"{plan}, {encoding}")


def digest_of(adapter: Adapter, dataset: Dataset, epochs: int) -> str:
    digest = hashlib.sha256()
    fields = ("image", "label", "index")
    loader = dataset.to(adapter.name, batch_size=128, shuffle=True, seed=0, fields=fields)
    for _ in range(epochs):
        for batch in loader:
            image, label, index = adapter.to_numpy(batch)
            digest.update(image.tobytes())
            digest.update(label.astype(np.int32).tobytes())
            digest.update(index.astype(np.int64).tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def wanted_digest(fashion_root: Path) -> str:
    """Two epochs of real Fashion-MNIST by plain numpy indexing with the golden order."""
    train = load("fashion-mnist", "train", root=fashion_root)
    digest = hashlib.sha256()
    for epoch in range(2):
        order = whole_order(60_000, 0, epoch)
        for first in range(0, 60_000, 128):
            rows = order[first : first + 128]
            digest.update((train.images[rows] / np.float32(255)).tobytes())
            digest.update(train.labels[rows].astype(np.int32).tobytes())
            digest.update(rows.tobytes())
    return digest.hexdigest()


def test_real_data_are_the_same_bits_in_every_framework(
    adapter: Adapter, fashion_root: Path, wanted_digest: str
) -> None:
    train = load("fashion-mnist", "train", root=fashion_root)
    assert digest_of(adapter, train, 2) == wanted_digest
