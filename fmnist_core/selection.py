"""Which examples a selection holds: pure functions from labels and numbers to row numbers.

Every choice follows the written order (docs/order.md), so it is the same on every machine.
"""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fmnist_core.errors import OptionError, check_range
from fmnist_core.order import MAX_EXAMPLES, whole_order

if TYPE_CHECKING:
    from fractions import Fraction

Rows = NDArray[np.int64]

NAMED_SPLIT_SIZE = 60_000
"""Examples of a train split that `NAMED_SPLITS` divide: that of MNIST and those shaped like it."""

NAMED_SPLITS: Mapping[str, tuple[range, range]] = MappingProxyType(
    {
        "first-55000": (range(55_000), range(55_000, NAMED_SPLIT_SIZE)),
        "tf1": (range(5_000, NAMED_SPLIT_SIZE), range(5_000)),
    }
)
"""Divisions that are in use, as rows of (train, validation).

"tf1" is that of ``read_data_sets`` in TensorFlow 1's tutorials, where the first 5,000 are for
validation (tensorflow/contrib/learn/python/learn/datasets/mnist.py).
"""


def checked_rows(indices: ArrayLike, num_examples: int) -> Rows:
    """Return the row numbers that a caller asked for, by number or by mask, as int64 (k,).

    Raises
    ------
    OptionError
        If they are neither whole numbers in [0, num_examples) along one axis, nor a mask of
        `num_examples`.
    """
    given = np.asarray(indices)
    if given.size == 0 and given.ndim == 1:
        given = given.astype(np.int64)
    if given.dtype == bool and given.shape == (num_examples,):
        return np.flatnonzero(given)
    if given.dtype.kind not in "iu" or given.ndim != 1:
        advice = ". Try: np.flatnonzero(mask)" if isinstance(indices, tuple) else ""
        raise OptionError(
            f"expected row numbers along one axis, or a mask of {num_examples}; found "
            f"{given.dtype} of shape {given.shape}{advice}"
        )
    outside = np.flatnonzero((given < 0) | (given >= num_examples))
    if outside.size:
        place = outside[0]
        raise OptionError(
            f"row {given[place]} at place {place} is outside the {num_examples} examples"
        )
    return given.astype(np.int64)


def split_rows(labels: NDArray[np.integer], fraction: float, seed: int, stratify: bool) -> Rows:
    """Return the rows, ascending, of the first of two parts.

    Parameters
    ----------
    labels : integer array (n,)
    fraction : float
        Share of the first part, 0 to 1; its size is n * fraction, halves rounded up.
    seed : int
        Seed of the written order; epoch 0 of it, or epoch c for class c, decides.
    stratify : bool
        Whether each class is divided alike: its count is within 1 of its share.
    """
    if isinstance(fraction, bool) or not isinstance(fraction, int | float | np.floating):
        raise OptionError(f"fraction must be a number from 0 to 1, not {fraction!r}")
    if not 0 <= fraction <= 1:
        raise OptionError(f"fraction must be from 0 to 1, not {fraction}")
    if not isinstance(stratify, bool | np.bool_):
        raise OptionError(f"stratify must be True or False, not {stratify!r:.80}")
    from fractions import Fraction  # it brings decimal, which few need

    # The decimal that the caller wrote, not its binary neighbour: 0.9 of 60,000 is 54,000.
    share = Fraction(repr(float(fraction)))
    total = _rounded(len(labels) * share)
    if not stratify:
        return np.sort(_shuffled(len(labels), seed, 0)[:total])
    members = class_members(labels)
    sizes = _apportion([len(rows) * share for rows in members], total)
    return _first_of_each(members, sizes, seed)


def rows_but(rows: Rows, num_examples: int) -> Rows:
    """Return all rows, ascending, but the given ones, none of which may come twice."""
    return np.setdiff1d(np.arange(num_examples), rows, assume_unique=True)


def fold_order(labels: NDArray[np.integer], seed: int, stratify: bool) -> Rows:
    """Return all rows in the order in which they are dealt to folds: int64 (n,).

    It is the written order (epoch 0 of it), or, stratified, the classes one after the other, each
    in the written order (epoch c for class c). Of `count` folds, fold k gets the rows at the places
    k, k + count, k + 2 count, ...; so sizes differ by 1 at the most, and, as each class lies in one
    piece, so do the counts of each class.
    """
    if not isinstance(stratify, bool | np.bool_):
        raise OptionError(f"stratify must be True or False, not {stratify!r:.80}")
    if not stratify:
        return _shuffled(len(labels), seed, 0)
    dealt = [
        rows[_shuffled(len(rows), seed, label)] for label, rows in enumerate(class_members(labels))
    ]
    return np.concatenate(dealt)


def per_class_rows(labels: NDArray[np.integer], count: int, num_classes: int, seed: int) -> Rows:
    """Return the rows, ascending, of `count` examples of each class, drawn by the written order.

    With the same seed a smaller count is a part of a larger one.

    Raises
    ------
    OptionError
        If a class has fewer than `count` examples.
    """
    check_range("count", count, 0, MAX_EXAMPLES)
    members = class_members(labels, num_classes)
    for label, rows in enumerate(members):
        if len(rows) < count:
            raise OptionError(f"class {label} has {len(rows)} examples; {count} were asked for")
    return _first_of_each(members, [count] * len(members), seed)


def class_members(labels: NDArray[np.integer], num_classes: int = 0) -> list[Rows]:
    """Return, for each class from 0, the rows that have it, ascending."""
    counts = np.bincount(labels, minlength=num_classes) if len(labels) else [0] * num_classes
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1].astype(np.int64))


def _first_of_each(members: list[Rows], sizes: list[int], seed: int) -> Rows:
    chosen = [
        rows[_shuffled(len(rows), seed, label)[:size]]
        for label, (rows, size) in enumerate(zip(members, sizes, strict=True))
    ]
    return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, np.int64)


def _shuffled(n: int, seed: int, epoch: int) -> Rows:
    return whole_order(n, seed, epoch) if n else np.empty(0, np.int64)


def _apportion(shares: "list[Fraction]", total: int) -> list[int]:
    """Round shares to whole numbers that add up to `total`, largest remainders first."""
    sizes = [int(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: (sizes[i] - shares[i], i))
    for i in by_remainder[: total - sum(sizes)]:
        sizes[i] += 1
    return sizes


def _rounded(number: "Fraction") -> int:
    return int(2 * number + 1) // 2


def selection_digest(name: str, revision: str, split_name: str, indices: Rows) -> str:
    """Return `Dataset.digest` of the rows `indices` of one split, 64 hexadecimal digits."""
    lines = ("fmnist-selection-1", name, revision, split_name)
    digest = hashlib.sha256("".join(f"{line}\n" for line in lines).encode())
    digest.update(indices.astype("<i8").tobytes())
    return digest.hexdigest()
