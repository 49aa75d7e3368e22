"""The base classes of transforms and of mixes, and the checks of their options."""

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import OptionError, brief, check_range
from fmnist_core.transforms.draws import Draws
from fmnist_core.transforms.ops import NUMPY, Array, ArrayOps

MAX_SIDE = 2**16
"""Most pixels on a side of an image: a draw has 16 bits."""

PARTNER_SEED = 0x9E3779B97F4A7C15
"""Combined with the seed of the order, by exclusive or, for the order of partners."""

Drawn = Mapping[str, Array]
"""Random choices by name: an array (batch,) with an entry for each example."""

_PART_PIXELS = 24_000
"""Pixels that are computed at once: few enough that their int32 fit a core's cache, and that the
allocator keeps their memory for the next ones."""


class Transform:
    """One step of a chain; derive a frozen dataclass from it, with the options as fields.

    Its effect on an example depends only on its options and on what `draw` returns.
    docs/transforms.md has a complete example.

    Attributes
    ----------
    streams : int
        How many streams of draws it reads, four draws each, up to 8.
    only_moves : bool
        Whether pixels change their place but not their value, so that images of any element type,
        and with channels as their last axis, are allowed.
    """

    streams: ClassVar[int] = 1
    only_moves: ClassVar[bool] = False

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of an image after this step.

        Raises
        ------
        OptionError
            If images of this shape cannot be transformed this way.
        """
        return shape

    def draw(self, draws: Draws, shape: tuple[int, ...]) -> Drawn:
        """Return the random choices for each example: names and arrays (batch,).

        Parameters
        ----------
        draws : Draws
        shape : tuple of int
            Shape of one image before this step.
        """
        return {}

    def apply(self, ops: ArrayOps, images: Array, drawn: Drawn) -> Array:
        """Return (batch, height, width[, channels]) images, transformed as drawn."""
        raise NotImplementedError

    def apply_numpy(self, images: NDArray[Any], drawn: Drawn) -> NDArray[Any]:
        """Return the same for numpy arrays, as fast as numpy can; `images` may be overwritten."""
        return in_parts(self.apply, images, drawn)


class Mix:
    """The last step of a chain, which joins each example with another one.

    Attributes
    ----------
    streams : int
        How many streams of draws it reads.
    """

    streams: ClassVar[int] = 1

    def draw(self, draws: Draws, shape: tuple[int, ...]) -> Drawn:
        """Return the random choices for each example, as `Transform.draw`."""
        raise NotImplementedError

    def apply(self, ops: ArrayOps, images: Array, others: Array, drawn: Drawn) -> Array:
        """Return (batch, height, width) images joined with `others`, their partners'."""
        raise NotImplementedError

    def weights(self, ops: ArrayOps, shape: tuple[int, ...], drawn: Drawn) -> tuple[Array, Array]:
        """Return the weights of a label and of its partner's label: float32 (batch,) each."""
        raise NotImplementedError


def in_parts(
    apply: Callable[..., NDArray[Any]], images: NDArray[Any], drawn: Drawn
) -> NDArray[Any]:
    """Return ``apply(NUMPY, images, drawn)``, computed for a few images at a time."""
    part_size = max(_PART_PIXELS // math.prod(images.shape[1:]), 1)
    if len(images) <= part_size:
        return apply(NUMPY, images, drawn)
    parts = [slice(first, first + part_size) for first in range(0, len(images), part_size)]
    return np.concatenate(
        [
            apply(NUMPY, images[part], {name: values[part] for name, values in drawn.items()})
            for part in parts
        ]
    )


def check_number(name: str, value: object, low: float, high: float, hint: str = "") -> None:
    """Raise OptionError unless a value is a number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise OptionError(f"{name} must be a number from {low} to {high}, not {brief(value)}{hint}")


def check_chance(value: object) -> None:
    """Raise OptionError unless a value is a probability."""
    check_number("p", value, 0, 1, ". Try: p=0.5 for every second image")


def check_interval(name: str, value: object, low: float, high: float) -> None:
    """Raise OptionError unless a value is a pair of numbers in [low, high], the smaller first."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise OptionError(f"{name} must be a pair of numbers (least, most), not {brief(value)}")
    for number in value:
        check_number(name, number, low, high)
    if value[0] > value[1]:
        raise OptionError(f"{name} must be (least, most), not {brief(value)}. Try: {value[::-1]!r}")


def check_size(value: object) -> tuple[int, int]:
    """Return height and width of a size, which is a pair, or one number for both."""
    pair = value if isinstance(value, tuple) else (value, value)
    if len(pair) != 2:
        raise OptionError(f"size must be a number of pixels or (height, width), not {brief(value)}")
    height, width = (check_range("size", side, 1, MAX_SIDE) for side in pair)
    return height, width


def keep_numbers(transform: Transform, low: int, high: int, *names: str) -> None:
    """Convert whole numbers among the options, such as numpy's, to int.

    Raises
    ------
    OptionError
        If one is not a whole number in [low, high].
    """
    for name in names:
        number = check_range(name, getattr(transform, name), low, high)
        object.__setattr__(transform, name, number)


def keep_size(transform: Transform) -> None:
    """Convert the option `size`, which may be a list, to int or a pair of int; as `check_size`."""
    keep_tuples(transform, "size")
    size = vars(transform)["size"]
    height, width = check_size(size)
    object.__setattr__(transform, "size", (height, width) if isinstance(size, tuple) else height)


def keep_tuples(transform: Transform, *names: str) -> None:
    """Convert lists among the options, which JSON gives, to tuples."""
    for name in names:
        if isinstance(value := getattr(transform, name), list):
            object.__setattr__(transform, name, tuple(value))
