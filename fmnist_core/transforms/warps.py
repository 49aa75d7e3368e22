"""Warps: transforms that interpolate between pixels, in whole numbers.

Floating-point coordinates would differ wherever a compiler fuses or reorders operations.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import OptionError, brief
from fmnist_core.transforms.draws import Draws
from fmnist_core.transforms.ops import NUMPY, Array, ArrayOps
from fmnist_core.transforms.tables import (
    FULL_TURN,
    box_sizes,
    halves_up,
    inverse_sizes,
    resize_taps,
    tangents,
    turns,
    written,
)
from fmnist_core.transforms.transform import (
    Drawn,
    Transform,
    check_interval,
    check_number,
    check_size,
    in_parts,
    keep_numbers,
    keep_size,
    keep_tuples,
)

MAX_WARPED = 128
"""Most pixels on a side of a warped image; int32 could not hold the coordinates of more."""

_LANES = 0x00FF00FF
_EIGHTHS = 8


@dataclass(frozen=True)
class RandomAffine(Transform):
    """Rotate, shift, scale and shear an image about its middle by random amounts; bilinear.

    Parameters
    ----------
    degrees : float
        Largest rotation in either direction, 0 to 360.
    translate : (float, float)
        Largest shift in either direction, as a share of the width and of the height.
    scale : (float, float)
        Smallest and largest factor by which the image grows.
    shear : float
        Largest angle of the shear along the rows, in degrees, in either direction.
    fill : int
        Value of pixels from outside the image.
    """

    streams: ClassVar[int] = 2

    degrees: float = 0
    translate: tuple[float, float] = (0, 0)
    scale: tuple[float, float] = (1, 1)
    shear: float = 0
    fill: int = 0

    def __post_init__(self) -> None:
        keep_tuples(self, "translate", "scale")
        check_number("degrees", self.degrees, 0, 360)
        if not isinstance(self.translate, tuple) or len(self.translate) != 2:
            raise OptionError(
                "translate must be a pair of numbers (of the width, of the height), not "
                f"{brief(self.translate)}"
            )
        for part in self.translate:
            check_number("translate", part, 0, 1)
        check_interval("scale", self.scale, 0.01, 100)
        check_number("shear", self.shear, 0, 80)
        keep_numbers(self, 0, 255, "fill")
        # Products of three numbers with 14 fractional bits must fit into 32 bits.
        stretch = (1 + math.tan(math.radians(self.shear))) / self.scale[0]
        if stretch >= 7.9:
            raise OptionError(
                f"scale={self.scale!r} and shear={self.shear!r} shrink an image too far: (1 + tan "
                f"shear) / least scale must be below 7.9, not {stretch:.3g}. Try: a larger scale"
            )

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return _warped_shape(self, shape, shape)

    def draw(self, draws: Draws, shape: tuple[int, ...]) -> Drawn:
        turn, shear = turn_steps(self.degrees), turn_steps(self.shear)
        height, width = shape
        across, down = (
            halves_up(_EIGHTHS * written(part) * side)
            for part, side in zip(self.translate, (width, height), strict=True)
        )
        return {
            "turn": draws.pick(0, 2 * turn + 1) - turn,
            "shear": draws.pick(1, 2 * shear + 1) - shear,
            "size": draws.pick(2, 256),
            "down": draws.pick(3, 2 * down + 1) - down,
            "across": draws.pick(4, 2 * across + 1) - across,
        }

    def apply(self, ops: ArrayOps, images: Array, drawn: Drawn) -> Array:
        return self._sampled(ops, images, self._maps(ops, drawn))

    def apply_numpy(self, images: NDArray[Any], drawn: Drawn) -> NDArray[Any]:
        return in_parts(self._sampled, images, self._maps(NUMPY, drawn))

    def _sampled(self, ops: ArrayOps, images: Array, maps: Drawn) -> Array:
        """Return images whose pixels are those of `images` at the places that the maps give."""
        height, width = images.shape[1:3]
        x = (4 * (2 * ops.arange(width) + (1 - width)))[None, :] - maps["across"][:, None]
        y = (4 * (2 * ops.arange(height) + (1 - height)))[None, :] - maps["down"][:, None]
        # In units of 2^-17 pixel; the terms of the column and of the row are added last.
        columns, rows = (
            (maps[from_x][:, None] * x)[:, None, :]
            + (maps[from_y][:, None] * y + ((size - 1) << 16))[:, :, None]
            for from_x, from_y, size in (("xx", "xy", width), ("yx", "yy", height))
        )
        # Two pixels of `fill` on each side; everything farther out is `fill` too.
        corners = _corners(ops, ops.pad(images, ((0, 0), (2, 2), (2, 2)), self.fill))
        row = ops.clip(ops.right(rows, 17), -2, height) + 2
        column = ops.clip(ops.right(columns, 17), -2, width) + 2
        fractions = ops.right(rows, 9) & 255, ops.right(columns, 9) & 255
        return _bilinear(ops, corners, (row, column), fractions)

    def _maps(self, ops: ArrayOps, drawn: Drawn) -> Drawn:
        """Return the map from places in the new image to places in the old one.

        It is a shift, followed by a matrix with entries in units of 2^-14.
        """
        most_turn, most_shear = turn_steps(self.degrees), turn_steps(self.shear)
        cosine, sine = (
            ops.take(ops.constant(row), drawn["turn"] + most_turn) for row in turns(most_turn)
        )
        tangent = ops.take(ops.constant(tangents(most_shear)), drawn["shear"] + most_shear)
        inverse = ops.take(ops.constant(inverse_sizes(*self.scale)), drawn["size"])

        def times(one: Array, other: Array) -> Array:
            return ops.right(one * other + 8192, 14)

        matrix = {
            "xx": cosine + times(tangent, -sine),
            "xy": sine + times(tangent, cosine),
            "yx": -sine,
            "yy": cosine,
        }
        scaled = {name: times(inverse, entry) for name, entry in matrix.items()}
        return scaled | {"down": drawn["down"], "across": drawn["across"]}


@dataclass(frozen=True)
class RandomRotation(Transform):
    """Rotate an image about its middle by up to `degrees`, 0 to 360, in either direction; bilinear.

    Pixels from outside are `fill`. The bits are those of `RandomAffine` with these options.
    """

    degrees: float
    fill: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "fill", self._affine().fill)

    def _affine(self) -> RandomAffine:
        return RandomAffine(self.degrees, fill=self.fill)

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return _warped_shape(self, shape, shape)

    def draw(self, draws: Draws, shape: tuple[int, ...]) -> Drawn:
        steps = turn_steps(self.degrees)
        return {"turn": draws.pick(0, 2 * steps + 1) - steps}

    def apply(self, ops: ArrayOps, images: Array, drawn: Drawn) -> Array:
        return self._affine().apply(ops, images, _only(drawn["turn"]))

    def apply_numpy(self, images: NDArray[Any], drawn: Drawn) -> NDArray[Any]:
        return self._affine().apply_numpy(images, _only(drawn["turn"]))


def _only(turn: Array) -> Drawn:
    none = turn * 0
    return {"turn": turn, "shear": none, "size": none, "down": none, "across": none}


@dataclass(frozen=True)
class RandomResizedCrop(Transform):
    """Resize a random box of an image to `size`, (height, width) or one number; bilinear.

    `scale` and `ratio` are the ranges of the box's share of the image's area and of its height
    divided by its width. If no such box fits, the box is the largest square.
    """

    size: int | tuple[int, int]
    scale: tuple[float, float] = (0.08, 1)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        keep_size(self)
        keep_tuples(self, "scale", "ratio")
        check_interval("scale", self.scale, 0, 1)
        check_interval("ratio", self.ratio, 0.001, 1000)

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return _warped_shape(self, shape, check_size(self.size))

    def draw(self, draws: Draws, shape: tuple[int, ...]) -> Drawn:
        heights, widths = self._sizes(shape)
        size = draws.pick(0, len(heights))
        height, width = (
            draws.ops.take(draws.ops.constant(sides), size) for sides in (heights, widths)
        )
        return {
            "top": draws.pick(1, shape[0] + 1 - height),
            "left": draws.pick(2, shape[1] + 1 - width),
            "height": height,
            "width": width,
        }

    def _sizes(self, shape: tuple[int, ...]) -> NDArray[np.int32]:
        sizes = box_sizes(shape[0], shape[1], self.scale, self.ratio)
        return sizes if sizes.size else np.full((2, 1), min(shape[:2]), np.int32)

    def apply(self, ops: ArrayOps, images: Array, drawn: Drawn) -> Array:
        rows, columns = (
            _places(ops, drawn[side], size)
            for side, size in zip(("height", "width"), check_size(self.size), strict=True)
        )
        # The pixel after the last has weight 0, but needs a valid place.
        corners = _corners(ops, ops.pad(images, ((0, 0), (0, 1), (0, 1)), 0))
        row = (drawn["top"][:, None] + ops.right(rows, 15))[:, :, None]
        column = (drawn["left"][:, None] + ops.right(columns, 15))[:, None, :]
        fractions = (ops.right(rows, 7) & 255)[:, :, None], (ops.right(columns, 7) & 255)[:, None]
        return _bilinear(ops, corners, (row, column), fractions)


@dataclass(frozen=True)
class Resize(Transform):
    """Resize an image to `size`, (height, width) or one number for both, as Pillow's bilinear."""

    streams: ClassVar[int] = 0

    size: int | tuple[int, int]

    def __post_init__(self) -> None:
        keep_size(self)

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return _warped_shape(self, shape, check_size(self.size))

    def apply(self, ops: ArrayOps, images: Array, drawn: Drawn) -> Array:
        height, width = images.shape[1:3]
        new_height, new_width = check_size(self.size)
        across = _resized(ops, ops.reshape(images, (-1, width, 1)), new_width)
        return _resized(ops, ops.reshape(across, (-1, height, new_width)), new_height)


