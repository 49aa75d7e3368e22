"""Truncated copies and flipped bytes: whatever a library does, the error is fmnist's."""

import random
from pathlib import Path

import pytest

from fmnist_core import Dataset, export
from fmnist_core.formats.recognition import recognised
from fmnist_core.formats.table import FORMATS

READABLE = sorted(set(FORMATS) - {"idx", "idx-gz", "projector"})


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return a truncated copy of some bytes, or one with changed bytes, mostly at its head."""
    if chance.random() < 0.3:
        return data[: chance.randrange(len(data))]
    changed = bytearray(data)
    reach = min(len(data), chance.choice([64, 2000, len(data)]))
    for _ in range(chance.choice([1, 5, 50])):
        changed[chance.randrange(reach)] = chance.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("format", READABLE)
def test_damage_raises_our_error(
    splits: tuple[Dataset, Dataset], tmp_path: Path, format: str
) -> None:
    path, chance = tmp_path / "copy", random.Random(format)
    export(splits[1].take(20), path, format=format)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    largest = max(files, key=lambda file: file.stat().st_size)
    target = path if recognised(path) else largest  # some folders count by their files
    assert recognised(target).verdict == "unknown"  # type: ignore[union-attr]
    data = largest.read_bytes()
    verdicts = set()
    for _ in range(40):
        largest.write_bytes(damaged(data, chance))
        identity = recognised(target)  # which says what is wrong, and raises nothing
        verdicts.add(identity.verdict if identity else "another kind of file")
    assert "foreign" in verdicts
