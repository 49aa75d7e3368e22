"""The Ray adapter: a `ray.data.Dataset` whose read tasks make the plan's batches where they run."""

from fmnist_ray.adapter import ADAPTER, RayAdapter, fmnist_adapter, ray_dataset
from fmnist_ray.urls import open_urls

__all__ = ["ADAPTER", "RayAdapter", "fmnist_adapter", "open_urls", "ray_dataset"]
