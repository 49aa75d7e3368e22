"""TensorFlow 1's tutorials: their code, unchanged, and what they relied on."""

import gzip
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist_core import (
    DataMismatchError,
    FetchError,
    FileAccessError,
    IdxError,
    OptionError,
    UnknownDatasetError,
    compat,
    load,
    open_idx,
)
from fmnist_core.compat import DataSet, Datasets, read_data_sets
from fmnist_core.order import whole_order
from tests.helpers.old_code import RunOld, made_arrays, write_pair

INPUT_DATA = {"tensorflow.examples.tutorials.mnist.input_data": compat}
IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"

TUTORIAL = """
from tensorflow.examples.tutorials.mnist import input_data
mnist = input_data.read_data_sets("data/fashion", one_hot=True)

labels_seen = []
for i in range(1000):
    batch_xs, batch_ys = mnist.train.next_batch(100)
    assert batch_xs.shape == (100, 784) and batch_ys.shape == (100, 10)
    labels_seen.append(batch_ys.argmax(1))

feed_dict = {"x": mnist.test.images, "y_": mnist.test.labels}
"""

EPOCHS = """
import tensorflow.examples.tutorials.mnist.input_data as input_data
mnist = input_data.read_data_sets(train_dir, False, validation_size=20)
batch_size = 16
done = []
while mnist.train.epochs_completed < 3:
    batch = mnist.train.next_batch(batch_size, False)
    done.append(mnist.train.epochs_completed)
steps = mnist.validation.num_examples // 10
valid = [mnist.validation.next_batch(10, shuffle=False)[1] for _ in range(steps)]
"""

CONVNET = """
import numpy as np
from tensorflow.examples.tutorials.mnist import input_data
mnist = input_data.read_data_sets('./data/fashion', one_hot=False, validation_size=0)
train_data = mnist.train.images
train_labels = np.asarray(mnist.train.labels, dtype=np.int32)
eval_data = mnist.test.images
eval_labels = np.asarray(mnist.test.labels, dtype=np.int32)
"""


def payload(path: Path, header: int) -> Any:
    """Return a file's bytes without its header, read by no code of ours."""
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def numbered(count: int, **options: Any) -> DataSet:
    """Return a set whose labels are the places of its examples."""
    numbers = np.arange(count)
    images = np.broadcast_to(numbers[:, None, None, None], (count, 2, 3, 1)).astype(np.uint8)
    return DataSet(images, numbers, **options)


# -- their code --------------------------------------------------------------------------------


def test_the_tutorials_loop(run_old: RunOld, data_fashion: Path) -> None:
    names = run_old(TUTORIAL, INPUT_DATA)
    mnist, seen = names["mnist"], np.concatenate(names["labels_seen"])
    sizes = [part.num_examples for part in (mnist.train, mnist.validation, mnist.test)]
    assert sizes == [55_000, 5_000, 10_000]
    assert mnist.train.epochs_completed == 1
    labels = payload(data_fashion / LABELS, 8)[5000:]
    assert np.bincount(seen[:55_000]).tolist() == np.bincount(labels).tolist()
    assert (names["feed_dict"]["y_"].dtype, mnist.test.images.shape) == (np.float64, (10_000, 784))


def test_the_convnet_of_the_datasets_repository(run_old: RunOld, data_fashion: Path) -> None:
    names = run_old(CONVNET, INPUT_DATA)
    pixels = payload(data_fashion / IMAGES, 16).reshape(60_000, 784)
    assert names["train_data"].dtype == np.float32
    np.testing.assert_array_equal(names["train_data"], pixels.astype(np.float32) * (1.0 / 255.0))
    np.testing.assert_array_equal(names["train_labels"], payload(data_fashion / LABELS, 8))
    assert names["mnist"].validation.num_examples == 0


def test_counting_epochs(run_old: RunOld, small_folder: Path) -> None:
    names = run_old(f"train_dir = {str(small_folder)!r}\n{EPOCHS}", INPUT_DATA)
    # 30 train examples in batches of 16: the 2nd, 4th and 6th go beyond an epoch's end.
    assert names["done"] == [0, 1, 1, 2, 2, 3]
    np.testing.assert_array_equal(np.concatenate(names["valid"]), np.arange(20) % 10)


# -- images and labels -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", [np.float32, "float32", np.dtype("f4"), SimpleNamespace(as_numpy_dtype=np.float32)]
)
def test_float_images_are_multiplied_as_in_tensorflow_1(small_folder: Path, dtype: object) -> None:
    images, _ = made_arrays(50)
    sets = read_data_sets(small_folder, dtype=dtype, validation_size=7)
    expected = np.multiply(images.reshape(50, 20).astype(np.float32), 1.0 / 255.0)
    assert sets.train.images.dtype == np.float32
    assert sets.train.images.tobytes() == expected[7:].tobytes()
    assert sets.validation.images.tobytes() == expected[:7].tobytes()


