"""Folders of PNG pictures: as Keras reads them, and as they come in; odd pictures are named."""

import io
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from fmnist_core import DataMismatchError, Dataset
from fmnist_core.catalog import GARMENTS
from fmnist_core.formats import folders
from fmnist_core.formats.pictures import decoded, encoded, encoded_blocks
from fmnist_core.formats.rows import relabelled
from tests.helpers.payloads import assert_same


def test_png_is_read_back_by_keras(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]
) -> None:
    """Which orders classes by name and pictures by name in each, so only by class."""
    folder = exported("png")
    names = sorted(path.name for path in (folder / "test").iterdir())
    pipeline = keras.utils.image_dataset_from_directory(
        folder / "test",
        color_mode="grayscale",
        image_size=(28, 28),
        shuffle=False,
        batch_size=None,
        verbose=False,
    )
    assert pipeline.class_names == names
    label_of = dict(zip(folders.safe_names(GARMENTS), range(10), strict=True))
    labels = np.array([label_of[names[int(label)]] for _, label in pipeline])
    images = np.stack([image.numpy()[..., 0] for image, _ in pipeline])
    test = splits[1]
    order = sorted(range(len(test)), key=lambda n: names.index(_name(test, n)))
    assert_same(test.select(order), images, labels)


def _name(dataset: Dataset, row: int) -> str:
    return folders.safe_names(GARMENTS)[dataset.labels[row]]


def test_png_is_read(splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]) -> None:
    by_split = {rows.split: rows for rows in folders.read(exported("png"))}
    for dataset in splits:
        rows = relabelled(by_split[dataset.split_name], GARMENTS, "here")
        assert_same(dataset, rows.images, rows.labels)


def test_names_of_folders_are_safe_and_differ() -> None:
    names = ["a/b", "a b", "A_b", "../..", "", "é", "x"]
    safe = folders.safe_names(names)
    assert safe == ["0_a_b", "1_a_b", "2_A_b", "3_class", "4_class", "5_class", "x"]


@pytest.mark.parametrize("shape", [(28, 28), (1, 1), (3, 50)])
def test_a_png_is_what_pillow_reads(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encoded(image)))), image)
    blocks = [image[:1], image[1:]]
    assert np.array_equal(decoded(b"".join(encoded_blocks(*shape, blocks)), "it"), image)


def picture(mode: str, size: tuple[int, int] = (28, 28)) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, 3 if mode != "RGB" else (1, 2, 3)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("odd mode", picture("RGB"), "mode RGB"),
        ("transparent", picture("LA"), "mode LA"),
        ("16 bits", picture("I;16"), "mode I;16"),
        ("bits", picture("1"), "mode 1"),
        ("odd size", picture("L", (27, 28)), "28 x 28 pixels as the others, found 27 x 28"),
        ("cut", picture("L")[:50], "cannot be read"),
        ("empty", b"", "cannot be read"),
    ],
)
def test_an_odd_picture_raises_with_its_name(
    exported: Callable[[str], Path], name: str, data: bytes, expected: str
) -> None:
    folder = exported("png")
    odd = sorted((folder / "test").rglob("*.png"))[5]
    odd.write_bytes(data)
    with pytest.raises(DataMismatchError, match=expected) as caught:
        list(folders.read(folder))
    assert odd.name in str(caught.value)


def test_grey_pictures_stored_in_colour_are_read() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    file = io.BytesIO()
    Image.fromarray(grey).convert("RGB").save(file, "PNG")
    assert np.array_equal(decoded(file.getvalue(), "it"), grey)
