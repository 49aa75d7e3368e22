"""The written order on a JAX device, inside jit and lax.scan."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fmnist_core import order
from fmnist_core.errors import OptionError, check_range


def keys(
    seed: jax.typing.ArrayLike, epoch: jax.typing.ArrayLike
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return `order.keys`, computed on the device."""
    number = jnp.asarray(epoch, jnp.uint32)
    first, second, third = (fmix32(number ^ word) for word in seed_words(seed))
    return first, second, third


def seed_words(seed: jax.typing.ArrayLike) -> Sequence[jax.typing.ArrayLike]:
    """Return `order.seed_words`, computed on the device if the seed is an array.

    Raises
    ------
    OptionError
        As `check_number`, for a seed in [0, 2**64).
    """
    check_number("seed", seed, 2**64 - 1)
    if not isinstance(seed, jax.core.Tracer):
        return [np.uint32(word) for word in order.seed_words(int(np.asarray(seed)))]
    wide = seed.dtype.itemsize == 8
    high = (seed >> 32).astype(jnp.uint32) if wide else jnp.uint32(0)
    low = seed.astype(jnp.uint32)
    steps = [np.uint32(j * 0x9E3779B9 & 0xFFFFFFFF) for j in (1, 2, 3)]
    return [fmix32(high ^ fmix32(low + step)) for step in steps]


def check_number(name: str, number: jax.typing.ArrayLike, most: int) -> None:
    """Check a number that may be traced, whose value is then unknown but not its type.

    Raises
    ------
    OptionError
        If it is not a whole number, or is known and not from 0 to `most`.
    """
    if isinstance(number, jax.Array) and not (
        number.shape == () and jnp.issubdtype(number.dtype, jnp.integer)
    ):
        raise OptionError(
            f"{name} must be a whole number from 0 to {most}, not an array of {number.dtype}, "
            f"shape {number.shape}"
        )
    if not isinstance(number, jax.core.Tracer):
        check_range(name, number if isinstance(number, int) else np.asarray(number)[()], 0, most)


def fmix32(word: jax.Array) -> jax.Array:
    word = (word ^ (word >> 16)) * np.uint32(0x85EBCA6B)
    word = (word ^ (word >> 13)) * np.uint32(0xC2B2AE35)
    return word ^ (word >> 16)


def shuffled(positions: jax.Array, n: int, key: tuple[Any, Any, Any]) -> jax.Array:
    """Return `order.index_shuffle` of some positions, computed on the device."""
    if n == 1:
        return positions
    most = np.uint32(n)

    def again(rows: jax.Array) -> jax.Array:
        return jnp.where(rows >= most, order.encipher(rows, order.block_bits(n), key), rows)

    # Beyond 2**30 examples a block has 32 bits, which int32 would take for numbers below 0.
    first = order.encipher(positions.astype(jnp.uint32), order.block_bits(n), key)
    shuffled: jax.Array = jax.lax.while_loop(lambda rows: (rows >= most).any(), again, first)
    return shuffled.astype(positions.dtype)
