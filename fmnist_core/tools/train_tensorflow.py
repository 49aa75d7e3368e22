"""Train the ConvNet of `fmnist demo` in Keras on TensorFlow."""

from collections.abc import Callable
from typing import Any

from tensorflow import keras

from fmnist_core.dataset import Dataset
from fmnist_core.tools.recipe import (
    BATCH_SIZE,
    CHANNELS,
    KERNEL_SIZE,
    LEARNING_RATE,
    MOMENTUM,
    POOL_SIZE,
    SEED,
)


def train(train: Dataset, test: Dataset, report: Callable[[int], None]) -> float:
    """Train for one epoch and return the accuracy on the test images.

    Parameters
    ----------
    train, test : Dataset
    report : callable
        Called with the number of examples, train or test, that are newly done.
    """
    keras.utils.set_random_seed(SEED)
    model = convnet(train.image_shape, len(train.classes))
    model.compile(
        optimizer=keras.optimizers.SGD(LEARNING_RATE, MOMENTUM),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    batches = train.to("tensorflow", batch_size=BATCH_SIZE, shuffle=True, seed=SEED)
    # The batches are shuffled already; Keras warns if it is asked for it too, as it is by default.
    model.fit(batches, shuffle=False, verbose=0, callbacks=[_Report(len(train), report)])
    batches = test.to("tensorflow", batch_size=BATCH_SIZE)
    scores = model.evaluate(
        batches, verbose=0, callbacks=[_Report(len(test), report)], return_dict=True
    )
    return float(scores["accuracy"])


def convnet(image_shape: tuple[int, ...], num_classes: int) -> Any:
    """Return the network; Keras's own first weights are Glorot's."""
    first, second = CHANNELS
    return keras.Sequential(
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


class _Report(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells how many examples each batch had, which Keras does not say."""

    def __init__(self, num_examples: int, report: Callable[[int], None]) -> None:
        super().__init__()
        self.left = num_examples
        self.report = report

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        count = min(self.left, BATCH_SIZE)
        self.left -= count
        self.report(count)

    on_test_batch_end = on_train_batch_end
