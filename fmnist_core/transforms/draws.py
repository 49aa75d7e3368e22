"""The random numbers of an example: integers that are computed, not stored.

Threefry-2x32 with 20 rounds computes them from `(seed, epoch, position)`, so they are the same in
every framework and every batch. docs/transforms.md defines them in full.

References
----------
Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", SC 2011 (Threefry).
Appleby, MurmurHash3 (the 32-bit finaliser).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core import order
from fmnist_core.transforms.ops import NUMPY, Array, ArrayOps, logical_right, signed

STREAMS_EACH = 8
"""Streams of words that belong to each transform of a chain."""

STREAMS_PER_VIEW = 4096
"""Difference between the streams of one view of an example and those of the next."""

_MASK32 = 0xFFFFFFFF
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_KEPT_POSITIONS = 2**13


@dataclass(frozen=True)
class Draws:
    """The draws of one transform for the examples of a batch.

    Parameters
    ----------
    ops : ArrayOps
    first, second : array
        The two words of each of the transform's streams: int32 (streams, batch).
    """

    ops: ArrayOps
    first: Array
    second: Array

    def number(self, index: int) -> Array:
        """Return draw `index` of every example, 16 bits: int32 (batch,) in [0, 65536)."""
        stream, half = divmod(index, 4)
        words = (self.first, self.second)[half // 2][stream]
        return words & 0xFFFF if half % 2 else logical_right(self.ops, words, 16)

    def pick(self, index: int, count: Any) -> Array:
        """Return one of `count` numbers from 0, an int of up to 2**16 or one for each example."""
        # The product has up to 32 bits, and the wrapped int32 holds the same bits.
        return logical_right(self.ops, self.number(index) * count, 16)

    def chance(self, index: int, p: float) -> Array:
        """Return bool (batch,), true with probability `p`, to the nearest of 65536."""
        # Here, as exact fractions take as long to import as the rest of a chain.
        from fmnist_core.transforms.tables import threshold

        return self.number(index) < threshold(p)

    def word(self, stream: int) -> Array:
        """Return the first word of one of the transform's streams: int32 (batch,)."""
        return self.first[stream]


def chain_draws(
    ops: ArrayOps, positions: Array, streams: tuple[int, ...], *, seed: int, epoch: Any
) -> tuple[Array, Array]:
    """Return both words of some streams for each position: two int32 arrays (streams, batch).

    Parameters
    ----------
    ops : ArrayOps
    positions : integer array (batch,)
        Places in the epoch's order.
    streams : tuple of int
    seed : int
    epoch : int or integer scalar array
    """
    if ops is NUMPY:
        positions = np.asarray(positions, np.int64)
    if ops is NUMPY and len(positions):
        part, last = int(positions.min()) // _KEPT_POSITIONS, int(positions.max())
        if last // _KEPT_POSITIONS == part:
            first, second = _kept_words(part, streams, seed, int(epoch))
            within = positions - part * _KEPT_POSITIONS
            return first.take(within, axis=1), second.take(within, axis=1)
    return words(ops, positions, streams, seed=seed, epoch=epoch)


@lru_cache(maxsize=4)
def _kept_words(
    part: int, streams: tuple[int, ...], seed: int, epoch: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the words of many neighbouring positions: numpy's cost is per call, not per word."""
    positions = np.arange(_KEPT_POSITIONS, dtype=np.int64) + part * _KEPT_POSITIONS
    both_words: tuple[NDArray[np.int32], NDArray[np.int32]] = words(
        NUMPY, positions, streams, seed=seed, epoch=epoch
    )
    return both_words


def words(
    ops: ArrayOps, positions: Array, streams: tuple[int, ...], *, seed: int, epoch: Any
) -> tuple[Array, Array]:
    """Return what `chain_draws` does, computed for these positions alone."""
    apart = np.array([signed(order.fmix32(stream)) for stream in streams], np.int32).reshape(-1, 1)
    key = _key_word(ops, seed, epoch, 4) ^ ops.constant(apart), _key_word(ops, seed, epoch, 5)
    return threefry2x32(ops, key, ops.words(positions))


def threefry2x32(
    ops: ArrayOps, key: tuple[Array, Array], counter: tuple[Array, Array]
) -> tuple[Array, Array]:
    """Return Threefry-2x32 of 20 rounds; all words are int32 arrays that broadcast."""
    schedule = (*key, key[0] ^ key[1] ^ _PARITY)
    left, right = counter[0] + key[0], counter[1] + key[1]
    for group in range(5):
        for bits in _ROTATIONS[group % 2]:
            left = left + right
            right = ops.rotate(right, bits) ^ left
        left = left + schedule[(group + 1) % 3]
        right = right + (schedule[(group + 2) % 3] + (group + 1))
    return left, right


def fmix32(ops: ArrayOps, words: Array) -> Array:
    """Return `order.fmix32` of int32 words."""
    words = (words ^ logical_right(ops, words, 16)) * signed(0x85EBCA6B)
    words = (words ^ logical_right(ops, words, 13)) * signed(0xC2B2AE35)
    return words ^ logical_right(ops, words, 16)


def noise(ops: ArrayOps, words: Array, shape: tuple[int, int]) -> Array:
    """Return a word of noise for each pixel: int32 (batch, height, width) of words (batch,)."""
    return fmix32(ops, words[:, None, None] ^ ops.constant(_mixed_pixels(*shape)))


@lru_cache(maxsize=8)
def _mixed_pixels(height: int, width: int) -> NDArray[np.int32]:
    pixels = np.arange(height * width, dtype=np.uint32).reshape(height, width)
    return order.fmix32(pixels).view(np.int32)


def _key_word(ops: ArrayOps, seed: int, epoch: Any, j: int) -> Array:
    low = order.fmix32(((seed & _MASK32) + j * 0x9E3779B9) & _MASK32)
    return fmix32(ops, ops.word(epoch) ^ signed(order.fmix32((seed >> 32) ^ low)))
