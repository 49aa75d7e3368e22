"""`export` itself: the table of formats, bad input, and targets that are complete or absent."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from fmnist_core import (
    Dataset,
    FileAccessError,
    FrameworkMissingError,
    OptionError,
    export,
    load,
    read_idx,
)
from fmnist_core.errors import DiskFullError
from fmnist_core.formats import table
from fmnist_core.formats.split import BLOCK, Split
from fmnist_core.formats.table import FORMATS, find_format
from tests.helpers import limits
from tests.helpers.programs import INTERRUPTIBLE

Splits = tuple[Dataset, Dataset]
PROJECT = Path(__file__).parents[2]


def run(*arguments: object) -> Result:
    from fmnist_core.tools.cli import main

    return CliRunner().invoke(main, [str(argument) for argument in arguments])


# -- the table ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_in_the_docs_and_has_a_test(name: str) -> None:
    page = (PROJECT / "docs" / "formats.md").read_text(encoding="utf-8")
    assert f"| `{name}` |" in page
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert f'exported("{name}")' in tests or f'"{name}"' in tests


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("parqet", "parquet"),
        ("Parquet", "parquet"),
        (".npz", "npz"),
        ("array_record", "array-record"),
        ("h5", "hdf5"),
        ("tfrecords", "tfrecord"),
    ],
)
def test_an_unknown_format_names_close_ones(splits: Splits, name: str, close: str) -> None:
    with pytest.raises(OptionError, match=f"Did you mean .*{close}"):
        export(splits, "never", format=name)


@pytest.mark.parametrize("name", ["", "qqqqqq", None, 7])
def test_an_unknown_format_names_all(splits: Splits, name: Any) -> None:
    with pytest.raises(OptionError, match=r"expected a format .*safetensors"):
        export(splits, "never", format=name)


@pytest.mark.parametrize("name", [each.name for each in FORMATS.values() if each.needs])
def test_a_missing_library_names_its_extra(
    splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(table, "find_spec", lambda package: None)
    with pytest.raises(FrameworkMissingError, match=r'pip install "fmnist\[formats\]"') as caught:
        export(splits, tmp_path / "out", format=name)
    assert find_format(name).needs in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_commands_name_the_formats(tmp_path: Path) -> None:
    listed = run("formats")
    assert listed.exit_code == 0
    assert all(f" {name} " in listed.stdout for name in FORMATS)
    wrong = run("export", "synthetic", "parqet", tmp_path / "x")
    assert wrong.exit_code == 1
    assert "Did you mean parquet?" in wrong.stderr


def test_the_command_exports_the_splits_that_are_named(tmp_path: Path) -> None:
    result = run("export", "synthetic", "idx", tmp_path / "out", "--split", "test")
    assert result.exit_code == 0, result.output
    assert "10,000 examples" in result.stdout
    assert read_idx(tmp_path / "out" / "t10k-labels-idx1-ubyte").shape == (10_000,)
    assert len(list((tmp_path / "out").iterdir())) == 2
    again = run("export", "synthetic", "idx", tmp_path / "out")
    assert again.exit_code == 1
    assert "--force" in again.stderr


# -- what is exported ---------------------------------------------------------------------------


def test_objects_that_are_not_datasets_raise(tmp_path: Path, splits: Splits) -> None:
    for wrong in ((), [], {}, {"train": None}, [1], "fashion-mnist", None):
        with pytest.raises(OptionError):
            export(wrong, tmp_path / "out", format="npz")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="a mapping"):
        export((splits[0], splits[0]), tmp_path / "out", format="npz")
    with pytest.raises(OptionError, match="at least one example"):
        export(splits[0].take(0), tmp_path / "out", format="npz")
    other = splits[1].relabel(splits[1].labels, classes=list("abcdefghij"))
    with pytest.raises(OptionError, match="the same classes"):
        export((splits[0], other), tmp_path / "x", format="npz")


def test_images_that_a_format_cannot_hold_are_refused(tmp_path: Path) -> None:
    colour = Dataset(np.zeros((4, 5, 6, 3), np.uint8), np.arange(4))
    for name, each in FORMATS.items():
        if each.any_images:
            export(colour, tmp_path / name, format=name)
        else:
            with pytest.raises(OptionError, match="holds grey uint8 images"):
                export(colour, tmp_path / name, format=name)
            assert not (tmp_path / name).exists()


def test_progress_is_reported(splits: Splits, tmp_path: Path) -> None:
    reports: list[tuple[str, int, int]] = []
    export(splits, tmp_path / "out", format="npz", report=lambda *now: reports.append(now))
    assert reports == [("train", 300, 300), ("test", 50, 50)]


def test_blocks_are_bounded() -> None:
    split = Split("train", load("synthetic", "train"))
    sizes = [len(images) for images, _ in split.blocks()]
    assert max(sizes) == BLOCK
    assert sum(sizes) == 60_000


# -- whole or absent ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_disk_leaves_nothing(splits: Splits, tmp_path: Path, name: str) -> None:
    most = {"png": 256, "idx": 4096}.get(name, 2048)
    with limits.largest_file(most), pytest.raises(DiskFullError, match="out: cannot be written"):
        export(splits, tmp_path / "out", format=name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["npz", "png"])
def test_an_existing_target_stays_unless_forced(splits: Splits, tmp_path: Path, name: str) -> None:
    path = tmp_path / "out"
    export(splits, path, format=name)
    before = contents(path)
    with pytest.raises(OptionError, match="force=True"):
        export(splits[1], path, format=name)
    assert contents(path) == before
    export(splits, path, format=name, force=True)
    assert contents(path) == before
    assert list(tmp_path.iterdir()) == [path]


def contents(path: Path) -> dict[str, bytes]:
    files = path.rglob("*") if path.is_dir() else [path]
    return {str(file): file.read_bytes() for file in files if file.is_file()}


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_examples_give_the_same_bytes(splits: Splits, tmp_path: Path, name: str) -> None:
    written = []
    for place in (tmp_path / "a", tmp_path / "b"):
        export(splits, place, format=name)
        written.append({str(Path(k).relative_to(place)): v for k, v in contents(place).items()})
    assert written[0] == written[1]


def test_force_loses_no_file_of_others(splits: Splits, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.png").write_bytes(b"mine")
    with pytest.raises(OptionError, match=r"found me\.png"):
        export(splits, tmp_path / "photos", format="png", force=True)
    with pytest.raises(OptionError, match="expected to write a file, found a folder"):
        export(splits, tmp_path / "photos", format="npz", force=True)
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(OptionError, match="expected to write a folder, found a file"):
        export(splits, tmp_path / "file", format="png", force=True)
    assert contents(tmp_path) == {
        str(tmp_path / "photos" / "me.png"): b"mine",
        str(tmp_path / "file"): b"mine",
    }


def test_an_empty_folder_and_missing_parents_are_filled(splits: Splits, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    export(splits, tmp_path / "empty", format="idx")
    export(splits, tmp_path / "a" / "b" / "c.npz", format="npz")
    assert len(contents(tmp_path)) == 5


def test_a_folder_in_use_is_not_replaced(
    splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "out" / "inner")
    for path in (Path(), tmp_path / "out", Path("../inner")):
        for force in (False, True):
            with pytest.raises(OptionError, match=r"program runs in\. Try: a new folder in it"):
                export(splits, path, format="idx", force=force)
    export(splits, Path("new"), format="idx")
    monkeypatch.setattr(os.path, "ismount", lambda path: path == str(tmp_path / "disk"))
    (tmp_path / "disk").mkdir()
    with pytest.raises(OptionError, match="where a file system is mounted"):
        export(splits, tmp_path / "disk", format="idx")
    export(splits, tmp_path / "disk" / "new", format="idx")


def test_a_folder_that_may_not_be_listed(
    splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(FileAccessError, match="Permission denied"):
        export(splits, tmp_path, format="idx")


def test_a_link_is_followed(splits: Splits, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    export(splits, tmp_path / "link", format="idx")
    assert (tmp_path / "link").is_symlink()
    assert len(list((tmp_path / "real").iterdir())) == 4


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError(errno.EIO, os.strerror(errno.EIO)), FileAccessError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=["a fault", "an interrupt"],
)
def test_a_folder_that_is_not_replaced_stays(
    splits: Splits,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    raised: type[BaseException],
) -> None:
    export(splits, tmp_path / "out", format="idx")
    before = contents(tmp_path)
    real = os.replace

    def failing(source: Path, target: Path) -> None:
        if str(source).endswith(".part"):
            raise error
        real(source, target)

    monkeypatch.setattr(os, "replace", failing)
    message = "cannot be written" if raised is FileAccessError else None
    with pytest.raises(raised, match=message):
        export(splits, tmp_path / "out", format="idx", force=True)
    assert contents(tmp_path) == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_export_that_is_stopped_leaves_nothing(tmp_path: Path, number: int) -> None:
    load("synthetic", "train")
    command = [sys.executable, "-m", "fmnist_core.tools.cli", "export", "synthetic", "png"]
    code = f"{INTERRUPTIBLE}; from fmnist_core.tools.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *command[3:], str(tmp_path / "out")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not any(tmp_path.glob(".out.*.part/train/*/*.png")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(60) in (130, 143)
    assert not list(tmp_path.iterdir())


def test_what_a_killed_export_left_goes_if_its_target_is_there(
    splits: Splits, tmp_path: Path
) -> None:
    for name in (".out.01234567.part", ".out.01234567.old", ".else.01234567.old"):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (0, 0))
    export(splits, tmp_path / "out", format="idx")
    assert {path.name for path in tmp_path.iterdir()} == {
        "out",
        ".out.01234567.old",
        ".else.01234567.old",
    }
    export(splits, tmp_path / "out", format="idx", force=True)
    assert {path.name for path in tmp_path.iterdir()} == {"out", ".else.01234567.old"}


@pytest.mark.parametrize(
    ("format", "name"),
    [("tfds", "label.labels.txt"), ("webdataset", "classnames.txt")],
)
def test_a_class_name_is_one_line(tmp_path: Path, format: str, name: str) -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    export(Dataset(images, np.arange(2), classes=["a\nb", "c"]), tmp_path / "out", format=format)
    assert (tmp_path / "out" / name).read_text() == "a b\nc\n"
