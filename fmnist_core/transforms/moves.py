"""Moves: transforms that change the place of pixels, not their value."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import OptionError
from fmnist_core.transforms.draws import Draws
from fmnist_core.transforms.memory import mirrored, shifted
from fmnist_core.transforms.ops import Array, ArrayOps
from fmnist_core.transforms.transform import (
    MAX_SIDE,
    Drawn,
    Transform,
    check_chance,
    check_size,
    keep_numbers,
    keep_size,
)

_MOST_SHIFT = 8
"""Most padding with which numpy shifts whole images, using a mask for each shift."""


@dataclass(frozen=True)
class RandomHorizontalFlip(Transform):
    """Mirror an image left to right with probability `p`."""

    only_moves: ClassVar[bool] = True

    p: float = 0.5

    def __post_init__(self) -> None:
        check_chance(self.p)

    def draw(self, draws: Draws, shape: tuple[int, ...]) -> Drawn:
        return {"flip": draws.chance(0, self.p)}

    def apply(self, ops: ArrayOps, images: Array, drawn: Drawn) -> Array:
        return ops.mirror(images, drawn["flip"], 2)

    def apply_numpy(self, images: NDArray[Any], drawn: Drawn) -> NDArray[Any]:
        chosen = np.flatnonzero(drawn["flip"])
        if images.dtype == np.uint8 and images.ndim == 3:
            images[chosen] = mirrored(images[chosen])
        else:
            images[chosen] = images[chosen, :, ::-1]
        return images


@dataclass(frozen=True)
class RandomVerticalFlip(Transform):
    """Mirror an image top to bottom with probability `p`."""

    only_moves: ClassVar[bool] = True

    p: float = 0.5

    def __post_init__(self) -> None:
        check_chance(self.p)

    def draw(self, draws: Draws, shape: tuple[int, ...]) -> Drawn:
        return {"flip": draws.chance(0, self.p)}

    def apply(self, ops: ArrayOps, images: Array, drawn: Drawn) -> Array:
        return ops.mirror(images, drawn["flip"], 1)

    def apply_numpy(self, images: NDArray[Any], drawn: Drawn) -> NDArray[Any]:
        chosen = np.flatnonzero(drawn["flip"])
        images[chosen] = images[chosen, ::-1]
        return images


@dataclass(frozen=True)
class Pad(Transform):
    """Add `padding` pixels of value `fill` on every side."""

    streams: ClassVar[int] = 0
    only_moves: ClassVar[bool] = True

    padding: int
    fill: int = 0

    def __post_init__(self) -> None:
        keep_numbers(self, 0, MAX_SIDE, "padding")
        keep_numbers(self, 0, 255, "fill")

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return _padded_shape(shape, self.padding)

    def apply(self, ops: ArrayOps, images: Array, drawn: Drawn) -> Array:
        return _padded(ops, images, self.padding, self.fill)


@dataclass(frozen=True)
class CenterCrop(Transform):
    """Keep the middle of an image; `size` is (height, width), or one number for both."""

    streams: ClassVar[int] = 0
    only_moves: ClassVar[bool] = True

    size: int | tuple[int, int]

    def __post_init__(self) -> None:
        keep_size(self)

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return _cropped_shape(self, shape, self.size)

    def apply(self, ops: ArrayOps, images: Array, drawn: Drawn) -> Array:
        height, width = check_size(self.size)
        # Python rounds halves to even, as torchvision's CenterCrop does.
        top, left = (
            round((whole - size) / 2)
            for whole, size in zip(images.shape[1:3], (height, width), strict=True)
        )
        return images[:, top : top + height, left : left + width]


@dataclass(frozen=True)
class RandomCrop(Transform):
    """Pad an image, then keep a random part of it; sizes as for `CenterCrop` and `Pad`."""

    only_moves: ClassVar[bool] = True

    size: int | tuple[int, int]
    padding: int = 0
    fill: int = 0

    def __post_init__(self) -> None:
        keep_size(self)
        keep_numbers(self, 0, MAX_SIDE, "padding")
        keep_numbers(self, 0, 255, "fill")

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return _cropped_shape(self, _padded_shape(shape, self.padding), self.size)

    def draw(self, draws: Draws, shape: tuple[int, ...]) -> Drawn:
        size, whole = check_size(self.size), _padded_shape(shape, self.padding)
        return {
            "top": draws.pick(0, whole[0] - size[0] + 1),
            "left": draws.pick(1, whole[1] - size[1] + 1),
        }

    def apply(self, ops: ArrayOps, images: Array, drawn: Drawn) -> Array:
        padded = _padded(ops, images, self.padding, self.fill)
        return ops.windows(padded, drawn["top"], drawn["left"], check_size(self.size))

    def apply_numpy(self, images: NDArray[Any], drawn: Drawn) -> NDArray[Any]:
        top, left = drawn["top"], drawn["left"]
        size = check_size(self.size)
        if images.dtype == np.uint8 and images.shape[1:] == size and self.padding <= _MOST_SHIFT:
            return shifted(images, self.padding, self.fill, top, left)
        return super().apply_numpy(images, drawn)


def _padded(ops: ArrayOps, images: Array, padding: int, fill: int) -> Array:
    if not padding:
        return images
    others = ((0, 0),) * (len(images.shape) - 3)
    return ops.pad(images, ((0, 0), (padding, padding), (padding, padding), *others), fill)


def _padded_shape(shape: tuple[int, ...], padding: int) -> tuple[int, ...]:
    return (shape[0] + 2 * padding, shape[1] + 2 * padding, *shape[2:])


def _cropped_shape(
    transform: Transform, shape: tuple[int, ...], size: int | tuple[int, int]
) -> tuple[int, ...]:
    height, width = check_size(size)
    if height > shape[0] or width > shape[1]:
        raise OptionError(
            f"{transform} needs images of at least {height} x {width} pixels, these have "
            f"{shape[0]} x {shape[1]}, padding included. Try: a smaller size, or more padding"
        )
    return (height, width, *shape[2:])
