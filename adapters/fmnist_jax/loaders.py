"""Loaders of `jax.Array`: batches made by numpy and sent, or made on a device with the data."""

import json
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.experimental.multihost_utils import process_allgather
from jax.sharding import Sharding
from numpy.typing import NDArray

from fmnist_core.agreement import check_agreement
from fmnist_core.batch import SENT_AT_ONCE, Arrays, Assembler, Batches
from fmnist_core.epochs import CountedIterator
from fmnist_core.errors import OptionError
from fmnist_core.plan import BatchPlan
from fmnist_jax.device import JaxBatch, put, some_batches
from fmnist_jax.places import check_layout, field_sharding

MADE_AT_ONCE = 8
"""Most batches that one compiled call makes on a device."""
EXAMPLES_AT_ONCE = 2**13
"""Most examples of such a call, whose memory is needed at once; it makes one batch at least."""


class JaxBatches(Batches[JaxBatch]):
    """A re-iterable of tuples of `jax.Array`: the n-th iteration reads epoch `epoch` + n.

    If several processes share the batches, they compare what they are about to read before the
    first one; so each of them must ask for it.

    Parameters
    ----------
    plan : BatchPlan
    assemble : Assembler
    sharding : Sharding, optional
        The layout of global arrays; by default arrays are on JAX's default device.
    epoch, start : int
        Where to begin; `start` examples of the first epoch are skipped.
    """

    def __init__(
        self,
        plan: BatchPlan,
        assemble: Assembler,
        sharding: Sharding | None = None,
        *,
        epoch: int = 0,
        start: int = 0,
    ) -> None:
        super().__init__(plan, assemble, self._sent, epoch=epoch, start=start)
        self._sharding = sharding
        self._agreed = False

    def __iter__(self) -> Iterator[JaxBatch]:
        """Return an iterator, which takes the next epoch with its first batch.

        Raises
        ------
        OptionError
            With the first batch, on every process, if the processes that share the batches disagree
            on anything except their shards.
        """
        return CountedIterator(self._epochs, self._begun)

    def _begun(self, epoch: int, start: int) -> Iterator[JaxBatch]:
        if not self._agreed and 1 < self.plan.shard[1] == jax.process_count():
            check_agreement(_gathered(self.agreement() | {"epoch": epoch, "examples": start}))
            self._agreed = True
        return self._batches(epoch, start)

    def load_state_dict(self, state: object) -> None:
        """Make the next iteration resume from a state; errors as `ResumableLoader`.

        Raises
        ------
        OptionError
            Also if a batch of the rest of the epoch cannot be laid out as `sharding`.
        """
        if self._sharding is not None:
            dataset, chain = self._assemble.dataset, self.encoding.transform.record()
            known: dict[str, Any] = {"digest": dataset.digest, "title": repr(dataset)}
            _, start = self.plan.position(state, **known, transform=chain)
            check_layout(self.plan, self._assemble, self._sharding, start)
        super().load_state_dict(state)

    def _sent(self, arrays: Arrays) -> JaxBatch:
        if self._sharding is None:
            # The arrays are fresh and used nowhere else, so JAX may keep their memory.
            return tuple(jax.device_put(arrays))
        to_global: Any = jax.make_array_from_process_local_data
        return tuple(to_global(field_sharding(self._sharding, a.ndim), a) for a in arrays)


class DeviceBatches(JaxBatches):
    """Batches made on a device that holds the data; an epoch's order is sent there at once."""

    def __init__(
        self,
        plan: BatchPlan,
        assemble: Assembler,
        device: jax.Device,
        *,
        epoch: int = 0,
        start: int = 0,
    ) -> None:
        super().__init__(plan, assemble, epoch=epoch, start=start)
        if len(assemble.dataset) >= 2**31:
            raise OptionError(f"{len(assemble.dataset)} examples cannot be counted in int32")
        self._device = device
        self._data = put(assemble.dataset, plan, assemble.encoding, device)
        fitting = EXAMPLES_AT_ONCE // plan.batch_size
        whole = plan.num_examples // plan.global_batch_size
        self._made = max(1, min(MADE_AT_ONCE, fitting, whole))

    def _batches(self, epoch: int, start: int) -> Iterator[JaxBatch]:
        for block in self.plan.blocks(epoch, start, SENT_AT_ONCE):
            named = np.uint32(epoch), self._filled(block.positions), self._filled(block.rows)
            sent = jax.device_put(named, self._device)
            for first in range(0, len(block.rows), self._made):
                batches = some_batches(self._data, *sent, first, self._made)
                yield from map(self.plan.in_order, batches[: len(block.rows) - first])

    def _filled(self, numbers: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return numbers (batches, batch), with rows of zeros up to the most that an epoch needs.

        JAX compiles again for another shape, which costs more than a few batches that nobody reads.
        """
        most = min(len(self.plan), max(1, SENT_AT_ONCE // self.plan.batch_size))
        filled = np.zeros((-(-most // self._made) * self._made, numbers.shape[1]), np.int32)
        filled[: len(numbers)] = numbers
        return filled


def _gathered(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the records of all processes, in their order."""
    text = np.frombuffer(json.dumps(record).encode(), np.uint8)
    longest = int(process_allgather(np.int32(len(text))).max())  # it gathers arrays of one shape
    texts = process_allgather(np.pad(text, (0, longest - len(text)), constant_values=ord(" ")))
    return [json.loads(np.asarray(text).tobytes()) for text in texts]
