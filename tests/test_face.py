"""The public face, line by line, as a user types it, in every adapter that a line concerns.

What each line gives is held to numpy's own arithmetic on `images` and `labels`, never to another
adapter. Depth is elsewhere: the conformance checks, and the test files of each part.
"""

import importlib
import inspect
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fmnist_core as fm
from fmnist_core import Adapter, BatchPlan, Dataset
from fmnist_core.hookspecs import LoaderOptions

TYPED = {
    "torch": "data_loader",
    "tensorflow": "tf_dataset",
    "jax": "batches",
    "keras": "plan_dataset",
    "numpy": "batches",
}
OPTIONS: dict[str, Any] = {"batch_size": 128, "shuffle": True, "seed": 0}


@pytest.fixture(scope="module")
def train() -> Dataset:
    return fm.load("synthetic", "train")


@pytest.fixture(scope="module")
def few(train: Dataset) -> Dataset:
    """Return 300 examples that are neither contiguous nor in the order of the file."""
    return train[::-1].select(range(0, 60_000, 200))


def rows_of_epoch(dataset: Dataset, epoch: int = 0) -> list[NDArray[np.int64]]:
    return list(BatchPlan(len(dataset), 128, shuffle=True, seed=0).epoch(epoch))


def same_bits(actual: NDArray[Any], expected: NDArray[Any]) -> bool:
    return (actual.dtype, actual.shape, actual.tobytes()) == (
        expected.dtype,
        expected.shape,
        expected.tobytes(),
    )


# -- loading and looking -------------------------------------------------------------------------


def test_load_maps_verified_files_read_only(fashion_root: Path) -> None:
    train = fm.load("fashion-mnist", "train", root=fashion_root)
    assert (train.images.shape, train.images.dtype) == ((60_000, 28, 28), np.uint8)
    assert (train.labels.shape, train.labels.dtype) == ((60_000,), np.uint8)
    assert len(train.classes) == 10
    assert not train.images.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        train.images[0, 0, 0] = 1


def test_load_gives_several_splits_at_once(train: Dataset) -> None:
    both = fm.load("synthetic", ("train", "test"))
    assert [(part.split_name, len(part)) for part in both] == [("train", 60_000), ("test", 10_000)]
    assert both[0].digest == train.digest


def test_the_synthetic_split_is_mapped_too(train: Dataset) -> None:
    assert (train.images.shape, train.images.dtype) == ((60_000, 28, 28), np.uint8)
    assert len(pickle.dumps(train)) < 1000
    assert not train.images.flags.writeable


def test_examples_and_selections(train: Dataset) -> None:
    image, label = train[0]
    assert (image.shape, type(label)) == ((28, 28), int)
    assert len(train) == 60_000
    assert train.take(1000).indices.tolist() == list(range(1000))
    assert train.select([7, 3, 7]).indices.tolist() == [7, 3, 7]
    assert train[[3, 1, 2]].indices.tolist() == [3, 1, 2]
    assert set(train[train.labels == 4].labels.tolist()) == {4}
    assert set(train.per_class(10, seed=0).counts.values()) == {10}
    assert train.counts == dict.fromkeys(train.classes, 6000)


def test_divisions(train: Dataset) -> None:
    first, second = train.split(0.9, seed=0, stratify=True)
    assert set(second.counts.values()) == {600}
    assert [len(part) for part in train.split(0.8, 0.1, 0.1)] == [48_000, 6000, 6000]
    assert [len(part) for part in train.split(54_000)] == [54_000, 6000]
    assert len(first.minus(second)) == 54_000
    assert len(train.minus(first)) == 6000


def test_arrays_are_what_scikit_learn_takes(few: Dataset) -> None:
    X, y = few.arrays(layout="flat")
    assert same_bits(X, few.images.reshape(300, 784).astype(np.float32) / np.float32(255))
    assert same_bits(y, few.labels.astype(np.int64))


def test_open_idx_reads_own_files(tmp_path: Path, few: Dataset) -> None:
    fm.write_idx(tmp_path / "images.gz", few.images)
    fm.write_idx(tmp_path / "labels.gz", few.labels)
    mine = fm.open_idx(tmp_path / "images.gz", tmp_path / "labels.gz")
    assert np.array_equal(mine.images, few.images)
    assert np.array_equal(mine.labels, few.labels)


# -- what a choice keeps -------------------------------------------------------------------------

CHOICES = {
    "of_classes": lambda train: train.of_classes("Sneaker", "Ankle boot"),
    "relabel": lambda train: train.relabel(9 - train.labels.astype(int)),
    "relabel mapping": lambda train: train.relabel(
        {name: int(name == "Bag") for name in train.classes}, classes=("other", "bag")
    ),
    "minus": lambda train: train.minus(train.take(59_000)),
    "concat": lambda train: fm.concat(train[:500], train[700:1000]),
    "mask": lambda train: train[train.labels < 3],
    "list": lambda train: train[[3, 1, 2]],
    "split": lambda train: train.split(0.8, 0.1, 0.1)[1],
    "folds": lambda train: train.folds(10)[3][1],
    "per_class": lambda train: train.per_class(10, seed=0),
    "resample": lambda train: train.resample(50),
    "partition": lambda train: train.partition(3, alpha=1.0, seed=0)[2],
    "tasks": lambda train: train.tasks([["Bag"], ["Coat"]])[1],
}
RELABELLED = {"of_classes", "relabel", "relabel mapping"}


