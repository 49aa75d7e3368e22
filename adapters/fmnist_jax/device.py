"""A dataset on a JAX device, and its batches computed there; used by fmnist_jax.

The order, the gather and the encoding are functions of traced numbers, so that a batch can be made
inside jit and lax.scan.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from fmnist_core import order
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding
from fmnist_core.plan import BatchPlan, Field

JaxBatch = tuple[jax.Array, ...]
Place = Any
"""A `jax.Device`, or a `jax.sharding.Sharding`; None is JAX's own choice."""


@dataclass(frozen=True)
class Resident:
    """A dataset on the device, whose batches are computed there; a pytree, to be passed to jit.

    Attributes
    ----------
    images, labels, indices, extended : jax.Array
        Pixels as they are, int32 labels, places in the original file, and extended labels (none
        unless they are asked for).
    table : jax.Array
        `Encoding.table`.
    by_arithmetic : bool
        Whether this device comes to the bits of the table by arithmetic too, which is faster.
    plan, encoding, num_classes
        What is known when a function is compiled.
    """

    images: jax.Array
    labels: jax.Array
    indices: jax.Array
    extended: jax.Array
    table: jax.Array
    plan: BatchPlan
    encoding: Encoding
    num_classes: int
    by_arithmetic: bool

    def batch(
        self,
        epoch: jax.typing.ArrayLike,
        step: jax.typing.ArrayLike,
        order: jax.Array | None = None,
    ) -> JaxBatch:
        """Return one batch: the arrays that `batches` yields at this epoch and step.

        Parameters
        ----------
        epoch, step : int or integer scalar array
            May be traced; a step beyond the epoch is not noticed.
        order : jax.Array, optional
            What `order` gave for this epoch, if many of its batches are made; otherwise the batch's
            own part of it is computed.
        """
        plan = self.plan
        index, count = plan.shard
        first = (jnp.asarray(step, jnp.int32) * count + index) * plan.batch_size
        places = first + jnp.arange(plan.batch_size, dtype=jnp.int32)
        rows = places % plan.num_examples
        if order is not None:
            rows = order[rows]
        elif plan.shuffle:
            rows = _shuffled(rows, plan.num_examples, _keys(plan.seed, epoch))
        weights = (places < plan.num_examples).astype(np.float32)
        return self.gather(rows, weights)

    def order(self, epoch: jax.typing.ArrayLike) -> jax.Array:
        """Return the rows of a whole epoch in their order, int32 (num_examples,)."""
        places = jnp.arange(self.plan.num_examples, dtype=jnp.int32)
        if not self.plan.shuffle:
            return places
        return _shuffled(places, self.plan.num_examples, _keys(self.plan.seed, epoch))

    def gather(self, rows: jax.Array, weights: jax.Array) -> JaxBatch:
        """Return the batch of some rows, with their weights; both may be traced."""
        values = (self._field(field, rows, weights) for field in self.plan.fields)
        batch: JaxBatch = self.plan.pack(values)
        return batch

    def _field(self, field: Field, rows: jax.Array, weights: jax.Array) -> jax.Array:
        if field == "image":
            pixels = self.encoding.with_channels(self.images[rows])
            images: jax.Array = self.encoding.arrange(self._values(pixels))
            return images
        if field == "label":
            labels = self.labels[rows]
            one_hot = self.encoding.labels == "one_hot"
            return jax.nn.one_hot(labels, self.num_classes, dtype=np.float32) if one_hot else labels
        if field == "index":
            return self.indices[rows]
        if field == "extended":
            return self.extended[rows]
        return weights

    def _values(self, pixels: jax.Array) -> jax.Array:
        if self.by_arithmetic:
            return _encoded(pixels, self.encoding)
        if self.encoding.is_per_channel:
            return self.table[pixels, np.arange(pixels.shape[-1])]
        return self.table[pixels]


