"""Selections: disjoint, complete, balanced within one, and the same on every machine."""

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist_core import OptionError
from fmnist_core.order import whole_order
from fmnist_core.selection import (
    NAMED_SPLIT_SIZE,
    NAMED_SPLITS,
    checked_rows,
    class_members,
    fold_order,
    per_class_rows,
    rows_but,
    split_rows,
)

labels_of_any_kind = st.lists(st.integers(0, 5), max_size=80).map(
    lambda labels: np.array(labels, np.uint8)
)


def first_rows(labels: Any, fraction: Any, seed: int, stratify: Any) -> Any:
    """Return the rows of the first of two parts; check that the second has the others."""
    first, rest = split_rows(labels, (fraction,), seed, stratify)
    assert np.array_equal(rest, rows_but(first, len(labels)))
    return first


@given(labels_of_any_kind, st.fractions(0, 1, max_denominator=64), st.integers(0, 2**64 - 1))
def test_stratified_parts_are_within_one_of_their_share(labels, share, seed) -> None:  # type: ignore[no-untyped-def]
    fraction = float(share)
    rows = first_rows(labels, fraction, seed, True)
    assert len(rows) == len(first_rows(labels, fraction, seed, False))
    assert abs(len(rows) - len(labels) * fraction) <= 0.5 + 1e-9
    assert (np.diff(rows) > 0).all()
    for label in range(6):
        part = np.count_nonzero(labels[rows] == label)
        assert abs(part - np.count_nonzero(labels == label) * fraction) < 1 + 1e-9


def test_fractions_count_as_their_written_decimals() -> None:
    labels = np.zeros(60_000, np.uint8)
    assert len(first_rows(labels, 0.9, 0, False)) == 54_000
    assert len(first_rows(labels[:10], 0.35, 0, False)) == 4  # 3.5, halves rounded up
    assert len(first_rows(labels[:10], 0.34, 0, False)) == 3


def test_golden_selections() -> None:
    labels = (np.arange(1000) % 10).astype(np.uint8)
    actual = [
        first_rows(labels, 0.9, 7, False),
        first_rows(labels, 0.9, 7, True),
        per_class_rows(labels, 5, 10, 7),
    ]
    digests = [hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()[:16] for rows in actual]
    assert digests == GOLDEN


GOLDEN = ["b0a67f99c093b44b", "1c192be84c19a280", "edf04118ff8da86f"]


def test_selections_follow_the_written_order() -> None:
    labels = (np.arange(1000) % 10).astype(np.uint8)
    assert first_rows(labels, 0.9, 7, False).tolist() == sorted(whole_order(1000, 7, 0)[:900])
    for rows, size in [
        (first_rows(labels, 0.9, 7, True), 90),
        (per_class_rows(labels, 5, 10, 7), 5),
    ]:
        drawn = [10 * whole_order(100, 7, label)[:size] + label for label in range(10)]
        assert rows.tolist() == sorted(np.concatenate(drawn))


@given(labels_of_any_kind, st.integers(0, 3), st.integers(0, 99))
def test_per_class_draws_nested_balanced_rows(labels, count, seed) -> None:  # type: ignore[no-untyped-def]
    have = np.bincount(labels, minlength=6)
    if have.min() < count:
        with pytest.raises(OptionError, match="requested examples"):
            per_class_rows(labels, count, 6, seed)
        return
    rows = per_class_rows(labels, count, 6, seed)
    assert np.bincount(labels[rows], minlength=6).tolist() == [count] * 6
    assert (np.diff(rows) > 0).all()
    if count:
        assert set(per_class_rows(labels, count - 1, 6, seed)) <= set(rows)


@given(labels_of_any_kind, st.integers(1, 12), st.integers(0, 2**64 - 1), st.booleans())
def test_folds_are_dealt_evenly(labels, count, seed, stratify) -> None:  # type: ignore[no-untyped-def]
    order = fold_order(labels, seed, stratify)
    assert sorted(order) == list(range(len(labels)))
    folds = [order[fold::count] for fold in range(count)]
    sizes = [len(rows) for rows in folds]
    assert max(sizes) - min(sizes) <= 1
    if stratify:
        counts = np.array([np.bincount(labels[rows], minlength=6) for rows in folds])
        assert np.ptp(counts, axis=0).max() <= 1


