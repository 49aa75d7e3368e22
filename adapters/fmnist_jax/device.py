"""A dataset on a JAX device, and its batches computed there; used by fmnist_jax.

The order, the gather and the encoding are functions of traced numbers, so that a batch can be made
inside jit and lax.scan.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from fmnist_core.batch import VIEWS, transformed_fields
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding
from fmnist_core.errors import OptionError
from fmnist_core.plan import BatchPlan, Field
from fmnist_jax.ops import JAX
from fmnist_jax.order import check_number, keys, shuffled

JaxBatch = tuple[jax.Array, ...]
"""A batch of the default form; `fields` may also give dictionaries or bare arrays."""


@dataclass(frozen=True, repr=False)
class Resident:
    """A dataset on a device, which computes its batches there; a pytree, to pass to jit.

    Attributes
    ----------
    images, labels, indices, extended : jax.Array
        Pixels before encoding, int32 labels, places in the original file, and extended labels
        (empty unless `fields` has them).
    table : jax.Array
        `Encoding.table`.
    by_arithmetic : bool
        Whether arithmetic on this device gives the bits of the table too, which is faster.
    plan, encoding, num_classes
        Static values, known when a function is compiled.
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

    def __repr__(self) -> str:
        plan = self.plan
        return (
            f"<Resident of {plan.num_examples} images {self.images.shape[1:]}: {len(plan)} batches "
            f"of {plan.batch_size} in an epoch>"
        )

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
            May be traced; an epoch or step that does not exist is then not detected.
        order : jax.Array, optional
            The result of `order` for this epoch, if many of its batches are made; otherwise each
            batch computes its own part of the order.

        Raises
        ------
        OptionError
            If a known number is not an epoch or step of the plan, or `order` does not have all
            examples.
        """
        plan = self.plan
        check_number("epoch", epoch, 2**32 - 1)
        check_number("step", step, len(plan) - 1)
        if order is not None and order.shape != (plan.num_examples,):
            raise OptionError(
                f"expected the order of an epoch, of shape ({plan.num_examples},), found shape "
                f"{order.shape}. Try: data.order(epoch)"
            )
        index, count = plan.shard
        first = (jnp.asarray(step, jnp.int32) * count + index) * plan.batch_size
        positions = first + jnp.arange(plan.batch_size, dtype=jnp.int32)
        places = positions % plan.num_examples
        rows = self._rows(places, epoch) if order is None else order[places]
        return self.gather(epoch, positions, rows)

    def order(
        self, epoch: jax.typing.ArrayLike, *, seed: jax.typing.ArrayLike | None = None
    ) -> jax.Array:
        """Return the rows of a whole epoch in their order, int32 (num_examples,).

        Parameters
        ----------
        epoch : int or integer scalar array
            May be traced.
        seed : int or integer scalar array, optional
            Seed of the written order, instead of the plan's; may be traced, for instance by
            ``vmap`` over seeds.

        Raises
        ------
        OptionError
            If a known number is out of range, or if there are transforms, which draw by the plan's
            seed only.
        """
        check_number("epoch", epoch, 2**32 - 1)
        if seed is not None and self.encoding.transform:
            raise OptionError(
                "transforms are drawn by the plan's seed and would not follow another one. "
                "Try: resident(..., seed=...) for each seed"
            )
        return self._rows(jnp.arange(self.plan.num_examples, dtype=jnp.int32), epoch, seed)

    def _rows(
        self,
        positions: jax.Array,
        epoch: jax.typing.ArrayLike,
        seed: jax.typing.ArrayLike | None = None,
    ) -> jax.Array:
        if not self.plan.shuffle:
            return positions
        key = keys(self.plan.seed if seed is None else seed, epoch)
        return shuffled(positions, self.plan.num_examples, key)

    def gather(
        self, epoch: jax.typing.ArrayLike, positions: jax.Array, rows: jax.Array
    ) -> JaxBatch:
        """Return the batch of some examples, as in `plan.Examples`; all may be traced."""
        transformed = self._transformed(epoch, positions, rows) if self.encoding.transform else {}
        batch: JaxBatch = self.plan.pack(
            transformed[field] if field in transformed else self._field(field, positions, rows)
            for field in self.plan.fields
        )
        return batch

    def _field(self, field: Field, positions: jax.Array, rows: jax.Array) -> jax.Array:
        if field in VIEWS:
            return self._encoded_images(self.images[rows])
        if field == "label":
            return self._encoded_labels(rows)
        if field == "index":
            return self.indices[rows]
        if field == "extended":
            return self.extended[rows]
        return (positions < self.plan.num_examples).astype(np.float32)

    def _encoded_images(self, images: jax.Array) -> jax.Array:
        values = self._values(self.encoding.with_channels(images))
        arranged: jax.Array = self.encoding.arrange(values)
        return arranged

    def _encoded_labels(self, rows: jax.Array) -> jax.Array:
        labels = self.labels[rows]
        one_hot = self.encoding.labels == "one_hot"
        return jax.nn.one_hot(labels, self.num_classes, dtype=np.float32) if one_hot else labels

    def _transformed(
        self, epoch: jax.typing.ArrayLike, positions: jax.Array, rows: jax.Array
    ) -> dict[Field, jax.Array]:
        """Return the fields that transforms decide, as `Assembler` does."""
        plan, chain = self.plan, self.encoding.transform
        places = positions % plan.num_examples

        def gather(requested_positions: jax.Array) -> tuple[jax.Array, jax.Array | None]:
            originals = (
                rows if requested_positions is places else self._rows(requested_positions, epoch)
            )
            return self.images[originals], self._encoded_labels(originals) if chain.mix else None

        with jax.numpy_rank_promotion("allow"):  # regardless of the program's setting
            return transformed_fields(chain, JAX, gather, places, plan, epoch, self._encoded_images)

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


def put(
    dataset: Dataset,
    plan: BatchPlan,
    encoding: Encoding,
    device: jax.Device | jax.sharding.Sharding | None,
) -> Resident:
    """Put the data of a dataset on a device; for None, where JAX puts arrays."""
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
        # For a repeated channel XLA was seen to multiply by the inverse nevertheless.
        encoding.channels is None and _has_the_bits(table, encoding, device)
    )
    num_classes = len(dataset.classes)
    return Resident(images, labels, indices, more, table, plan, encoding, num_classes, arithmetic)


@partial(jax.jit, static_argnames="count")
def some_batches(
    data: Resident, epoch: jax.Array, positions: jax.Array, rows: jax.Array, first: int, count: int
) -> list[JaxBatch]:
    """Return some consecutive batches of the (batches, batch) examples that were sent."""
    # All examples go through one computation, which is compiled in the time of a single batch's.
    chosen = (
        jax.lax.dynamic_slice_in_dim(array, first, count).ravel() for array in (positions, rows)
    )
    batches = data.gather(epoch, *chosen)
    size = rows.shape[1]

    def batch(number: int) -> JaxBatch:
        span = slice(number * size, (number + 1) * size)
        part: JaxBatch = jax.tree.map(lambda values: values[span], batches)
        return part

    return [batch(number) for number in range(count)]


def _encoded(pixels: jax.Array, encoding: Encoding) -> jax.Array:
    """Return pixels, encoded as `Encoding.encode_pixels` does."""
    dtype = encoding.numpy_dtype
    if encoding.scale == "raw":
        return pixels.astype(dtype)
    values = pixels.astype(np.float32)
    # XLA turns a division by one number into a multiplication by its inverse, which has other bits.
    # No pixel is negative, but the compiler does not know it, so it must divide each by its own
    # copy of the number.
    never = values < 0

    def divided(values: jax.Array, by: np.float32 | NDArray[np.float32]) -> jax.Array:
        return values / jnp.where(never, np.float32(1), by)

    values = divided(values, np.float32(255))
    if encoding.scale == "standard":
        mean, std = encoding.constants
        with jax.numpy_rank_promotion("allow"):  # colour has a number for each channel
            values = divided(values - mean, std)
    return values.astype(dtype)


def _has_the_bits(
    table: jax.Array, encoding: Encoding, device: jax.Device | jax.sharding.Sharding | None
) -> bool:
    """Whether arithmetic, compiled for the device, gives the table's value for every pixel."""
    each = np.arange(256, dtype=np.uint8)
    pixels = jax.device_put(
        np.broadcast_to(each.reshape(256, *[1] * (table.ndim - 1)), table.shape), device
    )
    values = jax.jit(_encoded, static_argnums=1)(pixels, encoding)
    return np.asarray(values).tobytes() == np.asarray(table).tobytes()
