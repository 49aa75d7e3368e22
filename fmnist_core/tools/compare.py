"""`fmnist compare`: whether two runs received the same examples, and where they first differ."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.epoch_fingerprint import MISSING, EpochFingerprint
from fmnist_core.fingerprints import Fingerprint
from fmnist_core.order import ORDER_VERSION, index_shuffle

ENCODING = ("dtype", "scale", "mean", "std", "channels", "labels", "transform")
"""Settings that change the bytes of pixels and labels."""

SHOWN_DIGITS = 16


@dataclass(frozen=True)
class EpochDifference:
    """How one epoch differs in two runs.

    Attributes
    ----------
    epoch : int
    positions : int
        How many positions differ.
    first : int, optional
        The first of them; None if only the sums differ, as for one in 2**32 wrong examples.
    index : pair of int, optional
        What each run has there, or None.
    same_examples : bool
        Whether both have the same examples in another order.
    as_written : pair of bool
        Whether everything that each run has follows the written order of its settings. This is
        known only for whole splits, not for selections.
    """

    epoch: int
    positions: int
    first: int | None
    index: tuple[int | None, int | None]
    same_examples: bool
    as_written: tuple[bool, bool]


@dataclass(frozen=True)
class Comparison:
    """What two fingerprints have in common, and what differs.

    Attributes
    ----------
    same : bool
        Whether both runs received the same examples in the same order, with the same bytes.
    settings : dict
        What differs between the settings: name -> both values.
    agreeing : tuple of int
        Epochs that do not differ; if the encodings differ, only their order was compared.
    missing : pair of tuples of int
        Epochs that the one lacks and the other has.
    epochs : tuple of EpochDifference
    """

    same: bool
    settings: dict[str, tuple[Any, Any]]
    agreeing: tuple[int, ...]
    missing: tuple[tuple[int, ...], tuple[int, ...]]
    epochs: tuple[EpochDifference, ...]

    @property
    def encodings_differ(self) -> bool:
        """Whether pixels and labels cannot be compared."""
        return any(name in self.settings for name in ENCODING)

    def record(self) -> dict[str, Any]:
        """Return the comparison in a form that JSON can hold."""
        return asdict(self)


def compare(ours: Fingerprint, theirs: Fingerprint) -> Comparison:
    """Compare what two runs received."""
    settings = ours.different_settings(theirs)
    contents = not any(name in settings for name in ENCODING)
    common = sorted(ours.epochs.keys() & theirs.epochs.keys())
    by_epoch = {epoch: _difference(epoch, ours, theirs, contents) for epoch in common}
    missing = (
        tuple(sorted(theirs.epochs.keys() - ours.epochs.keys())),
        tuple(sorted(ours.epochs.keys() - theirs.epochs.keys())),
    )
    differences = tuple(one for one in by_epoch.values() if one is not None)
    return Comparison(
        same=contents and bool(common) and not differences and not any(missing),
        settings=settings,
        agreeing=tuple(epoch for epoch, one in by_epoch.items() if one is None),
        missing=missing,
        epochs=differences,
    )


def _difference(
    epoch: int, ours: Fingerprint, theirs: Fingerprint, contents: bool
) -> EpochDifference | None:
    one, other = ours.epochs[epoch], theirs.epochs[epoch]
    length = max(len(one.index), len(other.index))
    index, other_index = (_lengthened(each.index, length, MISSING) for each in (one, other))
    differs = index != other_index
    if contents:
        marks, other_marks = (_lengthened(each.marks, length, 0) for each in (one, other))
        differs |= marks != other_marks
    if not differs.any() and not (contents and one.digest != other.digest):
        return None
    first = int(np.argmax(differs)) if differs.any() else None
    there = (
        (None, None)
        if first is None
        else (_index_or_none(index[first]), _index_or_none(other_index[first]))
    )
    if contents:
        same_examples = one.unordered_digest == other.unordered_digest
    else:
        same_examples = np.array_equal(np.sort(index), np.sort(other_index))
    as_written = (_as_written(ours, epoch), _as_written(theirs, epoch))
    return EpochDifference(epoch, int(differs.sum()), first, there, same_examples, as_written)


def _lengthened(array: NDArray[Any], length: int, value: int) -> NDArray[Any]:
    return np.pad(array, (0, length - len(array)), constant_values=value)


def _index_or_none(index: np.int64) -> int | None:
    return None if index == MISSING else int(index)


def _as_written(run: Fingerprint, epoch: int) -> bool:
    index, settings = run.epochs[epoch].index, run.settings
    places = np.flatnonzero(index != MISSING)
    if settings["order"] != ORDER_VERSION:
        return False
    rows = places
    if settings["shuffle"] and len(places):
        rows = index_shuffle(places, settings["num_examples"], settings["seed"], epoch)
    return np.array_equal(index[places], rows)


def in_words(
    comparison: Comparison, names: tuple[str, str], runs: tuple[Fingerprint, Fingerprint]
) -> Iterator[str]:
    """Yield lines for people.

    Parameters
    ----------
    comparison : Comparison
    names : pair of str
        What to call the two.
    runs : pair of Fingerprint
    """
    if comparison.same:
        yield from _sameness(comparison, runs[0])
        return
    yield "Different."
    for name, values in comparison.settings.items():
        ours, theirs = (value[:SHOWN_DIGITS] if name == "digest" else value for value in values)
        yield f"  {name}: {ours} in {names[0]}, {theirs} in {names[1]}"
    yield from _agreement(comparison)
    if not any(run.epochs for run in runs):
        yield "  neither received a batch"
    length = max(run.settings["num_examples"] for run in runs)
    for difference in comparison.epochs:
        yield f"  epoch {difference.epoch}: {_first_difference(difference, names)}"
        if difference.first is not None:
            yield f"    {_extent(difference, length)}"
        if order := _who_follows_the_order(difference, names):
            yield f"    {order}"
    for name, epochs in zip(names, comparison.missing, strict=True):
        if epochs:
            yield f"  {_epochs(epochs)}: missing from {name}"


def _sameness(comparison: Comparison, run: Fingerprint) -> Iterator[str]:
    examples = sum(run.epochs[epoch].examples for epoch in comparison.agreeing)
    yield f"The same: {_epochs(comparison.agreeing)}, {examples:,} examples, in order, bit for bit."
    for epoch, digest in run.digests.items():
        yield f"  epoch {epoch}  {digest}"
        if missing := gaps(run.epochs[epoch]):
            yield f"    incomplete in both: {missing}"


def _agreement(comparison: Comparison) -> Iterator[str]:
    if comparison.encodings_differ:
        yield "  So pixels and labels have other bytes; only the order can be compared."
    if comparison.agreeing:
        what = "the same examples in the same order" if comparison.encodings_differ else "the same"
        yield f"  {_epochs(comparison.agreeing)}: {what}"


def _first_difference(difference: EpochDifference, names: tuple[str, str]) -> str:
    if difference.first is None:
        return "pixels or labels differ; the fingerprints do not tell of which examples"
    ours, theirs = difference.index
    where = f"first at position {difference.first:,}"
    if ours is None or theirs is None:
        return f"{where}, missing from {names[0] if ours is None else names[1]}"
    if ours == theirs:
        return f"{where}, the pixels or the label of index {ours}"
    return f"{where}, index {ours} in {names[0]}, {theirs} in {names[1]}"


def _extent(difference: EpochDifference, length: int) -> str:
    same = ": the same examples in another order" if difference.same_examples else ""
    return f"{difference.positions:,} of {length:,} positions differ{same}"


def _who_follows_the_order(difference: EpochDifference, names: tuple[str, str]) -> str:
    ours, theirs = difference.index
    if ours is None or theirs is None or ours == theirs or not any(difference.as_written):
        return ""
    if all(difference.as_written):
        return "both follow the written order of their settings"
    follower, other = names if difference.as_written[0] else names[::-1]
    return f"{follower} follows the written order of its settings, {other} does not"


def _epochs(numbers: Sequence[int]) -> str:
    """Return some epochs in words, runs of them as their first and last."""
    runs = [
        [number for _, number in run]
        for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    ]
    ranges = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    noun = "epoch" if len(numbers) == 1 else "epochs"
    return f"{noun} {', '.join(ranges) or 'none'}"


def gaps(epoch: EpochFingerprint) -> str:
    """Return which positions of an epoch were not received, in words; "" if all were."""
    missing = np.flatnonzero(epoch.index == MISSING)
    if not missing.size:
        return ""
    return f"{missing.size:,} positions are missing, the first {missing[0]:,}"
