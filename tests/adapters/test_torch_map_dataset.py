"""MapDataset with torch's own tools, and with typical subclasses and wrappers."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fmnist_core import Dataset, OptionError, RowOutsideError
from fmnist_core.batch import values_of
from fmnist_core.testing import made_dataset
from fmnist_core.transforms import RandomHorizontalFlip

torch = pytest.importorskip("torch")
fmnist_torch = pytest.importorskip("fmnist_torch")
data = torch.utils.data
MapDataset = fmnist_torch.MapDataset

LABELS = made_dataset().labels.tolist()


def labels_of(loader: Any) -> list[int]:
    return [label for _, labels in loader for label in labels.tolist()]


def test_rows_beyond_either_end_raise() -> None:
    examples = MapDataset(made_dataset(), fields=("index", "weight"))
    count = len(examples)
    assert examples[-count] == (examples.source.indices[0], 0)
    for row in (count, -count - 1):
        with pytest.raises(RowOutsideError, match=f"row {row} is not among the {count} examples"):
            examples[row]
    with pytest.raises(RowOutsideError, match=f"{count} examples"):
        examples[10**20]
    with pytest.raises(RowOutsideError, match="a whole number of 16610 bits is not among"):
        made_dataset()[10**5000]


def test_a_collate_function_may_count_from_the_end() -> None:
    examples = MapDataset(made_dataset(), fields=("index", "label"))
    seen = [(batch[-1], batch[0]) for batch in data.DataLoader(examples, 4, collate_fn=lambda b: b)]
    assert seen[0] == (examples[3], examples[0])
    assert seen[-1] == (examples[22], examples[20])


# -- subclasses and wrappers -----------------------------------------------------------------------


class Doubled(MapDataset):  # type: ignore[misc, valid-type]
    """Augments in the idiomatic place."""

    def __getitem__(self, row: int) -> Any:
        image, label = super().__getitem__(row)
        return image, 2 * label


class Wrapper(data.Dataset):  # type: ignore[misc, name-defined]
    """Delegates missing attributes."""

    def __init__(self, base: Any) -> None:
        self.base = base

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)

    def __len__(self) -> int:
        return len(self.base)

    def __getitem__(self, row: int) -> Any:
        image, label = self.base[row]
        return image, 2 * label


class HelpedWrapper(Wrapper):
    """Delegates through a function of another name."""

    def _of_base(self, name: str) -> Any:
        return getattr(self.base, name)

    __getattr__ = _of_base


WAYS: dict[str, Callable[[Any], Any]] = {
    "DataLoader": lambda examples: examples,
    "Subset": lambda examples: data.Subset(examples, range(23)),
    "random_split": lambda examples: data.random_split(examples, [23, 0])[0],
    "ConcatDataset": lambda examples: data.ConcatDataset([examples]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "make",
    [
        Doubled,
        lambda dataset: Wrapper(MapDataset(dataset)),
        lambda dataset: HelpedWrapper(MapDataset(dataset)),
    ],
    ids=["subclass", "wrapper", "helped wrapper"],
)
def test_an_overridden_getitem_is_called(make: Callable[[Any], Any], way: str) -> None:
    loader = data.DataLoader(WAYS[way](make(made_dataset())), batch_size=5)
    assert sorted(labels_of(loader)) == sorted(2 * label for label in LABELS)


def test_a_plain_map_dataset_gives_whole_batches() -> None:
    examples = MapDataset(made_dataset())
    assert hasattr(examples, "__getitems__")
    assert not hasattr(Doubled(made_dataset()), "__getitems__")
    assert not hasattr(Wrapper(examples), "__getitems__")
    assert not hasattr(HelpedWrapper(examples), "__getitems__")


# -- transform and target_transform ----------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 1])
def test_functions_of_one_example(workers: int) -> None:
    dataset = made_dataset()
    examples = MapDataset(
        dataset, transform=lambda image: image.flip(-1), target_transform=lambda label: label + 1
    )
    context = "fork" if workers else None
    loader = data.DataLoader(
        examples, batch_size=5, num_workers=workers, multiprocessing_context=context
    )
    assert labels_of(loader) == [label + 1 for label in LABELS]
    plain = MapDataset(dataset)
    assert torch.equal(examples[4][0], plain[4][0].flip(-1))
    assert torch.equal(next(iter(loader))[0][4], plain[4][0].flip(-1))
    assert examples.targets.tolist() == LABELS


def test_functions_see_fields_of_a_mapping() -> None:
    fields = {"pixel_values": "image", "labels": "label"}
    examples = MapDataset(made_dataset(), fields, target_transform=float)
    batch = next(iter(data.DataLoader(examples, batch_size=3)))
    assert batch.keys() == fields.keys()
    assert batch["labels"].tolist() == LABELS[:3]
    assert batch["labels"].dtype == torch.float64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fields": "label", "transform": abs}, 'transform is for the field "image"'),
        ({"fields": "image", "target_transform": abs}, 'target_transform is for the field "label"'),
        ({"transform": RandomHorizontalFlip()}, r"draw by epoch\. Try: dataset\.to\(.torch."),
        ({"transform": 3}, "must be a function of one example, not 3"),
        ({"scale": "percent"}, "scale must be one of"),
        ({"fields": "picture"}, "fields must be (a tuple of )?any of"),
    ],
)
def test_invalid_options_raise(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        MapDataset(made_dataset(), **options)


# -- fields, encoding, names -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        ("label", "index"),
        ("image", "label", "weight", "index"),
        {"x": "image", "y": "label", "w": "weight"},
        "image",
        "label",
    ],
)
def test_a_plain_loader_can_take_the_loaders_dataset(fields: Any) -> None:
    ours = made_dataset().to("torch", batch_size=23, fields=fields)
    (expected,) = ours
    (whole,) = data.DataLoader(ours.dataset, batch_size=23)
    (split,) = data.DataLoader(data.Subset(ours.dataset, range(23)), batch_size=23)
    for batch in (whole, split):
        mine, theirs = values_of(expected), values_of(batch)
        assert len(mine) == len(theirs)
        for one, other in zip(mine, theirs, strict=True):
            assert one.dtype == other.dtype
            assert torch.equal(one, other)


def test_encoding_by_name() -> None:
    dataset = made_dataset()
    options = {"scale": "standard", "mean": 0.5, "std": 0.5, "channels": 3, "dtype": torch.bfloat16}
    (expected,) = dataset.to("torch", batch_size=23, fields="image", **options)
    examples = MapDataset(dataset, "image", **options)
    assert torch.equal(torch.stack(list(examples)), expected)


def test_names_and_labels() -> None:
    examples = MapDataset(made_dataset())
    assert examples.class_to_idx == {name: at for at, name in enumerate(examples.classes)}
    assert (examples.targets.dtype, examples.targets.tolist()) == (torch.int64, LABELS)
    assert repr(examples).startswith("<MapDataset of <Dataset: 23 of 49")
    loader = made_dataset().to("torch", batch_size=5)
    assert repr(loader).startswith("<PlanLoader of <Dataset: 23 of 49")
    assert (loader.batch_size, loader.drop_last) == (5, False)
    assert repr(loader.sampler) == "<SequentialRows: 23 rows of epoch 0>"


# -- torch's samplers and others' training loops ---------------------------------------------------


def test_under_a_weighted_sampler() -> None:
    examples = MapDataset(made_dataset())
    weights = 1.0 / torch.bincount(examples.targets)[examples.targets]
    sampler = data.WeightedRandomSampler(weights, 400, generator=torch.Generator().manual_seed(0))
    actual = np.bincount(labels_of(data.DataLoader(examples, batch_size=32, sampler=sampler)))
    present = np.bincount(LABELS) > 0
    assert (actual[present] > 400 / present.sum() / 2).all()


def test_under_a_training_loop_that_indexes_arrays() -> None:
    """As fastai takes a dataset: its length, numpy's indices, and pairs."""
    examples = MapDataset(made_dataset())
    image, label = examples[np.int64(22)]
    assert (image.shape, label) == ((1, 5, 4), LABELS[22])
    xs, ys = zip(*(examples[row] for row in np.arange(len(examples))), strict=True)
    assert (torch.stack(xs).shape, list(ys)) == ((23, 1, 5, 4), LABELS)
    assert [label for _, label in examples] == LABELS


