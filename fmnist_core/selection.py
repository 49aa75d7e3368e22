"""Select rows: pure functions from labels and numbers to row numbers.

Every choice follows the written order (docs/order.md), so it is the same on every machine.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fmnist_core.errors import OptionError, check_flag, check_range
from fmnist_core.files import hasher
from fmnist_core.order import MAX_EXAMPLES, whole_order

if TYPE_CHECKING:
    from fractions import Fraction

Rows = NDArray[np.int64]

NAMED_SPLIT_SIZE = 60_000
"""Examples in a train split that `NAMED_SPLITS` divide, that of MNIST and similar datasets."""

NAMED_SPLITS: Mapping[str, tuple[range, range]] = MappingProxyType(
    {
        "first-55000": (range(55_000), range(55_000, NAMED_SPLIT_SIZE)),
        "tf1": (range(5_000, NAMED_SPLIT_SIZE), range(5_000)),
    }
)
"""Common divisions, as rows of (train, validation).

"tf1" is from ``read_data_sets`` in TensorFlow 1's tutorials, where the first 5,000 are for
validation (tensorflow/contrib/learn/python/learn/datasets/mnist.py).
"""


def as_array(values: Any) -> NDArray[Any]:
    """Return values as an array, or as an object without axes if they are nested unevenly."""
    try:
        return np.asarray(values)
    except ValueError:
        return np.array(None)


def checked_rows(indices: ArrayLike, num_examples: int) -> Rows:
    """Return requested row numbers, given as numbers or as a mask: int64 (k,).

    Raises
    ------
    OptionError
        If they are not whole numbers in [0, num_examples) along one axis, or a mask of
        `num_examples`.
    """
    rows = as_array(indices)
    if rows.size == 0 and rows.ndim == 1:
        rows = rows.astype(np.int64)
    if rows.dtype == bool and rows.shape == (num_examples,):
        return np.flatnonzero(rows)
    if rows.dtype.kind not in "iu" or rows.ndim != 1:
        # As np.where and np.argwhere give it.
        nested = rows.dtype.kind in "iu" and rows.ndim == 2 and 1 in rows.shape
        advice = ". Try: np.flatnonzero(mask)" if nested else ""
        raise OptionError(
            f"expected row numbers along one axis, or a mask of {num_examples}; found "
            f"{rows.dtype} of shape {rows.shape}{advice}"
        )
    outside = np.flatnonzero((rows < 0) | (rows >= num_examples))
    if outside.size:
        place = outside[0]
        raise OptionError(
            f"row {rows[place]} at place {place} is outside the {num_examples} examples"
        )
    return rows.astype(np.int64)


def split_rows(
    labels: NDArray[np.integer], parts: Sequence[float], seed: int, stratify: bool
) -> list[Rows]:
    """Return the rows of disjoint parts that together are all rows; each part is ascending.

    Parameters
    ----------
    labels : integer array (n,)
    parts : sequence of float or of int
        Shares from 0 to 1, or numbers of examples. The remaining rows are one more part: always
        after a single size, otherwise unless it would be empty.
    seed : int
        Seed of the written order that draws the parts: epoch 0, or epoch c for class c.
    stratify : bool
        Whether each class is divided in the same way: its count in a part is within 1 of its share.

    Raises
    ------
    OptionError
        If the sizes are not such numbers, or exceed the number of rows.
    """
    check_flag("stratify", stratify)
    ends = _part_ends(len(labels), parts)
    if len(parts) == 1 or ends[-1] < len(labels):
        ends.append(len(labels))
    members = class_members(labels) if stratify else [np.arange(len(labels))]
    sizes = _sizes_by_class([len(rows) for rows in members], ends, len(labels))
    drawn = [in_written_order(rows, seed, label) for label, rows in enumerate(members)]
    part_rows = []
    begin = [0] * len(members)
    for part_sizes in sizes:
        pieces = [
            rows[first : first + size]
            for rows, first, size in zip(drawn, begin, part_sizes, strict=True)
        ]
        begin = [first + size for first, size in zip(begin, part_sizes, strict=True)]
        part_rows.append(np.sort(np.concatenate([*pieces, np.empty(0, np.int64)])))
    return part_rows


def _part_ends(num_examples: int, parts: Sequence[float]) -> list[int]:
    """Return how many examples the first part, the first two parts, and so on have together."""
    from fractions import Fraction  # it imports decimal, which is rarely needed

    counts = [part for part in parts if isinstance(part, int | np.integer)]
    numbers = all(_is_number(part) for part in parts)
    if not parts or not numbers or (0 < len(counts) < len(parts) and set(counts) - {0, 1}):
        raise OptionError(
            "expected the sizes of parts, either all shares from 0 to 1 or all numbers of "
            f"examples; found {parts!r:.80}"
        )
    if len(counts) == len(parts) and set(counts) - {0, 1}:
        shares = [Fraction(int(part)) for part in parts]
        most, unit = num_examples, f"{num_examples} examples"
    else:
        # The decimal as the caller wrote it, not its binary neighbour: 0.9 of 60,000 is 54,000.
        shares = [Fraction(repr(float(part))) for part in parts]
        most, unit = 1, "the whole"
    if min(shares) < 0 or sum(shares) > most:
        raise OptionError(f"expected parts of {unit}, none below 0, found {parts!r:.80}")
    scale = Fraction(num_examples, most) if most == 1 else Fraction(1)
    return [_rounded(sum(shares[: k + 1], Fraction()) * scale) for k in range(len(shares))]


def _is_number(part: object) -> bool:
    real = isinstance(part, int | float | np.integer | np.floating) and not isinstance(part, bool)
    return real and part == part and abs(part) != float("inf")  # type: ignore[arg-type]


def _sizes_by_class(members: list[int], ends: list[int], whole: int) -> list[list[int]]:
    """Return for each part its number of examples of each class; the sums are exact."""
    from fractions import Fraction

    sizes, before = [], [0] * len(members)
    for end in ends:
        shares = [Fraction(count * end, max(whole, 1)) for count in members]
        until = _apportion(shares, end)
        counts = [high - low for high, low in zip(until, before, strict=True)]
        while min(counts, default=0) < 0:
            # Two roundings collide: the class that exceeds its share most gives up one example.
            lacking = counts.index(min(counts))
            ideal = [share - low for share, low in zip(shares, before, strict=True)]
            giving = max(range(len(counts)), key=lambda c: (counts[c] - ideal[c], -c))
            counts[lacking] += 1
            counts[giving] -= 1
        sizes.append(counts)
        before = [low + size for low, size in zip(before, counts, strict=True)]
    return sizes


def rows_but(rows: Rows, num_examples: int) -> Rows:
    """Return all rows except the given ones, ascending; each may be given only once."""
    return np.setdiff1d(np.arange(num_examples), rows, assume_unique=True)


def named_split_rows(name: object, num_examples: int, title: str) -> tuple[range, range]:
    """Return the rows of train and validation in a common division.

    Parameters
    ----------
    name : str
        A key of `NAMED_SPLITS`.
    num_examples : int
        Of a whole train split in file order; 0 for any other selection.
    title : str
        The selection's name in an error.

    Raises
    ------
    OptionError
        If there is no such name, or it does not divide this selection.
    """
    if not isinstance(name, str) or name not in NAMED_SPLITS:
        raise OptionError(f"expected one of {', '.join(NAMED_SPLITS)}; found {name!r:.80}")
    if num_examples != NAMED_SPLIT_SIZE:
        raise OptionError(
            f"{name!r} divides a whole train split of {NAMED_SPLIT_SIZE} examples in file order; "
            f"found {title}"
        )
    return NAMED_SPLITS[name]


def fold_order(labels: NDArray[np.integer], seed: int, stratify: bool) -> Rows:
    """Return all rows in the order in which they are assigned to folds: int64 (n,).

    This is the written order (epoch 0) or, if stratified, one class after another, each in the
    written order (epoch c for class c). Of `count` folds, fold k gets the rows at the places k,
    k + count, k + 2 count, ... So sizes differ by 1 at most, and so do the counts of each class,
    because each class is in one piece.
    """
    check_flag("stratify", stratify)
    if not stratify:
        return _shuffled(len(labels), seed, 0)
    members = class_members(labels)
    dealt = [in_written_order(rows, seed, label) for label, rows in enumerate(members)]
    return np.concatenate(dealt)


def per_class_rows(labels: NDArray[np.integer], count: int, num_classes: int, seed: int) -> Rows:
    """Return the rows of `count` examples of each class, ascending, drawn by the written order.

    With the same seed, the rows of a smaller count are among those of a larger one.

    Raises
    ------
    OptionError
        If a class has fewer than `count` examples.
    """
    check_range("count", count, 0, MAX_EXAMPLES)
    members = class_members(labels, num_classes)
    for label, rows in enumerate(members):
        if len(rows) < count:
            raise OptionError(
                f"class {label} has only {len(rows)} of {count} requested examples",
                advice=_unused_advice(members),
            )
    return _first_of_each(members, [count] * len(members), seed)


def resampled_rows(
    labels: NDArray[np.integer], counts: Sequence[int], classes: Sequence[str], seed: int
) -> Rows:
    """Return the rows of the given number of examples of each class, ascending.

    Class c is drawn in whole passes: pass j is the written order, epoch c + j times the number of
    classes, and the last pass is truncated.

    Raises
    ------
    OptionError
        If a count is not a whole number, or a class without examples has a count.
    """
    drawn, members = [np.empty(0, np.int64)], class_members(labels, len(classes))
    for label, (rows, count) in enumerate(zip(members[: len(classes)], counts, strict=True)):
        count = check_range(f"count of {classes[label]!r:.80}", count, 0, MAX_EXAMPLES)
        if count and not len(rows):
            raise OptionError(
                f"class {classes[label]!r:.80} has no examples to draw {count} from",
                advice=_unused_advice(members),
            )
        for number in range(-(-count // max(len(rows), 1))):
            order = in_written_order(rows, seed, label + number * len(classes))
            drawn.append(order[: count - number * len(rows)])
    return np.sort(np.concatenate(drawn))


def _unused_advice(members: Sequence[NDArray[np.int64]]) -> str:
    others = members[1:]
    only_the_first = bool(others) and not len(members[0]) and all(map(len, others))
    if not only_the_first:
        return ""
    return "zero_based=True of load or open_idx, or labels - 1, if labels begin with 1"


def class_numbers(keys: Iterable[object], classes: Sequence[str]) -> list[int]:
    """Return the numbers of classes that are given by number or name, each once.

    Raises
    ------
    OptionError
        If a class does not exist or occurs twice.
    """
    if isinstance(keys, str) or not isinstance(keys, Iterable):
        raise OptionError(f"expected names or numbers of classes, found {keys!r:.80}")
    numbers = [_class_number(one, classes) for one in keys]
    if not numbers or len(set(numbers)) < len(numbers):
        raise OptionError(f"expected classes, each once, found {keys!r:.80}")
    return numbers


def _class_number(key: object, classes: Sequence[str]) -> int:
    if isinstance(key, str) and classes.count(key) == 1:
        return classes.index(key)
    is_number = isinstance(key, int | np.integer) and not isinstance(key, bool)
    if is_number and 0 <= key < len(classes):  # type: ignore[operator]
        return int(key)  # type: ignore[call-overload, no-any-return]
    from difflib import get_close_matches

    close = get_close_matches(str(key), classes, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    shown = [*map(repr, classes[:12]), *(["..."] if len(classes) > 12 else [])]
    raise OptionError(
        f"expected a class, one of {', '.join(shown)} or a number from 0 to {len(classes) - 1}; "
        f"found {key!r:.80}.{meant}"
    )


def in_written_order(rows: Rows, seed: int, epoch: int) -> Rows:
    """Return rows in the written order of a seed and an epoch."""
    return rows[_shuffled(len(rows), seed, epoch)]


def class_members(labels: NDArray[np.integer], num_classes: int = 0) -> list[Rows]:
    """Return the rows of each class from 0, ascending."""
    counts = np.bincount(labels, minlength=num_classes) if len(labels) else [0] * num_classes
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1].astype(np.int64))


def _first_of_each(members: list[Rows], sizes: list[int], seed: int) -> Rows:
    chosen = [
        in_written_order(rows, seed, label)[:size]
        for label, (rows, size) in enumerate(zip(members, sizes, strict=True))
    ]
    return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, np.int64)


def _shuffled(n: int, seed: int, epoch: int) -> Rows:
    return whole_order(n, seed, epoch) if n else np.empty(0, np.int64)


def _apportion(shares: "list[Fraction]", total: int) -> list[int]:
    """Round shares to whole numbers that sum to `total`, largest remainders first."""
    sizes = [int(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: (sizes[i] - shares[i], i))
    for i in by_remainder[: total - sum(sizes)]:
        sizes[i] += 1
    return sizes


def _rounded(number: "Fraction") -> int:
    return int(2 * number + 1) // 2


def selection_digest(
    name: str,
    revision: str,
    split_name: str,
    indices: Rows,
    relabelled: tuple[Sequence[str], NDArray[np.integer]] | None = None,
) -> str:
    """Return `Dataset.digest` of the rows `indices` of one split, 64 hexadecimal digits."""
    lines = ("fmnist-selection-1", name, revision, split_name)
    digest = hasher()
    digest.update("".join(f"{line}\n" for line in lines).encode())
    digest.update(indices.astype("<i8").tobytes())
    if relabelled:
        classes, labels = relabelled
        digest.update(json.dumps(["relabelled", *classes]).encode() + b"\n")
        digest.update(labels.astype("<i8").tobytes())
    return digest.hexdigest()
