"""Lists of rows: what they say of the real data holds, and leaving rows out goes by their place."""

import hashlib
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fmnist_core import Dataset, OptionError, load, quality
from fmnist_core.catalog import FASHION_MNIST, GARMENTS
from fmnist_core.quality import LISTS, NEAR_DUPLICATE_PAIRS, NEAR_LIMIT, rows_to_leave_out
from fmnist_core.records import Description
from fmnist_core.source import Source

PAGE = (Path(__file__).parent.parent / "docs" / "quality.md").read_text(encoding="utf-8")
SIZES = {"train": 60_000, "test": 10_000}
Splits = dict[str, Dataset]


@pytest.fixture(scope="module")
def splits(fashion_root: Path) -> Splits:
    """The real data."""
    return {name: load("fashion-mnist", name, root=fashion_root) for name in SIZES}


def blank(split: str = "train", name: str = "fashion-mnist", size: int = 60_000) -> Dataset:
    """Return a dataset that goes by a name of the catalog but has no pictures."""
    labels = (np.arange(size) % 10).astype(np.uint8)
    source = Source(np.zeros((size, 1, 1), np.uint8), labels)
    return Dataset.from_source(source, Description(name, split, GARMENTS))


BLANK = blank()


# -- the lists ---------------------------------------------------------------------------------


@pytest.mark.parametrize("known", LISTS.values(), ids=str)
def test_a_list_is_of_rows_that_the_revision_has(known: quality.IndexList) -> None:
    assert LISTS[known.name] is known
    assert (known.dataset, known.released) == (FASHION_MNIST.name, FASHION_MNIST.released)
    assert set(known.rows) == set(FASHION_MNIST.splits)
    for split, rows in known.rows.items():
        assert list(rows) == sorted(set(rows))
        assert not rows or (rows[0] >= 0 and rows[-1] < SIZES[split])
    assert len(known) == sum(len(rows) for rows in known.rows.values())
    assert re.search(r"https://|python docs/quality/", known.source)


def test_lists_never_change() -> None:
    """A correction is a new list, with a name of its own: add it here."""
    digests = {
        name: hashlib.sha256(repr(sorted(entry.rows.items())).encode()).hexdigest()[:16]
        for name, entry in LISTS.items()
    }
    assert digests == {
        "mislabelled": "5faaef2b9f05f503",
        "duplicates": "4470c821a618feb7",
        "near-duplicates": "860e0da5cc6b87ec",
    }


def test_what_is_called_mislabelled_has_the_labels_that_the_report_shows(splits: Splits) -> None:
    reported = {45592: 6, 16691: 4, 28264: 3, 33982: 4, 40513: 2, 42018: 2}
    assert LISTS["mislabelled"].rows["train"] == tuple(sorted(reported))
    assert {row: splits["train"][row][1] for row in reported} == reported


def copies(images: NDArray[np.uint8]) -> int:
    """Return how many images are equal to an earlier one."""
    return len(images) - len({hashlib.sha256(image.tobytes()).digest() for image in images})


def test_there_are_no_exact_duplicates(splits: Splits) -> None:
    images = np.concatenate([splits["train"].images, splits["test"].images])
    assert copies(images) == len(LISTS["duplicates"]) == 0
    assert copies(np.concatenate([images[-3:], images[-2:]])) == 2  # it would see them


def test_near_duplicates_are_near_and_of_one_class(splits: Splits) -> None:
    for kind, pairs in NEAR_DUPLICATE_PAIRS.items():
        for pair in pairs:
            (first, label), (second, other) = (
                splits[s][r] for s, r in zip(kind, pair, strict=True)
            )
            assert np.sum((first.astype(int) - second) ** 2) <= NEAR_LIMIT, pair
            assert label == other


def test_without_near_duplicates_each_pair_is_broken_and_test_stays() -> None:
    rows = LISTS["near-duplicates"].rows
    assert rows == rows_to_leave_out(NEAR_DUPLICATE_PAIRS)
    for (keep, leave), pairs in NEAR_DUPLICATE_PAIRS.items():
        assert (keep, leave) != ("train", "test")
        for kept, left_out in pairs:
            assert left_out in rows[leave]
            assert keep != leave or kept < left_out
            assert (keep, leave) != ("test", "train") or 0 <= kept < 10_000


# -- leaving rows out --------------------------------------------------------------------------


