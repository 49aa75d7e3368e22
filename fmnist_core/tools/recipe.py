"""How `fmnist demo` trains, the same in every framework.

The network: convolution 3 x 3 to 16 channels, max-pooling 2 x 2, ReLU; the same again to 32
channels; a dense layer to the classes. Convolutions pad with zeros and keep the size. (ReLU after
pooling gives the same result as before it, for a quarter of the work.) Biases begin at zero, and
weights as Glorot-uniform draws by a written formula, so all frameworks begin with the same ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_core.tools.weights import glorot_uniform

BATCH_SIZE = 128
CHANNELS = (16, 32)
KERNEL_SIZE = 3
POOL_SIZE = 2
LEARNING_RATE = 0.1
"""Learning rate of the first step; it falls linearly, to 0 after the last.

There is no momentum: while the rate changes, torch and Keras compute it differently.
"""

SEED = 0
"""Seed of the order of the examples and of the first weights."""


@dataclass(frozen=True)
class Trained:
    """The result of training for an epoch: the loss of each step, and the test accuracy."""

    losses: list[float]
    accuracy: float


def flattened_shape(image_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return (height, width, channels) of the features that the dense layer gets."""
    height, width = (size // POOL_SIZE // POOL_SIZE for size in image_shape)
    return height, width, CHANNELS[1]


def first_weights(image_shape: tuple[int, ...], num_classes: int) -> dict[str, NDArray[np.float32]]:
    """Return the first weights by layer: (height, width, in, out), and (in, out) of the dense."""
    first, second = CHANNELS
    height, width, channels = flattened_shape(image_shape)
    shapes: dict[str, tuple[int, ...]] = {
        "first": (KERNEL_SIZE, KERNEL_SIZE, 1, first),
        "second": (KERNEL_SIZE, KERNEL_SIZE, first, second),
        "dense": (height * width * channels, num_classes),
    }
    return {
        name: glorot_uniform(shape, layer, SEED)
        for layer, (name, shape) in enumerate(shapes.items())
    }
