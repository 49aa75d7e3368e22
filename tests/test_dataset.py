"""Dataset: selections that share pixels, small pickles, a picture, and data that do not match."""

import hashlib
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist_core import (
    DataMismatchError,
    Dataset,
    FmnistError,
    OptionError,
    RowOutsideError,
    UnknownDatasetError,
    compat,
    get_adapter,
    load,
    open_idx,
    write_idx,
)
from fmnist_core import source as source_module
from fmnist_core.records import Description
from fmnist_core.source import MAX_UNNAMED_CLASSES, Source

IMAGES = np.arange(40 * 6, dtype=np.uint8).reshape(40, 3, 2)
LABELS = (np.arange(40) * 7 % 4).astype(np.uint8)


@pytest.fixture
def whole() -> Dataset:
    return Dataset(IMAGES, LABELS, classes=["a", "b", "c", "d"])


@pytest.fixture
def backed(tmp_path: Path) -> Dataset:
    write_idx(tmp_path / "images", IMAGES)
    write_idx(tmp_path / "labels", LABELS)
    return open_idx(tmp_path / "images", tmp_path / "labels", classes=["a", "b", "c", "d"])


def test_is_a_sequence_of_examples(whole: Dataset) -> None:
    assert len(whole) == 40
    image, label = whole[-1]
    assert image.tolist() == IMAGES[39].tolist()
    assert label == LABELS[39]
    assert type(label) is int
    assert [label for _, label in whole] == LABELS.tolist()
    assert whole[5:20:5].indices.tolist() == [5, 10, 15]
    with pytest.raises(IndexError):
        whole[40]
    assert whole[[3, 1, 2]].indices.tolist() == [3, 1, 2]
    assert whole[whole.labels == 2].labels.tolist() == [2] * 10
    for index in ("a", 1.5, None, np.array(2.5)):
        with pytest.raises(OptionError, match="a dataset is indexed by"):
            whole[index]
    with pytest.raises(OptionError, match=r"Try: images, labels = dataset.arrays\(\)"):
        np.asarray(whole)


def test_arrays_are_read_only_views(whole: Dataset) -> None:
    for array in (whole.images, whole.labels, whole.take(3).images, whole.indices, whole[0][0]):
        assert not array.flags.writeable
    assert whole.select([1, 3]).images.flags.writeable is False
    with pytest.raises(ValueError, match="read-only"):
        whole.images[0] = 0
    assert IMAGES.flags.writeable  # the caller's own array stays as it was


def test_contiguous_selections_share_the_pixels(whole: Dataset) -> None:
    for part in (whole, whole.take(9), whole[3:9], whole.select([4, 5, 6]), whole[10:].take(5)[2:]):
        assert np.shares_memory(part.images, IMAGES)
        assert part.images.tolist() == IMAGES[part.indices].tolist()


def test_no_selection_copies_pixels(whole: Dataset) -> None:
    scattered = whole.select([7, 1, 1]).split(0.5)[0].take(1).filter(lambda image, label: True)
    assert np.shares_memory(scattered.source.images, IMAGES)


@given(st.data())
def test_selections_compose(data: st.DataObject) -> None:
    dataset, expected = Dataset(IMAGES, LABELS), np.arange(40)
    for _ in range(data.draw(st.integers(0, 4))):
        size = len(expected)
        step = data.draw(st.sampled_from(["select", "take", "first", "second", "filter"]))
        if step == "select" and size:
            rows = data.draw(st.lists(st.integers(0, size - 1), max_size=50))
            dataset, expected = dataset.select(rows), expected[rows]
        elif step == "take":
            count = data.draw(st.integers(0, size))
            dataset, expected = dataset.take(count), expected[:count]
        elif step in ("first", "second"):
            parts = dataset.split(0.6, seed=3, stratify=True)
            assert sorted(np.concatenate([part.indices for part in parts])) == sorted(expected)
            dataset = parts[step == "second"]
            expected = dataset.indices
        else:
            dataset = dataset.filter(lambda image, label: label != 2)
            expected = expected[LABELS[expected] != 2]
    assert dataset.indices.tolist() == expected.tolist()
    assert dataset.images.tolist() == IMAGES[expected].tolist()
    assert dataset.labels.tolist() == LABELS[expected].tolist()
    again = pickle.loads(pickle.dumps(dataset))
    assert again.indices.tolist() == expected.tolist()
    assert again.images.tolist() == dataset.images.tolist()


