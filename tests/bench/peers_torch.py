"""torch: our loader and our map-style dataset, beside torch's own TensorDataset."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Sampler, TensorDataset

import fmnist_torch
from fmnist_core import Dataset
from tests.bench.rows import Batches, Setting


def ours(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of ``train.to("torch", ...)``."""
    loader = train.to("torch", **setting.options)
    return lambda: loader


def ours_mapped(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of a plain DataLoader over `fmnist_torch.MapDataset`."""
    raw: Any = {} if setting.encoded else {"dtype": "uint8", "scale": "raw"}
    examples = fmnist_torch.MapDataset(train, **raw)
    loader = DataLoader(examples, batch_size=setting.batch_size, shuffle=True)
    return lambda: loader


def ours_mapped_at_once(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of the same with the sampler of docs/recipes.md."""
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
    code = page.split("\nclass RandomBatches")[1].split("\n\n\n")[0]
    names: dict[str, Any] = {"torch": torch, "Sampler": Sampler}
    exec(f"class RandomBatches{code}", names)
    examples = ours_mapped(train, setting)().dataset  # type: ignore[attr-defined]
    sampler = names["RandomBatches"](examples, setting.batch_size)
    loader = DataLoader(examples, batch_sampler=sampler)
    return lambda: loader


def tensor_dataset(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of a TensorDataset of all images, encoded beforehand and kept so."""
    images = torch.from_numpy(train.images.copy()).unsqueeze(1)
    labels = torch.from_numpy(train.labels.astype("int64"))
    values = images.float() / 255 if setting.encoded else images
    loader = DataLoader(TensorDataset(values, labels), batch_size=setting.batch_size, shuffle=True)
    return lambda: loader
