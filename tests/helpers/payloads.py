"""The digest that every export and import of a dataset must keep."""

import hashlib
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core import Dataset, write_idx


def payload_digests(images: NDArray[Any], labels: NDArray[Any]) -> tuple[str, str]:
    """Return the SHA-256 of the IDX payloads of images and labels."""
    digests = []
    for array in (np.asarray(images, np.uint8), np.asarray(labels).astype(np.uint8)):
        payload = io.BytesIO()
        write_idx(payload, array)
        digests.append(hashlib.sha256(payload.getvalue()).hexdigest())
    return digests[0], digests[1]


def assert_same(dataset: Dataset, images: NDArray[Any], labels: NDArray[Any]) -> None:
    """Assert that arrays have the payload digests of a dataset."""
    assert payload_digests(images, labels) == payload_digests(dataset.images, dataset.labels)
