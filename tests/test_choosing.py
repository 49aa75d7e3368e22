"""Choosing examples: each method keeps name, places and constants, and uses new labels."""

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fmnist_core as fm
from fmnist_core import (
    DataMismatchError,
    Dataset,
    FmnistError,
    OptionError,
    load,
    open_idx,
    write_idx,
)
from fmnist_core.order import whole_order
from fmnist_core.source import FileStamp, SourceFiles

IMAGES = np.arange(40 * 6, dtype=np.uint8).reshape(40, 3, 2)
LABELS = (np.arange(40) * 7 % 4).astype(np.uint8)
CLASSES = ("ant", "bee", "cat", "dog")


@pytest.fixture
def whole() -> Dataset:
    return Dataset(IMAGES, LABELS, classes=CLASSES, mean=0.3, std=0.4)


@pytest.fixture
def backed(tmp_path: Path) -> Dataset:
    write_idx(tmp_path / "images", IMAGES)
    write_idx(tmp_path / "labels", LABELS)
    return open_idx(tmp_path / "images", tmp_path / "labels", classes=CLASSES)


def test_split_into_several_parts_and_by_count(whole: Dataset) -> None:
    train, val = whole.split(30)
    assert (len(train), len(val)) == (30, 10)
    assert [len(part) for part in whole.split(0.5, 0.25, 0.25, stratify=True)] == [20, 10, 10]
    assert [len(part) for part in whole.split(10, 10)] == [10, 10, 20]
    joined = np.concatenate([part.indices for part in whole.split(7, 8, 9, seed=5)])
    assert sorted(joined) == list(range(40))


def test_minus_compares_places_in_the_file(whole: Dataset) -> None:
    labelled = whole[::-1].take(10)
    rest = whole.minus(labelled)
    assert rest.indices.tolist() == list(range(30))
    assert whole[5:].minus(labelled, whole.take(7)).indices.tolist() == list(range(7, 30))
    assert len(whole.minus(whole)) == 0


def test_minus_of_other_data_is_refused(whole: Dataset) -> None:
    other = Dataset(IMAGES[::-1], LABELS, classes=CLASSES)
    for wrong in (other, "train", LABELS):
        with pytest.raises(OptionError, match="expected selections of the same data"):
            whole.minus(wrong)  # type: ignore[arg-type]
    same = Dataset(IMAGES.copy(), LABELS.copy(), classes=CLASSES)
    assert len(whole.minus(same.take(3))) == 37


