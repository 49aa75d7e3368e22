"""Sprites of TensorFlow.js's tutorials and of TensorBoard's projector."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector import ProjectorConfig

from fmnist_core import DataMismatchError, Dataset, OptionError, export
from fmnist_core.catalog import GARMENTS
from fmnist_core.formats import sprite
from fmnist_core.picture import grid
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


@contextmanager
def tensorboard(folder: Path) -> Iterator[str]:
    """Start TensorBoard on a free port, and give its address."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", "0"]
    with subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--load_fast", "false"], stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        try:
            printed = ""
            for line in server.stderr:
                printed += line
                if address := re.search(r"http://127[.]0[.]0[.]1:\d+", line):
                    yield address[0]
                    return
            pytest.fail(printed)
        finally:
            server.kill()


def test_tensorboard_opens_the_folder(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]
) -> None:
    with tensorboard(exported("projector")) as address:

        def answer(route: str) -> bytes:
            with urlopen(f"{address}/data/plugin/projector/{route}", timeout=30) as response:
                content: bytes = response.read()
                return content

        (run,) = json.loads(answer("runs"))
        entries = json.loads(answer(f"info?run={run}"))["embeddings"]
        for dataset, entry in zip(splits, entries, strict=True):
            assert entry["tensorShape"] == [len(dataset), 784]
            assert entry["sprite"]["singleImageDim"] == [28, 28]
            of_split = f"run={run}&name={entry['tensorName']}"
            vectors = np.frombuffer(answer(f"tensor?{of_split}"), np.float32).reshape(-1, 28, 28)
            table = answer(f"metadata?{of_split}").decode().splitlines()[1:]
            labels = np.array([int(line.split("\t")[0]) for line in table])
            assert_same(dataset, vectors.astype(np.uint8), labels)
            picture = Image.open(io.BytesIO(answer(f"sprite_image?{of_split}")))
            expected = grid(dataset.images, picture.width // 28, gap=0)
            assert np.array_equal(picture, expected)


@pytest.mark.parametrize(("format", "most"), [("tfjs", 65_535), ("projector", 85_264)])
def test_too_many_images_are_refused(tmp_path: Path, format: str, most: int) -> None:
    many = Dataset(np.zeros((most + 1, 28, 28), np.uint8), np.zeros(most + 1, np.uint8))
    with pytest.raises(OptionError, match=rf"take\({most}\)"):
        export(many, tmp_path / "out", format=format)
    assert not list(tmp_path.iterdir())
