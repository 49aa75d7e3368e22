"""Masks: transforms that replace a box of an image."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import OptionError, check_range
from fmnist_core.transforms.draws import Draws, noise
from fmnist_core.transforms.memory import outside_boxes, overwritten
from fmnist_core.transforms.ops import NUMPY, Array, ArrayOps
from fmnist_core.transforms.tables import box_sizes
from fmnist_core.transforms.transform import (
    MAX_SIDE,
    Drawn,
    Transform,
    check_chance,
    check_interval,
    keep_numbers,
    keep_tuples,
)


@dataclass(frozen=True)
class RandomErasing(Transform):
    """Replace a box of an image with probability `p`.

    Parameters
    ----------
    p : float
    scale, ratio : (float, float)
        Range of the box's share of the image's area, and of its height divided by its width.
    value : int or "random"
        What replaces the box: one pixel value, or noise.
    """

    streams: ClassVar[int] = 2

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    value: int | Literal["random"] = 0

    def __post_init__(self) -> None:
        check_chance(self.p)
        keep_tuples(self, "scale", "ratio")
        check_interval("scale", self.scale, 0, 1)
        check_interval("ratio", self.ratio, 0.001, 1000)
        if self.value != "random":
            value = check_range('value, unless it is "random",', self.value, 0, 255)
            object.__setattr__(self, "value", value)

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if not self._sizes(shape).size:
            raise OptionError(
                f"no box of {self} fits into images of {shape[0]} x {shape[1]} pixels. "
                "Try: a smaller scale, or a ratio nearer to 1"
            )
        return shape

    def _sizes(self, shape: tuple[int, ...]) -> NDArray[np.int32]:
        """Return heights and widths of the boxes that are smaller than the image on each axis."""
        return box_sizes(shape[0], shape[1], self.scale, self.ratio, whole=False)

    def draw(self, draws: Draws, shape: tuple[int, ...]) -> Drawn:
        heights, widths = self._sizes(shape)
        size = draws.pick(1, len(heights))
        height, width = (
            draws.ops.take(draws.ops.constant(sides), size) for sides in (heights, widths)
        )
        drawn = {
            "erase": draws.chance(0, self.p),
            "top": draws.pick(2, shape[0] + 1 - height),
            "left": draws.pick(3, shape[1] + 1 - width),
            "height": height,
            "width": width,
        }
        return drawn | ({"noise": draws.word(1)} if self.value == "random" else {})

    def apply(self, ops: ArrayOps, images: Array, drawn: Drawn) -> Array:
        corner, (height, width) = box_of(drawn)
        sides = ops.int32(drawn["erase"]) * height, width  # no rows: no box
        noisy = self.value == "random"
        value = _noisy(ops, drawn["noise"], images.shape[1:3]) if noisy else self.value
        return ops.where(outside(ops, images, corner, sides), images, value)

    def apply_numpy(self, images: NDArray[Any], drawn: Drawn) -> NDArray[Any]:
        chosen = np.flatnonzero(drawn["erase"])
        chosen_draws = {name: values[chosen] for name, values in drawn.items()}
        shape = images.shape[1:]
        kept = outside_boxes(*_lines(NUMPY, shape, *box_of(chosen_draws)))
        value = (
            _noisy(NUMPY, chosen_draws["noise"], shape) if self.value == "random" else self.value
        )
        images[chosen] = overwritten(images[chosen], kept, value)
        return images


@dataclass(frozen=True)
class Cutout(Transform):
    """Replace a square of `size` pixels in an image by `value`; it may lie across the border."""

    size: int
    value: int = 0

    def __post_init__(self) -> None:
        keep_numbers(self, 1, MAX_SIDE, "size")
        keep_numbers(self, 0, 255, "value")

    def draw(self, draws: Draws, shape: tuple[int, ...]) -> Drawn:
        half = self.size // 2
        return {"top": draws.pick(0, shape[0]) - half, "left": draws.pick(1, shape[1]) - half}

    def apply(self, ops: ArrayOps, images: Array, drawn: Drawn) -> Array:
        corner, sides = (drawn["top"], drawn["left"]), (self.size, self.size)
        return ops.where(outside(ops, images, corner, sides), images, self.value)

    def apply_numpy(self, images: NDArray[Any], drawn: Drawn) -> NDArray[Any]:
        corner, sides = (drawn["top"], drawn["left"]), (self.size, self.size)
        kept = outside_boxes(*_lines(NUMPY, images.shape[1:], corner, sides))
        return overwritten(images, kept, self.value)


def outside(
    ops: ArrayOps, images: Array, corner: tuple[Array, Array], sides: tuple[Array, Array]
) -> Array:
    """Return bool (batch, height, width): which pixels of each image lie outside its box.

    Parameters
    ----------
    ops : ArrayOps
    images : array (batch, height, width)
    corner : (int32 array (batch,), int32 array (batch,))
        Top and left; may lie outside.
    sides : pair of int32 array (batch,) or int
        Height and width of the box.
    """
    rows, columns = _lines(ops, images.shape[1:3], corner, sides)
    return ~rows[:, :, None] | ~columns[:, None, :]


def _lines(
    ops: ArrayOps,
    shape: tuple[int, ...],
    corner: tuple[Array, Array],
    sides: tuple[Array, Array],
) -> tuple[Array, Array]:
    """Return which rows and columns each box covers: bool (batch, height), (batch, width)."""
    rows, columns = (
        (ops.arange(size) >= first[:, None]) & (ops.arange(size) < (first + side)[:, None])
        for size, first, side in zip(shape, corner, sides, strict=True)
    )
    return rows, columns


def box_of(drawn: Drawn) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return corner and sides of the drawn boxes."""
    return (drawn["top"], drawn["left"]), (drawn["height"], drawn["width"])


def _noisy(ops: ArrayOps, words: Array, shape: tuple[int, int]) -> Array:
    return ops.uint8(noise(ops, words, (shape[0], shape[1])) & 255)
