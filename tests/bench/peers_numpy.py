"""numpy: our reference, and the least that shuffling and dividing can cost."""

from collections.abc import Callable

import numpy as np

from fmnist_core import Dataset
from tests.bench.rows import Batches, Setting


def ours(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of the reference adapter."""
    loader = train.to("numpy", **setting.options)
    return lambda: loader


def floor(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of numpy's take and divide into one buffer, which no user could keep.

    The order is numpy's own, drawn within the epoch, as every loader has to.
    """
    images, labels = np.ascontiguousarray(train.images), train.labels.astype(np.int32)
    generator = np.random.default_rng(0)
    pixels = np.empty((setting.batch_size, *train.image_shape), np.uint8)
    values = np.empty(pixels.shape, np.float32)

    def epoch() -> Batches:
        order = generator.permutation(len(images))
        for first in range(0, len(order), setting.batch_size):
            rows = order[first : first + setting.batch_size]
            size = len(rows)
            # Without mode="clip" numpy fills a buffer of its own first.
            np.take(images, rows, axis=0, out=pixels[:size], mode="clip")
            if setting.encoded:
                np.divide(pixels[:size], np.float32(255), out=values[:size])
            yield (values if setting.encoded else pixels)[:size], labels[rows]

    return epoch
