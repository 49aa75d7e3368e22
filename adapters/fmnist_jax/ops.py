"""`ArrayOps` of JAX, inside jit and lax.scan or outside; positions are below 2**31."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fmnist_jax.order import keys, shuffled


class JaxOps:
    """`ArrayOps` of JAX."""

    def word(self, number: Any) -> jax.Array:
        word = jnp.asarray(number, jnp.uint32).reshape(1)
        return jax.lax.bitcast_convert_type(word, jnp.int32)

    def words(self, positions: jax.Array) -> tuple[jax.Array, jax.Array]:
        return positions.astype(jnp.int32), jnp.zeros(positions.shape, jnp.int32)

    def constant(self, table: Any) -> jax.Array:
        return jnp.asarray(table)

    def arange(self, count: int) -> jax.Array:
        return jnp.arange(count, dtype=jnp.int32)

    def length(self, array: jax.Array) -> int:
        return len(array)

    def reshape(self, array: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        return array.reshape(shape)

    def pad(self, images: jax.Array, widths: tuple[tuple[int, int], ...], fill: int) -> jax.Array:
        return jnp.pad(images, widths, constant_values=fill)

    def mirror(self, images: jax.Array, chosen: jax.Array, axis: int) -> jax.Array:
        # XLA on a CPU takes eight times as long for jnp.flip of images that were cropped before.
        backwards = np.arange(images.shape[axis])[::-1]
        mirrored = jnp.take(images, backwards, axis=axis, mode="clip")
        return jnp.where(chosen.reshape(-1, *[1] * (images.ndim - 1)), mirrored, images)

    def windows(
        self, images: jax.Array, top: jax.Array, left: jax.Array, size: tuple[int, int]
    ) -> jax.Array:
        others = images.shape[3:]

        def window(image: jax.Array, row: jax.Array, column: jax.Array) -> jax.Array:
            return jax.lax.dynamic_slice(image, (row, column, *[0] * len(others)), (*size, *others))

        return _once(jax.vmap(window)(images, top, left))

    def take(self, array: jax.Array, index: jax.Array) -> jax.Array:
        return _once(array.at[index].get(mode="promise_in_bounds"))

    def where(self, mask: jax.Array, chosen: jax.Array, other: Any) -> jax.Array:
        return jnp.where(mask, chosen, other)

    def clip(self, values: jax.Array, low: Any, high: Any) -> jax.Array:
        return jnp.clip(values, low, high)

    def right(self, values: jax.Array, bits: int) -> jax.Array:
        return values >> bits

    def rotate(self, words: jax.Array, bits: int) -> jax.Array:
        return words << bits | jax.lax.shift_right_logical(words, np.int32(32 - bits))

    def sum(self, values: jax.Array) -> jax.Array:
        return values.sum(-1, dtype=jnp.int32)

    def int32(self, values: jax.Array) -> jax.Array:
        return values.astype(jnp.int32)

    def uint8(self, values: jax.Array) -> jax.Array:
        return values.astype(jnp.uint8)

    def index_shuffle(self, positions: jax.Array, n: int, seed: int, epoch: Any) -> jax.Array:
        return shuffled(positions, n, keys(seed, epoch))


def _once(looked_up: jax.Array) -> jax.Array:
    """Return a looked-up value, which XLA would otherwise look up again for each use."""
    kept: jax.Array = jax.lax.optimization_barrier(looked_up)  # type: ignore[no-untyped-call]
    return kept


JAX = JaxOps()
