"""JAX: our two ways, what a careful user writes by hand, and the least a transfer can cost."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import fmnist_jax
from bench.rows import Batches, Setting
from fmnist_core import Dataset


def ours(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of ``train.to("jax", ...)``."""
    loader = train.to("jax", **setting.options)
    return lambda: loader


def ours_scanned(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs inside one compiled lax.scan over `fmnist_jax.resident`.

    What comes out is the sums of each batch, of pixels, labels and weights, so that no batch can
    be left out as unused. The barrier has each batch written to memory, as a convolution needs it:
    without it XLA merges the lookup into the sum, and no batch ever exists.
    """
    data = fmnist_jax.resident(
        train, **setting.options, remainder="pad", fields=("image", "label", "weight")
    )
    total = np.float32 if setting.encoded else np.int32

    @jax.jit
    def sums(data: fmnist_jax.Resident, epoch: Any) -> Any:
        def step(_: None, number: Any) -> Any:
            image, label, weight = jax.lax.optimization_barrier(data.batch(epoch, number))
            pixels = jnp.sum(image, axis=(1, 2, 3), dtype=total)
            return None, (pixels @ weight.astype(total), label @ weight, weight.sum())

        return jax.lax.scan(step, None, jnp.arange(len(data.plan)))[1]

    numbers = itertools.count()

    def epoch() -> Batches:
        yield sums(data, next(numbers))

    return epoch


def hand_written(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of numpy's permutation, take and divide, then device_put."""
    images, labels = train.images[..., None], train.labels.astype(np.int32)
    generator = np.random.default_rng(0)

    def epoch() -> Batches:
        order = generator.permutation(len(images))
        for first in range(0, len(order), setting.batch_size):
            rows = order[first : first + setting.batch_size]
            image = images.take(rows, axis=0)
            if setting.encoded:
                image = image / np.float32(255)
            yield jax.device_put((image, labels[rows]))

    return epoch


def floor(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of device_put alone, of numpy batches that are ready and waiting."""
    ready = list(train.to("numpy", layout="NHWC", **setting.options))
    return lambda: map(jax.device_put, ready)
