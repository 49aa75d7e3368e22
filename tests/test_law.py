"""The law: for any dataset, plan and encoding all adapters yield the same arrays, bit for bit."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist_core import (
    Adapter,
    BatchPlan,
    Dataset,
    Encoding,
    OptionError,
    load,
    open_idx,
    read_idx,
    write_idx,
)
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
            expected = wanted_batches(
                adapter, dataset, plan, encoding, epoch=epoch + n, start=first
            )
            assert_batches(adapter, loader, expected, plan.fields, f"{plan}, {encoding}")


@pytest.mark.parametrize(
    ("encoding", "remainder"),
    [
        (Encoding(scale="standard"), "keep"),
        (Encoding("bfloat16", "standard", "flat", "one_hot"), "pad"),
        (Encoding("uint8", "raw", "NCHW"), "drop"),
    ],
)
def test_real_images_follow_the_plan(
    adapter: Adapter, fashion_root: Path, encoding: Encoding, remainder: str
) -> None:
    test = load("fashion-mnist", "test", root=fashion_root)
    part = test.split(0.3, seed=5, stratify=True)[0]
    plan = BatchPlan(len(part), 512, True, 9, remainder, (1, 2), ALL_FIELDS)  # type: ignore[arg-type]
    loader = adapter.loader(part, plan, encoding, epoch=3, start=100)
    for n, first in enumerate((100, 0)):
        expected = wanted_batches(adapter, part, plan, encoding, epoch=3 + n, start=first)
        assert_batches(adapter, loader, expected, plan.fields, f"{encoding}")


def test_other_peoples_files_go_through_every_adapter(
    adapters: list[Adapter], data_root: Path, tmp_path: Path
) -> None:
    paths = [data_root / name for name in OTHER_PEOPLES]
    for number, path in enumerate(paths):
        array = read_idx(path)
        # Raw, so that it is mapped: types of several bytes are big-endian then.
        write_idx(tmp_path / f"images{number}", array)
        write_idx(tmp_path / f"labels{number}", (np.arange(len(array)) % 3).astype(np.uint8))
        dataset = open_idx(tmp_path / f"images{number}", tmp_path / f"labels{number}")
        plan = BatchPlan(len(dataset), 7, True, 1, fields=("image", "label", "index"))
        encoding = Encoding(dataset.image_dtype.name, "raw")
        for adapter in adapters:
            if encoding.dtype == "float64" and adapter.name == "jax":
                continue  # refused without jax_enable_x64: tests/adapters/test_fmnist_jax.py
            loader = adapter.loader(dataset, plan, encoding)
            expected = wanted_batches(adapter, dataset, plan, encoding)
            assert_batches(adapter, loader, expected, plan.fields, str(path))


EMBARC = "wild/foss-for-synopsys-dwc-arc-processors__embarc_mli/"
OTHER_PEOPLES = (
    "wild/aceveggie__TeluguTFRecords/t10k-images-idx3-ubyte.gz",
    "wild/DaniilSheverdin__CNN/valid-images.idx3-ubyte.gz",
    EMBARC + "examples/example_har_smartphone/small_test_base/tests.idx",
    EMBARC + "examples/example_cifar10_caffe/small_test_base/tests.idx",
    "wild/jspaaks__libidx/data/int8.2d.idx",
    "wild/jspaaks__libidx/@67a07ea/data/int16.2d.idx",
    "wild/jspaaks__libidx/data/int32.2d.idx",
    "wild/jspaaks__libidx/data/float.2d.idx",
    "wild/jspaaks__libidx/data/double.2d.idx",
)


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