def test_folds_follow_the_written_order() -> None:
    labels = (np.arange(1000) % 10).astype(np.uint8)
    assert fold_order(labels, 7, False).tolist() == whole_order(1000, 7, 0).tolist()
    by_class = [10 * whole_order(100, 7, label) + label for label in range(10)]
    assert fold_order(labels, 7, True).tolist() == np.concatenate(by_class).tolist()


def test_rows_but_are_the_others() -> None:
    assert rows_but(np.array([3, 0]), 5).tolist() == [1, 2, 4]
    assert rows_but(np.array([], np.int64), 2).tolist() == [0, 1]


def test_named_splits_divide_the_whole() -> None:
    for train, validation in NAMED_SPLITS.values():
        assert (len(train), len(validation)) == (55_000, 5_000)
        assert sorted([*train, *validation]) == list(range(NAMED_SPLIT_SIZE))


@given(
    labels_of_any_kind,
    st.lists(st.integers(0, 40), min_size=1, max_size=5),
    st.integers(0, 2**64 - 1),
    st.booleans(),
)
def test_parts_by_count_are_exact_disjoint_and_complete(labels, counts, seed, stratify) -> None:  # type: ignore[no-untyped-def]
    if set(counts) <= {0, 1}:
        counts = [*counts, 2]
    if sum(counts) > len(labels):
        with pytest.raises(OptionError, match="expected parts of"):
            split_rows(labels, counts, seed, stratify)
        return
    parts = split_rows(labels, counts, seed, stratify)
    left = len(labels) - sum(counts)
    rest = [left] if left or len(counts) == 1 else []
    assert [len(part) for part in parts] == counts + rest
    assert sorted(np.concatenate(parts)) == list(range(len(labels)))
    for part in parts:
        assert (np.diff(part) > 0).all()


@given(
    labels_of_any_kind,
    st.lists(st.integers(1, 20), min_size=2, max_size=5),
    st.integers(0, 2**64 - 1),
)
def test_stratified_parts_have_their_share_of_each_class(labels, weights, seed) -> None:  # type: ignore[no-untyped-def]
    shares = [weight / 100 for weight in weights]
    parts = split_rows(labels, shares, seed, True)
    assert len(parts) in (len(shares), len(shares) + 1)
    assert sorted(np.concatenate(parts)) == list(range(len(labels)))
    for label in set(labels.tolist()):
        count = (labels == label).sum()
        for part, share in zip(parts, shares, strict=False):
            actual = (labels[part] == label).sum()
            # Both ends of a part are within one of their place, which the number of examples,
            # itself rounded, moves by less than one more.
            assert abs(actual - count * share) < 2.5


def test_the_first_of_several_parts_is_that_of_two() -> None:
    labels = np.arange(1000) % 7
    for stratify in (False, True):
        first = split_rows(labels, (0.8,), 3, stratify)[0]
        several = split_rows(labels, (0.8, 0.1, 0.1), 3, stratify)
        assert np.array_equal(several[0], first)
        assert [len(part) for part in several] == [800, 100, 100]


def test_class_members_cover_all_rows() -> None:
    members = class_members(np.array([2, 0, 2, 3], np.uint8), 5)
    assert [rows.tolist() for rows in members] == [[1], [], [0, 2], [3], []]


def test_other_seeds_draw_other_rows() -> None:
    labels = np.zeros(1000, np.uint8)
    assert not np.array_equal(first_rows(labels, 0.5, 0, False), first_rows(labels, 0.5, 1, False))


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan"), "0.5", True, None])
def test_bad_fractions_are_refused(fraction: object) -> None:
    with pytest.raises(OptionError, match=r"expected (the sizes of )?parts"):
        first_rows(np.zeros(5, np.uint8), fraction, 0, False)


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([0, 5], "row 5 at place 1"),
        ([-1], "row -1 at place 0"),
        ([True, False], "a mask of 5; found bool of shape"),
        (np.nonzero([True, False]), "Try: np.flatnonzero"),
        (np.argwhere([True, False, True]), "Try: np.flatnonzero"),
        ([0.5], "row numbers"),
        ([[0, 1], [2, 3]], r"of shape \(2, 2\)$"),
        (3, "along one axis"),
        (["0"], "row numbers"),
        ([np.arange(2), np.arange(3)], "row numbers along one axis"),
    ],
)
def test_bad_rows_are_refused(indices: object, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        checked_rows(indices, 5)  # type: ignore[arg-type]


def test_rows_may_be_empty_repeated_or_unsigned() -> None:
    assert checked_rows([], 5).dtype == np.int64
    assert checked_rows(np.array([4, 4, 0], np.uint64), 5).tolist() == [4, 4, 0]