def test_of_classes_renumbers_in_the_given_order(whole: Dataset) -> None:
    pair = whole.of_classes("dog", 1)
    assert pair.classes == ("dog", "bee")
    old = LABELS[pair.indices]
    assert np.array_equal(pair.labels, np.where(old == 3, 0, 1))
    assert set(old.tolist()) == {1, 3}
    assert (pair.mean, pair.std) == (whole.mean, whole.std)
    assert np.array_equal(pair.images, IMAGES[pair.indices])
    images, labels = pair.arrays(dtype="uint8", scale="raw")
    assert len(images) == len(labels) == 20
    (_, actual), *_ = pair.to("numpy", batch_size=20)
    assert np.array_equal(actual, labels)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (("bea",), "Did you mean 'bee'"),
        ((4,), "a number from 0 to 3; found 4"),
        ((True,), "found True"),
        ((), "classes, each once"),
        (("ant", 0), "each once"),
        ((None,), "found None"),
    ],
)
def test_of_classes_rejects_unknown_classes(whole: Dataset, classes: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        whole.of_classes(*classes)


def test_relabel_by_array_and_by_mapping(whole: Dataset, backed: Dataset) -> None:
    for dataset in (whole, backed):
        part = dataset[10:30]
        new = (np.arange(20) % 2).astype(np.int64)
        coarse = part.relabel(new, classes=["even", "odd"])
        assert np.array_equal(coarse.labels, new)
        assert coarse.classes == ("even", "odd")
        assert np.array_equal(coarse.indices, part.indices)
        merged = part.relabel({"ant": 0, "bee": 0, 2: 1, 3: 1}, classes=["small", "large"])
        assert np.array_equal(merged.labels, LABELS[10:30] // 2)
        again = pickle.loads(pickle.dumps(merged))
        assert np.array_equal(again.labels, merged.labels)
        assert np.array_equal(again.images, merged.images)
        assert again.digest == merged.digest
    assert len(pickle.dumps(backed.relabel(LABELS))) < 1500


def test_relabel_opens_no_file_again(backed: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SourceFiles, "open", None)
    monkeypatch.setattr(FileStamp, "check", None)
    noisy = backed.relabel((LABELS + 1) % 4)
    assert noisy.source.images is backed.source.images
    assert np.array_equal(noisy.labels, (LABELS + 1) % 4)


def test_classes_have_different_names(whole: Dataset) -> None:
    names = ["ant", "bee", "ant", "cat"]  # counts would lose a class
    for make in (
        lambda: Dataset(IMAGES, LABELS, classes=names),
        lambda: whole.relabel(LABELS, classes=names),
    ):
        with pytest.raises(DataMismatchError, match="found 'ant' more than once"):
            make()


def test_minus_a_selection_with_other_labels(whole: Dataset) -> None:
    noisy = whole.take(3).relabel([0, 0, 0])
    assert np.array_equal(whole.minus(noisy).indices, range(3, 40))
    other = Dataset(IMAGES[::-1], LABELS, classes=CLASSES).take(3)
    with pytest.raises(OptionError, match="expected selections of the same data"):
        whole.minus(other)


def test_the_digest_covers_new_labels(whole: Dataset) -> None:
    same = whole.relabel(LABELS)
    noisy = whole.relabel((LABELS + 1) % 4)
    named = whole.relabel(LABELS, classes=["a", "b", "c", "d"])
    digests = {whole.digest, same.digest, noisy.digest, named.digest}
    assert len(digests) == 4
    stated = f"fmnist-selection-1\n\n{noisy.source.content_digest}\n\n".encode()
    stated += np.arange(40, dtype="<i8").tobytes()
    stated += json.dumps(["relabelled", *CLASSES]).encode() + b"\n"
    stated += ((LABELS + 1) % 4).astype("<i8").tobytes()
    assert noisy.digest == hashlib.sha256(stated).hexdigest()


def test_a_state_of_other_labels_is_refused(whole: Dataset) -> None:
    state = whole.to("numpy", batch_size=8).state_dict()
    noisy = whole.relabel((LABELS + 1) % 4).to("numpy", batch_size=8)
    with pytest.raises(DataMismatchError):
        noisy.load_state_dict(state)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS[:5], "expected 40 whole numbers"),
        (LABELS / 2, "expected 40 whole numbers"),
        (np.full(40, 4), "expected labels from 0 to 3, found 4 at row 0"),
        (np.full(40, -1), "found -1"),
        ({"ant": 0}, "'bee' has none"),
        ({"ant": 9, "bee": 0, "cat": 0, "dog": 0}, "found 9"),
        ({"cow": 0}, "expected a class"),
        (dict.fromkeys(CLASSES, 0.5), "a new label must be a whole number"),
        (dict.fromkeys(CLASSES, "bee"), "a new label must be a whole number"),
        (dict.fromkeys(CLASSES, 2**70), "a new label must be from 0"),
    ],
)
def test_relabel_rejects_labels_that_do_not_fit(whole: Dataset, labels: Any, message: str) -> None:
    with pytest.raises(FmnistError, match=message):
        whole.relabel(labels)


@pytest.mark.parametrize("classes", [4, "abcd", [1, 2, 3, 4]])
def test_new_classes_are_names(whole: Dataset, classes: Any) -> None:
    with pytest.raises(OptionError, match="expected classes to be a list of names"):
        whole.relabel(LABELS, classes=classes)


def test_a_mask_of_another_length_is_refused(whole: Dataset) -> None:
    for mask in (np.ones(39, np.bool_), [True] * 41, np.ones((40, 1), np.bool_)):
        with pytest.raises(OptionError, match="a mask of 40; found bool"):
            whole[mask]
        with pytest.raises(OptionError, match="a mask of 40; found bool"):
            whole.select(mask)


def test_one_example_cannot_have_two_labels(whole: Dataset) -> None:
    twice = whole.select([3, 3])
    assert twice.relabel([1, 1]).labels.tolist() == [1, 1]
    with pytest.raises(OptionError, match="example 3 occurs more than once"):
        twice.relabel([0, 1])


def test_resample_makes_long_tails_and_balances(whole: Dataset) -> None:
    tail = whole.resample({"ant": 10, "bee": 4, "cat": 2, "dog": 1})
    assert list(tail.counts.values()) == [10, 4, 2, 1]
    assert (np.diff(tail.indices) > 0).all()
    balanced = tail.resample(25, seed=3)
    assert list(balanced.counts.values()) == [25] * 4
    for label in range(4):
        times = np.bincount(balanced.indices[balanced.labels == label])
        times = times[times > 0]
        assert times.max() - times.min() <= 1, "whole passes before an example comes again"
    assert whole.resample({"ant": 3}).counts == {"ant": 3, "bee": 10, "cat": 10, "dog": 10}
    assert whole.resample([1, 2, 3, 4]).counts == dict(zip(CLASSES, [1, 2, 3, 4], strict=True))


def test_nothing_is_drawn_from_nothing() -> None:
    nothing = Dataset(np.zeros((0, 5, 4), np.uint8), np.zeros(0, np.uint8))
    assert len(nothing.resample(5)) == 0


