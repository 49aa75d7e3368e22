"""The written order on a JAX device, inside jit and lax.scan."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fmnist_core import order


def keys(seed: int, epoch: jax.typing.ArrayLike) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return `order.keys`, computed on the device."""
    number = jnp.asarray(epoch, jnp.uint32)
    first, second, third = (fmix32(number ^ np.uint32(word)) for word in order.seed_words(seed))
    return first, second, third


def fmix32(word: jax.Array) -> jax.Array:
    word = (word ^ (word >> 16)) * np.uint32(0x85EBCA6B)
    word = (word ^ (word >> 13)) * np.uint32(0xC2B2AE35)
    return word ^ (word >> 16)


def shuffled(positions: jax.Array, n: int, key: tuple[Any, Any, Any]) -> jax.Array:
    """Return `order.index_shuffle` of some positions, computed on the device."""
    if n == 1:
        return positions

    def again(rows: jax.Array) -> jax.Array:
        return jnp.where(rows >= n, order.encipher(rows, order.block_bits(n), key), rows)

    first = order.encipher(positions, order.block_bits(n), key)
    shuffled: jax.Array = jax.lax.while_loop(lambda rows: (rows >= n).any(), again, first)
    return shuffled
