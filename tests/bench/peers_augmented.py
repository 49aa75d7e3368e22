"""JAX: crop and flip by augmax and by dm_pix, under vmap and jit inside one lax.scan.

https://github.com/khdlr/augmax and https://dm-pix.readthedocs.io: each transforms one image, given
a key, and is mapped over a batch.
"""

import itertools
from collections.abc import Callable
from typing import Any

import augmax
import dm_pix
import jax
import jax.numpy as jnp
import numpy as np

from fmnist_core import Dataset
from tests.bench.rows import Batches, Setting

Transform = Callable[[jax.Array, jax.Array], jax.Array]


def by_augmax(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs with augmax's RandomCrop and HorizontalFlip, as its readme chains them."""
    height, width = train.image_shape
    transform = augmax.Chain(augmax.RandomCrop(width, height), augmax.HorizontalFlip())
    return _scanned(train, setting, transform)


def by_dm_pix(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs with dm_pix's random_crop and random_flip_left_right."""
    shape = (*train.image_shape, 1)

    def transform(key: jax.Array, image: jax.Array) -> jax.Array:
        first, second = jax.random.split(key)
        cropped = dm_pix.random_crop(first, image, shape)
        flipped: jax.Array = dm_pix.random_flip_left_right(second, cropped)
        return flipped

    return _scanned(train, setting, transform)


def _scanned(train: Dataset, setting: Setting, transform: Transform) -> Callable[[], Batches]:
    images, labels = jnp.asarray(train.images), jnp.asarray(train.labels.astype(np.int32))
    steps = -(-len(train) // setting.batch_size)
    filled = steps * setting.batch_size
    weights = (jnp.arange(filled) < len(train)).astype(np.float32).reshape(steps, -1)

    @jax.jit
    def scanned(images: jax.Array, labels: jax.Array, key: jax.Array) -> Any:
        order = jnp.resize(jax.random.permutation(key, len(labels)), (steps, setting.batch_size))

        def step(_: Any, number: Any) -> Any:
            rows = order[number]
            pixels = jnp.pad(images[rows], ((0, 0), (4, 4), (4, 4)))[..., None]
            keys = jax.random.split(jax.random.fold_in(key, number), setting.batch_size)
            values = pixels.astype(np.float32) / 255 if setting.encoded else pixels
            return jax.vmap(transform)(keys, values), labels[rows]

        nothing = jnp.zeros((setting.batch_size, *train.image_shape, 1), setting.dtype)
        image, drawn = jax.lax.scan(step, nothing, jnp.arange(steps))
        return image, drawn, weights

    numbers = itertools.count()

    def epoch() -> Batches:
        yield scanned(images, labels, jax.random.key(next(numbers)))

    return epoch
