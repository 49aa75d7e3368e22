"""Put the examples of a copy, in any order, back into the original order, and verify them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.catalog.keys import image_keys, known_keys
from fmnist_core.errors import DataMismatchError
from fmnist_core.formats.rows import Rows, relabelled
from fmnist_core.idx.header import IdxHeader
from fmnist_core.records import DatasetInfo, FileInfo, OldRevision

Arrays = tuple[NDArray[np.uint8], NDArray[np.uint8]]

_CHANGES: Mapping[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "transposed": lambda images: images.swapaxes(1, 2),
    "inverted (255 - x)": lambda images: 255 - images,
    "mirrored": lambda images: images[:, :, ::-1],
}
"""What copies do to the pixels, and how to undo it."""

_LOOKED_AT = 5
_SHOWN = 3


def is_recoverable(info: DatasetInfo) -> bool:
    """Whether the catalog knows every payload of a dataset, so that a copy can be verified."""
    return all(file.payload.sha256 for split in info.splits.values() for file in split.files)


def recovered(info: DatasetInfo, split: str, parts: Sequence[Rows], where: str) -> Arrays:
    """Return images and labels of a split in the original order, verified to be the genuine ones.

    Parameters
    ----------
    info, split : DatasetInfo, str
    parts : sequence of Rows
        The examples of a copy, in any order; it may hold other splits too.
    where : str
        What errors call the copy.

    Raises
    ------
    DataMismatchError
        If the copy is another revision, another dataset, lacks examples or has others; the message
        says which.
    """
    named = [relabelled(rows, info.classes, where) for rows in parts]
    ordered = in_order(info, split, named)
    if ordered is not None and is_genuine(info, split, ordered):
        return ordered.images, ordered.labels.astype(np.uint8)
    if ordered is not None and (old := revision_of(info, split, ordered.labels)):
        raise DataMismatchError(
            f"{where}: expected {info.title} of {info.released}, found that of {old.released} "
            f"({old.note}){_still_there(info, ordered)}. Try: load({info.name!r}) without root, "
            "which fetches the current one"
        )
    keys = known_keys(info)
    if not keys:
        raise DataMismatchError(_differs(info, split, ordered, where))
    return _placed(info, split, _candidates(split, named), keys, where)


def in_order(info: DatasetInfo, split: str, parts: Sequence[Rows]) -> Rows | None:
    """Return the examples of a split as they stand: by their name, or by the counts of splits."""
    matching = [rows for rows in parts if rows.split == split]
    if matching:
        return matching[0]
    unnamed = [rows for rows in parts if not rows.split]
    if not unnamed:
        return None
    images, labels = unnamed[0][:2]
    counts = [each.num_examples for each in info.splits.values()]
    if len(labels) == sum(counts):
        place = list(info.splits).index(split)
        part = slice(sum(counts[:place]), sum(counts[: place + 1]))
        return Rows(images[part], labels[part], split)
    return Rows(images, labels, split)


def is_genuine(info: DatasetInfo, split: str, rows: Rows) -> bool:
    """Whether examples are those of a split, in its order."""
    split_info = info.split(split)
    return _is_payload(rows.images, split_info.images) and _is_payload(
        rows.labels, split_info.labels
    )


def revision_of(info: DatasetInfo, split: str, labels: NDArray[Any]) -> OldRevision | None:
    """Return the older revision whose labels, or first labels, these are, or None."""
    name = info.split(split).labels.name
    for old in info.old_revisions:
        for file in old.files:
            if file.name == name and _is_payload(labels, file):
                return old
        marks = dict(old.first_labels).get(split, ())
        if marks and len(labels) == info.split(split).num_examples:
            if labels[: len(marks)].tolist() == list(marks):
                return old
    return None


def _is_payload(array: NDArray[Any], file: FileInfo) -> bool:
    if array.dtype != np.uint8:
        if array.size and not 0 <= array.min() <= array.max() <= 255:
            return False
        array = array.astype(np.uint8)
    header = IdxHeader.of(array.dtype, array.shape).to_bytes()
    if file.payload.nbytes not in (None, len(header) + array.nbytes):
        return False
    digest = hashlib.sha256(header)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest() == file.payload.sha256


# -- by content ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Places:
    """Where images belong in a split.

    Attributes
    ----------
    index : int64 (n,)
        Place of each image in the original file, -1 for an image that is not of the split.
    count : int
        How many images the split has.
    """

    index: NDArray[np.int64]
    count: int

    @classmethod
    def of(cls, images: NDArray[np.uint8], keys: NDArray[Any]) -> "Places":
        """Return the places of images by the keys of a split's."""
        order = np.argsort(keys, kind="stable")
        hashes = image_keys(images)
        at = np.minimum(np.searchsorted(keys[order], hashes), len(keys) - 1)
        return cls(np.where(keys[order][at] == hashes, order[at], -1).astype(np.int64), len(keys))

    @property
    def strangers(self) -> NDArray[np.int64]:
        """Rows of images that are not in the split."""
        return np.flatnonzero(self.index < 0)

    @property
    def missing(self) -> NDArray[np.int64]:
        """Places without an image."""
        return np.flatnonzero(np.bincount(self.index[self.index >= 0], minlength=self.count) == 0)

    @property
    def repeats(self) -> NDArray[np.int64]:
        """Rows whose image an earlier row also has."""
        _, firsts = np.unique(self.index, return_index=True)
        again = np.ones(len(self.index), np.bool_)
        again[firsts] = False
        return np.flatnonzero(again & (self.index >= 0))


