"""The epochs of a plan as one tf.data pipeline: each iteration takes its epoch from a counter."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fmnist_core.plan import BLOCK_EXAMPLES, BatchPlan
from fmnist_tensorflow.fields import Fields

Tensors = tuple[tf.Tensor, ...]

BLOCKS_AHEAD = 2
"""Blocks of batches that are made while others are used; more gain nothing."""

EPOCHS = np.int64(2**32)
"""One more than the largest epoch."""

# Our functions are graph operations already; AutoGraph would rewrite their Python, or warn that it
# cannot.
_AS_IT_IS = tf.autograph.experimental.do_not_convert

# The second is how the optimiser knows functions that tf.data has optimised already.
_NOT_REWRITTEN = {"_noinline": True, "_tf_data_function": True}


def epochs(fields: Fields, epoch: int, start: int) -> tuple[tf.data.Dataset, tf.Variable]:
    """Return the pipeline whose n-th iteration is epoch `epoch` + n, and its counter.

    Batches are made some at a time, as each operation has its price, and one pipeline without
    others inside serves all epochs: whenever one begins, each operation in a function costs a
    fraction of a millisecond, each function some of them, and a condition is two functions.

    Parameters
    ----------
    fields : Fields
    epoch, start : int
        Where to begin; `start` examples of the first epoch are left out.

    Returns
    -------
    pipeline : tf.data.Dataset
    counter : tf.Variable
        The epoch that the next iteration takes, int64.
    """
    plan = fields.plan
    with tf.device("CPU"):
        counter = tf.Variable(np.int64(epoch), trainable=False)
    tables = [block_table(plan, start)] if start else []
    tables.append(block_table(plan))

    def begin(taken: tf.Tensor, blocks: tf.Tensor) -> tuple[tf.Tensor, Tensors]:
        taken = _taken(counter, taken)
        block = tf.where(taken == np.int64(epoch), blocks[0], blocks[1]) if start else blocks[0]
        return taken, (taken, block)

    def is_there(_: tf.Tensor, block: tf.Tensor) -> tf.Tensor:
        return block[-1] > 0

    blocks = tf.data.Dataset.from_tensor_slices(_side_by_side(tables))
    pipeline = blocks.scan(tf.constant(np.int64(-1)), _AS_IT_IS(begin))
    if start:
        pipeline = pipeline.take_while(_AS_IT_IS(is_there))
    # Blocks are made ahead, not batches: passing a batch between threads costs as much as making
    # it.
    batches = _AS_IT_IS(_Batches(fields, start).of_block)
    pipeline = pipeline.map(batches, num_parallel_calls=BLOCKS_AHEAD, deterministic=True)
    pipeline = pipeline.prefetch(BLOCKS_AHEAD).unbatch()
    if plan.num_steps(start) == len(plan):
        pipeline = pipeline.apply(tf.data.experimental.assert_cardinality(len(plan)))
    return pipeline.with_options(_options(plan)), counter


class _Batches:
    """Makes the batches of a block at once: arrays of shape (batches, batch, ...)."""

    def __init__(self, fields: Fields, start: int) -> None:
        self.fields = fields
        plan = fields.plan
        rests = (plan.num_examples % plan.global_batch_size, start % plan.global_batch_size)
        self.always_equal = plan.remainder != "keep" or not any(rests)

    def of_block(self, epoch: tf.Tensor, block: tf.Tensor) -> Any:
        """Return the batches of one row of `block_table`, int64 (3,)."""
        plan, shapes = self.fields.plan, self.fields.shapes
        first, size, steps = tf.unstack(block)
        stride = tf.constant(np.int64(plan.global_batch_size))
        if self.always_equal:
            size = tf.constant(np.int64(plan.batch_size))
        firsts = tf.range(first, first + steps * stride, stride)
        positions = tf.reshape(tf.reshape(firsts, [-1, 1]) + tf.range(size), [-1])
        made = _as_written(self._values, epoch, positions)
        size = plan.batch_size if self.always_equal else size
        return plan.pack(
            tf.reshape(value, (-1, size, *shapes[field]))
            for field, value in zip(plan.fields, made, strict=True)
        )

    def _values(self, epoch: tf.Tensor, positions: tf.Tensor) -> list[tf.Tensor]:
        return list(self.fields(epoch, positions).values())


def _as_written(make: Callable[..., list[tf.Tensor]], *inputs: tf.Tensor) -> list[tf.Tensor]:
    """Return what a function makes of tensors, in a call whose graph TensorFlow does not rewrite.

    TensorFlow optimises each function of a pipeline whenever an epoch begins, which takes longer
    than the optimised graph saves. Blocks are made side by side, so within one there is no need for
    threads either.
    """
    specs = [tf.TensorSpec(one.shape, one.dtype) for one in inputs]
    function = tf.function(make, autograph=False, experimental_attributes=_NOT_REWRITTEN)
    concrete = function.get_concrete_function(*specs)
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    made: list[tf.Tensor] = tf.raw_ops.PartitionedCall(
        args=[*inputs, *concrete.captured_inputs],
        Tout=[one.dtype for one in concrete.outputs],
        f=concrete,
        config_proto=config.SerializeToString(),
        executor_type="SINGLE_THREADED_EXECUTOR",
    )
    return made


def _options(plan: BatchPlan) -> tf.data.Options:
    options = tf.data.Options()
    # An iterator's checkpoint holds the epoch it is in; the counter may be saved beside it.
    options.experimental_external_state_policy = tf.data.experimental.ExternalStatePolicy.IGNORE
    # Blocks are ahead already; TensorFlow would pass every batch to one more thread.
    options.experimental_optimization.inject_prefetch = False
    # Under experimental_distribute_dataset each worker takes its share of every whole batch, unless
    # the plan has given it one; there are no files for TensorFlow to shard.
    policy = tf.data.experimental.AutoShardPolicy
    is_whole = plan.shard[1] == 1
    options.experimental_distribute.auto_shard_policy = policy.DATA if is_whole else policy.OFF
    return options


def block_table(plan: BatchPlan, start: int = 0) -> NDArray[np.int64]:
    """Return the blocks of an epoch, int64 (blocks, 3).

    Each is the first place of its first batch in the epoch's order, the size of its batches, and
    their number. A smaller last batch is a block by itself.
    """
    steps = plan.num_steps(start)
    smaller = steps > 0 and plan.span(steps - 1, start)[1] < plan.batch_size
    together = max(BLOCK_EXAMPLES // plan.batch_size, 1)
    begins = [*range(0, steps - smaller, together), *([steps - 1] if smaller else [])]
    blocks = [(*plan.span(begin, start), end - begin) for begin, end in pairwise([*begins, steps])]
    return np.array(blocks, np.int64).reshape(-1, 3)


def _side_by_side(tables: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return tables as one, int64 (blocks, tables, 3), the shorter with blocks of no batches."""
    whole = np.zeros((max(map(len, tables)), len(tables), 3), np.int64)
    for number, table in enumerate(tables):
        whole[: len(table), number] = table
    return whole


def _taken(counter: tf.Variable, taken: tf.Tensor) -> tf.Tensor:
    """Return the epoch of an iteration: taken from the counter by its first block, then kept."""
    begins = taken < 0
    epoch = counter.assign_add(tf.cast(begins, tf.int64)) - 1
    is_known = tf.logical_or(epoch < tf.constant(EPOCHS), tf.logical_not(begins))
    # Not tf.debugging's, which is a condition.
    with tf.control_dependencies([tf.raw_ops.Assert(condition=is_known, data=["no such epoch"])]):
        return tf.where(begins, epoch, taken)
