"""Checks of transforms: the same augmented bits for any batch, shards and start."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding
from fmnist_core.hookspecs import Adapter
from fmnist_core.plan import BatchPlan, Remainder
from fmnist_core.testing.expected import ALL_FIELDS, assert_epochs, refusal
from fmnist_core.transforms import (
    NUMPY,
    CenterCrop,
    ColorJitter,
    CutMix,
    Cutout,
    GaussianNoise,
    Mix,
    MixUp,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomInvert,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    Transform,
    as_chain,
)

SINGLE: tuple[Transform, ...] = (
    RandomHorizontalFlip(),
    RandomVerticalFlip(p=0.3),
    Pad(2, fill=7),
    CenterCrop((5, 6)),
    RandomCrop((7, 6), padding=2, fill=9),
    RandomErasing(p=0.9, value="random"),
    RandomErasing(),
    Cutout(3, value=200),
    RandomAffine(20, (0.2, 0.1), (0.8, 1.2), shear=15, fill=3),
    RandomRotation(30),
    RandomResizedCrop((6, 7)),
    Resize((11, 6)),
    ColorJitter(brightness=0.5, contrast=0.5),
    RandomInvert(),
    GaussianNoise(0.2),
)
"""Each transform, with options that use every part of it."""

CHAINS: tuple[tuple[Transform, ...], ...] = (
    (RandomCrop((8, 7), padding=1), RandomHorizontalFlip(), RandomErasing(p=1)),
    (RandomHorizontalFlip(), RandomHorizontalFlip(), RandomAffine(10, (0.1, 0.1))),
    (ColorJitter(0.2, 0.2), RandomResizedCrop(6), GaussianNoise(0.1), RandomInvert()),
)


def transformed_dataset(num_examples: int = 11, shape: tuple[int, int] = (8, 7)) -> Dataset:
    """Return a small dataset whose images have no symmetry and, by default, are not square."""
    pixels = np.arange(num_examples * math.prod(shape), dtype=np.uint32) * 2_654_435_761 >> 24
    images = pixels.astype(np.uint8).reshape(num_examples, *shape)
    return Dataset(images, np.arange(num_examples) % 3, mean=0.3, std=0.4)


def check_transform(
    transform: Transform | Mix, adapter: Adapter, dataset: Dataset | None = None
) -> None:
    """A transform, also one of your own, gives the bits of its arithmetic on each example alone.

    Parameters
    ----------
    transform : Transform or Mix
    adapter : Adapter
        Of the framework whose bits are compared: ``fmnist_core.get_adapter("jax")``, for example.
    dataset : Dataset, optional
        Images that the transform accepts; by default eleven of 28 by 28 pixels.

    Raises
    ------
    AssertionError
        With the first difference.
    """
    dataset = transformed_dataset(shape=(28, 28)) if dataset is None else dataset
    encoding = Encoding("uint8", "raw", labels="one_hot", transform=as_chain(transform))
    chain, images = encoding.transform, np.array(dataset.images)
    expected = len(images), *chain.shape(dataset.image_shape)
    found = chain.images(NUMPY, images, np.arange(len(images)), seed=7, epoch=3).shape
    assert found == expected, f"{transform}: expected the shape {expected}, found {found}"
    plan = BatchPlan(len(images), 4, True, 7, fields=("image", "label", "index"))
    assert_epochs(adapter, dataset, plan, encoding, epoch=3, where=str(transform))


def check_transforms(adapter: Adapter) -> None:
    """Each transform gives the bits of its arithmetic on each example alone."""
    for transform in SINGLE:
        check_transform(transform, adapter, transformed_dataset())


def check_chains(adapter: Adapter) -> None:
    """Transforms follow one another, each with its own draws; epochs and seeds differ."""
    dataset = transformed_dataset()
    for chain, seed in itertools.product(CHAINS, (0, 2**40 + 7)):
        plan = BatchPlan(11, 5, True, seed, fields=("image", "label", "index"))
        encoding = Encoding(scale="standard", transform=as_chain(chain))
        assert_epochs(adapter, dataset, plan, encoding, epochs=2, where=f"{chain}, seed {seed}")


def check_transform_starts_and_shards(adapter: Adapter) -> None:
    """An example's draws depend on its place in the epoch, not on the batch or the shard."""
    dataset, encoding = transformed_dataset(), Encoding(transform=as_chain(CHAINS[0]))
    for size, start in ((3, 0), (4, 5)):
        plan = BatchPlan(11, size, True, 5, fields=ALL_FIELDS)
        assert_epochs(adapter, dataset, plan, encoding, start=start, epochs=2)
    for remainder, index in itertools.product(get_args(Remainder), range(2)):
        plan = BatchPlan(11, 3, True, 5, remainder, (index, 2), ALL_FIELDS)
        assert_epochs(adapter, dataset, plan, encoding, epoch=1)


