"""The Grain adapter: the batches of a plan as Grain datasets, with Grain's own checkpoints."""

from fmnist_grain.adapter import ADAPTER, GrainAdapter, fmnist_adapter, iter_dataset
from fmnist_grain.datasets import PlanIterator, PlanIterDataset, PlanMapDataset

__all__ = [
    "ADAPTER",
    "GrainAdapter",
    "PlanIterDataset",
    "PlanIterator",
    "PlanMapDataset",
    "fmnist_adapter",
    "iter_dataset",
]
