"""The data commands, on real files and a separate store."""

import json
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from fmnist_core import write_idx
from fmnist_core.tools.cli import main

ROWS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, and no files of other libraries."""
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "store of mine"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    monkeypatch.delenv("FMNIST_MIRROR", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "store of mine"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def succeed(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_dataset_comes_is_shown_travels_and_goes(home: Path, fashion_root: Path) -> None:
    assert succeed("where") == f"{home}\n"
    assert "not here: fashion-mnist, mnist" in succeed("doctor")
    fetched = succeed("fetch", "fashion-mnist", "--from", fashion_root.as_uri())
    assert "fashion-mnist/train: 60,000 examples, genuine" in fetched
    assert "all 4 files: verified" in succeed("doctor")
    assert succeed("verify", "fashion-mnist").count("genuine") == 4

    bundle = home.parent / "fashion.zip"
    assert succeed("bundle", "fashion-mnist", "-o", bundle) == f"Wrote {bundle}\n"
    assert "removed" in succeed("remove", "fashion-mnist")
    assert "nothing there" in succeed("remove", "fashion-mnist")
    missing = run("verify", "fashion-mnist").stderr
    assert missing.count(". Run: fmnist fetch fashion-mnist") == 4
    assert ".." not in missing.replace(str(home.parent), "")
    succeed("fetch", "fashion-mnist", "--from", bundle)
    assert succeed("verify", "fashion-mnist").count("genuine") == 4

    images = home / "fashion-mnist" / "2017-08-31" / ROWS[2]
    content = bytearray(images.read_bytes())
    content[5_000_000] ^= 1
    images.write_bytes(content)
    assert f"{ROWS[2]}: in {images.parent}, changed or not verified yet" in succeed("doctor")
    result = run("verify", "fashion-mnist")
    assert result.exit_code == 1
    assert "found IDX data that the catalog does not know" in result.stderr
    assert sorted(path.name for path in images.parent.iterdir() if path.suffix == ".part") == []
    report = json.loads(run("verify", "fashion-mnist", "--json").stdout)
    assert {one["path"]: one["genuine"] for one in report}[str(images)] is False
    assert sum(one["genuine"] for one in report) == 3
    doctor = json.loads(succeed("doctor", "--json"))
    assert doctor["store"] == str(home)
    states = {file["file"]: file["where"] for file in doctor["datasets"]["fashion-mnist"]}
    assert "changed" in states[ROWS[2]]
    assert "verified" in states[ROWS[1]]


def test_fetch_without_a_network_says_what_to_do(home: Path) -> None:
    result = run("fetch", "fashion-mnist")
    assert result.exit_code == 1
    assert result.stderr.count("not tried, as FMNIST_OFFLINE is set") == 3
    assert "fmnist fetch NAME --from FILE.zip" in result.stderr
    assert "root=" not in result.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "expected a bundle of Fashion-MNIST, found no zip file"),
        (b"no zip", "expected a bundle of Fashion-MNIST, found no zip file"),
        (b"PK\x03\x04 torn", "a damaged zip file"),
    ],
)
def test_a_file_that_is_not_a_bundle(home: Path, content: bytes, words: str) -> None:
    (home.parent / "bundle.zip").write_bytes(content)
    result = run("fetch", "fashion-mnist", "--from", home.parent / "bundle.zip")
    assert result.exit_code == 1
    assert words in result.stderr


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of "synthetic", made in the tests' store, where it is drawn once."""
    path = tmp_path_factory.mktemp("bundle") / "synthetic.zip"
    succeed("bundle", "synthetic", "-o", path)
    return path


def test_a_bundle_of_something_else(synthetic: Path, home: Path) -> None:
    result = run("fetch", "fashion-mnist", "--from", synthetic)
    assert result.exit_code == 1
    assert "this is not train-images-idx3-ubyte" in result.stderr
    assert not list(home.glob("fashion-mnist/*/*ubyte*"))


def test_list_and_info(home: Path) -> None:
    assert "Synthetic garments" in succeed("list")
    names = [record["name"] for record in json.loads(succeed("list", "--json"))]
    assert {"fashion-mnist", "mnist", "k49", "emnist-letters", "qmnist", "synthetic"} <= {*names}
    output = succeed("info", "fashion-mnist")
    for fact in ("Ankle boot", "26,421,880", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "2017-08-26"):
        assert fact in output
    record = json.loads(succeed("info", "fashion-mnist", "--json"))
    assert record["splits"]["test"]["num_examples"] == 10_000
    assert record["std"] == pytest.approx(0.3530242445149226)
    assert succeed("info", "fashion-mnist", "--bibtex").startswith("@online{xiao2017fashion")


