"""Joined datasets: every example of each, not copied, and the same batches in every adapter."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fmnist_core as fm
from fmnist_core import Adapter, BatchPlan, DataMismatchError, Dataset, Encoding, OptionError
from fmnist_core.joined import JoinedArray
from fmnist_core.testing import assert_batches, wanted_batches


def numbered(count: int, first: int, dtype: str = "uint8") -> Dataset:
    images = (np.arange(count * 6) + first).astype(dtype).reshape(count, 3, 2)
    return Dataset(images, np.arange(count) % 3, classes=[*"abc"], mean=0.3, std=0.4)


def test_channel_constants_may_be_a_list(tmp_path: Path) -> None:
    fm.write_idx(tmp_path / "x", np.zeros((4, 3, 2, 3), np.uint8))
    fm.write_idx(tmp_path / "y", np.zeros(4, np.uint8))
    constants = {"mean": [0.5, 0.4, 0.3], "std": np.array([0.2, 0.2, 0.1])}
    dataset = fm.open_idx(tmp_path / "x", tmp_path / "y", **constants)  # type: ignore[arg-type]
    assert fm.concat(dataset.take(2), dataset).mean == (0.5, 0.4, 0.3)


def test_train_and_test_of_one_dataset(tmp_path: Path) -> None:
    train, test = fm.load("synthetic", ("train", "test"))
    both = fm.concat(train, test)
    assert (both.name, both.split_name, len(both)) == ("synthetic", "train+test", 70_000)
    assert (both.mean, both.std) == (train.mean, train.std)
    assert np.array_equal(both.labels, np.concatenate([train.labels, test.labels]))
    assert np.array_equal(both.images[59_990:60_010], [*train.images[-10:], *test.images[:10]])
    assert both.indices[-1] == 69_999
    assert len(pickle.dumps(both)) < 5000
    again = pickle.loads(pickle.dumps(both[::-1]))
    assert np.array_equal(again.images[:3], test.images[:-4:-1])
    assert again.digest == both[::-1].digest
    assert len({both.digest, train.digest, test.digest, fm.concat(test, train).digest}) == 4


def test_selections_of_one_split_keep_their_places() -> None:
    whole = numbered(20, 0)
    joined = fm.concat(whole[:5], whole[10:], whole[5:10])
    assert joined.source is whole.source
    assert joined.indices.tolist() == [*range(5), *range(10, 20), *range(5, 10)]
    assert fm.concat(whole[:5], whole[5:]).digest == whole.digest


def test_a_split_that_was_loaded_twice_is_one_split() -> None:
    train, again = (fm.load("synthetic", "train") for _ in range(2))
    assert train.images is not again.images
    joined = fm.concat(train[:5], again[5:10])
    assert joined.digest == train[:10].digest
    assert train.minus(joined).indices[0] == 10


def test_relabelled_parts_of_a_split_keep_their_places(fashion_root: Path) -> None:
    train = fm.load("fashion-mnist", "train", root=fashion_root)
    clean, noisy = train[:20_000], train[20_000:]
    noisy = noisy.relabel(9 - noisy.labels.astype(int))
    joined = fm.concat(clean, noisy)
    assert joined.indices.tolist() == list(range(60_000))
    assert np.array_equal(joined.labels, np.concatenate([clean.labels, noisy.labels]))
    assert joined.digest == train.relabel(joined.labels).digest
    assert len(joined.without("mislabelled")) == 59_994
    assert len(pickle.dumps(joined)) < 61_000
    assert np.array_equal(pickle.loads(pickle.dumps(joined)).labels, joined.labels)


def test_an_example_under_two_labels_is_two_examples() -> None:
    train = fm.load("synthetic", "train")
    both = fm.concat(train[:5], train[:5].relabel(9 - train.labels[:5].astype(int)))
    assert (both.split_name, len(both)) == ("train+train", 10)
    assert both.labels.tolist() == [*train.labels[:5], *9 - train.labels[:5].astype(int)]
    assert both.indices.tolist() == [*range(5), *range(60_000, 60_005)]
    with pytest.raises(OptionError, match="expected selections of the same data"):
        train.minus(both)


@pytest.mark.parametrize("other", ["labels", "extended"])
def test_own_data_of_the_same_images_lose_no_label(other: str) -> None:
    images, labels = numbered(6, 0).images, np.arange(6) % 3
    tables = [np.full((6, 2), value, np.int32) for value in (1, 2 if other == "extended" else 1)]
    more = labels[::-1] if other == "labels" else labels
    one = Dataset(images, labels, classes=[*"abc"], extended=tables[0])
    two = Dataset(images.copy(), more, classes=[*"abc"], extended=tables[1])
    joined = fm.concat(one[:3], two[3:])
    assert joined.labels.tolist() == [*labels[:3], *more[3:]]
    assert joined.extended is not None
    assert joined.extended[:, 0].tolist() == [*tables[0][:3, 0], *tables[1][3:, 0]]
    assert joined.digest not in (one.digest, two.digest)


def test_joined_data_of_different_names_have_no_name() -> None:
    train = fm.load("synthetic", "train").take(30)
    unnamed = Dataset(train.images, train.labels, classes=train.classes)
    joined = fm.concat(train, unnamed)
    assert (joined.name, joined.mean, len(joined)) == ("", None, 60)


def test_joined_data_go_through_every_adapter(adapter: Adapter) -> None:
    parts = numbered(7, 0), numbered(9, 100)
    joined = fm.concat(parts[0][1:], parts[1][::-1])
    plan = BatchPlan(15, 4, True, 3, fields=("image", "label", "index"))
    expected = wanted_batches(adapter, joined, plan)
    assert_batches(
        adapter, adapter.loader(joined, plan, Encoding()), expected, plan.fields, "joined"
    )
    images = np.concatenate([parts[0].images[1:], parts[1].images[::-1]])
    assert np.array_equal(joined.images, images)


def test_joined_data_can_be_relabelled_and_chosen_from() -> None:
    joined = fm.concat(numbered(7, 0), numbered(9, 100))
    pair = joined.of_classes("c", "a")
    assert pair.classes == ("c", "a")
    again = pickle.loads(pickle.dumps(pair))
    assert np.array_equal(again.labels, pair.labels)
    assert np.array_equal(again.images, pair.images)
    with pytest.raises(OptionError, match="mislabelled"):
        fm.concat(*fm.load("synthetic", ("train", "test"))).without("mislabelled")


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.data())
def test_a_joined_array_is_indexed_as_the_whole(sizes: list[int], data: st.DataObject) -> None:
    parts = [
        np.arange(size * 2, dtype=">i4").reshape(size, 2) + 100 * k for k, size in enumerate(sizes)
    ]
    whole = np.concatenate(parts)
    joined = JoinedArray(parts)
    n = len(whole)
    rows = data.draw(st.lists(st.integers(-n, n - 1), max_size=6))
    assert np.array_equal(joined.take(rows), whole[np.array(rows, np.int64)])
    first, last = sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n))))
    assert np.array_equal(joined[first:last], whole[first:last])
    assert np.array_equal(np.asarray(joined), whole)
    assert np.array_equal(joined[n - 1], whole[n - 1])
    assert joined.shape == whole.shape


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (numbered(3, 0, "int16"), "the same image dtype"),
        (Dataset(np.zeros((3, 4, 2), np.uint8), np.zeros(3, np.int64), classes=[*"abc"]), "shape"),
        (
            Dataset(np.zeros((3, 3, 2), np.uint8), np.zeros(3, np.int64), classes=[*"xyz"]),
            "relabel",
        ),
    ],
)
def test_data_that_differ_are_refused(other: Dataset, message: str) -> None:
    with pytest.raises(DataMismatchError, match=message):
        fm.concat(numbered(3, 0), other)


def test_objects_that_are_not_datasets_raise() -> None:
    for wrong in ((), (numbered(3, 0), [1, 2])):
        with pytest.raises(OptionError, match="expected datasets to join"):
            fm.concat(*wrong)  # type: ignore[arg-type]


def test_extended_labels_of_other_columns_are_refused() -> None:
    images, labels = np.zeros((4, 2, 2), np.uint8), np.zeros(4, np.uint8)
    one, two = (
        Dataset(images + n, labels, classes=["a"], extended=np.zeros((4, n), np.int32))
        for n in (3, 8)
    )
    with pytest.raises(DataMismatchError, match="same columns of extended labels, found 3 in"):
        fm.concat(one, two)


def test_images_of_joined_data_are_read_only() -> None:
    joined = fm.concat(numbered(4, 0), numbered(4, 100))
    for image in (joined.images, joined[2:6].images, joined[1][0]):
        with pytest.raises(ValueError, match="read-only"):
            image[...] = 0
    assert joined.to("numpy", batch_size=4).peek()[0].flags.writeable
