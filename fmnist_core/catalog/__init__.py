"""A record of each dataset.

The digest of a payload (the unpacked bytes) decides whether it is genuine; where only that of the
published file is known, that digest decides. Each module names the sources of its facts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fmnist_core.catalog.drawn import SYNTHETIC
from fmnist_core.catalog.emnist import EMNIST
from fmnist_core.catalog.fashion import FASHION_MNIST, GARMENTS
from fmnist_core.catalog.kmnist import K49, KMNIST
from fmnist_core.catalog.mnist import MNIST
from fmnist_core.catalog.qmnist import QMNIST
from fmnist_core.catalog.starts import START_NBYTES, STARTS
from fmnist_core.files import hasher
from fmnist_core.records import DatasetInfo, FileInfo, OldRevision

__all__ = [
    "CATALOG",
    "FASHION_MNIST",
    "GARMENTS",
    "K49",
    "KMNIST",
    "MNIST",
    "QMNIST",
    "SYNTHETIC",
    "Known",
    "describe_packed",
    "describe_payload",
    "describe_start",
    "known_digests",
]

CATALOG: Mapping[str, DatasetInfo] = MappingProxyType(
    {info.name: info for info in (FASHION_MNIST, MNIST, KMNIST, K49, QMNIST, *EMNIST, SYNTHETIC)}
)
"""The built-in datasets by name."""


@dataclass(frozen=True)
class Known:
    """A file of the catalog: in words, and whether it belongs to an old revision."""

    words: str
    old: bool


def describe_payload(sha256: str) -> Known | None:
    """Return which known payload has this digest, or None.

    Examples
    --------
    >>> describe_payload("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7")
    Known(words='MNIST t10k-images-idx3-ubyte', old=False)
    """
    for info, file, old in _all_files():
        if file.payload.sha256 == sha256:
            return _known(f"{info.title} {file.name}", old)
    return None


def describe_packed(
    *, sha256: str | None = None, md5: str | None = None, sha1: str | None = None
) -> Known | None:
    """Return which known published file has one of these digests, or None."""
    for info, file, old in _all_files():
        packed = file.packed
        pairs = (packed.sha256, sha256), (packed.md5, md5), (packed.sha1, sha1)
        if any(theirs and theirs == given for theirs, given in pairs):
            return _known(f"{info.family or info.title} {file.packed_name}", old)
    return None


def known_digests(nbytes: int) -> set[str]:
    """Return which digests ("sha256", "md5", "sha1") could tell a published file of this length."""
    names = set()
    for _, file, _ in _all_files():
        packed, payload = file.packed, file.payload
        if packed.nbytes == nbytes:
            names |= {"sha256", "md5"}
        elif packed.sha1 and not packed.nbytes and nbytes < (payload.nbytes or 0):
            names.add("sha1")  # all that is known of two old files; packed they are smaller
    return names


def describe_start(start: bytes) -> Known | None:
    """Return which known payload begins with these bytes, or None, also if they are too few."""
    digest = hasher()
    digest.update(start[:START_NBYTES])
    payload = STARTS.get(digest.hexdigest())
    return describe_payload(payload) if payload else None


def _known(words: str, old: OldRevision | None) -> Known:
    return Known(f"{words} of {old.released} ({old.note})" if old else words, bool(old))


def _all_files() -> Iterator[tuple[DatasetInfo, FileInfo, OldRevision | None]]:
    for info in CATALOG.values():
        for split in info.splits.values():
            for file in split.files:
                yield info, file, None
        for old in info.old_revisions:
            for file in old.files:
                yield info, file, old
