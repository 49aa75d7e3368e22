"""Pictures: every pixel of every image where it belongs."""

import base64
import io
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from fmnist_core import Dataset, FrameworkMissingError, OptionError
from fmnist_core.picture import SHOWN, class_table, contact_sheet, grid, png


@given(
    count=st.integers(0, 7),
    columns=st.integers(1, 5),
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    gap=st.integers(0, 3),
)
def test_each_image_is_in_its_cell_and_the_rest_is_black(
    count: int, columns: int, height: int, width: int, gap: int
) -> None:
    images = np.arange(1, count * height * width + 1, dtype=np.uint8).reshape(count, height, width)
    sheet = grid(images, columns, gap=gap)
    rows = -(-count // columns)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (max(rows * (height + gap) - gap, 0), columns * (width + gap) - gap)
    rest = sheet.copy()
    for number, image in enumerate(images):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        cell = np.s_[top : top + height, left : left + width]
        np.testing.assert_array_equal(sheet[cell], image)
        rest[cell] = 0
    assert not rest.any()


def test_images_are_a_pixel_apart_unless_said_otherwise() -> None:
    sheet = grid(np.full((2, 1, 1), 9, np.uint8), 2)
    np.testing.assert_array_equal(sheet, [[9, 0, 9]])


@pytest.mark.parametrize("zoom", [1, 3])
def test_a_png_holds_the_same_pixels(zoom: int) -> None:
    image = np.arange(28 * 20, dtype=np.uint16).astype(np.uint8).reshape(28, 20)
    picture = Image.open(io.BytesIO(png(image, zoom=zoom)))
    assert (picture.format, picture.mode, picture.size) == ("PNG", "L", (20 * zoom, 28 * zoom))
    np.testing.assert_array_equal(picture, image.repeat(zoom, axis=0).repeat(zoom, axis=1))


def test_a_missing_pillow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(FrameworkMissingError, match="pip install pillow"):
        png(np.zeros((2, 2), np.uint8))


def test_a_table_shows_each_class_with_its_images_and_is_safe_html() -> None:
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    labels = np.array([0] * 1234 + [1] * 5)

    def images_at(rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        return images[: len(rows) - 1] if labels[rows].any() else images[: len(rows)]

    classes = ['"Bag" & more', "Coat", "nobody wears it"]
    html = class_table("<tiny>", classes, labels, images_at)
    assert "<code>&lt;tiny&gt;</code>" in html
    assert html.count("<td") == 2
    assert html.count("&quot;Bag&quot; &amp; more") == 2
    assert "<small>1234</small>" in html
    first, _ = re.findall(r"data:image/png;base64,([^\"]+)", html)
    picture = Image.open(io.BytesIO(base64.b64decode(first)))
    sheet = grid(images, 1).repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(picture, sheet)


def test_a_table_of_large_images_shows_small_ones() -> None:
    """Images of 8,000 x 8,000 would take the notebook a minute, and 75 MB of HTML."""
    image = np.arange(8_000 * 8_000, dtype=np.uint32).astype(np.uint8).reshape(1, 8_000, 8_000)
    html = class_table("large", ["only"], np.zeros(1, np.int64), lambda rows: image[rows])
    (code,) = re.findall(r"data:image/png;base64,([^\"]+)", html)
    assert Image.open(io.BytesIO(base64.b64decode(code))).size == (254, 254)


# -- a contact sheet -----------------------------------------------------------------------------

CELL = (78, 76)
"""Pixels across and down from one 28 x 28 image of a contact sheet to the next."""


def pixels_of(dataset: Dataset) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(dataset.show().png)))


def drawn(count: int, channels: tuple[int, ...] = ()) -> Dataset:
    images = (np.arange(count * 784 * max(channels, default=1)) * 31 % 251).astype(np.uint8)
    return Dataset(images.reshape(count, 28, 28, *channels), np.arange(count) % 3, classes=[*"abc"])


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_a_sheet_shows_each_example_over_its_class(channels: tuple[int, ...]) -> None:
    examples = drawn(19, channels)
    sheet = pixels_of(examples)
    assert sheet.shape[:2] == (6 + 3 * CELL[1], 6 + 8 * CELL[0])
    names = {}
    for number, (image, label) in enumerate(examples):
        left, top = 6 + number % 8 * CELL[0], 6 + number // 8 * CELL[1]
        expected = image.reshape(28, 28, *(channels if channels == (3,) else ()))
        twice = expected.repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(sheet[top : top + 56, left : left + 56], twice)
        names.setdefault(label, set()).add(sheet[top + 56 : top + 70, left : left + 72].tobytes())
    assert [len(seen) for seen in names.values()] == [1, 1, 1], "a class has one name"
    assert len(set().union(*names.values())) == 3, "and classes have different ones"


def test_a_sheet_of_many_shows_the_first_ones() -> None:
    many = drawn(SHOWN + 9)
    assert np.array_equal(pixels_of(many), pixels_of(many.take(SHOWN)))
    assert not np.array_equal(pixels_of(many), pixels_of(many[1:]))


def test_a_sheet_takes_any_name_and_size() -> None:
    """Longer than its cell, without letters in Pillow's font, empty; tall, tiny and huge images."""
    names = ["a long name that fits into no cell", "\u65e5\u672c\n\x1b[2J", ""]
    for shape in ((28, 28), (90, 3), (1, 1), (2000, 1500)):
        images = np.zeros((3, *shape), np.uint8)
        picture = contact_sheet(images, names)
        assert Image.open(io.BytesIO(picture.png)).size[0] < 700


def test_a_notebook_displays_a_sheet_and_a_program_saves_it(tmp_path: Path) -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    picture = drawn(3).show()
    data, _ = formatters.DisplayFormatter().format(picture)
    assert data["image/png"] == picture.png
    assert repr(picture) == '<Picture of 240 x 82 pixels. Try: .save("picture.png")>'
    picture.save(tmp_path / "sheet.png")
    picture.save(str(tmp_path / "sheet.png"))
    assert (tmp_path / "sheet.png").read_bytes() == picture.png


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((3, 4), np.uint8),
        np.zeros((3, 4, 5, 2), np.uint8),
        np.zeros((3, 4, 5), np.int16),
        np.zeros((0, 4, 5), np.uint8),
        np.zeros((3, 0, 5), np.uint8),
    ],
)
def test_what_is_no_picture_is_not_drawn(images: NDArray[Any]) -> None:
    with pytest.raises(OptionError, match=r"expected some uint8 images .*; found"):
        Dataset(images, np.zeros(len(images), np.int64)).show()


def test_a_sheet_names_a_missing_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(FrameworkMissingError, match="pip install pillow"):
        drawn(3).show()
