"""JAX: our two ways, what a careful user writes by hand, and the least a transfer can cost."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import fmnist_jax
from fmnist_core import Dataset
from tests.bench.rows import Batches, Setting


def ours(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of ``train.to("jax", ...)``."""
    loader = train.to("jax", **setting.options)
    return lambda: loader


def ours_scanned(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs inside one compiled lax.scan over `fmnist_jax.resident`.

    The images of each batch replace those of the one before as the scan's state, so that all are
    made in memory and dropped, as the other rows do it; to sum them up would measure the sum too.
    What comes out is the last batch's images, and labels and weights of all.
    """
    data = fmnist_jax.resident(
        train, **setting.options, remainder="pad", fields=("image", "label", "weight")
    )

    @jax.jit
    def scanned(data: fmnist_jax.Resident, epoch: Any) -> Any:
        order = data.order(epoch)

        def step(_: Any, number: Any) -> Any:
            image, label, weight = data.batch(epoch, number, order)
            return image, (label, weight)

        nothing = jnp.zeros_like(data.batch(epoch, 0)[0])
        image, rest = jax.lax.scan(step, nothing, jnp.arange(len(data.plan)))
        return image, *rest

    numbers = itertools.count()

    def epoch() -> Batches:
        yield scanned(data, next(numbers))

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
