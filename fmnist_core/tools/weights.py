"""First weights from the written draws, the same in every framework.

Otherwise each framework draws its own, so two runs on the same batches differ from the beginning.
The draws are those of transforms (docs/transforms.md), keyed by a seed and the number of the layer;
a whole number becomes a float32 by one exact multiplication.

References
----------
Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
AISTATS 2010: the bound of the uniform distribution.
"""

import math

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import check_range, check_seed
from fmnist_core.transforms.draws import words
from fmnist_core.transforms.ops import NUMPY

FIRST_STREAM = 16_384
"""Stream of layer 0; those below are of transforms and partitions."""


def glorot_uniform(shape: tuple[int, ...], layer: int, seed: int = 0) -> NDArray[np.float32]:
    """Return weights that are uniform between -b and b, b = sqrt(6 / (fan in + fan out)).

    Parameters
    ----------
    shape : tuple of int
        (height, width, in, out) of a convolution, or (in, out) of a dense layer.
    layer : int
        Number of the layer; each layer has its own draws.
    seed : int

    Returns
    -------
    float32 array of this shape
    """
    layer = check_range("layer", layer, 0, 2**16)
    area = math.prod(shape[:-2])
    bound = math.sqrt(6 / (area * (shape[-2] + shape[-1])))
    places = np.arange(math.prod(shape), dtype=np.int64)
    drawn, _ = words(NUMPY, places, (FIRST_STREAM + layer,), seed=check_seed(seed), epoch=0)
    # 24 bits with a sign, which float32 holds exactly; the step is a float32 too.
    step = np.float32(bound) / np.float32(2**23)
    weights: NDArray[np.float32] = (drawn[0] >> 8).astype(np.float32) * step
    return weights.reshape(shape)


def for_torch(
    weights: NDArray[np.float32], flattened: tuple[int, int, int] | None = None
) -> NDArray[np.float32]:
    """Return weights as torch lays them out.

    Parameters
    ----------
    weights : float32 array
        (height, width, in, out) of a convolution, or (in, out) of a dense layer.
    flattened : tuple of int, optional
        (height, width, channels) of the features that a dense layer gets flattened: torch flattens
        channels first, Keras and JAX channels last.

    Returns
    -------
    float32 array
        (out, in, height, width), or (out, in).
    """
    if weights.ndim == 4:
        return np.ascontiguousarray(weights.transpose(3, 2, 0, 1))
    outputs = weights.shape[1]
    if flattened is not None:
        weights = weights.reshape(*flattened, outputs).transpose(2, 0, 1, 3).reshape(-1, outputs)
    return np.ascontiguousarray(weights.T)
