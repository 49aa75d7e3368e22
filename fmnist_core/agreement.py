"""What the ranks of a group must agree on before they read, and which shard a launcher names."""

from collections.abc import Mapping, Sequence
from typing import Any

from fmnist_core.errors import OptionError, check_range


def check_agreement(records: Sequence[Mapping[str, Any]]) -> None:
    """Check what the ranks of a group say of their loaders, in the order of the ranks.

    Parameters
    ----------
    records : sequence of mapping
        What `batch.EpochCounter.record` gives on each rank. All values must be equal but "shard",
        of which each rank has its own.

    Raises
    ------
    OptionError
        If they disagree; the same on every rank.
    """
    first = records[0]
    for rank, record in enumerate(records):
        for name in first:
            if name != "shard" and record.get(name) != first[name]:
                raise OptionError(
                    f"ranks disagree on {name}: rank 0 has {first[name]!r}, rank {rank} has "
                    f"{record.get(name)!r}. Every rank must make its loader alike"
                )
    shards = [tuple(record["shard"]) for record in records]
    if sorted(shards) != [(index, len(records)) for index in range(len(records))]:
        raise OptionError(
            f"expected the ranks to have the shards 0 to {len(records) - 1} of {len(records)}, "
            f'each its own; found {shards}. Try: shard="auto"'
        )


def check_shard(index: str, count: str, where: str) -> tuple[int, int]:
    """Return the shard that a launcher names in two texts, or raise OptionError."""
    try:
        pair = int(index), int(count)
    except ValueError as error:
        raise OptionError(
            f"expected {where} to be whole numbers, found {index!r} and {count!r}"
        ) from error
    check_range(f"{where}: count", pair[1], 1, 2**31)
    check_range(f"{where}: index", pair[0], 0, pair[1] - 1)
    return pair