@lru_cache(maxsize=64)
def turn_steps(degrees: float) -> int:
    """Return an angle in steps; a full turn has 4096."""
    return halves_up(written(degrees) * FULL_TURN / 360)


def _places(ops: ArrayOps, side: Array, size: int) -> Array:
    """Return the places of `size` new pixels in a box of `side` old ones: (batch, size).

    They are in units of 2^-15 pixel, and clipped to the box, whose edge extends outwards.
    """
    old = ((2 * ops.arange(size) + 1)[None, :] * side[:, None]) * (1 << 14)
    return ops.clip(old // size - (1 << 14), 0, (side[:, None] - 1) * (1 << 15))


def _corners(ops: ArrayOps, images: Array) -> Array:
    """Return each pixel with its right, lower and lower right neighbours in one int32.

    One look-up then finds all four: (batch, height - 1, width - 1).
    """
    pixels = ops.int32(images)
    upper = pixels[:, :-1, :-1] | pixels[:, :-1, 1:] * (1 << 8)
    lower = pixels[:, 1:, :-1] | pixels[:, 1:, 1:] * (1 << 8)
    return upper | lower * (1 << 16)


def _bilinear(
    ops: ArrayOps, corners: Array, place: tuple[Array, Array], fractions: tuple[Array, Array]
) -> Array:
    """Return uint8 (batch, new height, new width), interpolated between pixels.

    Parameters
    ----------
    ops : ArrayOps
    corners : int32 array (batch, height, width)
        Of `_corners`.
    place, fractions : pair of int32 array
        Row and column of the upper left pixel, and the distance from it in 256ths; arrays that
        broadcast to (batch, new height, new width).
    """
    height, width = corners.shape[1:3]
    first = ops.arange(ops.length(corners))[:, None, None] * (height * width)
    four = ops.take(ops.reshape(corners, (-1,)), first + place[0] * width + place[1])
    down, across = fractions
    # Upper and lower pixel at once, in 16 bits each.
    both = (four & _LANES) * (256 - across) + (ops.right(four, 8) & _LANES) * across
    upper, lower = both & 0xFFFF, ops.right(both, 16) & 0xFFFF
    return ops.uint8(ops.right(upper * (256 - down) + lower * down + (1 << 15), 16))


def _resized(ops: ArrayOps, lines: Array, new: int) -> Array:
    """Return uint8 (lines, size, others) with `new` pixels on the middle axis, as Pillow does."""
    size, others = lines.shape[1:]
    first = ops.arange(ops.length(lines))[:, None] * size
    pixels = ops.reshape(lines, (-1, others))
    total: Array = 1 << 21
    for places, coefficients in zip(*resize_taps(size, new), strict=True):
        values = ops.int32(ops.take(pixels, first + ops.constant(places)))
        total = total + values * ops.constant(coefficients)[:, None]
    return ops.uint8(ops.clip(ops.right(total, 22), 0, 255))


def _warped_shape(
    transform: Transform, shape: tuple[int, ...], new: tuple[int, ...]
) -> tuple[int, ...]:
    if max(*shape, *new) > MAX_WARPED:
        raise OptionError(
            f"{transform} is for images of up to {MAX_WARPED} pixels a side, before and after; "
            f"found {shape[0]} x {shape[1]} to {new[0]} x {new[1]}. Try: a crop before it"
        )
    return new