def check_repeated_example(adapter: Adapter) -> None:
    """An example that occurs twice in an epoch is transformed differently each time."""
    dataset = transformed_dataset().select([4] * 12)
    encoding = Encoding("uint8", "raw", transform=as_chain(RandomCrop((4, 3))))
    plan = BatchPlan(12, 5, False, 7, fields=("image",))
    assert_epochs(adapter, dataset, plan, encoding, where="one example, 12 times")


def check_views(adapter: Adapter) -> None:
    """The field "view" is a second, independent draw of the same example."""
    dataset, plan = transformed_dataset(), BatchPlan(11, 4, True, 7, fields=("view", "image"))
    for transform in ((), RandomCrop((5, 5), padding=1)):
        encoding = Encoding(transform=as_chain(transform))
        assert_epochs(adapter, dataset, plan, encoding, where=f"views of {transform}")


def check_mixes(adapter: Adapter) -> None:
    """MixUp and CutMix join an example with its partner in the epoch, for any batch."""
    dataset = transformed_dataset()
    for mix in (MixUp(0.4), CutMix(1.0)):
        chain = (RandomHorizontalFlip(), mix)
        encoding = Encoding(labels="one_hot", transform=as_chain(chain))
        for size, shard, fields in (
            (4, (0, 1), ("label", "image", "view", "weight")),
            (3, (1, 2), ("image", "weight", "label")),
        ):
            plan = BatchPlan(11, size, True, 3, "pad", shard, fields)  # type: ignore[arg-type]
            assert_epochs(adapter, dataset, plan, encoding, epochs=2, where=f"{mix}, {plan}")
        labels_alone = BatchPlan(11, 4, True, 3, fields=("label",))
        assert_epochs(adapter, dataset, labels_alone, encoding, where=f"labels of {mix} alone")


def check_transform_state(adapter: Adapter) -> None:
    """The same transforms resume from a state; others raise an error."""
    dataset, plan = transformed_dataset(), BatchPlan(11, 4, True, 7, fields=("image",))
    encoding = Encoding(transform=as_chain(RandomHorizontalFlip()))
    loader: Any = adapter.loader(dataset, plan, encoding)
    if not hasattr(loader, "state_dict"):
        return  # its users count: `BatchPlan.state` and `position`
    next(iter(loader))
    state = loader.state_dict()
    other = Encoding(transform=as_chain(RandomVerticalFlip()))
    for changed in (other, Encoding()):
        resumed: Any = adapter.loader(dataset, plan, changed)
        assert refusal(lambda resumed=resumed: resumed.load_state_dict(state)), (  # type: ignore[misc]
            f"{adapter.name}: a state of other transforms: no error was raised"
        )
    in_file_order = replace(plan, shuffle=False)
    seven: Any = adapter.loader(dataset, in_file_order, encoding)
    eight: Any = adapter.loader(dataset, replace(in_file_order, seed=8), encoding)
    assert refusal(lambda: eight.load_state_dict(seven.state_dict())), (
        f"{adapter.name}: a state of transforms of another seed: no error was raised"
    )
    same: Any = adapter.loader(dataset, plan, encoding)
    same.load_state_dict(state)
    assert len(list(same)) == 2, f"{adapter.name}: did not resume from a state with transforms"


def check_transform_errors(adapter: Adapter) -> None:
    """Images that cannot be transformed raise an `FmnistError` when the loader is made."""
    dataset = transformed_dataset()
    floats = Dataset(dataset.images.astype(np.float32), dataset.labels)
    vectors = Dataset(dataset.images.reshape(11, 56), dataset.labels)

    def attempt(data: Dataset, transform: Any, **options: Any) -> Callable[[], object]:
        return lambda: data.to(adapter, batch_size=4, transform=transform, **options)

    refused: list[tuple[str, Callable[[], object]]] = [
        ("a crop larger than the image", attempt(dataset, RandomCrop(9))),
        ("a mix of class numbers", attempt(dataset, MixUp(0.2))),
        ("a function", attempt(dataset, _nothing)),
        ("a class", attempt(dataset, RandomInvert)),
        ("tones of floats", attempt(floats, RandomInvert(), scale="raw")),
        ("a crop of vectors", attempt(vectors, RandomCrop(3))),
        ("two mixes", attempt(dataset, (MixUp(1), CutMix(1)), labels="one_hot")),
    ]
    for what, action in refused:
        assert refusal(action), f"{adapter.name}: {what}: no error was raised"


def _nothing(images: NDArray[Any]) -> NDArray[Any]:
    return images
