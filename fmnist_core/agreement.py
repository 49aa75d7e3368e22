"""Check that the ranks of a group agree before they read, and read a launcher's shard."""

from collections.abc import Mapping, Sequence
from typing import Any

from fmnist_core.errors import OptionError, check_range


def check_agreement(records: Sequence[Mapping[str, Any]]) -> None:
    """Check that the loaders of a group of ranks agree; records are in the order of the ranks.

    Parameters
    ----------
    records : sequence of mapping
        `ResumableLoader.agreement` of each rank. All values must be equal except "shard", which
        differs on each rank.

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
                    f"{record.get(name)!r}. Make the loader with the same options on every rank"
                )
    shards = [tuple(record["shard"]) for record in records]
    if sorted(shards) != [(index, len(records)) for index in range(len(records))]:
        raise OptionError(
            f"expected the ranks to have shards 0 to {len(records) - 1} of {len(records)}, one "
            f'each; found {shards}. Try: shard="auto"'
        )


def check_shard(index: str, count: str, where: str) -> tuple[int, int]:
    """Return the shard that a launcher gives as two strings, or raise OptionError."""
    try:
        pair = int(index), int(count)
    except ValueError as error:
        raise OptionError(
            f"expected {where} to be whole numbers, found {index!r} and {count!r}"
        ) from error
    check_range(f"{where}: count", pair[1], 1, 2**31)
    check_range(f"{where}: index", pair[0], 0, pair[1] - 1)
    return pair
