"""The programs beside docs/quality.md: they find the listed pairs again and draw the picture."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fmnist_core import Dataset, load
from fmnist_core.catalog import GARMENTS
from fmnist_core.picture import png
from fmnist_core.quality import NEAR_DUPLICATE_PAIRS, NEAR_LIMIT

FOLDER = Path(__file__).parent.parent / "docs" / "quality"
SIZES = {"train": 60_000, "test": 10_000}


def program(name: str) -> ModuleType:
    """Import a program of the folder, which is no package."""
    spec = importlib.util.spec_from_file_location(f"quality_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


near_duplicates, sheet = program("near_duplicates"), program("sheet")


def test_no_listed_row_has_a_near_duplicate_that_is_not_listed(fashion_root: Path) -> None:
    """The program computes all pairs; this takes a second."""
    splits = {name: load("fashion-mnist", name, root=fashion_root) for name in SIZES}
    listed: dict[str, set[int]] = {name: set() for name in SIZES}
    for kind, pairs in NEAR_DUPLICATE_PAIRS.items():
        for pair in pairs:
            for split, row in zip(kind, pair, strict=True):
                listed[split].add(row)
    flat = {name: split.images.reshape(len(split), -1) for name, split in splits.items()}
    for split, rows in {name: np.array(sorted(rows)) for name, rows in listed.items()}.items():
        for other in SIZES:
            near = near_duplicates.near_pairs(flat[split][rows], flat[other], NEAR_LIMIT)
            actual = {(int(rows[i]), j) for i, j in near if split != other or rows[i] != j}
            expected = set(NEAR_DUPLICATE_PAIRS.get((split, other), ()))
            expected |= {(j, i) for i, j in NEAR_DUPLICATE_PAIRS.get((other, split), ())}
            assert actual == expected


def pixels(count: int) -> st.SearchStrategy[NDArray[np.uint8]]:
    rows = st.lists(st.lists(st.integers(0, 255), min_size=4, max_size=4), max_size=count)
    return rows.map(lambda rows: np.array(rows, np.uint8).reshape(-1, 4))


@given(pixels(8), pixels(8), st.integers(0, 4 * 255**2))
def test_near_pairs_are_those_of_the_definition(first, second, limit) -> None:  # type: ignore[no-untyped-def]
    def apart(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
        return sum((int(x) - int(y)) ** 2 for x, y in zip(a, b, strict=True))

    actual = near_duplicates.near_pairs(first, second, limit)
    assert actual == [
        (i, j) for i, a in enumerate(first) for j, b in enumerate(second) if apart(a, b) <= limit
    ]
    within = near_duplicates.near_pairs(first, first, limit)
    assert within == [
        (i, j)
        for i, a in enumerate(first)
        for j, b in enumerate(first)
        if i < j and apart(a, b) <= limit
    ]


def test_near_pairs_are_exact_at_the_limit_and_over_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "BLOCK", 2)
    images = np.full((5, 784), 255, np.uint8)
    images[4] -= 5  # exactly at the limit
    images[3] -= 5
    images[3, 0] -= 1  # just beyond it
    assert near_duplicates.near_pairs(images, images, NEAR_LIMIT) == [
        (0, 1), (0, 2), (0, 4), (1, 2), (1, 4), (2, 4), (3, 4),
    ]  # fmt: skip


def test_the_program_says_whether_the_list_is_right(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = np.arange(6, dtype=np.uint8).repeat(784).reshape(6, 28, 28) * 20
    images[4] = images[1]
    data = {name: Dataset(part, np.zeros(3, int)) for name, part in
            (("train", images[:3]), ("test", images[3:]))}  # fmt: skip
    monkeypatch.setattr(near_duplicates, "load", lambda name, split, root: data[split])
    assert near_duplicates.main("folder") == 1
    assert "keep of test, leave out of train: 1 pairs\n((1, 1),)" in capsys.readouterr().out
    pairs = {("train", "train"): (), ("test", "train"): ((1, 1),), ("test", "test"): ()}
    monkeypatch.setattr(near_duplicates, "NEAR_DUPLICATE_PAIRS", pairs)
    assert near_duplicates.main("folder") == 0


def test_the_picture_can_be_drawn_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = {
        name: Dataset(np.zeros((n, 1, 1), np.uint8), np.zeros(n, np.uint8), classes=GARMENTS)
        for name, n in SIZES.items()
    }
    monkeypatch.setattr(sheet, "load", lambda name, split, root: data[split])
    sheet.main("folder", str(tmp_path / "sheet.png"))
    assert (tmp_path / "sheet.png").read_bytes().startswith(png(np.zeros((1, 1), np.uint8))[:8])
