"""The examples on a page: splits of one dataset, one after another."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core import quality
from fmnist_core.dataset import Dataset
from fmnist_core.errors import OptionError
from fmnist_core.records import DatasetInfo, SplitInfo

MAX_PIXELS = 1 << 28
"""Most pixels of all images together; a browser keeps each as a byte, twice."""

MAX_SIDE = 1024
"""Most rows or columns of an image."""

PAIRS = {"near-duplicates": quality.NEAR_DUPLICATE_PAIRS}
"""Lists of rows that stand for pairs, and the pairs."""


@dataclass(frozen=True)
class Examples:
    """Splits of one dataset of the catalog; example k is the k-th over all of them.

    Parameters
    ----------
    splits : sequence of Dataset
        Grey uint8 images (n, height, width), each with the same classes.

    Raises
    ------
    OptionError
        If there are no examples, they are no such images, or they are too many for a browser.
    """

    splits: Sequence[Dataset]

    def __post_init__(self) -> None:
        for split in self.splits:
            shape = split.image_shape
            if split.image_dtype != np.uint8 or len(shape) != 2 or shape != self.image_shape:
                raise OptionError(f"expected grey uint8 images of one size, found {split!r}")
        if not len(self):
            raise OptionError("expected examples to show, found none")
        if max(self.image_shape) > MAX_SIDE:
            raise OptionError(
                f"expected images of at most {MAX_SIDE} x {MAX_SIDE} pixels, found "
                f"{' x '.join(map(str, self.image_shape))}"
            )
        pixels = len(self) * int(np.prod(self.image_shape))
        if pixels > MAX_PIXELS:
            raise OptionError(
                f"expected at most {MAX_PIXELS:,} pixels, as many as a browser can hold well, "
                f"found {pixels:,} in {len(self):,} images",
                advice="one split, or fewer classes",
                command="--split test, or some --classes LIST",
            )

    def __len__(self) -> int:
        """Return the number of examples."""
        return sum(map(len, self.splits))

    @property
    def info(self) -> DatasetInfo:
        """The catalog's record of the dataset."""
        return self.splits[0].info

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each label."""
        return self.splits[0].classes

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Height and width of every image."""
        return self.splits[0].image_shape

    @cached_property
    def images(self) -> NDArray[np.uint8]:
        """All images, as they are to be seen: uint8 (n, height, width)."""
        parts = [split.images for split in self.splits]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @cached_property
    def labels(self) -> NDArray[Any]:
        """All labels (n,): uint8, or uint16 if there are more than 256 classes."""
        kind = np.uint8 if len(self.classes) <= 256 else np.uint16
        return np.concatenate([split.labels for split in self.splits]).astype(kind)

    @cached_property
    def places(self) -> NDArray[np.int32]:
        """Place of each example in its split's original file: int32 (n,)."""
        return np.concatenate([split.indices for split in self.splits]).astype(np.int32)

    @property
    def is_transposed(self) -> bool:
        """Whether the published files hold each image transposed."""
        return self.info.transposed

    def numbers(self, split: str, rows: Sequence[int]) -> list[int | None]:
        """Return the numbers on the page of some rows of a split's original file.

        None stands for a row that is not on the page.
        """
        number_of = self._by_place.get(split, {})
        return [number_of.get(row) for row in rows]

    @cached_property
    def _by_place(self) -> dict[str, dict[int, int]]:
        first, known = 0, {}
        for split in self.splits:
            places = split.indices.tolist()
            known[split.split_name] = dict(zip(places, range(first, len(self)), strict=False))
            first += len(split)
        return known

    def described(self) -> list[dict[str, Any]]:
        """Return name, count and published digests of each split, for the page."""
        return [_described(split, self.info.splits.get(split.split_name)) for split in self.splits]

    def lists(self) -> list[dict[str, Any]]:
        """Return the quality lists of this revision that have examples here, for the page."""
        revision = self.info.name, self.info.released
        known = [k for k in quality.LISTS.values() if (k.dataset, k.released) == revision]
        return [entry for entry in map(self._listed, known) if entry["examples"]]

    def _listed(self, known: quality.IndexList) -> dict[str, Any]:
        rows = [n for split, rows in known.rows.items() for n in self.numbers(split, rows)]
        pairs = []
        for (first, second), places in PAIRS.get(known.name, {}).items():
            both = zip(
                self.numbers(first, [pair[0] for pair in places]),
                self.numbers(second, [pair[1] for pair in places]),
                strict=True,
            )
            pairs += [list(pair) for pair in both if None not in pair]
        shown = {n for pair in pairs for n in pair} if known.name in PAIRS else rows
        return {
            "name": known.name,
            "note": known.note,
            "source": known.source,
            "examples": sorted(n for n in shown if n is not None),
            "pairs": pairs,
        }


def _described(split: Dataset, info: SplitInfo | None) -> dict[str, Any]:
    """Return what the page says of a split; digests only of whole ones, as they were published."""
    record: dict[str, Any] = {"name": split.split_name, "count": len(split)}
    whole = info is not None and len(split) == info.num_examples
    if info is not None and whole:
        record["images"] = info.images.payload.sha256
        record["labels"] = info.labels.payload.sha256
    return {**record, "whole": whole}
