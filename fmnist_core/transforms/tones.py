"""Tones: transforms that change the value of pixels, not their place."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import OptionError
from fmnist_core.transforms.draws import Draws, noise
from fmnist_core.transforms.ops import Array, ArrayOps
from fmnist_core.transforms.tables import halves_up, written
from fmnist_core.transforms.transform import Drawn, Transform, check_chance, check_number

MAX_PIXELS = 2**23
"""Most pixels whose sum int32 holds."""

_BYTES_DEVIATION = 147.8
"""Standard deviation of the sum of four uniformly distributed bytes."""


@dataclass(frozen=True)
class ColorJitter(Transform):
    """Multiply the brightness of an image, then its contrast, each by a random number near 1.

    Parameters
    ----------
    brightness, contrast : float
        From 0 to 100; the factor is from max(0, 1 - this) to 1 + this. Contrast is scaled about the
        mean.
    """

    brightness: float = 0
    contrast: float = 0

    def __post_init__(self) -> None:
        check_number("brightness", self.brightness, 0, 100)
        check_number("contrast", self.contrast, 0, 100)

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if shape[0] * shape[1] > MAX_PIXELS:
            raise OptionError(
                f"{self} is for images of up to {MAX_PIXELS} pixels, these have shape {shape}. "
                "Try: a crop before it"
            )
        return shape

    def draw(self, draws: Draws, shape: tuple[int, ...]) -> Drawn:
        return {
            name: _factor(draws, index, amount)
            for index, (name, amount) in enumerate(
                [("brightness", self.brightness), ("contrast", self.contrast)]
            )
        }

    def apply(self, ops: ArrayOps, images: Array, drawn: Drawn) -> Array:
        height, width = images.shape[1:3]
        pixels = ops.int32(images)
        pixels = ops.clip(_times(ops, drawn["brightness"], pixels), 0, 255)
        total = ops.sum(ops.reshape(pixels, (-1, height * width)))
        mean = ((total + height * width // 2) // (height * width))[:, None, None]
        return ops.uint8(ops.clip(_times(ops, drawn["contrast"], pixels - mean) + mean, 0, 255))


@dataclass(frozen=True)
class RandomInvert(Transform):
    """Turn every pixel x of an image into 255 - x with probability `p`."""

    p: float = 0.5

    def __post_init__(self) -> None:
        check_chance(self.p)

    def draw(self, draws: Draws, shape: tuple[int, ...]) -> Drawn:
        return {"invert": draws.chance(0, self.p)}

    def apply(self, ops: ArrayOps, images: Array, drawn: Drawn) -> Array:
        return ops.where(drawn["invert"][:, None, None], 255 - images, images)

    def apply_numpy(self, images: NDArray[Any], drawn: Drawn) -> NDArray[Any]:
        images ^= np.where(drawn["invert"], np.uint8(255), np.uint8(0))[:, None, None]
        return images


@dataclass(frozen=True)
class GaussianNoise(Transform):
    """Add to each pixel noise of standard deviation 255 `sigma`; `sigma` is from 0 to 1.

    The noise is a sum of four bytes, which is almost normally distributed.
    """

    sigma: float

    def __post_init__(self) -> None:
        check_number("sigma", self.sigma, 0, 1)

    def draw(self, draws: Draws, shape: tuple[int, ...]) -> Drawn:
        return {"noise": draws.word(0)}

    def apply(self, ops: ArrayOps, images: Array, drawn: Drawn) -> Array:
        words = noise(ops, drawn["noise"], images.shape[1:3])
        # Add two bytes at once, then the two sums.
        pairs = (words & 0x00FF00FF) + (ops.right(words, 8) & 0x00FF00FF)
        total = (pairs & 0xFFFF) + ops.right(pairs, 16) - 510
        factor = halves_up(255 * 2**12 * written(self.sigma) / written(_BYTES_DEVIATION))
        added = ops.right(total * factor + 2048, 12)
        return ops.uint8(ops.clip(ops.int32(images) + added, 0, 255))


def _factor(draws: Draws, index: int, amount: float) -> Array:
    """Return a factor near 1 for each example, in 256ths."""
    most = halves_up(256 * written(amount))
    least = max(0, 256 - most)
    return draws.pick(index, 256 + most - least + 1) + least


def _times(ops: ArrayOps, factor: Array, pixels: Array) -> Array:
    return ops.right(factor[:, None, None] * pixels + 128, 8)
