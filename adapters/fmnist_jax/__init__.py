"""The JAX adapter: batches of arrays one after the other, or made on a device inside jit."""

from fmnist_jax.adapter import ADAPTER, JaxAdapter, batches, fmnist_adapter, resident
from fmnist_jax.device import Resident

__all__ = ["ADAPTER", "JaxAdapter", "Resident", "batches", "fmnist_adapter", "resident"]
