"""Ray's read tasks: each computes its rows of an epoch and reads them; used by fmnist_ray.

A task carries the plan's numbers and the place of the data. Only data that exist in the driver's
memory alone pass through the driver.
"""

import copy
import math
import pickle
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import ray
import ray.cloudpickle
from ray.data import DataContext, Datasource, ReadTask
from ray.data.block import Block, BlockAccessor, BlockMetadata

from fmnist_core.batch import Arrays, Assembler, first_examples
from fmnist_core.epochs import EpochCounter, EpochPosition
from fmnist_core.errors import OptionError
from fmnist_core.plan import BatchPlan, Examples

BLOCK_BYTES = 2**22
"""Approximate bytes of a block: a task costs milliseconds, but few large ones leave nodes idle."""

CARRIED_BYTES = 2**14
"""Most bytes of the description of the data in a task; every task has a copy."""

NOTED_BYTES = 2**20
"""Most bytes of data in memory that pass through Ray's object store without a warning."""


class FmnistDatasource(Datasource):
    """The epochs of a plan as read tasks; each execution by Ray reads the next epoch.

    Parameters
    ----------
    assemble : Assembler
        Makes the batches: it has dataset, fields and encoding.
    plan : BatchPlan
        The plan of the only consumer, or of the first of `num_workers`.
    epoch, start : int
        Where to begin; `start` examples of the first epoch are skipped.
    num_workers : int
        Number of consumers among which Ray splits the blocks, or 0.
    block_bytes : int
        Most bytes of a block of more than one batch.
    """

    def __init__(
        self,
        assemble: Assembler,
        plan: BatchPlan,
        epoch: int,
        start: int,
        num_workers: int,
        block_bytes: int,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._plan = plan
        self._epochs = EpochCounter(plan, epoch, start)
        self._num_workers = num_workers
        self._row_nbytes = row_nbytes(assemble)
        self._steps_at_once = max(block_bytes // max(self._row_nbytes * plan.batch_size, 1), 1)
        self._empty = _empty_block(assemble)
        self._schema = BlockAccessor.for_block(self._empty).schema()
        self._sent = _sent(assemble)

    def upcoming(self) -> tuple[int, int]:
        """Return epoch and start of the next execution."""
        return self._epochs.upcoming()

    def estimate_inmemory_data_size(self) -> int:
        """Return the bytes of a whole epoch over all consumers."""
        return self._plan.num_examples * self._row_nbytes

    def fewest_blocks(self) -> int:
        """Return the number of blocks of the epoch with the fewest blocks, at least 1."""
        starts = (0, self._epochs.start)
        chunks = min(math.ceil(self._plan.num_steps(s) / self._steps_at_once) for s in starts)
        return max(chunks * max(self._num_workers, 1), 1)

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: DataContext | None = None,
    ) -> list[ReadTask]:
        """Return the tasks of the next epoch, which begins only if Ray passes a context."""
        if data_context is None:
            progress = EpochPosition(self._plan, self._epochs.epoch, self._epochs.start)
        else:
            self._check_order(data_context)
            progress = self._epochs.take()
        return [self._task(read, per_task_row_limit) for read in self._reads(progress)]

    def _check_order(self, context: DataContext) -> None:
        if self._num_workers and not context.execution_options.preserve_order:
            raise OptionError(
                f"to give each of {self._num_workers} workers its batches, blocks must keep their "
                "order, but here Ray may change it. Try: TorchTrainer(..., dataset_config="
                "ray.train.DataConfig(execution_options=ray.data.ExecutionOptions("
                "preserve_order=True)))"
            )

    def _reads(self, progress: EpochPosition) -> "Iterator[ReadBatches]":
        """Yield what each task reads: some steps of one worker, then the same steps of the next.

        Ray gives a block to the worker with the fewest rows, the first of several. The blocks of
        one round have equal numbers of rows, so the workers get them in turn.
        """
        epoch, start, steps = progress.epoch, progress.start, self._plan.num_steps(progress.start)
        shards = range(self._num_workers) if self._num_workers else [self._plan.shard[0]]
        plans = [replace(self._plan, shard=(index, self._plan.shard[1])) for index in shards]
        for first in range(0, steps, self._steps_at_once):
            batches = range(first, min(first + self._steps_at_once, steps))
            yield from (ReadBatches(self._sent, plan, epoch, start, batches) for plan in plans)
        if not steps:
            yield ReadBatches(self._sent, self._plan, epoch, start, range(0))

    def _task(self, read: "ReadBatches", row_limit: int | None) -> ReadTask:
        rows = read.num_rows()
        metadata = BlockMetadata(
            num_rows=rows,
            size_bytes=rows * self._row_nbytes,
            input_files=None,
            exec_stats=None,
        )
        # Without rows there is nothing to read, and no example that would determine the columns.
        work = read if rows else _Given(self._empty)
        return ReadTask(work, metadata, schema=self._schema, per_task_row_limit=row_limit)


@dataclass(frozen=True)
class ReadBatches:
    """Several consecutive batches of an epoch, as one block that the calling process makes.

    Attributes
    ----------
    sent : bytes, or ray.ObjectRef
        The pickled assembler, or a reference to these bytes or to the assembler.
    plan : BatchPlan
        With the shard of these batches.
    epoch, start : int
    steps : range
    """

    sent: Any
    plan: BatchPlan
    epoch: int
    start: int
    steps: range

    def num_rows(self) -> int:
        """Return how many rows the block has; only an epoch's last batch may be smaller."""
        if not self.steps:
            return 0
        return (len(self.steps) - 1) * self.plan.batch_size + self.plan.span(
            self.steps[-1], self.start
        )[1]

    def examples(self) -> Examples:
        """Return the examples of the block."""
        plan = self.plan
        positions = np.concatenate([plan.positions(step, self.start) for step in self.steps])
        return Examples(self.epoch, positions, plan.rows_at(positions, self.epoch))

    def __call__(self) -> list[Block]:
        """Read the rows and return their block."""
        content = ray.get(self.sent) if isinstance(self.sent, ray.ObjectRef) else self.sent
        # Unpickled here, not with the task, so that an FmnistError stays one in Ray.
        assemble = pickle.loads(content) if isinstance(content, bytes) else content
        return [_block(assemble, assemble(self.examples()))]


@dataclass(frozen=True)
class _Given:
    """A block that exists already."""

    block: Block

    def __call__(self) -> list[Block]:
        return [self.block]


def row_nbytes(assemble: Assembler) -> int:
    """Return the bytes of one example, in all of its fields."""
    return sum(array.nbytes for array in _one_row(assemble))


def _one_row(assemble: Assembler) -> Arrays:
    """Return arrays of one row of zeros, for types and shapes; nothing is read."""
    return tuple(
        np.zeros((1, *array.shape[1:]), array.dtype) for array in assemble(first_examples(0))
    )


def _empty_block(assemble: Assembler) -> Block:
    # Made from a row, because Ray does not see the types of columns without rows.
    one = BlockAccessor.for_block(_block(assemble, _one_row(assemble)))
    return one.slice(0, 0, copy=True)


def _block(assemble: Assembler, arrays: Arrays) -> Block:
    names = assemble.plan.keys or assemble.plan.fields
    return BlockAccessor.batch_to_block(dict(zip(names, arrays, strict=True)))


def _sent(assemble: Assembler) -> Any:
    """Return what tasks carry: the place of the data, or a reference to Ray's object store."""
    dataset = assemble.dataset
    if dataset.source.is_lazy:
        packed = ray.cloudpickle.dumps(assemble)  # type: ignore[no-untyped-call]
        # A long list of selected rows is sent once, not with each task.
        return packed if len(packed) <= CARRIED_BYTES else ray.put(packed)
    nbytes = len(dataset.source.labels) * math.prod(dataset.image_shape)
    if nbytes * dataset.image_dtype.itemsize > NOTED_BYTES:
        warnings.warn(
            f"{dataset!r} is not mapped from raw files, so its data go from this process into "
            "Ray's object store, once. Try: fmnist_core.load without root=, or write_idx to raw "
            "files that every node sees, and open_idx",
            stacklevel=5,
        )
    in_memory = copy.copy(assemble)
    in_memory.dataset = dataset.in_memory()
    return ray.put(in_memory)