def _candidates(split: str, parts: Sequence[Rows]) -> Rows:
    """Return the examples that may be a split's: those with its name, or all."""
    matching = [rows for rows in parts if rows.split == split] or list(parts)
    shape = matching[0].images.shape[1:]
    matching = [rows for rows in matching if rows.images.shape[1:] == shape]
    images, labels = (np.concatenate([rows[k] for rows in matching]) for k in (0, 1))
    return Rows(images, labels, matching[0].split)


def _placed(
    info: DatasetInfo, split: str, rows: Rows, keys: Mapping[str, NDArray[Any]], where: str
) -> Arrays:
    """Return a split's examples in the original order, found by content."""
    title = f"{info.title} {split}"
    places = Places.of(rows.images, keys[split])
    if len(places.strangers) == len(rows.images):
        raise DataMismatchError(_differs(info, split, rows, where))
    named = rows.split == split
    problems = [
        _listed("rows with images that are not of it", places.strangers) if named else "",
        _listed("rows with images that an earlier row has", places.repeats),
        _listed("no image of its rows", places.missing),
    ]
    if any(problems):
        raise DataMismatchError(
            f"{where}: expected the {places.count:,} examples of {title}, found "
            f"{'; '.join(filter(None, problems))}"
        )
    chosen = np.flatnonzero(places.index >= 0)
    order = chosen[np.argsort(places.index[chosen])]
    ordered = Rows(rows.images[order], rows.labels[order], split)
    if not is_genuine(info, split, ordered):
        counts = [int((ordered.labels == label).sum()) for label in range(len(info.classes))]
        raise DataMismatchError(
            f"{where}: expected the labels of {title}, found others on the same images; of each "
            f"class there are {', '.join(map(str, counts))}"
        )
    return ordered.images, ordered.labels.astype(np.uint8)


def _listed(what: str, rows: NDArray[np.int64]) -> str:
    """Return some rows in words, or "" for none."""
    if not rows.size:
        return ""
    shown = ", ".join(map(str, rows[:_SHOWN])) + ", ..." * (rows.size > _SHOWN)
    return f"{what} ({rows.size:,}: {shown})"


def _still_there(info: DatasetInfo, rows: Rows) -> str:
    """Say how many images of an older revision are also in the current one."""
    keys = known_keys(info)
    if not keys or rows.images.shape[1:] != (28, 28):
        return ""
    count = int(np.isin(image_keys(rows.images), np.concatenate(list(keys.values()))).sum())
    return f"; {count:,} of its {len(rows.labels):,} images are in the current one too"


def _differs(info: DatasetInfo, split: str, rows: Rows | None, where: str) -> str:
    """Return what is wrong with a copy of a split."""
    expected = (
        f"{where}: expected {info.split(split).num_examples:,} examples of {info.title} {split}"
    )
    if rows is None:
        return f"{expected}, found none of that split"
    shape = " x ".join(map(str, rows.images.shape[1:]))
    problem = f"{expected}, found {len(rows.images):,} images of {shape}"
    if change := _change(info, rows.images):
        return f"{problem}, which are {change}. Undo that in the copy first"
    return f"{problem} that are not its images in its order"


def _change(info: DatasetInfo, images: NDArray[np.uint8]) -> str:
    """Return how the pixels of known images were changed, or ""."""
    keys = known_keys(info)
    if not keys or not len(images):
        return ""
    all_keys = np.concatenate(list(keys.values()))
    return next(
        (
            what
            for what, undo in _CHANGES.items()
            if np.isin(image_keys(undo(images[:_LOOKED_AT])), all_keys).all()
        ),
        "",
    )
