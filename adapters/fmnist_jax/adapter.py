"""The JAX adapter: batches as tuples of arrays on the default device.

`batches` gives them one after the other, as every adapter does; `resident` keeps the data on the
device and gives any batch from inside a compiled function.
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Literal, Unpack

import jax
import numpy as np
from jax.experimental.multihost_utils import process_allgather
from numpy.typing import NDArray

from fmnist_core import hookimpl
from fmnist_core.agreement import check_agreement
from fmnist_core.batch import SENT_AT_ONCE, Arrays, Assembler, Batches, first_examples
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding, Layout
from fmnist_core.errors import OptionError
from fmnist_core.hookspecs import LoaderOptions
from fmnist_core.plan import BatchPlan, values_of
from fmnist_jax.device import JaxBatch, Place, Resident, put, some_batches

MADE_AT_ONCE = 8
"""Batches that one compiled call makes on a device."""


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
        device: jax.Device | None = None,
        sharding: jax.sharding.Sharding | None = None,
    ) -> Batches[JaxBatch]:
        """Return a re-iterable of tuples of arrays, one for each field.

        Without ``jax_enable_x64`` JAX holds ``index`` as int32.

        Parameters
        ----------
        dataset, plan, encoding, epoch, start
            As `fmnist_core.hookspecs.Adapter.loader`.
        device : jax.Device, optional
            Keep all of the data there, and make the batches there. By default they are made by
            numpy and put on JAX's default device.
        sharding : jax.sharding.Sharding, optional
            Give global arrays laid out so, each process its part: `shard` is then the process's
            index and the number of processes.

        Raises
        ------
        OptionError
            If an element type needs ``jax_enable_x64`` and it is off; if a batch cannot be laid
            out so; or if the data are too large for int32 row numbers on a device.
        """
        assemble = Assembler(dataset, plan, encoding, self)
        _check_width(assemble)
        if device is not None and sharding is not None:
            raise OptionError("device and sharding both say where batches are. Try: one of them")
        if device is not None:
            return _OnDevice(plan, assemble, device, epoch=epoch, start=start)
        if sharding is None:
            return _AmongProcesses(plan, assemble, _to_device, epoch=epoch, start=start)
        _check_sharding(plan, assemble, sharding, start)
        convert = partial(_to_global, sharding)
        return _AmongProcesses(plan, assemble, convert, epoch=epoch, start=start)

    def shard(self, options: Mapping[str, Any]) -> tuple[int, int]:
        """Return this process's index, and how many there are."""
        return jax.process_index(), jax.process_count()

    def to_numpy(self, batch: JaxBatch) -> tuple[NDArray[Any], ...]:
        """Return the batch as read-only arrays."""
        return tuple(np.asarray(array) for array in values_of(batch))


ADAPTER = JaxAdapter()


@hookimpl
def fmnist_adapter() -> JaxAdapter:
    """Return the JAX adapter."""
    return ADAPTER


def batches(
    dataset: Dataset,
    *,
    batch_size: int,
    device: jax.Device | None = None,
    sharding: jax.sharding.Sharding | None = None,
    **options: Unpack[LoaderOptions],
) -> Batches[JaxBatch]:
    """Return a dataset as a re-iterable of tuples of `jax.Array`; options as `Dataset.to`."""
    loader: Batches[JaxBatch] = dataset.to(
        ADAPTER, batch_size=batch_size, device=device, sharding=sharding, **options
    )
    return loader