jax.tree_util.register_dataclass(
    Resident,
    data_fields=["images", "labels", "indices", "extended", "table"],
    meta_fields=["plan", "encoding", "num_classes", "by_arithmetic"],
)


def put(dataset: Dataset, plan: BatchPlan, encoding: Encoding, device: Place) -> Resident:
    """Put the data of a dataset on a device."""
    extended = dataset.extended if "extended" in plan.fields else None
    images, labels, indices, more, table = jax.device_put(
        (
            np.asarray(dataset.images, dataset.image_dtype),
            dataset.labels.astype(encoding.label_dtype or np.int32),
            dataset.indices,
            np.zeros((0, 0), np.int32) if extended is None else extended.astype(np.int32),
            encoding.table,
        ),
        device,
    )
    arithmetic = encoding.scale == "raw" or (
        # Over a repeated channel XLA was seen to multiply by the inverse after all.
        encoding.channels is None and _has_the_bits(table, encoding)
    )
    num_classes = len(dataset.classes)
    return Resident(images, labels, indices, more, table, plan, encoding, num_classes, arithmetic)


@partial(jax.jit, static_argnames="count")
def some_batches(
    data: Resident, rows: jax.Array, weights: jax.Array, first: int, count: int
) -> list[JaxBatch]:
    """Return some consecutive batches out of the (batches, batch) rows that were sent."""
    chosen = (jax.lax.dynamic_slice_in_dim(array, first, count) for array in (rows, weights))
    return [data.gather(*both) for both in zip(*chosen, strict=True)]


def _encoded(pixels: jax.Array, encoding: Encoding) -> jax.Array:
    """Return pixels encoded as `Encoding.encode_pixels` does it."""
    dtype = encoding.numpy_dtype
    if encoding.scale == "raw":
        return pixels.astype(dtype)
    values = pixels.astype(np.float32)
    # XLA turns a division by one number into a multiplication by its inverse, which has other bits.
    # No pixel is negative, but the compiler does not know it, so it must divide each by its own.
    never = values < 0

    def divided(values: jax.Array, by: np.float32 | NDArray[np.float32]) -> jax.Array:
        return values / jnp.where(never, np.float32(1), by)

    values = divided(values, np.float32(255))
    if encoding.scale == "standard":
        mean, std = encoding.constants
        values = divided(values - mean, std)
    return values.astype(dtype)


def _has_the_bits(table: jax.Array, encoding: Encoding) -> bool:
    """Whether arithmetic, compiled for the table's device, gives the table for every pixel."""
    each = np.arange(256, dtype=np.uint8)
    pixels = jax.device_put(
        np.broadcast_to(each.reshape(256, *[1] * (table.ndim - 1)), table.shape), table.sharding
    )
    values = jax.jit(_encoded, static_argnums=1)(pixels, encoding)
    return np.asarray(values).tobytes() == np.asarray(table).tobytes()


def _keys(seed: int, epoch: jax.typing.ArrayLike) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return `order.keys`, computed on the device."""
    number = jnp.asarray(epoch, jnp.uint32)
    first, second, third = (_fmix32(number ^ np.uint32(word)) for word in order.seed_words(seed))
    return first, second, third


def _fmix32(word: jax.Array) -> jax.Array:
    word = (word ^ (word >> 16)) * np.uint32(0x85EBCA6B)
    word = (word ^ (word >> 13)) * np.uint32(0xC2B2AE35)
    return word ^ (word >> 16)


def _shuffled(positions: jax.Array, n: int, key: tuple[Any, Any, Any]) -> jax.Array:
    """Return `order.index_shuffle` of some positions, computed on the device."""
    if n == 1:
        return positions

    def again(rows: jax.Array) -> jax.Array:
        return jnp.where(rows >= n, order.encipher(rows, order.block_bits(n), key), rows)

    first = order.encipher(positions, order.block_bits(n), key)
    shuffled: jax.Array = jax.lax.while_loop(lambda rows: (rows >= n).any(), again, first)
    return shuffled
