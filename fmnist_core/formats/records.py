"""TFRecord files with a tf.train.Example in each record, written and read without TensorFlow.

A record is its length (uint64), a masked CRC-32C of that, the bytes, and a masked CRC-32C of them,
little-endian. An Example is protocol buffers: field 1, a map of names to lists of values.
"""

import io
import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import DataMismatchError
from fmnist_core.files import open_regular

MAX_RECORD = 1 << 20
"""Most bytes of a record that is read: a PNG of 1,000 x 1,000 pixels, however badly they pack."""

_TOP = (1 << 32) - 1
_POLYNOMIAL = 0x82F63B78
"""Castagnoli's, bits reversed (RFC 3720)."""

BLOCK = 500
"""Most records whose checksums are computed together."""

_TABLE_NBYTES = 1 << 24
"""Most bytes of such records, each as long as the longest."""

Features = dict[str, bytes | int]

_Parts = tuple[bytes, bytes, bytes]


# -- framing ------------------------------------------------------------------------------------


def framed(records: Sequence[bytes]) -> bytes:
    """Return records with the framing of a TFRecord file."""
    lengths = [struct.pack("<Q", len(record)) for record in records]
    sums = zip(lengths, _masked_crcs(lengths), records, _masked_crcs(records), strict=True)
    return b"".join(
        length + struct.pack("<I", of_length) + record + struct.pack("<I", of_record)
        for length, of_length, record, of_record in sums
    )


def read_records(path: Path) -> Iterator[bytes]:
    """Yield the records of a TFRecord file.

    Raises
    ------
    DataMismatchError
        If it is damaged or cut short; the record is named.
    """
    number = 0
    with open_regular(path) as file:
        for block in _blocks(file):
            starts, records, ends = zip(*block, strict=True)
            sums = [start[8:] for start in starts], ends
            ours = _masked_crcs([start[:8] for start in starts]), _masked_crcs(records)
            for row, record in enumerate(records):
                stored = [int.from_bytes(kind[row], "little") for kind in sums]
                if len(ends[row]) < 4 or stored != [kind[row] for kind in ours]:
                    raise DataMismatchError(
                        f"{path}: record {number} is damaged, cut short or longer than "
                        f"{MAX_RECORD:,} bytes"
                    )
                yield record
                number += 1


def _blocks(file: io.BufferedReader) -> Iterator[list[_Parts]]:
    """Yield the parts of the records whose checksums are computed together."""
    block: list[_Parts] = []
    longest = 0
    while (parts := _read_parts(file))[0]:
        longest = max(longest, len(parts[1]))
        if len(block) == BLOCK or (len(block) + 1) * longest > _TABLE_NBYTES:
            yield block
            block, longest = [], len(parts[1])
        block.append(parts)
    if block:
        yield block


def _read_parts(file: io.BufferedReader) -> _Parts:
    """Return the next record's length and its checksum, its bytes, and their checksum."""
    start = file.read(12)
    length = int.from_bytes(start[:8], "little")
    return start, file.read(length if length <= MAX_RECORD else 0), file.read(4)


def is_tfrecord(head: bytes) -> bool:
    """Whether a file's first bytes are the beginning of a TFRecord file."""
    if len(head) < 12:
        return False
    return _masked_crcs([head[:8]])[0] == int.from_bytes(head[8:12], "little")


def _masked_crcs(records: Sequence[bytes]) -> list[int]:
    """Return TFRecord's checksum of each byte string, all computed together."""
    order = sorted(range(len(records)), key=lambda n: len(records[n]))
    lengths = np.array([len(records[n]) for n in order])
    table = np.zeros((len(records), lengths[-1]), np.uint8)
    for row, n in enumerate(order):
        table[row, : lengths[row]] = np.frombuffer(records[n], np.uint8)
    columns, crc, steps = np.ascontiguousarray(table.T), _all_ones(len(records)), _crc_steps()
    for place, first in enumerate(np.searchsorted(lengths, range(lengths[-1]), "right")):
        unfinished = crc[first:]  # those that have a byte here
        crc[first:] = steps[(unfinished ^ columns[place, first:]) & 255] ^ (unfinished >> 8)
    crc ^= np.uint32(_TOP)
    masked = np.empty_like(crc)
    masked[order] = ((crc >> 15) | (crc << 17)) + np.uint32(0xA282EAD8)
    return [int(value) for value in masked]


def _all_ones(count: int) -> NDArray[np.uint32]:
    return np.full(count, _TOP, np.uint32)


@cache
def _crc_steps() -> NDArray[np.uint32]:
    steps = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        steps = np.where(steps & 1, (steps >> 1) ^ np.uint32(_POLYNOMIAL), steps >> 1)
    return steps


# -- examples -----------------------------------------------------------------------------------


def example(features: Features) -> bytes:
    """Return a serialised tf.train.Example with one value of each feature."""
    entries = b"".join(
        _field(1, _field(1, name.encode()) + _field(2, _feature(value)))
        for name, value in sorted(features.items())
    )
    return _field(1, entries)


def _feature(value: bytes | int) -> bytes:
    if isinstance(value, bytes):
        return _field(1, _field(1, value))
    return _field(3, _field(1, _varint(value)))


def _field(number: int, content: bytes) -> bytes:
    """Return a field of wire type 2: a length, then so many bytes."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    groups = []
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])


def parse_example(record: bytes) -> Features:
    """Return the first value of each feature of bytes or whole numbers.

    Raises
    ------
    DataMismatchError
        If the bytes are not a tf.train.Example.
    """
    features: Features = {}
    try:
        for entry in _contents(record, 1):
            for pair in _contents(entry, 1):
                name = next(_contents(pair, 1)).decode()
                feature = next(_contents(pair, 2))
                for value in _contents(feature, 1):
                    features[name] = next(_contents(value, 1), b"")
                for value in _contents(feature, 3):
                    features[name] = _first_number(value)
    except (IndexError, StopIteration, UnicodeDecodeError) as error:
        raise DataMismatchError("expected a tf.train.Example, found other bytes") from error
    return features


def _first_number(numbers: bytes) -> int:
    """Return the first of a list of int64, packed or not."""
    key, place = _read_varint(numbers, 0)
    if key & 7 == 2:
        _, place = _read_varint(numbers, place)
    return _read_varint(numbers, place)[0]


def _contents(message: bytes, number: int) -> Iterator[bytes]:
    """Yield the contents of the fields with a number, of wire type 2."""
    place = 0
    while place < len(message):
        key, place = _read_varint(message, place)
        if key & 7 == 0:
            _, place = _read_varint(message, place)
            continue
        if key & 7 != 2:
            raise IndexError
        length, place = _read_varint(message, place)
        if length > len(message) - place:
            raise IndexError
        if key >> 3 == number:
            yield message[place : place + length]
        place += length


def _read_varint(message: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise IndexError


def pictures_of(records: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield picture and label of each Example that has the features image and label.

    Raises
    ------
    DataMismatchError
        If one is not an Example or has other features.
    """
    for number, record in enumerate(records):
        features = parse_example(record)
        image, label = features.get("image"), features.get("label")
        if not isinstance(image, bytes) or not isinstance(label, int):
            raise DataMismatchError(
                f"record {number}: expected the features image and label, found {sorted(features)}"
            )
        yield image, label