def test_under_samplers_of_pytorch_metric_learning() -> None:
    samplers = pytest.importorskip("pytorch_metric_learning.samplers")
    examples = MapDataset(made_dataset())
    sampler = samplers.MPerClassSampler(
        examples.targets, m=3, batch_size=6, length_before_new_iter=60
    )
    loader = data.DataLoader(examples, batch_size=6, sampler=sampler)
    batches = [labels.tolist() for _, labels in loader]
    assert len(batches) == 10
    for labels in batches:
        assert sorted(np.bincount(labels)[np.bincount(labels) > 0].tolist()) == [3, 3]


def test_under_skorch() -> None:
    skorch = pytest.importorskip("skorch")
    net = skorch.NeuralNetClassifier(
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(20, 7)),
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=2,
        batch_size=5,
        train_split=None,
        verbose=0,
    )
    examples = MapDataset(made_dataset())
    net.fit(examples, y=None)
    assert len(net.history) == 2
    plain = torch.stack([image for image, _ in examples])
    with torch.no_grad():
        expected = net.module_(plain).argmax(dim=1)
    assert net.predict(examples).tolist() == expected.tolist()


# -- torch's collation -----------------------------------------------------------------------------


COLLATING_BESIDE = """
from torch.utils.data._utils import collate

entries = iter(collate.default_collate_fn_map)
next(entries)
import fmnist_torch
list(entries)  # as another thread that is in the middle of them
collate.default_collate_fn_map[complex] = lambda batch, *, collate_fn_map=None: "complex"
assert collate.default_collate([1j, 2j]) == "complex"
"""


def test_another_thread_may_collate_during_the_import() -> None:
    command = [sys.executable, "-c", COLLATING_BESIDE]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_an_adapters_defaults_apply_everywhere() -> None:
    class Other(fmnist_torch.TorchAdapter):  # type: ignore[misc, name-defined]
        layout = "NHWC"
        label_dtype = "int32"

    def shape_and_type(batch: Any) -> tuple[Any, ...]:
        return tuple(batch[0].shape[1:]), batch[1].dtype

    dataset: Dataset = made_dataset()
    for options in ({}, {"device": "cpu"}, {"num_workers": 1, "multiprocessing_context": "fork"}):
        loader = dataset.to(Other(), batch_size=5, **options)
        assert shape_and_type(next(iter(loader))) == ((5, 4, 1), torch.int32)
        assert loader.provenance.adapter.layout == "NHWC"
        plain = data.DataLoader(loader.dataset, batch_size=5)
        assert shape_and_type(next(iter(plain))) == ((5, 4, 1), torch.int32)
