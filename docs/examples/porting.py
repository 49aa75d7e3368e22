"""What porting_torch.py and porting_keras.py share: the data, and the first weights.

No framework is imported here.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fmnist_core as fm
from fmnist_core.tools.weights import glorot_uniform

BATCH_SIZE = 32
STEPS = 10
LEARNING_RATE = 0.01
"""Learning rate of the first step; it falls linearly to 0 after the last."""
MOMENTUM = 0.9
FOLDER = Path("traces")
FLATTENED = (14, 14, 16)
"""Height, width and channels of the dense layer's input before it is flattened."""


def loader(adapter: str) -> Any:
    """Return an epoch of ten batches, with the fields that a trace needs."""
    train = fm.load("synthetic", "train").take(BATCH_SIZE * STEPS)
    fields = ("image", "label", "index")
    return train.to(adapter, batch_size=BATCH_SIZE, shuffle=True, layout="NHWC", fields=fields)


def rate(step: int) -> float:
    """Return the learning rate of a step."""
    return LEARNING_RATE * (1 - step / STEPS)


def first_weights() -> dict[str, NDArray[np.float32]]:
    """Return the first weights: (height, width, in, out), and (in, out) of the dense layer."""
    shapes = {"conv1": (3, 3, 1, 8), "conv2": (3, 3, 8, 16), "dense": (14 * 14 * 16, 10)}
    return {name: glorot_uniform(shapes[name], layer) for layer, name in enumerate(shapes)}
