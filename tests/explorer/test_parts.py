"""Arrays inside a page come back with the same bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fmnist_core.explorer import parts
from tests.helpers.pages import Page, inflated

anything = arrays.arrays(
    st.sampled_from(["u1", "<u2", "<i4", ">i4", "<f4"]), st.integers(0, 300).map(lambda n: (n,))
)


@given(array=anything, size=st.integers(1, 200))
def test_an_array_comes_back_little_endian(array: np.ndarray, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PIECE", size)
        elements = b"".join(parts.part("x", array))
    pieces = Page(elements).texts("script", data_part="x")
    assert len(pieces) == -(-array.nbytes // size)
    assert inflated(pieces) == array.astype(array.dtype.newbyteorder("<")).tobytes()


def test_what_is_packed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PIECE", 100)
    told: list[int] = []
    list(parts.part("x", np.zeros((5, 50), np.uint8), told.append))
    assert told == [100, 100, 50]


@given(arrays.arrays(np.uint8, st.tuples(*[st.integers(1, 5)] * 3)))
def test_light_images_keep_the_nearest_of_sixteen_greys(images: np.ndarray) -> None:
    packed = parts.light(images)
    assert packed.size == -(-images.size // 2)
    greys = np.stack([packed >> 4, packed & 15], axis=1).reshape(-1)[: images.size] * 17
    shown = greys.reshape(images.shape).astype(int)
    assert np.abs(shown - images).max() <= 8  # half of the 17 between two greys


def test_black_and_white_stay_so() -> None:
    assert parts.light(np.array([[[0, 255, 255]]], np.uint8)).tolist() == [0x0F, 0xF0]