def test_identify_and_verify_paths(home: Path, data_root: Path) -> None:
    lines = succeed("verify", data_root / "fashion").splitlines()
    assert len(lines) == 4
    assert all(re.search(r": Fashion-MNIST .*, genuine$", line) for line in lines)
    assert run("verify", data_root / "fashion-damaged").exit_code == 1
    result = run("identify", data_root / "fashion-damaged")
    assert result.exit_code == 1
    assert "4,443 of 10,000 items are complete" in result.stdout
    report = json.loads(run("identify", "--json", data_root / "wild/kelas__mnist").stdout)
    assert {entry["verdict"] for entry in report} == {"genuine"}


@pytest.mark.parametrize(
    "arguments", [["info", "fashion"], ["fetch", "nmist"], ["verify", "absent"], ["remove", "x"]]
)
def test_unknown_names(home: Path, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert "expected a dataset of the catalog" in result.stderr
    assert result.stderr.endswith("Try: fmnist list\n")
    assert "open_idx" not in result.stderr


@pytest.mark.parametrize("name", ["absent.gz", "./absent", "folder/absent"])
def test_verify_of_a_missing_path_says_so(home: Path, name: str) -> None:
    result = run("verify", name)
    assert (result.exit_code, result.stderr) == (1, f"Error: {name}: no such file or folder\n")


@pytest.mark.parametrize("verb", ["verify", "identify"])
def test_notes_in_a_bundle_are_left_out(synthetic: Path, home: Path, verb: str) -> None:
    with zipfile.ZipFile(synthetic) as archive:
        archive.extractall(home.parent / "unpacked")
        assert len(archive.namelist()) == 7
    for target in (home.parent / "unpacked", synthetic):
        lines = succeed(verb, target).splitlines()
        assert len(lines) == 4
        assert all("Synthetic garments" in line for line in lines)
    (home.parent / "unpacked" / "manifest.json").unlink()
    assert run(verb, home.parent / "unpacked").exit_code == 1


def test_identify_continues_after_unreadable_files(home: Path) -> None:
    write_idx("b", np.zeros(3, np.uint8))
    Path("empty").mkdir()
    os.mkfifo("pipe")
    Path("link").symlink_to("../.git/annex/objects/x")
    names = ["absent", "b", "empty", "pipe", "link"]
    result = run("identify", *names)
    assert result.exit_code == 1
    assert [line.partition(". ")[0] for line in result.stdout.splitlines()] == [
        "absent: no such file or folder",
        "b: IDX data that the catalog does not know, 3 uint8",
        "empty: a folder without data files",
        "pipe: expected a file, found a pipe or a device",
        "link: a git-annex link, not data",
    ]
    report = json.loads(run("identify", "--json", *names).stdout)
    assert [(entry["path"], entry["verdict"]) for entry in report] == [
        ("absent", "unreadable"),
        ("b", "unknown"),
        ("empty", "unreadable"),
        ("pipe", "unreadable"),
        ("link", "foreign"),
    ]


def test_names_of_files_cannot_drive_a_terminal(home: Path) -> None:
    Path("a\x1b[2J\nb: genuine").write_bytes(b"")
    assert run("identify", home.parent).stdout.splitlines() == [
        f"{home.parent}/a\\x1b[2J\\nb: genuine: an empty file. Get the file again"
    ]


def test_advice_is_for_the_command_line(home: Path) -> None:
    """No message of a command advises to type Python."""
    Path("data/fashion").mkdir(parents=True)
    for name in (ROWS[0], ROWS[1]):
        write_idx(f"data/fashion/{name}", np.zeros((3, 2, 2)[: 3 if "images" in name else 1], "u1"))
    sprite = ["sprite", "fashion-mnist", "-o", "x.png"]
    cases = {
        ("sprite", "x", "-o", "x.png"): "fmnist list",
        (*sprite, "--root", "data"): "--root data/fashion",
        (
            *sprite,
            "--root",
            "data/fashion",
            "--split",
            "test",
        ): "fmnist fetch fashion-mnist, or --",
        (*sprite, "--root", "data/fashion"): "the right file (see https://github.com/zalandor",
        (*sprite, "--root", "s3://x"): "fmnist fetch fashion-mnist --from s3://x",
        (*sprite, "--split", "val"): "--split train",
        (*sprite, "--split", "t10k"): "--split test",
        tuple(sprite): "fmnist fetch NAME --from",
    }
    for arguments, advice in cases.items():
        result = run(*arguments)
        assert result.exit_code == 1
        assert f"Try: {advice}" in result.stderr or advice in result.stderr
        assert not re.search(r"open_idx|load\(|root=|split\(", result.stderr), result.stderr