def test_split_is_disjoint_and_complete(whole: Dataset) -> None:
    for stratify in (False, True):
        train, val = whole.split(0.75, seed=1, stratify=stratify)
        assert (len(train), len(val)) == (30, 10)
        assert sorted([*train.indices, *val.indices]) == list(range(40))
    assert np.bincount(whole.split(0.5, stratify=True)[0].labels).tolist() == [5] * 4


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=60),
    st.data(),
    st.integers(0, 2**64 - 1),
    st.booleans(),
)
def test_folds_are_disjoint_complete_and_even(labels, data, seed, stratify) -> None:  # type: ignore[no-untyped-def]
    whole = Dataset(np.zeros((len(labels), 1, 1), np.uint8), np.array(labels))[::-1]
    count = data.draw(st.integers(2, len(labels)))
    folds = whole.folds(count, seed=seed, stratify=stratify)
    assert len(folds) == count
    held_out = [row for _, validation in folds for row in validation.indices.tolist()]
    assert sorted(held_out) == list(range(len(labels)))
    sizes = [len(validation) for _, validation in folds]
    assert max(sizes) - min(sizes) <= 1
    for train, validation in folds:
        for part in (train, validation):  # in the order of the whole
            assert (np.diff(part.indices) < 0).all()
            assert pickle.loads(pickle.dumps(part)).indices.tolist() == part.indices.tolist()
        assert sorted([*train.indices, *validation.indices]) == list(range(len(labels)))
    if stratify:
        counts = np.array([np.bincount(part.labels, minlength=6) for _, part in folds])
        assert np.ptp(counts, axis=0).max() <= 1


def test_other_seeds_make_other_folds(whole: Dataset) -> None:
    digests = {
        whole.folds(4, seed=seed, stratify=stratify)[0][1].digest
        for seed in range(3)
        for stratify in (True, False)
    }
    assert len(digests) == 6


@pytest.mark.parametrize("count", [1, 41, 2.0, True, None])
def test_folds_reject_an_invalid_count(whole: Dataset, count: int) -> None:
    with pytest.raises(OptionError, match="count must be"):
        whole.folds(count)


def named(split: str, size: int = 60_000) -> Dataset:
    """Return a dataset with a name of the catalog, but with blank images."""
    source = Source(np.zeros((size, 1, 1), np.uint8), np.zeros(size, np.uint8))
    return Dataset.from_source(source, Description("synthetic", split, ("a",)))


def test_named_splits() -> None:
    whole = named("train")
    train, validation = whole.named_split("first-55000")
    assert train.indices.tolist() == list(range(55_000))
    assert validation.indices.tolist() == list(range(55_000, 60_000))
    train, validation = whole.select(range(60_000)).named_split("tf1")
    assert train.indices.tolist() == list(range(5_000, 60_000))
    assert validation.indices.tolist() == list(range(5_000))


def test_the_split_tf1_is_that_of_read_data_sets(fashion_root: Path) -> None:
    _, validation = load("fashion-mnist", root=fashion_root).named_split("tf1")
    old = compat.read_data_sets(fashion_root, dtype=np.uint8).validation
    assert np.array_equal(old.labels, validation.labels)
    assert np.array_equal(old.images, validation.images.reshape(5_000, -1))


@pytest.mark.parametrize(
    "part",
    [
        named("train")[:59_999],
        named("train")[::-1],
        named("test"),
        named("train", 70_000),
        named("train", 70_000).take(60_000),
        Dataset(np.zeros((60_000, 1, 1), np.uint8), np.zeros(60_000, np.uint8)),
    ],
)
def test_named_splits_divide_only_a_whole_train_split(part: Dataset) -> None:
    with pytest.raises(OptionError, match=r"a whole train split of 60000 .*; found <Dataset"):
        part.named_split("tf1")


@pytest.mark.parametrize("name", ["tf2", "", None, 5])
def test_an_unknown_division_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="expected one of first-55000, tf1; found"):
        named("train").named_split(name)


