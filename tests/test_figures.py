"""Figures of a dataset: every pixel where it belongs, and charts that show the right numbers."""

import io
import sys
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from fmnist_core import Dataset, FrameworkMissingError, OptionError, figures
from fmnist_core.picture import NAME_HEIGHT, Picture, contact_sheet, named_rows
from fmnist_core.testing import made_dataset
from fmnist_core.transforms import NUMPY, parse


def pixels_of(picture: Picture) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(picture.png)))


def made(count: int, classes: int, shape: tuple[int, int] = (28, 28)) -> Dataset:
    """Different images, of the classes in turn."""
    images = np.random.default_rng(5).integers(1, 256, (count, *shape), np.uint8)
    return Dataset(images, np.arange(count) % classes, classes=classes)


# -- the sprite ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("classes", "rows"), [(10, 3), (10, 1), (2, 3), (1, 8)])
def test_a_sprite_is_square_and_has_some_rows_of_each_class(classes: int, rows: int) -> None:
    side = classes * rows
    dataset = made(classes * side * rows + 7, classes)
    sheet = pixels_of(figures.sprite(dataset, rows))
    assert sheet.shape == (side * 28, side * 28)
    cells = sheet.reshape(classes, rows * 28, side, 28).transpose(0, 2, 1, 3)
    for label in range(classes):
        members = dataset.images[dataset.labels == label]
        for place in range(rows * side):
            row, column = divmod(place, side)
            cell = cells[label, column, row * 28 : row * 28 + 28]
            assert np.array_equal(cell, members[place]), (label, place)


def test_a_sprite_of_few_examples_is_narrow_and_black_where_there_is_none() -> None:
    dataset = made(5, 2).relabel([0, 0, 0, 0, 2], classes=["a", "b", "c"])
    sheet = pixels_of(figures.sprite(dataset, 2))
    assert sheet.shape == (4 * 28, 2 * 28), "two classes that have examples, two of them across"
    first, second = sheet[:56], sheet[56:]
    assert np.array_equal(first[28:, 28:], dataset.images[3])
    assert np.array_equal(second[:28, :28], dataset.images[4])
    assert not second[28:].any()
    assert not second[:, 28:].any()


@pytest.mark.parametrize("shape", [(10, 40), (40, 10)])
def test_a_sprite_of_oblong_images_is_square_too(shape: tuple[int, int]) -> None:
    height, width = pixels_of(figures.sprite(made(2000, 4, shape))).shape
    assert 0.7 < width / height < 1.4


@pytest.mark.parametrize("rows", [0, -1, 2.5, True])
def test_rows_that_are_none_are_refused(rows: int) -> None:
    with pytest.raises(OptionError, match="rows must be"):
        figures.sprite(made(20, 2), rows)


def test_a_sprite_that_no_browser_shows_is_refused() -> None:
    with pytest.raises(OptionError, match="16,384 pixels a side, found 28 x 16,800"):
        figures.sprite(made(20, 2), 300)


# -- sheets of examples --------------------------------------------------------------------------


def test_rows_of_examples_are_classes() -> None:
    dataset = made_dataset()
    image = pixels_of(figures.examples(dataset))
    row_height = 2 * 5 + NAME_HEIGHT
    assert image.shape == (7 * row_height, 2 * (10 * 5 - 1))
    for label in range(7):
        line = image[label * row_height : (label + 1) * row_height]
        small = line[: 2 * 5 : 2, ::2]
        assert line[2 * 5 :].any()  # its name
        members = np.flatnonzero(dataset.labels == label)
        for column, row in enumerate(members[:10]):
            cell = small[:, column * 5 : column * 5 + 4]
            assert np.array_equal(cell, dataset.images[row])


def test_a_transform_is_shown_beside_the_example_epoch_by_epoch() -> None:
    dataset, chain = made_dataset(), parse("RandomCrop(6, padding=2), RandomInvert()")
    image = pixels_of(figures.transformed(dataset, chain))
    firsts = figures.one_of_each(dataset)
    row_height = 2 * 6 + NAME_HEIGHT
    assert image.shape == (row_height * len(firsts), 2 * (11 * 7 - 1))
    rows = image.reshape(len(firsts), row_height, -1)[:, : 2 * 6 : 2, ::2]
    assert np.array_equal(rows[1, :5, :4], firsts.images[1])
    for epoch in range(10):
        drawn = chain.images(NUMPY, firsts.images[:], np.arange(len(firsts)), seed=0, epoch=epoch)
        left = (epoch + 1) * 7
        assert np.array_equal(rows[2, :, left : left + 6], drawn[2])


def test_one_of_each_is_the_first_of_each_class_that_has_any() -> None:
    dataset = made(6, 2).relabel([2, 0, 2, 0, 0, 2], classes=["a", "b", "c"])
    assert figures.one_of_each(dataset).indices.tolist() == [1, 0]


def test_each_row_has_the_name_of_its_class_beneath() -> None:
    sheet = np.zeros((2, 3, 28, 28), np.uint8)
    named, swapped = (
        np.asarray(Image.open(io.BytesIO(named_rows(sheet, names, zoom=2))))
        for names in (("Bag", "Ankle boot"), ("Ankle boot", "Bag"))
    )
    first, second = np.split(named, 2)
    assert first[56:].any()
    assert not first[:56].any()
    assert not np.array_equal(first, second)
    assert np.array_equal(swapped, np.concatenate([second, first]))


