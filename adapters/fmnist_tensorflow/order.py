"""The written order as TensorFlow operations, inside a graph.

Constants are numpy scalars: under NumPy behaviour TensorFlow would take a Python int for int32.
"""

import numpy as np
import tensorflow as tf

from fmnist_core import order


def keys(seed: int, epoch: tf.Tensor) -> tf.Tensor:
    """Return `order.keys` as a uint32 tensor (3,), computed in the graph."""
    words = tf.constant(np.array(order.seed_words(seed), np.uint32))
    return _fmix32(tf.bitwise.bitwise_xor(tf.cast(epoch, tf.uint32), words))


def _fmix32(words: tf.Tensor) -> tf.Tensor:
    def mixed(words: tf.Tensor, shift: int) -> tf.Tensor:
        shifted = tf.bitwise.right_shift(words, tf.constant(shift, tf.uint32))
        return tf.bitwise.bitwise_xor(words, shifted)

    words = mixed(words, 16) * tf.constant(np.uint32(0x85EBCA6B))
    words = mixed(words, 13) * tf.constant(np.uint32(0xC2B2AE35))
    return mixed(words, 16)


def shuffled(positions: tf.Tensor, n: int, key: tf.Tensor) -> tf.Tensor:
    """Return `order.index_shuffle` of some positions, by the operation that it equals."""
    if n <= 1:
        return positions
    # The operation counts the bits of max_index one short where n - 1 is a power of two with an
    # even exponent of 16 or more, and then repeats an index; one more index lets us walk ourselves.
    short = (n - 1).bit_count() == 1 and (n - 1).bit_length() % 2 == 1 and n > 2**16
    max_index = tf.constant(np.int64(n if short else n - 1))

    def shuffle(index: tf.Tensor) -> tf.Tensor:
        return tf.raw_ops.RandomIndexShuffle(
            index=index, seed=key, max_index=max_index, rounds=order.ROUNDS
        )

    rows = shuffle(positions)
    return tf.where(rows == max_index, shuffle(rows), rows) if short else rows