def test_the_digest_is_what_its_docstring_says(whole: Dataset) -> None:
    part = named("test").select([7, 7, 2])
    indices = np.array([7, 7, 2], "<i8").tobytes()
    released = part.info.released
    stated = f"fmnist-selection-1\nsynthetic\n{released}\ntest\n".encode() + indices
    assert part.digest == hashlib.sha256(stated).hexdigest()

    images = b"uint8 (40, 3, 2)\n" + IMAGES.tobytes()
    content = hashlib.sha256(images + b"uint8 (40,)\n" + LABELS.tobytes()).hexdigest()
    stated = f"fmnist-selection-1\n\n{content}\n\n".encode() + indices
    assert whole.select([7, 7, 2]).digest == hashlib.sha256(stated).hexdigest()


def test_the_digest_does_not_depend_on_how_rows_were_selected(
    whole: Dataset, backed: Dataset
) -> None:
    for dataset in (whole, backed):
        same = [dataset.take(6), dataset[:6], dataset.select([0, 1, 2, 3, 4, 5]), dataset[:9][:6]]
        assert {part.digest for part in same} == {whole.take(6).digest}
        assert pickle.loads(pickle.dumps(same[0])).digest == same[0].digest
    others = [whole, whole[:5], whole[1:7], whole[5::-1], whole.select([0, 1, 2, 3, 4, 5, 5])]
    assert len({part.digest for part in [*others, whole.take(6)]}) == 6


def test_the_digest_of_own_data_covers_their_content(tmp_path: Path) -> None:
    wide = IMAGES.astype(np.int16) * 99
    fresh = wide.copy()
    fresh[-1, -1, -1] += 1
    different = [
        Dataset(wide, LABELS),
        Dataset(fresh, LABELS),
        Dataset(wide, (LABELS + 1) % 4),
        Dataset(wide.astype(np.int32), LABELS),
        Dataset(wide.reshape(40, 6), LABELS),
        Dataset(wide, LABELS, extended=np.zeros((40, 8), np.int32)),
    ]
    assert len({dataset.digest for dataset in different}) == len(different)
    write_idx(tmp_path / "images", wide)  # IDX is big-endian
    write_idx(tmp_path / "labels", LABELS)
    mapped = open_idx(tmp_path / "images", tmp_path / "labels")
    strided = Dataset(np.asfortranarray(wide), LABELS)
    assert mapped.digest == strided.digest == different[0].digest
    images = b"int16 (40, 3, 2)\n" + wide.astype("<i2").tobytes()
    stated = hashlib.sha256(images + b"uint8 (40,)\n" + LABELS.tobytes()).hexdigest()
    assert mapped.source.content_digest == stated


def test_the_digest_reads_content_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = Dataset(IMAGES, LABELS).digest
    monkeypatch.setattr(source_module, "HASHED_AT_ONCE", 18)
    assert Dataset(IMAGES, LABELS).digest == digest


def test_the_digest_reads_content_once() -> None:
    pixels = IMAGES.copy()
    whole, few = Dataset(pixels, LABELS), Dataset(IMAGES, LABELS).take(4)
    assert whole.digest != few.digest
    pixels[:] = 0
    assert whole.take(4).digest == few.digest
    assert Dataset(pixels, LABELS).take(4).digest != few.digest


def test_the_digest_of_a_dataset_of_the_catalog_reads_nothing() -> None:
    others = Source(np.ones((60_000, 1, 1), np.uint8), np.zeros(60_000, np.uint8))
    other = Dataset.from_source(others, Description("synthetic", "train", ("a",)))
    assert other.digest == named("train").digest


def test_per_class(whole: Dataset) -> None:
    few = whole.per_class(3, seed=5)
    assert np.bincount(few.labels).tolist() == [3] * 4
    assert few.indices.tolist() == whole.per_class(3, seed=5).indices.tolist()
    with pytest.raises(OptionError, match="class 0 has only 10 of 11"):
        whole.per_class(11)


def test_gathering_follows_the_selection(whole: Dataset) -> None:
    part, rows = whole.select([9, 2, 30]), np.array([2, 0])
    assert part.original_rows(rows).tolist() == [30, 9]
    places = part.original_rows(rows)
    assert part.source.images_at(places).tolist() == IMAGES[[30, 9]].tolist()
    assert part.source.labels_at(places).tolist() == LABELS[[30, 9]].tolist()


