"""CSV files that are read: conventions of others; errors name damaged rows."""

import csv as csv_module
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from fmnist_core import DataMismatchError, Dataset
from fmnist_core.formats import csv
from tests.helpers.payloads import assert_same


@pytest.fixture
def table(splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]) -> Path:
    return exported("csv") / "synthetic_test.csv"


def test_csv_is_read(splits: tuple[Dataset, Dataset], table: Path) -> None:
    (rows,) = csv.read(table)
    assert rows.split == "test"
    assert_same(splits[1], rows.images, rows.labels)


def test_other_conventions_are_read(splits: tuple[Dataset, Dataset], table: Path) -> None:
    frame = pandas.read_csv(table)
    frame.to_csv(table, header=False, index=False)
    (bare,) = csv.read(table)
    pixels = frame.drop(columns="label").astype(float)
    last = pandas.concat([pixels, frame["label"].rename("class")], axis=1)
    last.to_csv(table, index=False, quoting=csv_module.QUOTE_NONNUMERIC)
    (openml,) = csv.read(table)
    for rows in (bare, openml):
        assert_same(splits[1], rows.images, rows.labels)


def changed(table: Path, change: Callable[[list[str]], None]) -> None:
    lines = table.read_text().splitlines()
    change(lines)
    table.write_text("\n".join(lines) + "\n")


def cell(line: int, column: int, value: str) -> Callable[[list[str]], None]:
    def change(lines: list[str]) -> None:
        words = lines[line - 1].split(",")
        words[column - 1] = value
        lines[line - 1] = ",".join(words)

    return change


def without_column(lines: list[str]) -> None:
    for place, line in enumerate(lines):
        words = line.split(",")
        del words[31]
        lines[place] = ",".join(words)


def without_rows(lines: list[str]) -> None:
    del lines[1:]


def cut_row(lines: list[str]) -> None:
    lines[9] = lines[9].rpartition(",")[0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (cell(12, 5, "256"), "found '256' in line 12, column 5"),
        (cell(12, 5, "-1"), "found '-1' in line 12, column 5"),
        (cell(12, 5, "1.5"), "found '1.5' in line 12, column 5"),
        (cell(51, 785, "x"), "found 'x' in line 51, column 785"),
        (cell(3, 1, ""), "found '' in line 3, column 1"),
        (cell(1, 1, "pixel0"), "expected one column of labels"),
        (without_column, "expected the column pixel31, found 'pixel32'"),
        (cut_row, "expected 785 columns, found 784 in line 10"),
    ],
)
def test_a_damaged_table_raises_with_the_place(
    table: Path, change: Callable[[list[str]], None], expected: str
) -> None:
    changed(table, change)
    with pytest.raises(DataMismatchError, match=expected):
        list(csv.read(table))


def test_a_table_without_rows_is_refused(table: Path) -> None:
    changed(table, without_rows)
    with pytest.raises(DataMismatchError, match="found none"):
        list(csv.read(table))


def test_labels_stay_whole_numbers(table: Path) -> None:
    (rows,) = csv.read(table)
    assert rows.labels.dtype == np.int64


@pytest.mark.parametrize("change", ["1.0", " 1", '"1"', "1e0", "01", "0001"])
def test_every_spelling_of_a_number_is_read(table: Path, change: str) -> None:
    expected = next(csv.read(table)).images[1:]
    changed(table, cell(2, 9, change))
    rows = next(csv.read(table))
    assert rows.images[0].flat[7] == 1
    assert np.array_equal(rows.images[1:], expected)


@given(
    values=arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(2, 6))),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
)
def test_plain_text_is_parsed_as_numpy_parses_it(
    values: NDArray[np.uint8], end: str, last: bool
) -> None:
    text = end.join(",".join(map(str, row)) for row in values.tolist()) + end * last
    table = csv._plain(text.encode(), values.shape[1])
    assert table is not None
    oracle = np.loadtxt(text.splitlines(), np.uint8, delimiter=",", ndmin=2)
    assert np.array_equal(table, oracle)


@given(text=st.text("0123456789,\n -.+e\r", max_size=40), columns=st.integers(1, 4))
def test_text_that_numpy_rejects_is_never_parsed(text: str, columns: int) -> None:
    table = csv._plain(text.encode(), columns)
    if table is not None:
        oracle = np.loadtxt(text.split("\n"), np.float64, delimiter=",", ndmin=2)
        assert np.array_equal(table, oracle)


def test_a_column_of_a_number_of_5000_digits_is_no_pixel(tmp_path: Path) -> None:
    """Python refuses to read so long a number."""
    header = f"label,pixel{'1' * 5000},pixel2,pixel3,pixel4"
    (tmp_path / "x.csv").write_text(header + "\n1,2,3,4,5\n")
    (rows,) = csv.read(tmp_path / "x.csv")
    assert rows.images.tolist() == [[[2, 3], [4, 5]]]


@pytest.mark.parametrize("header", ["label,pixel1,pixel2,pixel3,pixel4\n", ""])
def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path, header: str) -> None:
    (tmp_path / "x.csv").write_text(header + "7,2,3,4,5\n", encoding="utf-8-sig")
    (rows,) = csv.read(tmp_path / "x.csv")
    assert (rows.labels.tolist(), rows.images.tolist()) == ([7], [[[2, 3], [4, 5]]])
