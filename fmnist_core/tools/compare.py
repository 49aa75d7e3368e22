"""`fmnist compare`: whether two runs received the same, and where they first differ."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.epoch_fingerprint import MISSING, EpochFingerprint
from fmnist_core.fingerprints import Fingerprint
from fmnist_core.order import ORDER_VERSION, index_shuffle

ENCODING = ("dtype", "scale", "mean", "std", "labels")
"""Settings without which pixels and labels are other bytes, whatever was read."""

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
        The first of them; None where only the sums differ, as in one of 2**32 wrong examples.
    index : pair of int, optional
        What each run has there; None is nothing.
    same_examples : bool
        Whether both have the same examples in another order.
    as_written : pair of bool
        Whether all that each run has is where the written order of its settings puts it. That can
        be told of whole splits, not of selections.
    """

    epoch: int
    positions: int
    first: int | None
    index: tuple[int | None, int | None]
    same_examples: bool
    as_written: tuple[bool, bool]


@dataclass(frozen=True)
class Comparison:
    """What two fingerprints have in common, and what not.

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
        """Return it in a form that JSON can hold."""
        return asdict(self)


def compare(ours: Fingerprint, theirs: Fingerprint) -> Comparison:
    """Return what differs between what two runs received."""
    settings = ours.different_settings(theirs)
    contents = not any(name in settings for name in ENCODING)
    common = sorted(ours.epochs.keys() & theirs.epochs.keys())
    found = {epoch: _difference(epoch, ours, theirs, contents) for epoch in common}
    missing = (
        tuple(sorted(theirs.epochs.keys() - ours.epochs.keys())),
        tuple(sorted(ours.epochs.keys() - theirs.epochs.keys())),
    )
    differences = tuple(one for one in found.values() if one is not None)
    return Comparison(
        same=contents and not differences and not any(missing),
        settings=settings,
        agreeing=tuple(epoch for epoch, one in found.items() if one is None),
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
    there = (None, None) if first is None else (_known(index[first]), _known(other_index[first]))
    if contents:
        same_examples = one.unordered_digest == other.unordered_digest
    else:
        same_examples = np.array_equal(np.sort(index), np.sort(other_index))
    as_written = (_as_written(ours, epoch), _as_written(theirs, epoch))
    return EpochDifference(epoch, int(differs.sum()), first, there, same_examples, as_written)


def _lengthened(array: NDArray[Any], length: int, value: int) -> NDArray[Any]:
    return np.pad(array, (0, length - len(array)), constant_values=value)


def _known(index: np.int64) -> int | None:
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
    found: Comparison, names: tuple[str, str], runs: tuple[Fingerprint, Fingerprint]
) -> Iterator[str]:
    """Yield lines for people.

    Parameters
    ----------
    found : Comparison
    names : pair of str
        What to call the two.
    runs : pair of Fingerprint
    """
    one, other = names
    length = max(run.settings["num_examples"] for run in runs)
    if found.same:
        many = sum(runs[0].epochs[epoch].examples for epoch in found.agreeing)
        yield f"The same: {_epochs(found.agreeing)}, {many:,} examples, in order, bit for bit."
        for epoch, digest in runs[0].digests.items():
            yield f"  epoch {epoch}  {digest}"
            if missing := gaps(runs[0].epochs[epoch]):
                yield f"    incomplete in both: {missing}"
    else:
        yield "Different."
    for name, (ours, theirs) in found.settings.items():
        if name == "digest":
            ours, theirs = ours[:SHOWN_DIGITS], theirs[:SHOWN_DIGITS]
        yield f"  {name}: {ours} in {one}, {theirs} in {other}"
    if found.encodings_differ:
        yield "  So pixels and labels are other bytes; only the order can be compared."
        if found.agreeing:
            yield f"  {_epochs(found.agreeing)}: the same examples in the same order"
    elif found.agreeing and not found.same:
        yield f"  {_epochs(found.agreeing)}: the same"
    for difference in found.epochs:
        yield from _in_words(difference, names, length)
    for name, epochs in zip(names, found.missing, strict=True):
        if epochs:
            yield f"  {_epochs(epochs)}: missing from {name}"


def _in_words(difference: EpochDifference, names: tuple[str, str], length: int) -> Iterator[str]:
    one, other = names
    begin = f"  epoch {difference.epoch}: "
    if difference.first is None:
        yield begin + "pixels or labels differ, of which examples cannot be told"
        return
    ours, theirs = difference.index
    begin += f"first at position {difference.first:,}, "
    if ours is None or theirs is None:
        yield begin + f"missing from {one if ours is None else other}"
    elif ours == theirs:
        yield begin + f"the pixels or the label of index {ours}"
    else:
        yield begin + f"index {ours} in {one}, {theirs} in {other}"
    so_many = f"{difference.positions:,} of {length:,} positions"
    if difference.same_examples:
        yield f"    {so_many} differ: the same examples in another order"
    else:
        yield f"    {so_many} differ"
    if None not in difference.index and ours != theirs and any(difference.as_written):
        if all(difference.as_written):
            yield "    both follow the written order of their settings"
        else:
            follows, strays = names if difference.as_written[0] else (other, one)
            yield f"    {follows} follows the written order of its settings, {strays} does not"


def _epochs(numbers: Sequence[int]) -> str:
    """Return some epochs in words, runs of them as their first and last."""
    runs = [
        [number for _, number in run]
        for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    ]
    said = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    return f"epoch{'s' * (len(numbers) != 1)} {', '.join(said) or 'none'}"


def gaps(epoch: EpochFingerprint) -> str:
    """Return which positions of an epoch were not received, in words; "" if all were."""
    missing = np.flatnonzero(epoch.index == MISSING)
    if not missing.size:
        return ""
    return f"{missing.size:,} positions are missing, the first {missing[0]:,}"