def test_pickles_small_when_backed_by_files(backed: Dataset) -> None:
    selections = [
        backed,
        backed.take(7),
        *backed.split(0.9, seed=2**63, stratify=True),
        backed.per_class(2, seed=1).split(0.5)[1],
        *backed.folds(5, seed=2**63)[4],
        *backed.folds(3, stratify=False)[0],
    ]
    for dataset in selections:
        packed = pickle.dumps(dataset)
        assert len(packed) < 1000
        again = pickle.loads(packed)
        assert again.indices.tolist() == dataset.indices.tolist()
        assert again.images.tolist() == dataset.images.tolist()
        assert again.classes == dataset.classes
        assert again.digest == dataset.digest


def test_real_data_pickle_small_and_hold_what_the_catalog_says(fashion_root: Path) -> None:
    train = load("fashion-mnist", "train", root=fashion_root)
    for part in (
        train.split(0.9, seed=0, stratify=True)[0],
        *train.folds(10, seed=2**63)[9],
        *train.named_split("tf1"),
        train.without("mislabelled", "near-duplicates"),
    ):
        assert len(pickle.dumps(part)) < 7500 + 1000  # a bit for each row of the file
    assert train.classes[9] == "Ankle boot"
    assert train.info.citation.startswith("@online{xiao2017fashion")
    assert (train.name, train.split_name) == ("fashion-mnist", "train")
    assert np.bincount(train.per_class(10, seed=0).labels).tolist() == [10] * 10


def test_slices_and_ranges_pickle_small(backed: Dataset) -> None:
    for part in (backed[10:30], backed[:30:2], backed.select(range(39, 0, -3)), backed[5:][2:9:3]):
        assert len(pickle.dumps(part)) < 1000
        assert pickle.loads(pickle.dumps(part)).indices.tolist() == part.indices.tolist()


def test_rows_of_another_selection_are_refused(whole: Dataset) -> None:
    for part in (whole.take(5), whole.select([3, 1, 7, 9, 2])):
        for row in (5, -1):
            with pytest.raises(RowOutsideError, match="5 examples"):
                part.original_rows(np.array([0, row]))
        with pytest.raises(RowOutsideError, match="row 5 is not among the 5 examples"):
            part[5]


def test_ragged_data_are_refused() -> None:
    with pytest.raises(DataMismatchError, match="images to be an array"):
        Dataset([[[1]], [[1, 2]]], [0, 1])  # type: ignore[arg-type]


def test_html_of_images_without_pixels() -> None:
    assert "<img" not in Dataset(np.zeros((2, 0, 3), np.uint8), LABELS[:2])._repr_html_()


@pytest.mark.parametrize("classes", ["abcd", [1, 2, 3, 4], 3.0])
def test_classes_are_names(classes: object) -> None:
    with pytest.raises(DataMismatchError, match="sequence of str"):
        Dataset(IMAGES, LABELS, classes=classes)  # type: ignore[arg-type]


@pytest.mark.parametrize("adapter", [None, pickle, type(get_adapter("numpy"))])
def test_to_rejects_other_objects_as_adapters(whole: Dataset, adapter: object) -> None:
    with pytest.raises(OptionError, match="expected an adapter object or a name"):
        whole.to(adapter, batch_size=4)  # type: ignore[arg-type]


@pytest.mark.parametrize("option", ["plan", "dataset", "encoding"])
def test_to_rejects_options_that_it_sets_itself(whole: Dataset, option: str) -> None:
    with pytest.raises(OptionError, match="is not an option"):
        whole.to("numpy", batch_size=4, **{option: 3})


def test_repr_says_what_it_is(whole: Dataset, backed: Dataset) -> None:
    assert repr(whole) == "<Dataset: 40 examples, uint8 images (3, 2), 4 classes>"
    assert "7 of 40 examples" in repr(backed.take(7))


