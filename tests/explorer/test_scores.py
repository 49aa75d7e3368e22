"""Predictions from a CSV file: what is read, and which line is named when it is wrong."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist_core import DataMismatchError, FileAccessError
from fmnist_core.explorer.scores import NONE, read_scores
from tests.helpers.pages import made_examples

EXAMPLES = made_examples({"train": 4, "test": 3}, (2, 2))
BOTH_OF_TWO = made_examples({"train": 2, "test": 2}, (2, 2))


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "mine.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_rows_belong_to_the_split_of_their_number(tmp_path: Path) -> None:
    path = written(tmp_path, "index,predicted\n2,Bag\n0,9\n1,Trouser\n")
    scores = read_scores(path, EXAMPLES)
    assert scores.predicted.tolist() == [NONE] * 4 + [9, 1, 8]
    assert scores.score is None


def test_a_column_says_the_split(tmp_path: Path) -> None:
    rows = [
        f"{n},{split},{n},0.{n}5"
        for split, count in (("test", 3), ("train", 4))
        for n in range(count)
    ]
    path = written(
        tmp_path, "\n".join(["Predicted , split,index,score,more", *(f"{r},x" for r in rows)])
    )
    scores = read_scores(path, EXAMPLES)
    assert scores.predicted.tolist() == [0, 1, 2, 3, 0, 1, 2]
    assert scores.score is not None
    assert np.allclose(scores.score, [0.05, 0.15, 0.25, 0.35, 0.05, 0.15, 0.25])


@given(st.permutations(range(4)), st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_rows_come_in_any_order(order: list[int], labels: list[int]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.csv"
        with path.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["index", "predicted", "score"])
            table.writerows([place, labels[place], place / 8] for place in order)
        scores = read_scores(path, EXAMPLES)
    assert scores.predicted[:4].tolist() == labels
    assert scores.score is not None
    assert scores.score[:4].tolist() == [0, 0.125, 0.25, 0.375]
    assert np.isnan(scores.score[4:]).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"the columns index,predicted .* in line 1, found ''"),
        ("0,9\n1,8\n", r"the columns index,predicted .* in line 1, found '0,9'"),
        ("index,predicted\n", r"\(4 for train and 3 for test\), found 0 rows\."),
        ("index,predicted\n0,1\n1,1\n", "found 2 rows. Try: --split"),
        (
            "index,predicted\n0,1\n1,1\n1,1\n",
            "one row for each example of test in line 4, found '1 again'",
        ),
        (
            "index,predicted\n0,1\n1,1\n3,1\n",
            "an index of test's examples here in line 4, found '3'",
        ),
        (
            "index,predicted\n0,1\n-1,1\n2,1\n",
            "an index of test's examples here in line 3, found '-1'",
        ),
        (
            f"index,predicted\n0,1\n{'1' * 5000},1\n2,1\n",
            "an index of test's examples here in line 3, found '111",
        ),
        ("index,predicted\n0,1\n1,\n2,1\n", "a class, by name or number, in line 3, found ''"),
        ("index,predicted\n0,1\n1,10\n2,1\n", "a class, by name or number, in line 3, found '10'"),
        (
            "index,predicted\n0,Bag\n1,bag\n2,1\n",
            "a class, by name or number, in line 3, found 'bag'",
        ),
        ("index,predicted\n0,1\n1\n2,1\n", "2 values in line 3, found '1'"),
        (
            "index,predicted,score\n0,1,0\n1,1,high\n2,1,0\n",
            "a number as the score in line 3, found 'high'",
        ),
        (
            "index,predicted,score\n0,1,0\n1,1,nan\n2,1,0\n",
            "a number as the score in line 3, found 'nan'",
        ),
        (
            "index,predicted,split\n0,1,val\n",
            r"a split of this page \(train, test\) in line 2, found 'val'",
        ),
        ("index,predicted,split\n0,1,test\n", "found 1 rows for test"),
        ('index,predicted\n0,"1\n', "expected CSV in UTF-8"),
        (b"index,predicted\n0,\xff\n", "expected CSV in UTF-8"),
        (b"index,predicted\n0,\x001\n1,1\n2,1\n", "found"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataMismatchError, match=message):
        read_scores(written(tmp_path, text), EXAMPLES)


def test_splits_of_one_size_need_a_column(tmp_path: Path) -> None:
    path = written(tmp_path, "index,predicted\n0,1\n1,1\n")
    with pytest.raises(DataMismatchError, match="a column split, as train and test have 2"):
        read_scores(path, BOTH_OF_TWO)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError):
        read_scores(tmp_path / "none.csv", EXAMPLES)