@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_keeps_the_identity_of_its_examples(train: Dataset, choice: str) -> None:
    chosen = CHOICES[choice](train)
    assert (chosen.name, chosen.split_name) == ("synthetic", "train")
    assert (chosen.mean, chosen.std, chosen.info) == (train.mean, train.std, train.info)
    assert np.array_equal(chosen.images[:9], train.images[chosen.indices[:9]])
    assert chosen.digest != train.digest
    again = pickle.loads(pickle.dumps(chosen))
    assert (again.digest, again.classes) == (chosen.digest, chosen.classes)
    assert np.array_equal(again.labels, chosen.labels)
    as_selected = train.select(chosen.indices).digest
    assert (chosen.digest != as_selected) == (choice in RELABELLED), "new labels, and only they"


@pytest.mark.parametrize("choice", CHOICES)
def test_a_run_on_a_choice_resumes_from_its_state(train: Dataset, choice: str) -> None:
    chosen = CHOICES[choice](train)
    options = {"batch_size": 1, "shuffle": True, "fields": "index"}
    loader = chosen.to("numpy", **options)
    iterator = iter(loader)
    next(iterator)
    state = json.loads(json.dumps(loader.state_dict()))
    anew = CHOICES[choice](train).to("numpy", **options)
    anew.load_state_dict(state)
    assert next(iter(anew)) == next(iterator)
    other = chosen[1:].to("numpy", **options)
    with pytest.raises(fm.DataMismatchError):
        other.load_state_dict(state)


def test_reported_rows_are_left_out_of_any_choice(fashion_root: Path) -> None:
    train = fm.load("fashion-mnist", "train", root=fashion_root)
    listed = train.minus(train.without("mislabelled")).indices
    assert len(listed) > 0
    for choice in RELABELLED | {"concat", "resample", "mask"}:
        kept = CHOICES[choice](train).without("mislabelled")
        assert not np.isin(kept.indices, listed).any()


def test_train_and_test_join(train: Dataset) -> None:
    both = fm.concat(train, fm.load("synthetic", "test"))
    assert (both.name, len(both)) == ("synthetic", 70_000)


@pytest.mark.parametrize("choice", ["of_classes", "relabel", "concat", "resample"])
def test_choices_go_through_every_adapter(adapter: Adapter, train: Dataset, choice: str) -> None:
    chosen = CHOICES[choice](train)[:300]
    loader = chosen.to(adapter.name, **OPTIONS, fields=("image", "label", "index"))
    actual = [adapter.to_numpy(batch) for batch in loader]
    for (_, label, index), rows in zip(actual, rows_of_epoch(chosen), strict=True):
        assert np.array_equal(label, chosen.labels[rows])
        assert np.array_equal(index, chosen.indices[rows])


# -- to ------------------------------------------------------------------------------------------


def test_to_gives_the_form_that_a_framework_expects(adapter: Adapter, few: Dataset) -> None:
    loader = few.to(adapter.name, **OPTIONS)
    if adapter.name == "torch":
        torch = importlib.import_module("torch")
        assert isinstance(loader, torch.utils.data.DataLoader)
        kind = torch.Tensor
    elif adapter.name == "tensorflow":
        tf = importlib.import_module("tensorflow")
        assert isinstance(loader, tf.data.Dataset)
        kind = tf.Tensor
    elif adapter.name == "jax":
        kind = importlib.import_module("jax").Array
    elif adapter.name == "keras":
        assert isinstance(loader, importlib.import_module("keras").utils.PyDataset)
        kind = np.ndarray
    else:
        kind = np.ndarray
    for epoch in range(2):  # re-iterable
        batches = list(loader)
        assert all(isinstance(array, kind) for batch in batches for array in batch)
        for batch, rows in zip(batches, rows_of_epoch(few, epoch), strict=True):
            image, label = adapter.to_numpy(batch)
            pixels = few.images[rows].astype(np.float32) / np.float32(255)
            assert image.reshape(-1, 28, 28).tobytes() == pixels.tobytes()
            assert np.array_equal(label, few.labels[rows])


def test_to_has_the_options_that_the_docs_name() -> None:
    names = list(inspect.signature(Dataset.to).parameters)
    assert names[:3] == ["self", "adapter", "batch_size"]
    assert sorted(names[3:]) == sorted(
        "shuffle seed remainder shard fields transform dtype scale mean std channels layout labels "
        "epoch start framework_options".split()
    )