def test_html_shows_a_picture_of_each_class(whole: Dataset) -> None:
    page = whole._repr_html_()
    assert page.count("<img") == 4
    assert re.search(r'alt="c" src="data:image/png;base64,iVBOR', page)
    assert "&lt;Dataset" in page
    odd = Dataset(np.zeros((3, 4), np.float32), np.zeros(3, np.int8))
    assert "<img" not in odd._repr_html_()
    hostile = Dataset(IMAGES, LABELS, classes=["<script>", "b", "c", "d"])._repr_html_()
    assert "<script>" not in hostile


def test_classes_default_to_the_labels() -> None:
    assert Dataset(IMAGES, LABELS).classes == ("0", "1", "2", "3")
    assert Dataset(IMAGES[:0], LABELS[:0]).classes == ()


def test_own_data_have_no_catalog_entry(whole: Dataset) -> None:
    with pytest.raises(UnknownDatasetError):
        _ = whole.info


@pytest.mark.parametrize(
    ("images", "labels", "classes", "message"),
    [
        (IMAGES, LABELS[:39], None, "one image for each of 39 labels, found shape \\(40, 3, 2\\)"),
        (IMAGES, LABELS.astype(np.float32), None, "whole numbers along one axis, found float32"),
        (IMAGES, LABELS.reshape(20, 2), None, "along one axis"),
        (IMAGES, LABELS, ["a", "b", "c"], "from 0 to 2, found 3 at place 1"),
        (IMAGES, LABELS.astype(np.int8) - 1, None, "found -1 .* Try: images.labels >= 0."),
        (IMAGES, LABELS + np.int32(2**31 - 9), None, f"from 0 to {MAX_UNNAMED_CLASSES - 1}"),
        (IMAGES[:, 0, 0], LABELS, None, "one image for each"),
        (np.uint8(3), LABELS, None, "one image for each"),
    ],
)
def test_data_that_do_not_match_are_refused(
    images: np.ndarray, labels: np.ndarray, classes: list[str] | None, message: str
) -> None:
    with pytest.raises(DataMismatchError, match=message):
        Dataset(images, labels, classes=classes)


@pytest.mark.parametrize("count", [-1, 41, 2.0, True])
def test_take_rejects_more_than_there_are(whole: Dataset, count: int) -> None:
    with pytest.raises(OptionError, match="count must be"):
        whole.take(count)


def test_to_rejects_unknown_options(whole: Dataset) -> None:
    with pytest.raises(OptionError, match="'numpy' has no option num_workers"):
        whole.to("numpy", batch_size=4, num_workers=2)
    with pytest.raises(FmnistError, match="expected one of"):
        whole.to("numqy", batch_size=4)
    with pytest.raises(OptionError, match="start must be from 0 to 40"):
        whole.to("numpy", batch_size=4, start=41)


def test_arrays_are_two_fresh_arrays(whole: Dataset) -> None:
    images, labels = whole.arrays()
    assert (images.dtype, images.shape) == (np.float32, (40, 3, 2))
    np.testing.assert_array_equal(images, IMAGES / np.float32(255))
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, LABELS)
    flat, one_hot = whole[5:9].arrays(dtype="uint8", scale="raw", layout="flat", labels="one_hot")
    np.testing.assert_array_equal(flat, IMAGES[5:9].reshape(4, 6))
    np.testing.assert_array_equal(one_hot, np.eye(4)[LABELS[5:9]])
    flat[...] = 0
    assert whole.images.any()
    with pytest.raises(OptionError, match="arrays has no option fields, shuffle; it has dtype, "):
        whole.arrays(shuffle=True, fields="image")  # type: ignore[call-arg]


def test_counts_by_class_name() -> None:
    assert Dataset(IMAGES[:3], LABELS[:3] * 0, classes=["a", "b"]).counts == {"a": 3, "b": 0}


def test_own_data_have_no_info(whole: Dataset) -> None:
    with pytest.raises(UnknownDatasetError, match="your own data"):
        _ = whole.info


def test_a_notebook_picture_of_large_images_stays_small() -> None:
    large = Dataset(np.zeros((2, 3000, 2000), np.uint8), LABELS[:2])
    assert len(large._repr_html_()) < 20_000


def test_the_result_of_np_where_is_rejected_as_an_index(whole: Dataset) -> None:
    with pytest.raises(OptionError, match=r"Try: np\.flatnonzero\(mask\)"):
        whole[np.where(whole.labels == 3)]
