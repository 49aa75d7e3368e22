"""TensorFlow where Python does not iterate: inside a tf.function, and inside Keras's `fit`.

What is done with a batch is next to nothing, so that its way there is what is measured.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from fmnist_core import Dataset
from tests.bench import peers_tensorflow
from tests.bench.rows import Batches, Setting

Prepare = Callable[[Dataset, Setting], Callable[[], Batches]]

AT_ONCE = 64
"""Steps that Keras runs in one call of a function, where it is told to."""


def ours_in_function(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of our pipeline as a loop in a tf.function."""
    return _in_function(peers_tensorflow.ours, train, setting)


def slices_in_function(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of Keras's arrays as a loop in a tf.function."""
    return _in_function(peers_tensorflow.batch_then_map, train, setting)


def ours_in_fit(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of `Model.fit` over our pipeline."""
    return _in_fit(peers_tensorflow.ours, train, setting, 1)


def slices_in_fit(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of `Model.fit` over Keras's arrays."""
    return _in_fit(peers_tensorflow.batch_then_map, train, setting, 1)


def ours_in_fit_at_once(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of `Model.fit` over our pipeline, several steps in a call."""
    return _in_fit(peers_tensorflow.ours, train, setting, AT_ONCE)


def slices_in_fit_at_once(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of `Model.fit` over Keras's arrays, several steps in a call."""
    return _in_fit(peers_tensorflow.batch_then_map, train, setting, AT_ONCE)


def _in_function(prepare: Prepare, train: Dataset, setting: Setting) -> Callable[[], Batches]:
    pipeline: Any = prepare(train, setting)()
    shape = (setting.batch_size, *train.image_shape, 1)

    @tf.function
    def last_of_epoch() -> tuple[tf.Tensor, tf.Tensor]:
        seen, image = tf.zeros(len(train.classes), tf.int64), tf.zeros(shape, setting.dtype)
        for image, label in pipeline:
            tf.autograph.experimental.set_loop_options(
                shape_invariants=[(image, tf.TensorShape([None, *shape[1:]]))]
            )
            seen += tf.math.bincount(
                tf.cast(label, tf.int32), minlength=len(train.classes), dtype=tf.int64
            )
        return image, seen

    return lambda: [last_of_epoch()]


def _in_fit(
    prepare: Prepare, train: Dataset, setting: Setting, at_once: int
) -> Callable[[], Batches]:
    pipeline: Any = prepare(train, setting)()
    model = _Counting(len(train.classes))
    model.compile(steps_per_execution=at_once, jit_compile=False)

    def epoch() -> Batches:
        model.seen.assign(tf.zeros_like(model.seen))
        model.fit(pipeline, epochs=1, verbose=0, shuffle=False)
        return [(model.seen.value,)]

    return epoch


class _Counting(keras.Model):  # type: ignore[misc]
    """Counts how many examples of each class it was given."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.seen = self.add_weight(
            shape=(num_classes,), dtype="int64", initializer="zeros", trainable=False
        )

    def train_step(self, data: Any) -> dict[str, Any]:
        _, label = data
        count = tf.math.bincount(tf.cast(label, tf.int32), minlength=self.seen.shape[0])
        self.seen.assign_add(tf.cast(count, tf.int64))
        return {"loss": tf.constant(0.0)}