def test_a_typed_function_gives_the_same(adapter: Adapter, few: Dataset) -> None:
    function = getattr(importlib.import_module(f"fmnist_{adapter.name}"), TYPED[adapter.name])
    names = set(inspect.signature(function).parameters)
    assert names >= set(LoaderOptions.__annotations__)
    for one, other in zip(function(few, **OPTIONS), few.to(adapter.name, **OPTIONS), strict=True):
        for mine, theirs in zip(adapter.to_numpy(one), adapter.to_numpy(other), strict=True):
            assert same_bits(mine, theirs)


def test_fields_as_a_mapping_give_dictionaries(adapter: Adapter, few: Dataset) -> None:
    fields = {"pixel_values": "image", "labels": "label"}
    loader = few.to(adapter.name, **OPTIONS, fields=fields)
    plain = few.to(adapter.name, **OPTIONS)
    for batch, pair in zip(loader, plain, strict=True):
        assert isinstance(batch, dict)
        assert set(batch) == set(fields)
        image, label = adapter.to_numpy(pair)
        assert same_bits(np.asarray(batch["pixel_values"]), image)
        assert same_bits(np.asarray(batch["labels"]), label)
    if adapter.name == "tensorflow":
        assert set(loader.element_spec) == set(fields)


def test_one_field_gives_bare_arrays(adapter: Adapter, few: Dataset) -> None:
    loader, plain = (few.to(adapter.name, **OPTIONS, fields=f) for f in ("image", ("image",)))
    for array, (image,) in zip(loader, plain, strict=True):
        assert same_bits(np.asarray(array), np.asarray(image))


FRAMEWORK_DTYPES = {
    "torch": "torch:bfloat16",
    "tensorflow": "tensorflow:bfloat16",
    "jax": "jax.numpy:bfloat16",
    "keras": "ml_dtypes:bfloat16",
    "numpy": "ml_dtypes:bfloat16",
}


def test_constants_channels_and_a_frameworks_own_dtype(adapter: Adapter, few: Dataset) -> None:
    module, name = FRAMEWORK_DTYPES[adapter.name].split(":")
    dtype = getattr(importlib.import_module(module), name)
    layout = None if adapter.layout != "NHW" else "NHWC"
    loader = few.to(
        adapter.name,
        **OPTIONS,
        scale="standard",
        mean=0.5,
        std=0.5,
        channels=3,
        dtype=dtype,
        layout=layout,
    )
    axis = 1 if (layout or adapter.layout) == "NCHW" else 3
    for batch, rows in zip(loader, rows_of_epoch(few), strict=True):
        image, _ = adapter.to_numpy(batch)
        half = np.float32(0.5)
        grey = (few.images[rows].astype(np.float32) / np.float32(255) - half) / half
        expected = np.stack([grey] * 3, axis).astype(image.dtype)
        assert image.dtype.name == "bfloat16"
        assert same_bits(image, expected)


def test_peek_is_the_first_batch_of_the_next_epoch(adapter: Adapter, few: Dataset) -> None:
    loader = few.to(adapter.name, **OPTIONS)
    for epoch in range(2):
        for _ in range(2):
            image, label = adapter.to_numpy(fm.peek(loader))
            assert np.array_equal(label, few.labels[rows_of_epoch(few, epoch)[0]])
        first = adapter.to_numpy(next(iter(loader)))
        assert same_bits(first[0], image)


def test_a_loader_says_its_next_epoch(adapter: Adapter, few: Dataset) -> None:
    loader = few.to(adapter.name, **OPTIONS, epoch=4)
    assert int(loader.epoch) == 4
    list(loader)
    assert int(loader.epoch) == 5


def test_map_dataset_is_one_of_torchs(few: Dataset) -> None:
    torch = pytest.importorskip("torch")
    import fmnist_torch

    examples = fmnist_torch.MapDataset(few)
    assert isinstance(examples, torch.utils.data.Dataset)
    image, label = examples[5]
    assert (tuple(image.shape), label) == ((1, 28, 28), few[5][1])


def test_keras_fits_for_as_many_epochs(few: Dataset) -> None:
    keras = pytest.importorskip("keras")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])
    model.compile(optimizer="adam", loss=loss)
    batches = few.to("keras", batch_size=128, shuffle=True)
    assert len(model.fit(batches, epochs=3, verbose=0).history["loss"]) == 3
    assert batches.epoch == 3


def test_flax_takes_a_dictionary_by_its_names(few: Dataset) -> None:
    jax = pytest.importorskip("jax")
    nnx = pytest.importorskip("flax.nnx")
    model = nnx.Linear(784, 10, rngs=nnx.Rngs(0))

    @nnx.jit
    def scores(model: Any, batch: dict[str, Any]) -> Any:
        return model(batch["image"].reshape(-1, 784)).argmax(1) == batch["label"]

    fields = {"image": "image", "label": "label"}
    hits = [scores(model, batch) for batch in few.to("jax", **OPTIONS, fields=fields)]
    assert sum(len(hit) for hit in hits) == 300
    assert all(isinstance(hit, jax.Array) for hit in hits)


def test_public_names() -> None:
    assert {"peek", "concat", "transforms", "load", "open_idx"} <= set(fm.__all__)
