"""EpochFingerprint: the examples received in one epoch, as sums of digests and a mark of each.

docs/fingerprint.md states the formula. An example's term contains its position in the epoch's
order, and terms are summed, so batch sizes, shards and the order of merging do not matter. The sum
is AdHash with SHA-256 and a modulus of 2**256 (M. Bellare and D. Micciancio, "A new paradigm for
collision-free hashing: incrementality at reduced cost", EUROCRYPT 1997). It finds honest mistakes;
someone who can choose the data could make two runs collide (D. Wagner, "A generalized birthday
problem", CRYPTO 2002).
"""

import base64
import hashlib
import re
import sys
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import DataMismatchError, OptionError, brief

MISSING = -1
"""The index at a position where nothing was received."""

BYTES_PER_EXAMPLE = 12
"""Memory of one example: its index and its mark."""

_MODULUS = 2**256


@dataclass(eq=False)
class EpochFingerprint:
    """The examples received in one epoch.

    Attributes
    ----------
    index : int64 array (n,)
        At each position of the epoch's order, the `index` of the received example, or -1.
    marks : uint32 array (n,)
        The first four bytes of its content's digest. They locate a difference that the sums show.
    ordered, unordered : int
        Sums over all examples, mod 2**256, with and without their positions.
    """

    index: NDArray[np.int64]
    marks: NDArray[np.uint32]
    ordered: int = 0
    unordered: int = 0

    @classmethod
    def empty(cls, num_examples: int) -> "EpochFingerprint":
        """Return the fingerprint of an epoch before any example is received."""
        return cls(np.full(num_examples, MISSING, np.int64), np.zeros(num_examples, np.uint32))

    @property
    def examples(self) -> int:
        """How many examples were received."""
        return int(np.count_nonzero(self.index != MISSING))

    @property
    def digest(self) -> str:
        """Digest of the examples and their order: 64 hexadecimal digits."""
        return f"{self.ordered:064x}"

    @property
    def unordered_digest(self) -> str:
        """Digest of the examples in any order: 64 hexadecimal digits."""
        return f"{self.unordered:064x}"

    def add(
        self,
        positions: NDArray[np.int64],
        images: NDArray[Any],
        labels: NDArray[Any],
        index: NDArray[Any],
    ) -> None:
        """Add the examples received at some positions of the epoch's order.

        Raises
        ------
        OptionError
            If a position was already received.
        DataMismatchError
            If an index is negative.
        """
        if not len(positions):
            return
        self._check_new(positions)
        number = index.astype(np.int64)
        if number.min() < 0:
            raise DataMismatchError(f"expected an index of 0 or more, found {number.min()}")
        labels = labels.astype(np.int64) if np.issubdtype(labels.dtype, np.integer) else labels
        contents = np.concatenate([_bytes(number), _bytes(labels), _bytes(images)], axis=1)
        digests = [hashlib.sha256(content).digest() for content in contents]
        places = _bytes(positions)
        for place, digest in zip(places, digests, strict=True):
            self.ordered += _term(hashlib.sha256(place.tobytes() + digest).digest())
            self.unordered += _term(digest)
        self.ordered %= _MODULUS
        self.unordered %= _MODULUS
        self.index[positions] = number
        self.marks[positions] = [int.from_bytes(digest[:4], "little") for digest in digests]

    def merged(self, other: "EpochFingerprint") -> "EpochFingerprint":
        """Return the fingerprint of both parts together.

        Raises
        ------
        OptionError
            If they overlap.
        """
        theirs = other.index != MISSING
        self._check_new(np.flatnonzero(theirs))
        return EpochFingerprint(
            np.where(theirs, other.index, self.index),
            np.where(theirs, other.marks, self.marks),
            (self.ordered + other.ordered) % _MODULUS,
            (self.unordered + other.unordered) % _MODULUS,
        )

    def record(self) -> dict[str, Any]:
        """Return this fingerprint in a form that JSON can hold."""
        return {
            "examples": self.examples,
            "digest": self.digest,
            "unordered_digest": self.unordered_digest,
            "index": _packed(self.index.astype("<i8")),
            "marks": _packed(self.marks.astype("<u4")),
        }

    @classmethod
    def from_record(cls, record: object, num_examples: int) -> "EpochFingerprint":
        """Return the fingerprint of a record.

        Raises
        ------
        DataMismatchError
            If it is not a record, or has another number of examples.
        """
        if not isinstance(record, dict) or not _PARTS <= record.keys():
            raise DataMismatchError(f"expected {', '.join(sorted(_PARTS))}, found {brief(record)}")
        sums = [_unhexed(record[name]) for name in ("digest", "unordered_digest")]
        index = _unpacked(record["index"], "<i8", num_examples).astype(np.int64)
        marks = _unpacked(record["marks"], "<u4", num_examples).astype(np.uint32)
        fingerprint = cls(index, marks, *sums)
        if fingerprint.examples != record["examples"]:
            count = brief(record["examples"])
            raise DataMismatchError(
                f"expected {count} examples, found {fingerprint.examples} in its index"
            )
        return fingerprint

    def _check_new(self, positions: NDArray[np.int64]) -> None:
        again = positions[self.index[positions] != MISSING]
        if again.size:
            raise OptionError(
                f"{again.size:,} positions, the first {again.min():,}, were received twice. "
                "Try: merge each shard, and each piece of an epoch, once"
            )


_PARTS = {"examples", "digest", "unordered_digest", "index", "marks"}


def _packed(array: NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(array.tobytes())).decode()


def _unpacked(text: object, dtype: str, count: int) -> NDArray[Any]:
    """Return `count` numbers, or raise DataMismatchError; never unpacks more than that."""
    nbytes = count * np.dtype(dtype).itemsize
    try:
        packed = base64.b64decode(text if isinstance(text, str) else "?", validate=True)
        unpacker = zlib.decompressobj()
        unpacked = unpacker.decompress(packed, nbytes + 1)
    except (ValueError, OverflowError, zlib.error) as error:
        raise DataMismatchError(
            f"expected numbers as base64 of zlib, found something else: {error}"
        ) from error
    if len(unpacked) != nbytes or not unpacker.eof:
        raise DataMismatchError(f"expected {nbytes} bytes of numbers, found another length")
    return np.frombuffer(unpacked, dtype)


def _unhexed(text: object) -> int:
    if not isinstance(text, str) or not re.fullmatch("[0-9a-f]{64}", text):
        raise DataMismatchError(f"expected a digest of 64 hexadecimal digits, found {brief(text)}")
    return int(text, 16)


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the little-endian bytes of each row, uint8 (n, bytes)."""
    rows = np.ascontiguousarray(array).reshape(len(array), -1)
    return (rows.byteswap() if sys.byteorder == "big" else rows).view(np.uint8)


def _term(digest: bytes) -> int:
    return int.from_bytes(digest, "little")
