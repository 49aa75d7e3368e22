"""jax-dataloader over an ArrayDataset, as its readme shows it, with all images encoded beforehand.

https://github.com/BirkhoffG/jax-dataloader; its batches are numpy arrays, so device_put is added.
"""

from collections.abc import Callable

import jax
import jax_dataloader as jdl
import numpy as np

from fmnist_core import Dataset
from tests.bench.rows import Batches, Setting


def arrays(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of its DataLoader with the backend "jax"."""
    images = train.images[..., None]
    values = images / np.float32(255) if setting.encoded else images
    loader = jdl.DataLoader(
        jdl.ArrayDataset(values, train.labels.astype(np.int32)),
        backend="jax",
        batch_size=setting.batch_size,
        shuffle=True,
        drop_last=False,
    )
    return lambda: map(jax.device_put, loader)
