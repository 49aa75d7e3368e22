"""Hugging Face datasets with an Image column in torch's format, as its documentation shows it.

https://huggingface.co/docs/datasets/use_with_pytorch; the column is built here as the hub's
``fashion_mnist`` holds it: PNG files in an Arrow table. The division is done on whole batches,
which is the fastest place for it.
"""

import io
from collections.abc import Callable
from typing import Any

import datasets
from PIL import Image
from torch.utils.data import DataLoader

from fmnist_core import Dataset
from tests.bench.rows import Batches, Setting


def images(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of a DataLoader over the table."""
    table = datasets.Dataset.from_dict(
        {
            "image": [{"bytes": _png(image), "path": None} for image in train.images],
            "label": train.labels.tolist(),
        },
        features=datasets.Features(
            {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(train.classes))}
        ),
    ).with_format("torch")
    loader = DataLoader(table, batch_size=setting.batch_size, shuffle=True)

    def epoch() -> Batches:
        for batch in loader:
            pixels = batch["image"]
            yield pixels.float() / 255 if setting.encoded else pixels, batch["label"]

    return epoch


def _png(image: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()
