"""The rank of this process, and a comparison of all ranks; used by fmnist_torch.

The ranks communicate through the store that every group has, not by a collective. If one rank does
not join a collective, it matches whatever that rank sends next; with NCCL it also needs a device.
"""

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any

from torch import distributed
from torch.utils.data import get_worker_info

from fmnist_core.agreement import check_agreement, check_shard
from fmnist_core.errors import OptionError


def own_shard() -> tuple[int, int]:
    """Return rank and number of ranks from torch.distributed, or from a launcher's variables.

    Raises
    ------
    OptionError
        If RANK and WORLD_SIZE are not a valid pair.
    """
    if in_a_group():
        return distributed.get_rank(), distributed.get_world_size()
    rank, world_size = os.environ.get("RANK"), os.environ.get("WORLD_SIZE")
    if rank is None and world_size is None:
        return 0, 1
    return check_shard(str(rank), str(world_size), "RANK and WORLD_SIZE")


def in_a_group() -> bool:
    """Whether this process is a rank of a group; a worker process of a rank is not."""
    has_group = distributed.is_available() and distributed.is_initialized()
    return has_group and get_worker_info() is None


def compare_ranks(shards: int, record: Callable[[], dict[str, Any]]) -> None:
    """Wait until every rank has sent what it is about to read, and check that they agree.

    Only loaders with as many shards as ranks are compared. A loader with one shard may exist on one
    rank only; with fewer shards than ranks, the user divides the work.

    Parameters
    ----------
    shards : int
        How many shards the loader of this rank is for.
    record : callable
        Returns the record of this rank for `check_agreement`, which has to read all data.

    Raises
    ------
    OptionError
        On every rank, if the ranks disagree; or if one of them sends nothing within the group's
        time limit.
    """
    ranks = distributed.get_world_size() if in_a_group() else 1
    if ranks == 1 or shards == 1:
        return
    if shards > ranks:
        raise OptionError(
            f"{shards} shards cannot be read by {ranks} ranks: no rank would read some examples. "
            'Try: shard="auto"'
        )
    store = _store()
    rank = distributed.get_rank()
    turn = store.add(f"loaders of rank {rank}", 1)
    keys = [f"loader {turn} of rank {other}" for other in range(ranks)]
    store.set(keys[rank], json.dumps(record()))
    if shards == ranks:
        _check_all(store, keys, rank)
    else:
        store.set(f"{keys[rank]}, read", "")


def _store() -> Any:
    # Imported here: torch can be built without it. No public name leads to the group's store.
    from torch.distributed.distributed_c10d import PrefixStore, _get_default_store

    return PrefixStore("fmnist", _get_default_store())


def _check_all(store: Any, keys: list[str], rank: int) -> None:
    try:
        store.wait(keys)
    except distributed.DistStoreError as error:
        silent = [other for other, key in enumerate(keys) if not store.check([key])]
        raise OptionError(
            f"rank {', '.join(map(str, silent))} began no loader of {len(keys)} shards within the "
            'group\'s time limit, unlike the others. Try: shard="auto" on every rank'
        ) from error
    records = [json.loads(store.get(key)) for key in keys]
    store.set(f"{keys[rank]}, read", "")
    try:
        check_agreement(records)
    except OptionError:
        # The rank that hosts the store must not end before the others have read it.
        with contextlib.suppress(distributed.DistError):
            store.wait([f"{key}, read" for key in keys])
        raise
