"""Train the ConvNet of `fmnist demo` in Keras on TensorFlow."""

from collections.abc import Callable
from typing import Any

import numpy as np
from tensorflow import keras

from fmnist_core.dataset import Dataset
from fmnist_core.tools.recipe import (
    BATCH_SIZE,
    CHANNELS,
    KERNEL_SIZE,
    LEARNING_RATE,
    POOL_SIZE,
    SEED,
    Trained,
    first_weights,
)


def train(train: Dataset, test: Dataset, report: Callable[[int], None]) -> Trained:
    """Train for one epoch, then test.

    Parameters
    ----------
    train, test : Dataset
    report : callable
        Called with the number of examples, train or test, that are newly done.
    """
    model = convnet(train.image_shape, len(train.classes))
    batches = train.to("tensorflow", batch_size=BATCH_SIZE, shuffle=True, seed=SEED)
    falling = keras.optimizers.schedules.PolynomialDecay(LEARNING_RATE, len(batches), 0.0)
    model.compile(
        optimizer=keras.optimizers.SGD(falling),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    # The batches are already shuffled; Keras warns if it is asked to shuffle them, its default.
    training = _Report(len(train), report)
    model.fit(batches, shuffle=False, verbose=0, callbacks=[training])
    batches = test.to("tensorflow", batch_size=BATCH_SIZE)
    scores = model.evaluate(
        batches, verbose=0, callbacks=[_Report(len(test), report)], return_dict=True
    )
    return Trained(training.losses, float(scores["accuracy"]))


def convnet(image_shape: tuple[int, ...], num_classes: int) -> Any:
    """Return the network with its first weights."""
    first, second = CHANNELS
    model = keras.Sequential(
        [
            keras.Input((*image_shape, 1)),
            keras.layers.Conv2D(first, KERNEL_SIZE, padding="same"),
            keras.layers.MaxPooling2D(POOL_SIZE),
            keras.layers.ReLU(),
            keras.layers.Conv2D(second, KERNEL_SIZE, padding="same"),
            keras.layers.MaxPooling2D(POOL_SIZE),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(num_classes),
        ]
    )
    layers = [layer for layer in model.layers if layer.weights]
    for layer, weights in zip(
        layers, first_weights(image_shape, num_classes).values(), strict=True
    ):
        kernel, bias = layer.weights
        kernel.assign(weights)
        bias.assign(np.zeros(bias.shape, np.float32))
    return model


class _Report(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports the size of each batch and records its loss; Keras reports a running mean."""

    def __init__(self, num_examples: int, report: Callable[[int], None]) -> None:
        super().__init__()
        self.left = num_examples
        self.report = report
        self.losses: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        self.model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        self.losses.append(float(logs["loss"]))
        self._count()

    def on_test_batch_end(self, batch: int, logs: object = None) -> None:
        self._count()

    def _count(self) -> None:
        count = min(self.left, BATCH_SIZE)
        self.left -= count
        self.report(count)
