"""Grain, by its guide to JAX training: device_put by hand, and its two-stage prefetch.

https://google-grain.readthedocs.io/en/latest/tutorials/jax_training_tutorial.html
"""

from collections.abc import Callable
from typing import Any

import grain
import jax
import numpy as np
from numpy.typing import NDArray

from fmnist_core import Dataset
from tests.bench.rows import Batches, Setting

Example = dict[str, NDArray[Any]]


class Garments(grain.sources.RandomAccessDataSource):  # type: ignore[misc]
    """Arrays in memory, one example at a time."""

    def __init__(self, train: Dataset) -> None:
        self._images = train.images[..., None]
        self._labels = train.labels.astype(np.int32)

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, row: int) -> Example:
        return {"image": self._images[row], "label": self._labels[row]}


def plain(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs with device_put in the loop; Grain's default threads read ahead."""
    pipeline = _pipeline(train, setting)
    return lambda: (_pair(jax.device_put(batch)) for batch in pipeline)


def prefetched(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs with buffers on the host and on the device, which the guide recommends."""
    pipeline = grain.experimental.device_put(
        ds=_pipeline(train, setting),
        device=jax.devices()[0],
        cpu_buffer_size=4,
        device_buffer_size=2,
    )
    return lambda: map(_pair, pipeline)


def _pipeline(train: Dataset, setting: Setting) -> grain.IterDataset:
    examples = grain.MapDataset.source(Garments(train)).seed(0).shuffle()
    if setting.encoded:
        examples = examples.map(_encoded)
    return examples.batch(batch_size=setting.batch_size).to_iter_dataset()


def _encoded(example: Example) -> Example:
    return {"image": example["image"].astype(np.float32) / 255, "label": example["label"]}


def _pair(batch: Any) -> tuple[Any, Any]:
    return batch["image"], batch["label"]
