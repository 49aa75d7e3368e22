"""The sheet of examples: a row for each class, as a PNG that others can read."""

import io
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from fmnist_core import Dataset, OptionError
from fmnist_core.picture import NAME_HEIGHT, named_rows
from fmnist_core.testing import made_dataset
from fmnist_core.tools.cli import main
from fmnist_core.tools.sheet import write_sheet, write_transformed
from fmnist_core.transforms import NUMPY, parse


def test_rows_are_classes(tmp_path: Path) -> None:
    dataset = made_dataset()
    write_sheet(dataset, tmp_path / "sheet.png")
    image = np.asarray(Image.open(io.BytesIO((tmp_path / "sheet.png").read_bytes())))
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


def test_a_transform_is_shown_beside_the_example_epoch_by_epoch(tmp_path: Path) -> None:
    dataset, chain = made_dataset(), parse("RandomCrop(6, padding=2), RandomInvert()")
    write_transformed(dataset, chain, tmp_path / "sheet.png")
    image = np.asarray(Image.open(tmp_path / "sheet.png"))
    present = np.unique(dataset.labels)
    firsts = dataset.select([np.flatnonzero(dataset.labels == label)[0] for label in present])
    row_height = 2 * 6 + NAME_HEIGHT
    assert image.shape == (row_height * len(present), 2 * (11 * 7 - 1))
    rows = image.reshape(len(present), row_height, -1)[:, : 2 * 6 : 2, ::2]
    assert np.array_equal(rows[1, :5, :4], firsts.images[1])
    for epoch in range(10):
        drawn = chain.images(NUMPY, firsts.images[:], np.arange(len(firsts)), seed=0, epoch=epoch)
        left = (epoch + 1) * 7
        assert np.array_equal(rows[2, :, left : left + 6], drawn[2])


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


@pytest.mark.parametrize("text", ["MixUp(1.0)", "CutMix(1.0)"])
def test_command_shows_a_transform(tmp_path: Path, text: str) -> None:
    command = ["picture", "synthetic", "--transform", text, "-o", str(tmp_path / "x.png")]
    assert CliRunner().invoke(main, command).output == f"Wrote {tmp_path / 'x.png'}\n"


def test_a_transform_that_is_none_writes_nothing(tmp_path: Path) -> None:
    command = ["picture", "synthetic", "--transform", "rotate", "-o", str(tmp_path / "x.png")]
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, list(tmp_path.iterdir())) == (1, [])


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="grey uint8 images"):
        write_sheet(Dataset(np.zeros((3, 4)), np.zeros(3, np.uint8)), tmp_path / "sheet.png")


def test_command_writes_real_examples(fashion_root: Path, tmp_path: Path) -> None:
    output = tmp_path / "fashion.png"
    command = ["picture", "fashion-mnist", "--split", "test", "--root", str(fashion_root)]
    result = CliRunner().invoke(main, [*command, "-o", str(output)])
    assert result.output == f"Wrote {output}\n"
    with Image.open(output) as image:
        assert image.size == (2 * (10 * 29 - 1), 10 * (2 * 28 + NAME_HEIGHT))


def test_another_suffix_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    for name, other in (("x.jpg", "x.png"), ("x", "x.png")):
        result = CliRunner().invoke(main, ["picture", "no-dataset", "-o", str(tmp_path / name)])
        assert result.exit_code == 1
        assert result.stderr.endswith(f"Try: -o {tmp_path / other}\n")
    assert not list(tmp_path.iterdir())


def test_a_picture_that_is_there_is_replaced_only_by_force(tmp_path: Path) -> None:
    output = tmp_path / "x.png"
    output.write_bytes(b"mine")
    command = ["picture", "synthetic", "--split", "test", "-o", str(output)]
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, output.read_bytes()) == (1, b"mine")
    assert "Try: --force" in result.stderr
    assert CliRunner().invoke(main, [*command, "--force"]).exit_code == 0
    assert output.read_bytes().startswith(b"\x89PNG")