def resident(
    dataset: Dataset,
    *,
    batch_size: int,
    device: Place = None,
    **options: Unpack[LoaderOptions],
) -> Resident:
    """Put a dataset on a device, by default JAX's own choice, for batches inside jit and lax.scan.

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
    return put(dataset, plan, encoding, device)


class _AmongProcesses(Batches[JaxBatch]):
    """Batches that processes share: before the first, all compare what they are about to read."""

    _agreed = False

    def __iter__(self) -> Iterator[JaxBatch]:
        """Begin the next epoch.

        Raises
        ------
        OptionError
            If the processes that share the batches disagree on anything but their shards; on every
            process alike.
        """
        if not self._agreed and 1 < self.plan.shard[1] == jax.process_count():
            check_agreement(_gathered(self.agreement()))
            self._agreed = True
        return super().__iter__()


def _gathered(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the records of all processes, in their order."""
    text = np.frombuffer(json.dumps(record).encode(), np.uint8)
    longest = int(process_allgather(np.int32(len(text))).max())  # arrays of one shape are gathered
    texts = process_allgather(np.pad(text, (0, longest - len(text)), constant_values=ord(" ")))
    return [json.loads(np.asarray(text).tobytes()) for text in texts]


class _OnDevice(_AmongProcesses):
    """Batches made on a device that holds the data; an epoch's order is sent there at once."""

    def __init__(
        self, plan: BatchPlan, assemble: Assembler, device: jax.Device, **where: int
    ) -> None:
        super().__init__(plan, assemble, _to_device, **where)
        if len(assemble.dataset) >= 2**31:
            raise OptionError(f"{len(assemble.dataset)} examples cannot be counted in int32")
        self._device = device
        self._data = put(assemble.dataset, plan, assemble.encoding, device)

    def _batches(self, epoch: int, start: int) -> Iterator[JaxBatch]:
        for block in self.plan.blocks(epoch, start, SENT_AT_ONCE):
            named = np.uint32(epoch), block.positions.astype(np.int32), block.rows.astype(np.int32)
            sent = jax.device_put(named, self._device)
            for first in range(0, len(block.rows), MADE_AT_ONCE):
                count = min(MADE_AT_ONCE, len(block.rows) - first)
                yield from some_batches(self._data, *sent, first, count)


def _to_device(arrays: Arrays) -> JaxBatch:
    # The arrays are fresh and nobody else holds them, so JAX may keep their memory as its own.
    batch: JaxBatch = tuple(jax.device_put(arrays))
    return batch


def _to_global(sharding: jax.sharding.Sharding, arrays: Arrays) -> JaxBatch:
    to_global = jax.make_array_from_process_local_data
    return tuple(to_global(sharding, array) for array in arrays)  # type: ignore[no-untyped-call]


def _check_sharding(
    plan: BatchPlan, assemble: Assembler, sharding: jax.sharding.Sharding, start: int
) -> None:
    """Refuse what could not be laid out, before the epoch comes to it."""
    processes = jax.process_index(), jax.process_count()
    if plan.shard != processes:
        raise OptionError(
            f"with sharding, expected shard to be this process and the number of processes, "
            f"{processes}, found {plan.shard}"
        )
    arrays = assemble(first_examples(1)) if len(assemble.dataset) else ()
    sizes = {plan.global_batch_size}
    if plan.remainder == "keep":
        left = plan.num_examples, plan.num_examples - start
        sizes |= {rest for count in left if (rest := count % plan.global_batch_size)}
    for size in sizes:
        for array in arrays:
            try:
                sharding.shard_shape((size, *array.shape[1:]))
            except ValueError as error:
                raise OptionError(
                    f"a batch of {size} cannot be laid out as {sharding}: {error}. "
                    'Try: another batch_size, or remainder="drop" or "pad"'
                ) from error


def _check_width(assemble: Assembler) -> None:
    """Refuse what JAX would narrow in silence."""
    if jax.dtypes.canonicalize_dtype(np.int64) == np.int64:
        return
    most = assemble.dataset.indices.max(initial=0) if "index" in assemble.plan.fields else 0
    if most > np.iinfo(np.int32).max:
        needs = 'the field "index" beyond 2**31'
    elif assemble.encoding.dtype == "float64":
        needs = 'dtype="float64"'
    elif "label" in assemble.plan.fields and assemble.encoding.label_dtype == "int64":
        needs = 'label_dtype="int64"'
    else:
        return
    raise OptionError(f'{needs} needs 64 bits. Try: jax.config.update("jax_enable_x64", True)')
