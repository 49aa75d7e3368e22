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


def image_each(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of tf.image's random crop and flip of each example.

    https://www.tensorflow.org/tutorials/images/data_augmentation
    """
    height, width = train.image_shape

    def transformed(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        padded = tf.image.resize_with_crop_or_pad(image, height + 8, width + 8)
        cropped = tf.image.random_crop(padded, (height, width, 1))
        return tf.image.random_flip_left_right(cropped), label

    pipeline = _shuffled_slices(train).map(transformed, num_parallel_calls=tf.data.AUTOTUNE)
    pipeline = pipeline.batch(setting.batch_size)
    if setting.encoded:
        pipeline = pipeline.map(_encoded, num_parallel_calls=tf.data.AUTOTUNE)
    pipeline = pipeline.prefetch(tf.data.AUTOTUNE)
    return lambda: pipeline


def keras_layers(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of Keras's layers on batches, in the pipeline, as the same page shows it."""
    layers = tf.keras.Sequential(
        [
            tf.keras.layers.ZeroPadding2D(4, dtype=setting.dtype),
            tf.keras.layers.RandomCrop(*train.image_shape, dtype=setting.dtype),
            tf.keras.layers.RandomFlip("horizontal", dtype=setting.dtype),
        ]
    )

    def transformed(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, label = _encoded(image, label) if setting.encoded else (image, label)
        return layers(image, training=True), label

    pipeline = _shuffled_slices(train).batch(setting.batch_size)
    pipeline = pipeline.map(transformed, num_parallel_calls=tf.data.AUTOTUNE)
    pipeline = pipeline.prefetch(tf.data.AUTOTUNE)
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
