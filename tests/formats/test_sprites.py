"""Sprites of TensorFlow.js's tutorials and of TensorBoard's projector."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector import ProjectorConfig

from fmnist_core import DataMismatchError, Dataset, OptionError, export
from fmnist_core.catalog import GARMENTS
from fmnist_core.formats import sprite
from tests.helpers.payloads import assert_same


def test_the_sprite_is_read(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]
) -> None:
    (rows,) = sprite.read(exported("tfjs") / "test_images.png")
    assert rows.split == "test"
    assert_same(splits[1], rows.images, rows.labels)


@pytest.mark.parametrize("content", [b"", b"\1" * 500, bytes(500), bytes(501)])
def test_labels_that_are_not_one_hot_are_refused(
    exported: Callable[[str], Path], content: bytes
) -> None:
    folder = exported("tfjs")
    (folder / "test_labels_uint8").write_bytes(content)
    with pytest.raises(DataMismatchError, match="expected one-hot bytes for 50 images"):
        list(sprite.read(folder / "test_images.png"))


def test_the_projector_finds_its_files(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]
) -> None:
    folder = exported("projector")
    config = text_format.Parse((folder / "projector_config.pbtxt").read_text(), ProjectorConfig())
    for dataset, entry in zip(splits, config.embeddings, strict=True):
        header, *lines = (folder / entry.metadata_path).read_text().splitlines()
        assert header == "label\tclass"
        labels = np.array([int(line.split("\t")[0]) for line in lines])
        assert [line.split("\t")[1] for line in lines] == [GARMENTS[label] for label in labels]
        vectors = np.loadtxt(folder / entry.tensor_path, np.uint8, delimiter="\t")
        assert_same(dataset, vectors.reshape(-1, 28, 28), labels)
        picture = Image.open(folder / entry.sprite.image_path)
        side = picture.width // 28
        width, height = entry.sprite.single_image_dim
        boxes = [divmod(place, side) for place in range(len(dataset))]
        crops = [
            picture.crop((x * width, y * height, x * width + width, y * height + height))
            for y, x in boxes
        ]
        assert_same(dataset, np.stack([np.asarray(crop) for crop in crops]), labels)


@pytest.mark.parametrize(("format", "most"), [("tfjs", 65_535), ("projector", 85_264)])
def test_too_many_images_are_refused(tmp_path: Path, format: str, most: int) -> None:
    many = Dataset(np.zeros((most + 1, 28, 28), np.uint8), np.zeros(most + 1, np.uint8))
    with pytest.raises(OptionError, match=rf"take\({most}\)"):
        export(many, tmp_path / "out", format=format)
    assert not list(tmp_path.iterdir())
