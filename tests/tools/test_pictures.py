"""The commands that draw: `sprite`, `show` and `embed`; their output, and what they refuse."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from rich.console import Console

from fmnist_core import concat, figures, load
from fmnist_core.embedding import embed
from fmnist_core.picture import NAME_HEIGHT
from fmnist_core.tools.cli import main
from fmnist_core.tools.terminal import half_blocks

COMMANDS = ["sprite", "show", "embed"]


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_a_sprite_is_that_of_the_function(tmp_path: Path) -> None:
    output = tmp_path / "sprite.png"
    assert run("sprite", "synthetic", "-o", output).output == f"Wrote {output}\n"
    assert output.read_bytes() == figures.sprite(load("synthetic", "train")).png
    run("sprite", "synthetic", "--split", "test", "--rows", 1, "-o", output, "--force")
    assert output.read_bytes() == figures.sprite(load("synthetic", "test"), 1).png


@pytest.mark.parametrize("text", ["Sneaker,Ankle boot", "7, 9", "Sneaker,9"])
def test_classes_are_chosen_by_name_or_number(tmp_path: Path, text: str) -> None:
    run("sprite", "synthetic", "--split", "test", "--classes", text, "-o", tmp_path / "x.png")
    pair = load("synthetic", "test").of_classes("Sneaker", "Ankle boot")
    assert (tmp_path / "x.png").read_bytes() == figures.sprite(pair).png


def test_several_splits_are_joined(tmp_path: Path) -> None:
    splits = ("--split", "test", "--split", "train")
    run("show", "synthetic", "counts", *splits, "-o", tmp_path / "x.png")
    joined = concat(*load("synthetic", ("test", "train")))
    assert (tmp_path / "x.png").read_bytes() == figures.counts(joined).png


@pytest.mark.parametrize("figure", ["examples", "means", "histogram", "counts"])
def test_each_figure_is_that_of_the_function(tmp_path: Path, figure: str) -> None:
    run("show", "synthetic", figure, "--split", "test", "-o", tmp_path / "x.png")
    expected = getattr(figures, figure)(load("synthetic", "test"))
    assert (tmp_path / "x.png").read_bytes() == expected.png


@pytest.mark.parametrize("text", ["MixUp(1.0)", "CutMix(1.0)"])
def test_a_transform_is_shown(tmp_path: Path, text: str) -> None:
    command = ("show", "synthetic", "--transform", text, "-o", tmp_path / "x.png")
    assert run(*command).output == f"Wrote {tmp_path / 'x.png'}\n"


def test_real_examples_are_shown(fashion_root: Path, tmp_path: Path) -> None:
    output = tmp_path / "fashion.png"
    command = ("show", "fashion-mnist", "--split", "test", "--root", fashion_root)
    assert run(*command, "-o", output).output == f"Wrote {output}\n"
    with Image.open(output) as image:
        assert image.size == (2 * (10 * 29 - 1), 10 * (2 * 28 + NAME_HEIGHT))


def test_points_are_written_with_their_examples(tmp_path: Path) -> None:
    picture, table = tmp_path / "x.png", tmp_path / "x.csv"
    result = run("embed", "synthetic", "--split", "test", "--classes", "9,7", "-o", picture)
    assert result.output.endswith(f"Wrote {picture} and {table}\n")
    pair = load("synthetic", "test").of_classes(9, 7)
    points = embed(pair.images)
    rows = np.genfromtxt(table, np.float32, delimiter=",", names=True)
    assert np.array_equal(np.stack([rows["x"], rows["y"]], axis=1), points)
    assert np.array_equal(rows["label"], pair.labels)
    assert np.array_equal(rows["index"], pair.indices)
    assert picture.read_bytes() == figures.scatter(pair, points).png


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal with colours but without an image protocol gets."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="truecolor", width=80)
    monkeypatch.setattr("fmnist_core.tools.progress.open_console", lambda: console)
    return file


@pytest.mark.parametrize("figure", ["examples", "means"])
def test_a_terminal_shows_an_image_of_each_class(colours: io.StringIO, figure: str) -> None:
    assert run("show", "synthetic", figure, "--split", "test").exit_code == 0
    test = load("synthetic", "test")
    firsts = figures.one_of_each(test)
    images = figures.mean_images(test)[0] if figure == "means" else firsts.images
    expected = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=80)
    expected.print(half_blocks(images, test.classes, width=80))
    assert colours.getvalue() == expected.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "options", [["histogram"], ["counts"], ["--transform", "RandomInvert()"]], ids=lambda o: o[0]
)
def test_a_terminal_without_a_protocol_shows_no_chart(
    colours: io.StringIO, options: list[str]
) -> None:
    result = run("show", "synthetic", *options, "--split", "test")
    assert result.exit_code == 1
    assert result.stderr.endswith("Try: -o FILE.png\n")
    assert not colours.getvalue()


# -- what is refused, before anything is loaded ----------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["x.jpg", "x"])
def test_another_suffix(tmp_path: Path, command: str, name: str) -> None:
    result = run(command, "no-dataset", "-o", tmp_path / name)
    assert result.exit_code == 1
    assert result.stderr.endswith(f"Try: -o {tmp_path / 'x.png'}\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", [".", "/", ""])
def test_a_folder_is_no_file(command: str, name: str) -> None:
    result = run(command, "no-dataset", "-o", name)
    assert result.exit_code == 1
    assert result.stderr.endswith("Try: -o FILE.png\n")


@pytest.mark.parametrize("there", ["x.png", "x.csv"])
def test_files_that_are_there(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_bytes(b"mine")
    result = run("embed", "no-dataset", "-o", tmp_path / "x.png")
    assert result.exit_code == 1
    assert f"found {tmp_path / there}. Try: --force" in result.stderr
    assert (tmp_path / there).read_bytes() == b"mine"


@pytest.mark.parametrize(("method", "package"), [("umap", "umap"), ("pca", "matplotlib")])
def test_a_missing_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    result = run("embed", "no-dataset", "--method", method, "-o", tmp_path / "x.png")
    assert result.exit_code == 1
    assert 'Try: pip install "fmnist[pictures]"' in result.stderr


def test_a_transform_that_is_none_or_of_no_examples(tmp_path: Path) -> None:
    for options in (["--transform", "rotate"], ["means", "--transform", "RandomInvert()"]):
        assert run("show", "no-dataset", *options, "-o", tmp_path / "x.png").exit_code == 1
    assert not list(tmp_path.iterdir())


def test_neither_a_terminal_nor_a_file() -> None:
    result = run("show", "no-dataset")
    assert result.exit_code == 1
    assert "Try: -o FILE.png" in result.stderr


# -- what is refused then --------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("classes", "message"),
    [("Sneker", "Did you mean 'Sneaker'?"), ("10", "a number from 0 to 9"), ("7,7", "each once")],
)
def test_a_class_that_does_not_exist(
    tmp_path: Path, command: str, classes: str, message: str
) -> None:
    result = run(command, "synthetic", "--classes", classes, "-o", tmp_path / "x.png")
    assert result.exit_code == 1
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_split_that_does_not_exist(tmp_path: Path, command: str) -> None:
    result = run(command, "synthetic", "--split", "val", "-o", tmp_path / "x.png")
    assert result.exit_code == 1
    assert "'val'" in result.stderr
