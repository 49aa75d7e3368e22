"""TensorFlow: our pipeline, and Keras's arrays through tf.data.

The arrays are those that ``keras.datasets.fashion_mnist.load_data()`` gives, with the axis of one
channel that a convolution needs.
"""

from collections.abc import Callable

import tensorflow as tf

from fmnist_core import Dataset
from tests.bench.rows import Batches, Setting


def ours(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of ``train.to("tensorflow", ...)``."""
    pipeline = train.to("tensorflow", **setting.options)
    return lambda: pipeline


def batch_then_map(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs in the order that https://www.tensorflow.org/guide/data_performance advises."""
    pipeline = _shuffled_slices(train).batch(setting.batch_size)
    if setting.encoded:
        pipeline = pipeline.map(_encoded, num_parallel_calls=tf.data.AUTOTUNE)
    pipeline = pipeline.prefetch(tf.data.AUTOTUNE)
    return lambda: pipeline


def map_then_batch(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs that encode example by example, as most tutorials do."""
    pipeline = _shuffled_slices(train)
    if setting.encoded:
        pipeline = pipeline.map(_encoded, num_parallel_calls=tf.data.AUTOTUNE)
    pipeline = pipeline.batch(setting.batch_size).prefetch(tf.data.AUTOTUNE)
    return lambda: pipeline


def floor(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of one constant batch, again and again: what tf.data costs by itself."""
    pixels = tf.constant(train.images[: setting.batch_size, ..., None])
    labels = tf.constant(train.labels[: setting.batch_size].astype("int32"))
    batch = _encoded(pixels, labels) if setting.encoded else (pixels, labels)
    steps = -(-len(train) // setting.batch_size)
    pipeline = tf.data.Dataset.from_tensors(batch).repeat(steps)
    return lambda: pipeline


def _shuffled_slices(train: Dataset) -> tf.data.Dataset:
    slices = tf.data.Dataset.from_tensor_slices((train.images[..., None], train.labels))
    return slices.shuffle(len(train))


def _encoded(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.cast(image, tf.float32) / 255, label