def test_lists_that_are_nested_unevenly_are_refused(whole: Dataset) -> None:
    with pytest.raises(OptionError, match="whole numbers, one for each example"):
        whole.relabel([[1], [2, 3]])
    with pytest.raises(OptionError, match="row numbers along one axis"):
        whole[[[1], [2, 3]]]


def test_resample_follows_the_written_order(whole: Dataset) -> None:
    bees = np.flatnonzero(LABELS == 1)
    passes = [bees[whole_order(10, 5, 1 + 4 * number)] for number in range(3)]
    expected = np.sort(np.concatenate(passes)[:23])
    actual = whole.resample({"ant": 0, "bee": 23, "cat": 0, "dog": 0}, seed=5)
    assert actual.indices.tolist() == expected.tolist()


@pytest.mark.parametrize("counts", [{"cow": 1}, [1, 2], -1, 1.5, "ant", None])
def test_resample_rejects_invalid_counts(whole: Dataset, counts: Any) -> None:
    with pytest.raises(OptionError):
        whole.resample(counts)


def test_labels_that_begin_with_1_are_named(whole: Dataset) -> None:
    """EMNIST's letters do: class 0 has a name, but no examples."""
    from_one = whole.filter(lambda image, label: label != 0)
    for attempt in (lambda: from_one.per_class(1), lambda: from_one.resample(1)):
        with pytest.raises(OptionError, match=r"Try: zero_based=True"):
            attempt()
    with pytest.raises(OptionError) as caught:
        whole.filter(lambda image, label: label != 1).per_class(1)
    assert "zero_based" not in str(caught.value)


def test_resample_cannot_draw_from_an_empty_class(whole: Dataset) -> None:
    with pytest.raises(OptionError, match="class 'bee' has no examples"):
        whole.filter(lambda image, label: label != 1).resample(2)


def test_tasks_keep_their_labels_and_do_not_overlap(whole: Dataset) -> None:
    first, second = whole.tasks([["ant", "bee"], [3]])
    assert set(first.labels.tolist()) == {0, 1}
    assert set(second.labels.tolist()) == {3}
    assert first.classes == CLASSES
    with pytest.raises(OptionError, match="found 'bee' in two"):
        whole.tasks([["ant", "bee"], ["bee"]])
    with pytest.raises(OptionError, match="names or numbers of classes"):
        whole.tasks(["ant"])
    with pytest.raises(OptionError, match="a list of classes for each task, found None"):
        whole.tasks(None)  # type: ignore[arg-type]


@given(
    st.integers(1, 5),
    st.sampled_from(["label", "size"]),
    st.sampled_from([0.3, 1, 100]),
    st.integers(0, 2**64 - 1),
)
def test_a_partition_is_complete(clients: int, by: Any, alpha: float, seed: int) -> None:
    dataset = Dataset(IMAGES, LABELS, classes=CLASSES)
    try:
        parts = dataset.partition(clients, by=by, alpha=alpha, seed=seed)
    except OptionError:
        assert clients > 1, "one client gets everything"
        return
    assert len(parts) == clients
    assert sorted(np.concatenate([part.indices for part in parts])) == list(range(40))
    assert all(len(part) for part in parts)


def test_choices_keep_the_description_of_the_data() -> None:
    train = load("synthetic", "train")
    for part in (
        train.of_classes("Sneaker", "Ankle boot"),
        train.resample({"Bag": 10}),
        train.partition(3, alpha=10)[1],
        train.minus(train.take(10)),
        train.relabel(train.labels),
    ):
        assert (part.name, part.split_name) == ("synthetic", "train")
        assert (part.mean, part.std) == (train.mean, train.std)
        assert part.info is train.info
        assert np.array_equal(part.images[:5], train.images[part.indices[:5]])
        assert len(pickle.dumps(part)) < 130_000


def test_the_digest_does_not_depend_on_the_way_there(whole: Dataset) -> None:
    new = (LABELS + 1) % 4
    ways = [
        whole.relabel(new).take(10),
        whole.take(10).relabel(new[:10]),
        whole.relabel(LABELS).relabel(new)[:10],
        whole.in_memory().take(10).relabel(new[:10]).in_memory(),
        fm.concat(whole.take(5).relabel(new[:5]), whole[5:10].relabel(new[5:10])),
    ]
    ways += [pickle.loads(pickle.dumps(way)) for way in ways]
    assert {way.digest for way in ways} == {ways[0].digest}
    assert ways[0].digest != whole.take(10).digest


def test_the_digest_of_joined_relabelled_data_covers_what_they_were(whole: Dataset) -> None:
    other = Dataset(255 - whole.images, whole.labels, classes=CLASSES)
    new = (LABELS + 1) % 4
    joined = fm.concat(whole.relabel(new).take(10), other.take(10))
    same = fm.concat(whole.take(10).relabel(new[:10]), other.take(10))
    assert joined.digest == same.digest == pickle.loads(pickle.dumps(joined)).digest
    assert joined.digest != fm.concat(whole.take(10), other.take(10)).digest