@given(st.data())
def test_rows_are_judged_by_their_place_in_the_file(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(list(LISTS)), max_size=3))
    out = {row for name in names for row in LISTS[name].rows["train"]}
    listed = [row for entry in LISTS.values() for row in entry.rows["train"]]
    row = st.sampled_from(listed) | st.integers(0, 59_999)
    rows = data.draw(st.lists(row, max_size=30))
    selection = BLANK.select(rows)
    assert selection.without(*names).indices.tolist() == [row for row in rows if row not in out]


@pytest.mark.parametrize(
    "selected",
    [
        lambda whole: whole.split(0.7, seed=3)[1],
        lambda whole: whole.folds(4, seed=1)[2][0],
        lambda whole: whole[59_000:40:-1],
        lambda whole: whole.per_class(5_000),
    ],
)
def test_rows_are_left_out_after_any_selection(selected: Callable[[Dataset], Dataset]) -> None:
    part = selected(BLANK)
    for name, entry in LISTS.items():
        kept = part.without(name)
        rows = entry.rows["train"]
        assert kept.indices.tolist() == [row for row in part.indices.tolist() if row not in rows]
        assert pickle.loads(pickle.dumps(kept)).indices.tolist() == kept.indices.tolist()


def test_each_split_has_its_own_rows() -> None:
    test = blank("test", size=10_000)
    assert sorted(set(range(10_000)) - set(test.without(*LISTS).indices)) == [4926]


def test_without_names_nothing_is_left_out() -> None:
    assert BLANK.without() is BLANK
    assert BLANK.without("duplicates").digest == BLANK.digest


@pytest.mark.parametrize("name", ["mislabeled", "", 3, None, ["mislabelled"]])
def test_an_unknown_list_is_refused(name: object) -> None:
    with pytest.raises(
        OptionError, match=r"found .*There are: 'mislabelled' of fashion-mnist 2017"
    ):
        BLANK.without("mislabelled", name)  # type: ignore[arg-type]


def test_a_list_of_other_data_is_refused() -> None:
    with pytest.raises(OptionError, match=r"rows of mnist, found 'mislabelled'"):
        blank(name="mnist").without("mislabelled")
    unnamed = Dataset(BLANK.images, BLANK.labels)
    with pytest.raises(OptionError, match="rows of your own data, found 'duplicates'"):
        unnamed.without("duplicates")
    with pytest.raises(OptionError, match="rows of fashion-mnist 2017-08-26, found"):
        quality.find_lists(["duplicates"], "fashion-mnist", "2017-08-26")


def test_load_leaves_out(splits: Splits, fashion_root: Path) -> None:
    train = splits["train"]
    for without in ("mislabelled", ("mislabelled", "near-duplicates"), ["duplicates"], ()):
        names = (without,) if isinstance(without, str) else without
        loaded = load("fashion-mnist", root=fashion_root, without=without)
        assert loaded.indices.tolist() == train.without(*names).indices.tolist()
        assert len(pickle.dumps(loaded)) < 7500 + 1000  # a bit for each row of the file
        assert pickle.loads(pickle.dumps(loaded)).digest == loaded.digest


@pytest.mark.parametrize("without", ["mislabeled", ("duplicates", "x"), [3], 3, None])
def test_load_refuses_an_unknown_list_before_it_looks_for_files(
    without: object, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match="list of rows"):
        load("fashion-mnist", source_url=tmp_path.as_uri(), without=without)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="list of rows of synthetic"):
        load("synthetic", without="duplicates")


# -- what docs/quality.md says -----------------------------------------------------------------


def test_the_page_says_how_many_rows_of_which_classes(splits: Splits) -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (\d+) \| (\d+) \| (\d+) \| (.+) \|$", PAGE, re.M)
    assert [row[0] for row in rows] == list(LISTS)
    for name, version, train, test, classes in rows:
        entry = LISTS[name]
        counts = sum(
            np.bincount(splits[split].labels[list(rows)], minlength=10)
            for split, rows in entry.rows.items()
        )
        of = [f"{count} {GARMENTS[label]}" for label, count in enumerate(counts) if count]
        assert (int(version), classes) == (entry.version, ", ".join(of) or "none")
        assert (int(train), int(test)) == (len(entry.rows["train"]), len(entry.rows["test"]))


def test_the_page_has_the_digests_of_the_named_selections(splits: Splits) -> None:
    rows = re.findall(r"^\| `(t[^`]+)` \| ([\d,]+) \| `(\w{64})` \|$", PAGE, re.M)
    assert len(rows) == 19
    for code, count, digest in rows:
        selection = eval(code, {}, dict(splits))
        assert (f"{len(selection):,}", selection.digest) == (count, digest), code
    assert "0836eab9..." in PAGE
    assert rows[6][2].startswith("0836eab9")
