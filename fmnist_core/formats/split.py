"""A split to be exported: its examples, some at a time, under the name that it gets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.dataset import Dataset

BLOCK = 1000
"""Number of examples that are in memory at a time."""

Progress = Callable[[str, int, int], None]
"""Called during an export: the split's name, examples done, examples in all."""


@dataclass(frozen=True)
class Split:
    """A dataset under the name of a split.

    Attributes
    ----------
    name : str
        Letters, digits and "_".
    dataset : Dataset
    report : Progress, optional
    """

    name: str
    dataset: Dataset
    report: Progress | None = None

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.dataset)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all images."""
        return (len(self), *self.dataset.image_shape)

    @property
    def label_dtype(self) -> np.dtype[Any]:
        """The smaller of uint8 and int32 that holds every label."""
        return np.dtype(np.uint8 if len(self.dataset.classes) <= 256 else np.int32)

    @property
    def labels(self) -> NDArray[Any]:
        """All labels (n,), of `label_dtype`."""
        return self.dataset.labels.astype(self.label_dtype)

    def blocks(self, count: int = BLOCK) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Yield images (k, ...) and labels (k,) of up to `count` examples, in order."""
        for first in range(0, len(self), count):
            block = self.dataset[first : first + count]
            yield block.images, block.labels.astype(self.label_dtype)
            if self.report:
                self.report(self.name, first + len(block), len(self))

    def image_blocks(self) -> Iterator[bytes]:
        """Yield the pixels of all images, in C order and native byte order."""
        dtype = self.dataset.image_dtype
        return (images.astype(dtype, copy=False).tobytes() for images, _ in self.blocks())
