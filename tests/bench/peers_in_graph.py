"""TensorFlow where Python does not iterate: inside a tf.function, and inside Keras's `fit`.

What is done with a batch is next to nothing, so that its way there is what is measured.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from fmnist_core import Dataset
from tests.bench import peers_tensorflow
from tests.bench.rows import Batches, Setting

Prepare = Callable[[Dataset, Setting], Callable[[], Batches]]

PIPELINES: tuple[Prepare, ...] = (
    peers_tensorflow.ours,
    peers_tensorflow.batch_then_map,
    peers_tensorflow.floor,
)
AT_ONCE = 64
"""Steps that Keras runs in one call of a function, where it is told to."""


def _in_function(prepare: Prepare, train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs as a loop in a tf.function."""
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
    prepare: Prepare, train: Dataset, setting: Setting, at_once: int = 1
) -> Callable[[], Batches]:
    """Return epochs of `Model.fit`, `at_once` steps in a call."""
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


ours_in_function, slices_in_function, floor_in_function = (
    partial(_in_function, prepare) for prepare in PIPELINES
)
ours_in_fit, slices_in_fit, floor_in_fit = (partial(_in_fit, prepare) for prepare in PIPELINES)
ours_in_fit_at_once, slices_in_fit_at_once, floor_in_fit_at_once = (
    partial(_in_fit, prepare, at_once=AT_ONCE) for prepare in PIPELINES
)
