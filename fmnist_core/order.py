"""The written order, version 1: a permutation that is computed, not stored.

`index_shuffle` maps each position of an epoch to an example with integer arithmetic alone, so that
every framework, machine and release puts the same example at the same position. It enciphers the
position with a small Simon-like Feistel network, and again until the result is below ``n``.
docs/order.md has the full definition; a change to any value here would be version 2.

References
----------
Beaulieu and others, "The SIMON and SPECK Families of Lightweight Block Ciphers", eprint 2013/404.
Black and Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002 (cycle walking).
Appleby, MurmurHash3 (the 32-bit finaliser).
"""

from functools import lru_cache
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fmnist_core.errors import OptionError, check_epoch, check_range, check_seed

ORDER_VERSION = 1
"""Version of the written order, part of every saved position."""

MAX_EXAMPLES = 2**62
"""Largest ``n``; a larger one would not fit the int64 arrays of positions."""

KEPT_ORDER_LIMIT = 2**22
"""Orders of up to so many examples are computed at once and kept for one epoch."""

ROUNDS = 8
_MASK32 = 0xFFFFFFFF
_KEY_CONSTANT = 0xFFFFFFFC
_KEY_BITS = 0x7369F885192C0EF5
_TABLE_BITS = 16
_PART = 2**14

_Word = TypeVar("_Word", int, "NDArray[np.uint32]")


def fmix32(word: _Word) -> _Word:
    """Return MurmurHash3's 32-bit finaliser of an int or, element by element, a uint32 array."""
    mixed: Any = word
    mixed = mixed ^ (mixed >> 16)
    mixed = (mixed * 0x85EBCA6B) & _MASK32
    mixed = mixed ^ (mixed >> 13)
    mixed = (mixed * 0xC2B2AE35) & _MASK32
    final: _Word = mixed ^ (mixed >> 16)
    return final


def seed_words(seed: int) -> tuple[int, int, int]:
    """Return the part of the three key words that depends only on the seed (uint32 as int)."""
    high, low = seed >> 32, seed & _MASK32
    first, second, third = (
        fmix32(high ^ fmix32((low + j * 0x9E3779B9) & _MASK32)) for j in (1, 2, 3)
    )
    return first, second, third


def keys(seed: int, epoch: int) -> tuple[int, int, int]:
    """Return the three 32-bit key words of an epoch, as docs/order.md defines them."""
    first, second, third = (fmix32(epoch ^ word) for word in seed_words(seed))
    return first, second, third


@overload
def index_shuffle(index: int, n: int, seed: int, epoch: int) -> int: ...
@overload
def index_shuffle(
    index: NDArray[np.integer], n: int, seed: int, epoch: int
) -> NDArray[np.int64]: ...
def index_shuffle(
    index: "int | NDArray[np.integer]", n: int, seed: int, epoch: int
) -> "int | NDArray[np.int64]":
    """Return which of `n` examples is at position `index` of an epoch's order.

    Parameters
    ----------
    index : int or integer array of any shape
        Positions, each in [0, n).
    n : int
        Number of examples, 1 to 2**62.
    seed : int
        0 to 2**64 - 1.
    epoch : int
        0 to 2**32 - 1.

    Returns
    -------
    int or int64 array of the same shape
        A bijection of [0, n) onto itself, for fixed `n`, `seed` and `epoch`.

    Raises
    ------
    OptionError
        If an argument is outside its range.
    """
    n = check_range("n", n, 1, MAX_EXAMPLES)
    seed, epoch = check_seed(seed), check_epoch(epoch)
    positions = _checked_positions(index, n)
    if n == 1:
        shuffled = np.zeros_like(positions)
    elif block_bits(n) == _TABLE_BITS and n < 2**15:
        shuffled = whole_order(n, seed, epoch)[positions]
    else:
        shuffled = _walk(positions.ravel(), n, keys(seed, epoch)).reshape(positions.shape)
    return int(shuffled) if isinstance(index, int | np.integer) else shuffled


