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
from fmnist_core.picture import png
from fmnist_core.quality import LISTS, NEAR_DUPLICATE_PAIRS, NEAR_LIMIT, rows_to_leave_out
from fmnist_core.records import Description
from fmnist_core.source import Source
from fmnist_core.tools import near_duplicates, quality_sheet

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
    assert re.search(r"https://|python -m", known.source)


def test_lists_never_change() -> None:
    """A correction is a new list, with a name of its own: add it here."""
    digests = {
        name: hashlib.sha256(repr(sorted(known.rows.items())).encode()).hexdigest()[:16]
        for name, known in LISTS.items()
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


def test_no_listed_row_has_a_near_duplicate_that_is_not_listed(splits: Splits) -> None:
    """The command computes all pairs; this takes a second."""
    listed: dict[str, set[int]] = {name: set() for name in SIZES}
    for kind, pairs in NEAR_DUPLICATE_PAIRS.items():
        for pair in pairs:
            for split, row in zip(kind, pair, strict=True):
                listed[split].add(row)
    flat = {name: split.images.reshape(len(split), -1) for name, split in splits.items()}
    for split, rows in {name: np.array(sorted(rows)) for name, rows in listed.items()}.items():
        for other in SIZES:
            near = near_duplicates.near_pairs(flat[split][rows], flat[other], NEAR_LIMIT)
            found = {(int(rows[i]), j) for i, j in near if split != other or rows[i] != j}
            wanted = set(NEAR_DUPLICATE_PAIRS.get((split, other), ()))
            wanted |= {(j, i) for i, j in NEAR_DUPLICATE_PAIRS.get((other, split), ())}
            assert found == wanted


def test_without_the_near_duplicates_no_pair_is_whole_and_test_stays() -> None:
    rows = LISTS["near-duplicates"].rows
    assert rows == rows_to_leave_out(NEAR_DUPLICATE_PAIRS)
    for (keep, leave), pairs in NEAR_DUPLICATE_PAIRS.items():
        assert (keep, leave) != ("train", "test")
        for kept, left_out in pairs:
            assert left_out in rows[leave]
            assert keep != leave or kept < left_out
            assert (keep, leave) != ("test", "train") or 0 <= kept < 10_000


# -- how near-duplicates are found -------------------------------------------------------------


def pixels(count: int) -> st.SearchStrategy[NDArray[np.uint8]]:
    rows = st.lists(st.lists(st.integers(0, 255), min_size=4, max_size=4), max_size=count)
    return rows.map(lambda rows: np.array(rows, np.uint8).reshape(-1, 4))


@given(pixels(8), pixels(8), st.integers(0, 4 * 255**2))
def test_near_pairs_are_those_of_the_definition(first, second, limit) -> None:  # type: ignore[no-untyped-def]
    def apart(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
        return sum((int(x) - int(y)) ** 2 for x, y in zip(a, b, strict=True))

    found = near_duplicates.near_pairs(first, second, limit)
    assert found == [
        (i, j) for i, a in enumerate(first) for j, b in enumerate(second) if apart(a, b) <= limit
    ]
    within = near_duplicates.near_pairs(first, first, limit)
    assert within == [
        (i, j)
        for i, a in enumerate(first)
        for j, b in enumerate(first)
        if i < j and apart(a, b) <= limit
    ]


def test_near_pairs_are_exact_at_the_limit_and_over_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "BLOCK", 2)
    images = np.full((5, 784), 255, np.uint8)
    images[4] -= 5  # exactly at the limit
    images[3] -= 5
    images[3, 0] -= 1  # just beyond it
    assert near_duplicates.near_pairs(images, images, NEAR_LIMIT) == [
        (0, 1), (0, 2), (0, 4), (1, 2), (1, 4), (2, 4), (3, 4),
    ]  # fmt: skip


def test_the_command_says_whether_the_list_is_right(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = np.arange(6, dtype=np.uint8).repeat(784).reshape(6, 28, 28) * 20
    images[4] = images[1]
    data = {name: Dataset(part, np.zeros(3, int)) for name, part in
            (("train", images[:3]), ("test", images[3:]))}  # fmt: skip
    monkeypatch.setattr(near_duplicates, "load", lambda name, split, root: data[split])
    assert near_duplicates.main("folder") == 1
    assert "keep of test, leave out of train: 1 pairs\n((1, 1),)" in capsys.readouterr().out
    pairs = {("train", "train"): (), ("test", "train"): ((1, 1),), ("test", "test"): ()}
    monkeypatch.setattr(near_duplicates, "NEAR_DUPLICATE_PAIRS", pairs)
    assert near_duplicates.main("folder") == 0


# -- leaving rows out --------------------------------------------------------------------------


@given(st.data())
def test_rows_are_judged_by_their_place_in_the_file(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(list(LISTS)), max_size=3))
    out = {row for name in names for row in LISTS[name].rows["train"]}
    listed = [row for known in LISTS.values() for row in known.rows["train"]]
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
def test_rows_go_whatever_was_selected_before(selected: Callable[[Dataset], Dataset]) -> None:
    part = selected(BLANK)
    for name, known in LISTS.items():
        kept = part.without(name)
        rows = known.rows["train"]
        assert kept.indices.tolist() == [row for row in part.indices.tolist() if row not in rows]
        assert pickle.loads(pickle.dumps(kept)).indices.tolist() == kept.indices.tolist()


def test_each_split_has_its_own_rows() -> None:
    test = blank("test", size=10_000)
    assert sorted(set(range(10_000)) - set(test.without(*LISTS).indices)) == [4926]


def test_no_names_leave_nothing_out() -> None:
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
    own = Dataset(BLANK.images, BLANK.labels)
    with pytest.raises(OptionError, match="rows of data of one's own, found 'duplicates'"):
        own.without("duplicates")
    with pytest.raises(OptionError, match="rows of fashion-mnist 2017-08-26, found"):
        quality.find_lists(["duplicates"], "fashion-mnist", "2017-08-26")


def test_load_leaves_out(splits: Splits, fashion_root: Path) -> None:
    train = splits["train"]
    for exclude in ("mislabelled", ("mislabelled", "near-duplicates"), ["duplicates"], ()):
        names = (exclude,) if isinstance(exclude, str) else exclude
        loaded = load("fashion-mnist", root=fashion_root, exclude=exclude)
        assert loaded.indices.tolist() == train.without(*names).indices.tolist()
        assert len(pickle.dumps(loaded)) < 7500 + 1000  # a bit for each row of the file
        assert pickle.loads(pickle.dumps(loaded)).digest == loaded.digest


@pytest.mark.parametrize("exclude", ["mislabeled", ("duplicates", "x"), [3], 3, None])
def test_load_refuses_an_unknown_list_before_it_looks_for_files(
    exclude: object, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match="list of rows"):
        load("fashion-mnist", source_url=tmp_path.as_uri(), exclude=exclude)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="list of rows of synthetic"):
        load("synthetic", exclude="duplicates")


