"""The conformance checks: does an adapter yield the batches of plan and encoding bit for bit?

They are for every adapter, including those of plugins. A plugin's test file is four lines::

    import pytest
    from fmnist_core.testing import CHECKS

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_conformance(check):
        check(my_adapter)

`check_transform` is for a transform of your own.

The checks need neither pytest nor a network; they make their own data. The expected batches come
from the specification (`BatchPlan.indices`, `Encoding.table`), not from another adapter.
"""

from collections.abc import Callable

from fmnist_core.hookspecs import Adapter
from fmnist_core.testing.expected import (
    ALL_FIELDS,
    assert_batches,
    made_dataset,
    wanted_batches,
)
from fmnist_core.testing.loaders import (
    check_abandoned_iteration,
    check_errors,
    check_fresh_batches,
    check_interface,
    check_length,
    check_source_unchanged,
    check_state,
    check_two_iterators,
    check_unused_iterator,
)
from fmnist_core.testing.plans import (
    check_batch_forms,
    check_epochs,
    check_every_start,
    check_extended,
    check_extreme_seeds,
    check_fields,
    check_large_orders,
    check_order,
    check_overfull_pad,
    check_remainders_and_shards,
    check_resumed_shards,
    check_tiny_datasets,
)
from fmnist_core.testing.transforms import (
    check_chains,
    check_mixes,
    check_repeated_example,
    check_transform,
    check_transform_errors,
    check_transform_starts_and_shards,
    check_transform_state,
    check_transforms,
    check_views,
)
from fmnist_core.testing.values import (
    check_channels,
    check_colour_images,
    check_layouts_and_labels,
    check_other_habits,
    check_other_types,
    check_pixels,
)

CHECKS: tuple[Callable[[Adapter], None], ...] = (
    check_interface,
    check_order,
    check_extreme_seeds,
    check_large_orders,
    check_epochs,
    check_every_start,
    check_remainders_and_shards,
    check_resumed_shards,
    check_state,
    check_overfull_pad,
    check_tiny_datasets,
    check_fields,
    check_extended,
    check_pixels,
    check_layouts_and_labels,
    check_colour_images,
    check_channels,
    check_batch_forms,
    check_other_habits,
    check_other_types,
    check_length,
    check_abandoned_iteration,
    check_unused_iterator,
    check_two_iterators,
    check_fresh_batches,
    check_source_unchanged,
    check_errors,
    check_transforms,
    check_chains,
    check_transform_starts_and_shards,
    check_repeated_example,
    check_views,
    check_mixes,
    check_transform_state,
    check_transform_errors,
)
"""Every check; each takes an adapter and raises AssertionError with what is wrong."""

__all__ = [
    "ALL_FIELDS",
    "CHECKS",
    "assert_batches",
    "check_abandoned_iteration",
    "check_batch_forms",
    "check_chains",
    "check_channels",
    "check_colour_images",
    "check_epochs",
    "check_errors",
    "check_every_start",
    "check_extended",
    "check_extreme_seeds",
    "check_fields",
    "check_fresh_batches",
    "check_interface",
    "check_large_orders",
    "check_layouts_and_labels",
    "check_length",
    "check_mixes",
    "check_order",
    "check_other_habits",
    "check_other_types",
    "check_overfull_pad",
    "check_pixels",
    "check_remainders_and_shards",
    "check_repeated_example",
    "check_resumed_shards",
    "check_source_unchanged",
    "check_state",
    "check_tiny_datasets",
    "check_transform",
    "check_transform_errors",
    "check_transform_starts_and_shards",
    "check_transform_state",
    "check_transforms",
    "check_two_iterators",
    "check_unused_iterator",
    "check_views",
    "made_dataset",
    "wanted_batches",
]
