"""A user's typed program: `mypy --strict` and pyright find no fault and see no Any in it."""

from typing import assert_type

import torch

import fmnist_core as fm
import fmnist_jax
import fmnist_numpy
import fmnist_torch

train = fm.load("synthetic", "train")
assert_type(train, fm.Dataset)

loader = fmnist_torch.data_loader(
    train,
    batch_size=128,
    shuffle=True,
    seed=0,
    fields=("image", "label", "index"),
    dtype="float32",
    num_workers=2,
    pin_memory=True,
    prefetch_factor=4,
    persistent_workers=True,
    multiprocessing_context="spawn",
    generator=torch.Generator(),
)
assert_type(loader, fmnist_torch.PlanLoader)
assert_type(len(loader), int)

examples = fmnist_torch.MapDataset(train)
assert_type(examples, fmnist_torch.MapDataset)

batches = fmnist_jax.batches(train, batch_size=128, shuffle=True, shard="auto")
assert_type(batches.epoch, int)

reference = fmnist_numpy.batches(train, batch_size=128, remainder="drop")
assert_type(reference.epoch, int)