def whole_order(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the whole order of an epoch: int64 (n,), read-only, `index_shuffle` of 0 to n - 1.

    The latest orders are cached, so another call is free. Needs 8 `n` bytes.

    Raises
    ------
    OptionError
        As for `index_shuffle`.
    """
    n = check_range("n", n, 1, MAX_EXAMPLES)
    return _kept_order(n, check_seed(seed), check_epoch(epoch))


@lru_cache(maxsize=2)
def _kept_order(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    positions = np.arange(n, dtype=np.int64)
    if n == 1:
        order = positions
    elif block_bits(n) == _TABLE_BITS:
        order = _order_by_table(n, keys(seed, epoch))
    else:
        order = np.concatenate([_walk(part, n, keys(seed, epoch)) for part in _parts(positions)])
    order.setflags(write=False)
    return order


def block_bits(n: int) -> int:
    """Return the block size of the cipher: the bits of n - 1, rounded up to even, at least 16."""
    bits = (n - 1).bit_length()
    return max(bits + bits % 2, 16)


def _walk(positions: NDArray[np.int64], n: int, key: tuple[int, int, int]) -> NDArray[np.int64]:
    """Encipher positions, and again those whose result is n or more (cycle walking)."""
    bits = block_bits(n)
    shuffled: NDArray[np.int64] = encipher(positions, bits, key)
    outside = np.flatnonzero(shuffled >= n)
    while outside.size:
        walked = encipher(shuffled[outside], bits, key)
        shuffled[outside] = walked
        outside = outside[walked >= n]
    return shuffled


def _parts(positions: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Divide positions into parts that fit a core's cache."""
    return np.array_split(positions, -(-len(positions) // _PART))


def _order_by_table(n: int, key: tuple[int, int, int]) -> NDArray[np.int64]:
    """Walk every cycle of the smallest block at once.

    If n is at least half of the block, few positions have far to walk, so each walks step by step.
    For small n a position walks thousands of steps; pointer doubling takes 16 at most.
    """
    parts = _parts(np.arange(2**_TABLE_BITS, dtype=np.int64))
    table = np.concatenate([encipher(part, _TABLE_BITS, key) for part in parts])
    order = table[:n]
    if n >= 2 ** (_TABLE_BITS - 1):
        outside = np.flatnonzero(order >= n)
        while outside.size:
            walked = order[outside] = table[order[outside]]
            outside = outside[walked >= n]
        return order
    onward = table.copy()
    onward[:n] = np.arange(n)
    while (order >= n).any():
        order = onward[order]
        onward = onward[onward]
    return order


def encipher(positions: Any, bits: int, key: tuple[Any, Any, Any]) -> Any:
    """Return one application of the block cipher to positions below 2**bits.

    It uses only shifts and bitwise operators, so arrays of any library work: numpy int64 with ints
    as key words or, up to 32 bits, JAX uint32 with traced uint32 scalars.
    """
    width = bits // 2
    mask = (1 << width) - 1
    left, right = positions >> width, positions & mask
    round_keys = _round_keys(key, width)
    if isinstance(positions, np.ndarray) and width <= 16:
        mixed = _mixed_words(width)
        for round_key in round_keys:
            turned = mixed[right]
            turned ^= round_key
            turned ^= left
            left, right = right, turned
        return (left << width) | right
    left, right = left.astype(np.uint32), right.astype(np.uint32)
    for i in range(0, ROUNDS, 2):
        left = left ^ _mix(right, width) ^ round_keys[i]
        right = right ^ _mix(left, width) ^ round_keys[i + 1]
    return (left.astype(positions.dtype) << width) | right.astype(positions.dtype)


@lru_cache(maxsize=4)
def _mixed_words(width: int) -> NDArray[np.int64]:
    """Return the round function of all words of up to 16 bits: one look-up for a dozen operations.

    At most 512 KiB, which fit a core's cache.
    """
    words = np.arange(1 << width, dtype=np.uint32)
    mixed: NDArray[np.int64] = _mix(words, width).astype(np.int64)
    return mixed


def _mix(word: Any, width: int) -> Any:
    """Return Simon's round function of words of `width` bits."""
    mixed = (_rotate(word, 1, width) & _rotate(word, 8, width)) ^ _rotate(word, 2, width)
    return mixed & np.uint32((1 << width) - 1)


def _rotate(word: Any, by: int, width: int) -> Any:
    """Rotate words left; the caller masks the bits above `width`."""
    by %= width
    return (word << np.uint32(by)) | (word >> np.uint32(width - by)) if by else word


def _round_keys(key: tuple[Any, Any, Any], width: int) -> list[Any]:
    mask = (1 << width) - 1

    def rotate_right(word: Any, by: int) -> Any:
        return ((word >> by) | (word << (width - by))) & mask

    round_keys = [word & mask for word in key]
    for j in range(3, ROUNDS):
        bit = (_KEY_BITS >> (j - 3)) & 1
        last = round_keys[j - 1]
        mixed = round_keys[j - 3] ^ rotate_right(last, 3) ^ rotate_right(last, 4)
        round_keys.append((_KEY_CONSTANT & mask) ^ bit ^ mixed)
    return round_keys


def _checked_positions(index: ArrayLike, n: int) -> NDArray[np.int64]:
    positions = np.asarray(index)
    if positions.dtype.kind not in "iu":
        raise OptionError(f"index must be a whole number or an array of them, not {index!r}")
    if positions.size and not (0 <= positions.min() and positions.max() < n):
        raise OptionError(
            f"index must be in [0, {n}), found values from {positions.min()} to {positions.max()}"
        )
    return positions.astype(np.int64)
