"""The built-in dataset: the same everywhere, independent examples, neither noise nor trivial."""

import ast
import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist_core import catalog, synthetic
from fmnist_core.errors import OptionError

Examples = tuple[NDArray[np.uint8], NDArray[np.uint8]]

# Of the raw bytes of images and labels. Another value is another dataset: give it another name.
DIGESTS = {
    "train": (
        "e56d2faba498f771c82fcdb8ab5de605819cf9f34b61d071dc4edb747ee749be",
        "7974b8e484976ff18db7251b8f6c4c2451aa4d6fcd2be61df63ca307cc9169d5",
    ),
    "test": (
        "d9c640ef8639944ff2315ff2598fb7b950c59fe3557fffd8512c7162e1713df5",
        "9a0b4d4e65ede32f52e004642baa65788334c9e98d19ae324bed96b70c87fa35",
    ),
}


@pytest.fixture(scope="module")
def splits() -> dict[str, Examples]:
    return {split: synthetic.draw(split) for split in synthetic.SPLIT_SIZES}


def test_classes_are_those_of_fashion_mnist() -> None:
    assert tuple(synthetic.WARDROBE) == catalog.FASHION_MNIST.classes


@pytest.mark.parametrize("split", synthetic.SPLIT_SIZES)
def test_shapes_and_balance(splits: dict[str, Examples], split: str) -> None:
    images, labels = splits[split]
    size = synthetic.SPLIT_SIZES[split]
    assert (images.shape, labels.shape) == ((size, 28, 28), (size,))
    assert images.dtype == labels.dtype == np.uint8
    assert images.flags.c_contiguous
    assert labels.flags.c_contiguous
    assert np.bincount(labels).tolist() == [size // 10] * 10


@pytest.mark.parametrize("split", synthetic.SPLIT_SIZES)
def test_bytes_are_pinned(splits: dict[str, Examples], split: str) -> None:
    digests = tuple(hashlib.sha256(array.tobytes()).hexdigest() for array in splits[split])
    assert digests == DIGESTS[split]


@pytest.mark.parametrize("split", synthetic.SPLIT_SIZES)
def test_labels_look_shuffled(splits: dict[str, Examples], split: str) -> None:
    labels = splits[split][1].astype(np.int64)
    for gap in (1, 2, 10):
        equal = int((labels[gap:] == labels[:-gap]).sum())
        assert 90 * len(labels) < 1000 * equal < 110 * len(labels)


@pytest.mark.parametrize("split", synthetic.SPLIT_SIZES)
def test_an_example_is_the_same_alone(splits: dict[str, Examples], split: str) -> None:
    images, labels = splits[split]
    last = synthetic.SPLIT_SIZES[split] - 1
    for index in (0, 1, 255, 256, 4321, last):
        image, label = synthetic.draw_examples(split, np.array([index]))
        np.testing.assert_array_equal(image, images[[index]])
        np.testing.assert_array_equal(label, labels[[index]])


def test_examples_in_any_order_and_number(splits: dict[str, Examples]) -> None:
    images, labels = splits["test"]
    for indices in (np.array([77, 5, 5, -1, 9000]), np.arange(0), slice(100, 900, 7)):
        some_images, some_labels = synthetic.draw_examples("test", indices)
        np.testing.assert_array_equal(some_images, images[indices])
        np.testing.assert_array_equal(some_labels, labels[indices])


def test_every_image_is_different(splits: dict[str, Examples]) -> None:
    drawn = {image.tobytes() for images, _ in splits.values() for image in images}
    assert len(drawn) == sum(synthetic.SPLIT_SIZES.values())


def test_background_is_black_and_garments_are_light(splits: dict[str, Examples]) -> None:
    images, labels = splits["test"]
    assert 10 * int((images == 0).sum()) > 3 * images.size
    for label in range(10):
        worn = images[labels == label]
        assert (worn.max(axis=(1, 2)) > 60).all()
        # Every garment covers a part of the picture, never all of it.
        inked = (worn > 16).sum(axis=(1, 2))
        assert 20 < int(inked.min())
        assert int(inked.max()) < 28 * 28 - 100


def test_neither_noise_nor_trivial(splits: dict[str, Examples]) -> None:
    """The nearest mean image finds most garments, but by far not all."""
    images, labels = splits["train"]
    means = np.array(
        [images[labels == k].sum(axis=0, dtype=np.int64) // 6000 for k in range(10)]
    ).reshape(10, -1)
    unseen, truth = splits["test"]
    nearness = 2 * unseen.reshape(-1, 784).astype(np.int64) @ means.T - (means**2).sum(axis=1)
    right = nearness.argmax(axis=1) == truth
    assert 5500 < int(right.sum()) < 9000
    # Bags and trousers are seldom mistaken, shirts often, as in the photographs.
    assert int(right[truth == 1].sum()) > int(right[truth == 6].sum()) + 200


def test_drawing_is_integer_arithmetic_only() -> None:
    tree = ast.parse(Path(synthetic.__file__).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Div), "a true division"
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), node.value
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        assert not name.startswith(("float", "random", "mean", "true_divide", "sort", "argsort"))


@pytest.mark.parametrize("split", ["val", "", "Train"])
def test_unknown_split(split: str) -> None:
    with pytest.raises(OptionError, match=f'"train" and "test", not {split!r}; ask for'):
        synthetic.draw(split)
