"""The few operations of an array library that transforms use.

Everything else they use is shared by all array libraries: the operators ``+ - * & | ^``,
comparisons and basic slices. All arithmetic is on int32 that wraps around, because it is the only
integer type that numpy, torch, TensorFlow and JAX all support in full.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fmnist_core import order

Array = Any
"""An array of the library that an `ArrayOps` belongs to."""

_MASK32 = 0xFFFFFFFF


class ArrayOps(Protocol):
    """The operations of one array library; they hold no state and draw no random numbers."""

    def word(self, number: Any) -> Array:
        """Return a number of up to 32 bits, which may be traced, as int32 (1,) of the same bits."""
        ...

    def words(self, positions: Array) -> tuple[Array, Array]:
        """Return the low and the high 32 bits of positions (batch,), each as int32 (batch,)."""
        ...

    def constant(self, table: NDArray[Any]) -> Array:
        """Return a numpy array as an array of this library."""
        ...

    def arange(self, count: Any) -> Array:
        """Return int32 (count,): 0 to count - 1."""
        ...

    def length(self, array: Array) -> Any:
        """Return the size of the first axis, which may be known only when the batch is made."""
        ...

    def reshape(self, array: Array, shape: tuple[int, ...]) -> Array:
        """Return an array in another shape, in which one axis may be -1."""
        ...

    def pad(self, images: Array, widths: tuple[tuple[int, int], ...], fill: int) -> Array:
        """Return images with the given numbers of `fill` pixels before and after each axis."""
        ...

    def mirror(self, images: Array, chosen: Array, axis: int) -> Array:
        """Return images, reversed along an axis where `chosen`, bool (batch,), is true."""
        ...

    def windows(self, images: Array, top: Array, left: Array, size: tuple[int, int]) -> Array:
        """Return the part of each image that has size `size` and begins at its `top` and `left`."""
        ...

    def take(self, array: Array, index: Array) -> Array:
        """Return ``array[index]``: entries of the first axis by int32 indices of any shape."""
        ...

    def where(self, mask: Array, chosen: Array, other: Any) -> Array:
        """Return `chosen` where `mask` is true, otherwise `other`: an array or a plain number."""
        ...

    def clip(self, values: Array, low: Any, high: Any) -> Array:
        """Return int32 values, with those outside [low, high] replaced by the nearer bound."""
        ...

    def right(self, values: Array, bits: int) -> Array:
        """Return int32 values shifted right; the sign is kept, so the division rounds down."""
        ...

    def rotate(self, words: Array, bits: int) -> Array:
        """Return int32 words whose bits are rotated left by 1 to 31 places."""
        ...

    def sum(self, values: Array) -> Array:
        """Return the int32 sum over the last axis."""
        ...

    def int32(self, values: Array) -> Array:
        """Return values as int32."""
        ...

    def uint8(self, values: Array) -> Array:
        """Return values in [0, 255] as uint8."""
        ...

    def index_shuffle(self, positions: Array, n: int, seed: int, epoch: Any) -> Array:
        """Return `fmnist_core.order.index_shuffle` of positions, in their own type."""
        ...


class NumpyOps:
    """`ArrayOps` of numpy."""

    def word(self, number: Any) -> NDArray[np.int32]:
        return np.array([number], np.uint32).view(np.int32)

    def words(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        low = (positions & _MASK32).astype(np.uint32).view(np.int32)
        return low, (positions >> 32).astype(np.int32)

    def constant(self, table: NDArray[Any]) -> NDArray[Any]:
        return table

    def arange(self, count: int) -> NDArray[np.int32]:
        return np.arange(count, dtype=np.int32)

    def length(self, array: NDArray[Any]) -> int:
        return len(array)

    def reshape(self, array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        return array.reshape(shape)

    def pad(
        self, images: NDArray[Any], widths: tuple[tuple[int, int], ...], fill: int
    ) -> NDArray[Any]:
        sizes = zip(images.shape, widths, strict=True)
        padded = np.full([size + sum(width) for size, width in sizes], fill, images.dtype)
        inside = (
            slice(before, before + size)
            for size, (before, _) in zip(images.shape, widths, strict=True)
        )
        padded[tuple(inside)] = images
        return padded

    def mirror(self, images: NDArray[Any], chosen: NDArray[np.bool_], axis: int) -> NDArray[Any]:
        mask = chosen.reshape(-1, *[1] * (images.ndim - 1))
        return np.where(mask, np.flip(images, axis), images)

    def windows(
        self,
        images: NDArray[Any],
        top: NDArray[np.int32],
        left: NDArray[np.int32],
        size: tuple[int, int],
    ) -> NDArray[Any]:
        all_of_them = np.lib.stride_tricks.sliding_window_view(images, size, axis=(1, 2))
        parts: NDArray[Any] = all_of_them[np.arange(len(images)), top, left]
        return np.moveaxis(parts, 1, -1) if images.ndim == 4 else parts

    def take(self, array: NDArray[Any], index: NDArray[np.int32]) -> NDArray[Any]:
        return array.take(index, axis=0)

    def where(self, mask: NDArray[np.bool_], chosen: NDArray[Any], other: Any) -> NDArray[Any]:
        return np.where(mask, chosen, other)

    def clip(self, values: NDArray[np.int32], low: Any, high: Any) -> NDArray[np.int32]:
        clipped: NDArray[np.int32] = np.minimum(np.maximum(values, low), high)
        return clipped

    def right(self, values: NDArray[np.int32], bits: int) -> NDArray[np.int32]:
        return values >> bits

    def rotate(self, words: NDArray[np.int32], bits: int) -> NDArray[np.int32]:
        unsigned = words.view(np.uint32)
        return (unsigned << bits | unsigned >> (32 - bits)).view(np.int32)

    def sum(self, values: NDArray[np.int32]) -> NDArray[np.int32]:
        total: NDArray[np.int32] = values.sum(axis=-1, dtype=np.int32)
        return total

    def int32(self, values: NDArray[Any]) -> NDArray[np.int32]:
        return values.astype(np.int32)

    def uint8(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        return values.astype(np.uint8)

    def index_shuffle(
        self, positions: NDArray[np.int64], n: int, seed: int, epoch: int
    ) -> NDArray[np.int64]:
        return order.index_shuffle(positions, n, seed, epoch)


NUMPY = NumpyOps()
"""The reference's operations; a transform may have a faster implementation for them."""


def logical_right(ops: ArrayOps, words: Array, bits: int) -> Array:
    """Return int32 words shifted right by 1 to 31 bits, filled with zeros."""
    return ops.right(words, bits) & ((1 << (32 - bits)) - 1)


def signed(word: int) -> int:
    """Return the int32 that has the bits of a 32-bit word."""
    return word - (1 << 32) if word >> 31 else word
