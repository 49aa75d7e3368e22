"""The JAX adapter: batches of arrays one after the other, or made on a device inside jit."""

from fmnist_jax.adapter import ADAPTER, JaxAdapter, batches, fmnist_adapter, resident
from fmnist_jax.device import Resident
from fmnist_jax.loaders import DeviceBatches, JaxBatches

__all__ = [
    "ADAPTER",
    "DeviceBatches",
    "JaxAdapter",
    "JaxBatches",
    "Resident",
    "batches",
    "fmnist_adapter",
    "resident",
]
