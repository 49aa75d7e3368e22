"""The torch adapter: a DataLoader over a map-style dataset, and torchvision's FashionMNIST."""

from fmnist_core import llvm
from fmnist_torch.adapter import ADAPTER, TorchAdapter, data_loader, fmnist_adapter
from fmnist_torch.compat import FashionMNIST
from fmnist_torch.datasets import MapDataset
from fmnist_torch.loader import PlanLoader
from fmnist_torch.sampler import PlanSampler

__all__ = [
    "ADAPTER",
    "FashionMNIST",
    "MapDataset",
    "PlanLoader",
    "PlanSampler",
    "TorchAdapter",
    "data_loader",
    "fmnist_adapter",
]

llvm.warn_if_shared()
llvm.keep_private()