@pytest.mark.parametrize("dtype", [np.uint8, "uint8", SimpleNamespace(as_numpy_dtype=np.uint8)])
def test_uint8_leaves_pixels_raw(small_folder: Path, dtype: object) -> None:
    sets = read_data_sets(small_folder, dtype=dtype, reshape=False, validation_size=0)
    assert (sets.train.images.dtype, sets.train.images.shape) == (np.uint8, (50, 5, 4, 1))
    np.testing.assert_array_equal(sets.train.images[..., 0], made_arrays(50)[0])
    batch, _ = sets.train.next_batch(3)
    assert (batch.dtype, batch.shape) == (np.uint8, (3, 5, 4, 1))


def test_tensorflows_own_types(small_folder: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    assert (
        read_data_sets(small_folder, dtype=tf.uint8, validation_size=0).test.images.dtype
        == np.uint8
    )
    assert read_data_sets(small_folder, dtype=tf.float32, validation_size=0).test.images.max() <= 1
    with pytest.raises(OptionError, match="float32 or uint8"):
        read_data_sets(small_folder, dtype=tf.bfloat16)


def test_labels(small_folder: Path) -> None:
    plain = read_data_sets(small_folder, validation_size=5)
    assert plain.train.labels.dtype == np.uint8
    np.testing.assert_array_equal(plain.train.labels, made_arrays(50)[1][5:])
    rows = read_data_sets(small_folder, one_hot=True, validation_size=5)
    for ours, theirs in zip(rows, plain, strict=True):
        assert (ours.labels.dtype, ours.labels.shape) == (np.float64, (ours.num_examples, 10))
        np.testing.assert_array_equal(ours.labels.argmax(1), theirs.labels)
        np.testing.assert_array_equal(ours.labels.sum(1), 1)


def test_sets_have_names_and_places(small_folder: Path) -> None:
    sets = read_data_sets(small_folder, validation_size=5)
    assert isinstance(sets, Datasets)
    assert [len(part.images) for part in sets] == [45, 5, 20]
    assert sets[0] is sets.train
    assert sets[2] is sets.test


# -- next_batch --------------------------------------------------------------------------------


@given(st.data())
def test_every_epoch_has_each_example_once(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 40), "examples")
    sizes = data.draw(st.lists(st.integers(1, count), min_size=1, max_size=30), "batch sizes")
    seed = data.draw(st.integers(0, 2**64 - 1), "seed")
    numbers = numbered(count, seed=seed)
    seen: list[int] = []
    for size in sizes:
        images, labels = numbers.next_batch(size)
        assert images.shape == (size, 6)
        np.testing.assert_array_equal(images[:, 0], labels.astype(np.float32) * (1 / 255))
        seen += labels.tolist()
        assert numbers.epochs_completed == (len(seen) - 1) // count
    for epoch in range(len(seen) // count + 1):
        part = seen[epoch * count : (epoch + 1) * count]
        assert part == whole_order(count, seed, epoch)[: len(part)].tolist()


@given(count=st.integers(1, 20), sizes=st.lists(st.integers(1, 20), max_size=20))
def test_without_shuffle_batches_cycle_through_the_file(count: int, sizes: list[int]) -> None:
    numbers, seen = numbered(count), 0
    for size in (min(size, count) for size in sizes):
        _, labels = numbers.next_batch(size, shuffle=False)
        np.testing.assert_array_equal(labels, np.arange(seen, seen + size) % count)
        seen += size


def test_a_batch_continues_into_the_next_epoch() -> None:
    numbers = numbered(10, seed=4)
    numbers.next_batch(7)
    assert numbers.epochs_completed == 0
    _, labels = numbers.next_batch(7)
    first, second = whole_order(10, 4, 0), whole_order(10, 4, 1)
    np.testing.assert_array_equal(labels, [*first[7:], *second[:4]])
    assert numbers.epochs_completed == 1


def test_an_epoch_completes_when_a_batch_reaches_into_the_next() -> None:
    numbers = numbered(10)
    numbers.next_batch(10)
    assert numbers.epochs_completed == 0
    numbers.next_batch(1)
    assert numbers.epochs_completed == 1


def test_shuffle_is_decided_where_an_epoch_begins() -> None:
    numbers, order = numbered(6), whole_order(6, 0, 0)
    np.testing.assert_array_equal(numbers.next_batch(4)[1], order[:4])
    np.testing.assert_array_equal(numbers.next_batch(4, shuffle=False)[1], [*order[4:], *order[:2]])
    np.testing.assert_array_equal(numbers.next_batch(4)[1], order[2:])


def test_the_order_is_that_of_every_adapter(small_folder: Path) -> None:
    sets = read_data_sets(small_folder, seed=9, validation_size=20)
    train = open_idx(small_folder / IMAGES, small_folder / LABELS)[20:]
    options = {"batch_size": 6, "shuffle": True, "seed": 9, "dtype": "uint8", "scale": "raw"}
    batches = train.to("numpy", layout="flat", **options)
    for _ in range(2):
        for images, labels in batches:
            ours, our_labels = sets.train.next_batch(6)
            np.testing.assert_array_equal(ours, images.astype(np.float32) * np.float32(1 / 255))
            np.testing.assert_array_equal(our_labels, labels)


def test_no_seed_is_seed_0_and_numpys_generator_is_left_alone() -> None:
    np.random.seed(1)
    state = np.random.get_state()[1].tolist()
    batches = [numbered(30, seed=seed).next_batch(30)[1].tolist() for seed in (None, 0, 1)]
    assert batches[0] == batches[1] != batches[2]
    assert np.random.get_state()[1].tolist() == state


def test_batches_belong_to_the_user() -> None:
    numbers = numbered(5)
    for shuffle in (False, True):
        images, labels = numbers.next_batch(5, shuffle=shuffle)
        images[:] = labels[:] = 77
    np.testing.assert_array_equal(numbers.labels, np.arange(5))
    assert numbers.images.max() < 1


def test_a_pickled_set_keeps_its_position() -> None:
    numbers = numbered(11)
    numbers.next_batch(8)
    again = pickle.loads(pickle.dumps(numbers))
    np.testing.assert_array_equal(again.next_batch(8)[1], numbers.next_batch(8)[1])


# -- where the data come from ------------------------------------------------------------------


def test_files_of_the_folder_are_read_unverified(small_folder: Path) -> None:
    nowhere = "https://localhost:1/"
    assert (
        read_data_sets(small_folder, source_url=nowhere, validation_size=0).train.num_examples == 50
    )


def test_without_files_fashion_mnist_is_fetched(empty_machine: Path, fashion_root: Path) -> None:
    sets = read_data_sets("data/fashion", source_url=fashion_root.resolve().as_uri())
    expected = load("fashion-mnist", "train", root=fashion_root)
    np.testing.assert_array_equal(sets.validation.labels, expected.labels[:5000])
    assert not list(empty_machine.iterdir())


def test_a_source_of_other_data_raises(
    empty_machine: Path, small_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FetchError, match="Fashion-MNIST"):
        read_data_sets("MNIST_data/", source_url=small_folder.as_uri())
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    with pytest.raises(FetchError):
        read_data_sets("MNIST_data/", name="mnist")
    with pytest.raises(UnknownDatasetError):
        read_data_sets("MNIST_data/", name="mnits")


@pytest.mark.parametrize("left", ["train-images", "t10k-labels"])
def test_a_folder_with_only_some_of_the_files_raises(small_folder: Path, left: str) -> None:
    for path in small_folder.iterdir():
        if not path.name.startswith(left):
            path.unlink()
    with pytest.raises(FileAccessError, match="found no such file"):
        read_data_sets(small_folder)


def test_fake_data_are_the_built_in_dataset() -> None:
    sets = read_data_sets("", True, True, dtype=np.uint8, validation_size=100)
    expected = load("synthetic", "train")
    np.testing.assert_array_equal(sets.validation.images, expected.images[:100].reshape(100, 784))
    images, labels = sets.train.next_batch(50, True)
    assert (images.shape, labels.shape) == ((50, 784), (50, 10))


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": np.float64},
        {"dtype": "bfloat16"},
        {"dtype": "nonsense"},
        {"dtype": None},
        {"dtype": {}},
        {"dtype": SimpleNamespace(as_numpy_dtype=np.float16)},
        {"validation_size": -1},
        {"validation_size": 51},
        {"validation_size": 2.5},
        {"validation_size": True},
        {"validation_size": None},
        {"seed": -1},
        {"seed": "x"},
        {"train_dir": None},
    ],
    ids=str,
)
def test_options(small_folder: Path, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        read_data_sets(**{"train_dir": small_folder, "validation_size": 0, **options})


@pytest.mark.parametrize("size", [0, -1, 11, 2.0, None, "5", True])
def test_batch_sizes(size: Any) -> None:
    numbers = numbered(10)
    with pytest.raises(OptionError, match="batch_size must be"):
        numbers.next_batch(size)
    assert numbers.next_batch(10)[1].tolist() == whole_order(10, 0, 0).tolist()


def test_an_empty_set_has_no_batch(small_folder: Path) -> None:
    with pytest.raises(OptionError, match="this set is empty"):
        read_data_sets(small_folder, validation_size=0).validation.next_batch(1)


def test_one_hot_labels_above_9_raise(small_folder: Path) -> None:
    images, labels = made_arrays(12)
    write_pair(small_folder, "t10k", images, labels + 1)
    assert read_data_sets(small_folder, validation_size=0).test.labels.max() == 10
    with pytest.raises(DataMismatchError, match="labels from 0 to 9, found 10"):
        read_data_sets(small_folder, one_hot=True, validation_size=0)


def test_a_damaged_file(small_folder: Path) -> None:
    (small_folder / IMAGES).write_bytes((small_folder / IMAGES).read_bytes()[:-9])
    with pytest.raises(IdxError, match=IMAGES):
        read_data_sets(small_folder)


def test_unequal_counts_raise() -> None:
    with pytest.raises(DataMismatchError, match="one label for each of 3 images, found 2"):
        DataSet(np.zeros((3, 2, 2, 1), np.uint8), np.zeros(2, np.uint8))
