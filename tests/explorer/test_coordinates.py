"""Coordinates from a .npy file, and their fit to the map."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fmnist_core import DataMismatchError, FileAccessError
from fmnist_core.explorer.coordinates import fitted, read_coordinates

points = arrays.arrays(np.float64, (5, 2), elements=st.floats(-1e6, 1e6))


@given(points)
def test_the_map_is_filled_and_proportions_are_kept(found: np.ndarray) -> None:
    map_ = fitted(found).astype(float)
    spread = np.ptp(found, axis=0)
    if spread.max() < 1e-3:
        assert np.isfinite(map_).all()
        return
    assert np.abs(map_).max() == pytest.approx(1, abs=1e-6)
    assert np.ptp(map_, axis=0) == pytest.approx(2 * spread / spread.max(), abs=1e-5)
    assert map_.min(axis=0) + map_.max(axis=0) == pytest.approx([0, 0], abs=1e-5)


def test_points_at_one_place_are_in_the_middle() -> None:
    assert fitted(np.full((3, 2), 7.0)).tolist() == [[0, 0]] * 3


@pytest.mark.parametrize("kind", ["f2", "<f4", ">f8", "i8", "u1"])
def test_numbers_of_any_kind_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mine.npy"
    np.save(path, np.array([[0, 2], [4, 2]], kind))
    assert read_coordinates(path, 2).tolist() == [[-1, 0], [1, 0]]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 2)), r"for each of 2 examples, in their order, found float64 \(3, 2\)"),
        (np.zeros((2, 3)), r"found float64 \(2, 3\)"),
        (np.zeros((2, 2), complex), r"found complex128 \(2, 2\)"),
        (np.array([[0, 0], [0, np.nan]]), r"found \[ 0. nan\] in row 1"),
        (np.array([[np.inf, 0], [0, 0]]), r"found \[inf  0.\] in row 0"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    path = tmp_path / "mine.npy"
    np.save(path, array)
    with pytest.raises(DataMismatchError, match=message):
        read_coordinates(path, 2)


def test_files_that_are_no_arrays_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}, {}]), allow_pickle=True)
    np.savez(tmp_path / "several.npz", np.zeros((2, 2)))
    (tmp_path / "text.npy").write_text("0,1")
    (tmp_path / "empty.npy").write_bytes(b"")
    whole = tmp_path / "whole.npy"
    np.save(whole, np.zeros((2, 2)))
    (tmp_path / "cut.npy").write_bytes(whole.read_bytes()[:-1])
    (tmp_path / "cut.npz").write_bytes((tmp_path / "several.npz").read_bytes()[:-9])
    for name in ("objects.npy", "several.npz", "text.npy", "empty.npy", "cut.npy", "cut.npz"):
        with pytest.raises(DataMismatchError, match="two numbers for each of 2 examples"):
            read_coordinates(tmp_path / name, 2)
    for missing in (tmp_path / "none.npy", tmp_path):
        with pytest.raises(FileAccessError):
            read_coordinates(missing, 2)
