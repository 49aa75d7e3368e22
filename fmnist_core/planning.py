"""Turn the options of `Dataset.to` into a plan and an encoding."""

from collections.abc import Mapping
from typing import Any

from fmnist_core.encoding import Encoding
from fmnist_core.errors import OptionError
from fmnist_core.hookspecs import Adapter, EncodingOptions, LoaderOptions
from fmnist_core.plan import BatchPlan
from fmnist_core.registry import check_options, own_shard

_OF_THE_PLAN = ("shuffle", "seed", "remainder", "fields")
_OF_THE_ENCODING = tuple(EncodingOptions.__annotations__)


def planned(
    num_examples: int,
    adapter: Adapter,
    batch_size: int,
    options: LoaderOptions,
    framework_options: Mapping[str, Any] = {},
) -> tuple[BatchPlan, Encoding]:
    """Return the plan and the encoding for an adapter and options.

    Parameters
    ----------
    num_examples : int
    adapter : Adapter
        Gives this process's shard if `shard` is "auto".
    batch_size : int
    options : LoaderOptions
        The options of `Dataset.to` that every adapter has.
    framework_options : mapping
        The adapter's own options.

    Raises
    ------
    OptionError
        If an option's value is not allowed, or the adapter has no such option.
    """
    check_options(adapter, framework_options)
    values: Mapping[str, Any] = options
    shard = values.get("shard", (0, 1))
    if isinstance(shard, str):
        if shard != "auto":
            raise OptionError(f'shard must be a pair (index, count) or "auto", not {shard!r:.80}')
        shard = own_shard(adapter, framework_options)
    plan = BatchPlan(num_examples, batch_size, shard=shard, **_chosen(values, _OF_THE_PLAN))
    return plan, Encoding(**_chosen(values, _OF_THE_ENCODING))


def _chosen(options: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: options[name] for name in names if name in options}
