"""The reference adapter: batches as tuples of numpy arrays."""

from fmnist_numpy.adapter import ADAPTER, NumpyAdapter, batches, fmnist_adapter

__all__ = ["ADAPTER", "NumpyAdapter", "batches", "fmnist_adapter"]