def test_means_are_rounded_and_those_of_classes_that_have_examples() -> None:
    images = np.array([[[0, 255]], [[1, 254]], [[2, 0]], [[7, 9]]], np.uint8)
    dataset = Dataset(images, np.array([1, 1, 1, 2]), classes=["a", "b", "c"])
    means, names = figures.mean_images(dataset)
    assert (means.tolist(), names) == ([[[1, 170]], [[7, 9]]], ["b", "c"])
    assert figures.means(dataset) == contact_sheet(means, names)


# -- charts --------------------------------------------------------------------------------------


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The charts that are drawn meanwhile, as matplotlib has them."""
    drawn: list[Figure] = []
    finished = figures._finished

    def kept(figure: Figure) -> Picture:
        drawn.append(figure)
        return finished(figure)

    monkeypatch.setattr(figures, "_finished", kept)
    return drawn


def test_a_histogram_counts_every_pixel(
    drawn: list[Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "_BLOCK", 7)
    dataset = made(50, 3)
    assert pixels_of(figures.histogram(dataset)).ndim == 3
    heights = [bar.get_height() for bar in drawn[0].axes[0].patches]
    counted = Counter(dataset.images.reshape(-1).tolist())
    assert heights == [counted[value] for value in range(256)]


def test_counts_are_those_of_the_classes_by_name(drawn: list[Figure]) -> None:
    dataset = Dataset(np.zeros((4, 2, 2, 3)), np.array([0, 2, 2, 2]), classes=["a", "$b$", "c"])
    figures.counts(dataset)
    (axes,) = drawn[0].axes
    assert [bar.get_width() for bar in axes.patches] == [1, 0, 3]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "$b$", "c"]
    assert axes.get_title() == "4 examples"


@pytest.mark.parametrize("classes", [3, 10, 30])
def test_points_have_the_colour_that_the_legend_gives_their_class(
    drawn: list[Figure], classes: int
) -> None:
    dataset = made(60, classes).filter(lambda image, label: label != 1)
    points = np.random.default_rng(0).normal(size=(len(dataset), 2))
    figures.scatter(dataset, points)
    (dots,) = drawn[0].axes[0].collections
    assert np.array_equal(dots.get_offsets(), points)
    (legend,) = drawn[0].legends
    colours = {
        text.get_text(): tuple(line.get_color())
        for text, line in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    names = [dataset.classes[label] for label in dataset.labels]
    assert list(map(tuple, dots.get_facecolors())) == [colours[name] for name in names]
    assert len(set(colours.values())) == len(colours) == classes - 1


def test_class_names_that_are_no_formulas_are_written_as_they_are(drawn: list[Figure]) -> None:
    dataset = Dataset(np.zeros((3, 2, 2), np.uint8), np.arange(3), classes=["$x", "_y", "a\nb"])
    figures.scatter(dataset, np.eye(3)[:, :2])
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["$x", "_y", "a\\nb"]


def test_a_legend_that_would_not_fit_is_left_out(drawn: list[Figure]) -> None:
    for classes in (104, 105):
        figures.scatter(made(105, classes), np.random.default_rng(0).normal(size=(105, 2)))
    assert [len(figure.legends) for figure in drawn] == [1, 0]


def test_the_same_chart_is_the_same_file() -> None:
    assert figures.counts(made(9, 3)) == figures.counts(made(9, 3))


def test_points_that_are_not_one_for_each_example_are_refused() -> None:
    with pytest.raises(OptionError, match=r"expected points \(9, 2\), found"):
        figures.scatter(made(9, 3), np.zeros((8, 2)))


def test_points_of_no_examples_are_an_empty_chart(drawn: list[Figure]) -> None:
    figures.scatter(made(9, 3).take(0), np.zeros((0, 2)))
    assert len(drawn) == 1


def test_more_bars_than_can_be_drawn_are_refused() -> None:
    with pytest.raises(OptionError, match="at most 2,000 classes, found 2,001"):
        figures.counts(made(9, 2001))


# -- what cannot be drawn ------------------------------------------------------------------------

OF_IMAGES = [figures.sprite, figures.examples, figures.means, figures.histogram]


@pytest.mark.parametrize("draw", OF_IMAGES, ids=lambda draw: draw.__name__)
def test_what_is_no_grey_picture_is_refused(draw: Callable[[Dataset], Picture]) -> None:
    for images in (np.zeros((3, 4)), np.zeros((3, 4, 4)), np.zeros((3, 4, 4, 3), np.uint8)):
        with pytest.raises(OptionError, match="expected grey uint8 images to draw, found <Dataset"):
            draw(Dataset(images, np.zeros(3, np.uint8)))


@pytest.mark.parametrize("draw", OF_IMAGES, ids=lambda draw: draw.__name__)
def test_no_examples_are_refused(draw: Callable[[Dataset], Picture]) -> None:
    for dataset in (made(9, 3).take(0), made(9, 3, (0, 4))):
        with pytest.raises(OptionError, match="expected some pixels to draw, found none in"):
            draw(dataset)


@pytest.mark.parametrize("draw", [figures.histogram, figures.counts])
def test_charts_name_a_missing_matplotlib(
    draw: Callable[[Dataset], Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(FrameworkMissingError, match=r"pip install .fmnist.pictures"):
        draw(made(9, 3))
