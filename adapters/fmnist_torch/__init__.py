"""The torch adapter: a DataLoader over a map-style dataset, and torchvision's datasets."""

from typing import TYPE_CHECKING, Any

from fmnist_core import llvm
from fmnist_torch.adapter import ADAPTER, TorchAdapter, data_loader, fmnist_adapter
from fmnist_torch.datasets import MapDataset
from fmnist_torch.loader import PlanLoader
from fmnist_torch.sampler import PlanSampler

if TYPE_CHECKING:
    from fmnist_torch.compat import EMNIST, KMNIST, MNIST, QMNIST, FashionMNIST

__all__ = [
    "ADAPTER",
    "EMNIST",
    "KMNIST",
    "MNIST",
    "QMNIST",
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


def __getattr__(name: str) -> Any:
    """Import torchvision's datasets on first use, because they import torchvision."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fmnist_torch import compat

    return getattr(compat, name)
