"""The JAX adapter: batches as tuples of arrays on the default device.

`batches` gives them one after the other, as every adapter does; `resident` keeps the data on the
device and gives any batch from inside a compiled function.
"""

from dataclasses import dataclass
from typing import Any, Literal, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from fmnist_core import hookimpl, order
from fmnist_core.batch import Arrays, Assembler, Batches
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding, Layout
from fmnist_core.errors import OptionError
from fmnist_core.hookspecs import LoaderOptions
from fmnist_core.plan import BatchPlan, Field

JaxBatch = tuple[jax.Array, ...]


class JaxAdapter:
    """Batches as tuples of `jax.Array`, made in this process: JAX and forked workers do not mix."""

    name = "jax"
    layout: Layout = "NHWC"
    label_dtype: Literal["int32", "int64"] = "int32"
    writable = False

    def loader(
        self,
        dataset: Dataset,
        plan: BatchPlan,
        encoding: Encoding,
        *,
        epoch: int = 0,
        start: int = 0,
    ) -> Batches[JaxBatch]:
        """Return a re-iterable of tuples of arrays, one for each field.

        Without ``jax_enable_x64`` JAX holds ``index`` as int32.

        Raises
        ------
        OptionError
            If an element type needs ``jax_enable_x64`` and it is off.
        """
        assemble = Assembler(dataset, plan.fields, encoding, self)
        _check_width(assemble)
        return Batches(plan, assemble, _to_device, epoch=epoch, start=start)

    def to_numpy(self, batch: JaxBatch) -> tuple[NDArray[Any], ...]:
        """Return the batch as read-only arrays."""
        return tuple(np.asarray(array) for array in batch)


ADAPTER = JaxAdapter()


@hookimpl
def fmnist_adapter() -> JaxAdapter:
    """Return the JAX adapter."""
    return ADAPTER


def batches(
    dataset: Dataset, *, batch_size: int, **options: Unpack[LoaderOptions]
) -> Batches[JaxBatch]:
    """Return a dataset as a re-iterable of tuples of `jax.Array`; options as `Dataset.to`."""
    loader: Batches[JaxBatch] = dataset.to(ADAPTER, batch_size=batch_size, **options)
    return loader


@dataclass(frozen=True)
class Resident:
    """A dataset on the device, whose batches are computed there; a pytree, to be passed to jit.

    Attributes
    ----------
    images, labels, indices, extended, table : jax.Array
        Pixels as they are, int32 labels, places in the original file, extended labels (none unless
        they are asked for), and `Encoding.table`.
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

    def batch(self, epoch: jax.typing.ArrayLike, step: jax.typing.ArrayLike) -> JaxBatch:
        """Return one batch: the arrays that `batches` yields at this epoch and step.

        Parameters
        ----------
        epoch, step : int or integer scalar array
            May be traced; a step beyond the epoch is not noticed.
        """
        plan = self.plan
        index, count = plan.shard
        first = (jnp.asarray(step, jnp.int32) * count + index) * plan.batch_size
        places = first + jnp.arange(plan.batch_size, dtype=jnp.int32)
        rows = places % plan.num_examples
        if plan.shuffle:
            rows = _shuffled(rows, plan.num_examples, _keys(plan.seed, epoch))
        return tuple(self._field(field, rows, places) for field in plan.fields)

    def _field(self, field: Field, rows: jax.Array, places: jax.Array) -> jax.Array:
        if field == "image":
            # Looked up: XLA would turn x / 255 into a multiplication, which has other bits.
            images: jax.Array = self.encoding.arrange(self.table[self.images[rows]])
            return images
        if field == "label":
            labels = self.labels[rows]
            one_hot = self.encoding.labels == "one_hot"
            return jax.nn.one_hot(labels, self.num_classes, dtype=np.float32) if one_hot else labels
        if field == "index":
            return self.indices[rows]
        if field == "extended":
            return self.extended[rows]
        return (places < self.plan.num_examples).astype(np.float32)


jax.tree_util.register_dataclass(
    Resident,
    data_fields=["images", "labels", "indices", "extended", "table"],
    meta_fields=["plan", "encoding", "num_classes"],
)


def resident(dataset: Dataset, *, batch_size: int, **options: Unpack[LoaderOptions]) -> Resident:
    """Put a dataset on the default device, for batches inside jit and lax.scan.

    Options as `Dataset.to`, except `epoch` and `start`, which `Resident.batch` makes needless.

    Raises
    ------
    OptionError
        If batches would differ in shape, which a compiled function cannot have; if images are not
        uint8; or if there are no examples, or 2**31 or more.
    """
    loader = batches(dataset, batch_size=batch_size, **options)
    plan, encoding = loader.plan, loader.encoding
    if plan.remainder == "keep" and plan.num_examples % plan.global_batch_size:
        raise OptionError(
            f"{plan.num_examples} examples in batches of {plan.global_batch_size} leave a smaller "
            'one. Try: remainder="drop" or remainder="pad"'
        )
    if dataset.image_dtype != np.uint8:
        raise OptionError(f"expected uint8 images, found {dataset.image_dtype}. Try: batches()")
    if not 0 < len(dataset) < 2**31 - plan.global_batch_size:
        raise OptionError(f"{len(dataset)} examples cannot be counted on the device in int32")
    if "epoch" in options or "start" in options:
        raise OptionError("epoch and start are arguments of Resident.batch, epoch and step")
    extended = dataset.extended if "extended" in plan.fields else None
    images, labels, indices, more, table = jax.device_put(
        (
            dataset.images,
            dataset.labels.astype(np.int32),
            dataset.indices,
            np.zeros((0, 0), np.int32) if extended is None else extended.astype(np.int32),
            encoding.table,
        )
    )
    num_classes = len(dataset.classes)
    return Resident(images, labels, indices, more, table, plan, encoding, num_classes)


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


def _to_device(arrays: Arrays) -> JaxBatch:
    # The arrays are fresh and nobody else holds them, so JAX may keep their memory as its own.
    batch: JaxBatch = tuple(jax.device_put(arrays))
    return batch


def _check_width(assemble: Assembler) -> None:
    """Refuse what JAX would narrow in silence."""
    if jax.dtypes.canonicalize_dtype(np.int64) == np.int64:
        return
    indices = assemble.dataset.indices
    if "index" in assemble.fields and len(indices) and indices.max() > np.iinfo(np.int32).max:
        needs = 'the field "index" beyond 2**31'
    elif assemble.encoding.dtype == "float64":
        needs = 'dtype="float64"'
    else:
        return
    raise OptionError(f'{needs} needs 64 bits. Try: jax.config.update("jax_enable_x64", True)')
