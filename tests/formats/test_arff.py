"""ARFF as it comes in."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fmnist_core import DataMismatchError, Dataset, concat
from fmnist_core.formats import arff
from tests.helpers.payloads import assert_same


def test_arff_is_read(splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]) -> None:
    path = exported("arff")
    both = concat(*splits)
    for text in (path.read_text(), openml(path.read_text())):
        path.write_text(text)
        (rows,) = arff.read(path)
        assert_same(both, rows.images, rows.labels)


def openml(text: str) -> str:
    """Return a table with comments, labels in quotes and lower-case words, as others write it."""
    head, _, data = text.partition("@DATA\n")
    rows = [line.rpartition(",") for line in data.splitlines()]
    quoted = "".join(f"{pixels},'{label}'\n" for pixels, _, label in rows)
    return f"% a comment\n{head.replace('@ATTRIBUTE', '@attribute')}@data\n{quoted}"


def test_damage_is_named(exported: Callable[[str], Path]) -> None:
    path = exported("arff")
    text = path.read_text()
    first = text.index("@DATA") + 6
    line = text[:first].count("\n") + 1
    path.write_text(text[:first] + "256" + text[text.index(",", first) :])
    with pytest.raises(DataMismatchError, match=rf"'256' in line {line}, column 1"):
        list(arff.read(path))
    path.write_text(text.replace("@DATA", "@NONE"))
    with pytest.raises(DataMismatchError, match="expected a line @DATA"):
        list(arff.read(path))
    path.write_text(text.replace("@ATTRIBUTE class", "@ATTRIBUTE other"))
    with pytest.raises(DataMismatchError, match="expected one attribute"):
        list(arff.read(path))