# -- what docs/quality.md says -----------------------------------------------------------------


def test_the_page_says_how_many_rows_of_which_classes(splits: Splits) -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (\d+) \| (\d+) \| (\d+) \| (.+) \|$", PAGE, re.M)
    assert [row[0] for row in rows] == list(LISTS)
    for name, version, train, test, classes in rows:
        known = LISTS[name]
        counts = sum(
            np.bincount(splits[split].labels[list(rows)], minlength=10)
            for split, rows in known.rows.items()
        )
        of = [f"{count} {GARMENTS[label]}" for label, count in enumerate(counts) if count]
        assert (int(version), classes) == (known.version, ", ".join(of) or "none")
        assert (int(train), int(test)) == (len(known.rows["train"]), len(known.rows["test"]))


def test_the_page_has_the_digests_of_the_named_selections(splits: Splits) -> None:
    rows = re.findall(r"^\| `(t[^`]+)` \| ([\d,]+) \| `(\w{64})` \|$", PAGE, re.M)
    assert len(rows) == 19
    for code, count, digest in rows:
        selection = eval(code, {}, dict(splits))
        assert (f"{len(selection):,}", selection.digest) == (count, digest), code
    assert "0836eab9..." in PAGE
    assert rows[6][2].startswith("0836eab9")


def test_the_picture_can_be_drawn_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = {"train": BLANK, "test": blank("test", size=10_000)}
    monkeypatch.setattr(quality_sheet, "load", lambda name, split, root: data[split])
    quality_sheet.main("folder", str(tmp_path / "sheet.png"))
    assert (tmp_path / "sheet.png").read_bytes().startswith(png(np.zeros((1, 1), np.uint8))[:8])
