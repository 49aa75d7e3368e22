"""The data commands, on real files and a store of their own."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fmnist_core.tools.cli import main

ROWS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, and nothing of another library."""
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
    found = json.loads(run("verify", "fashion-mnist", "--json").stdout)
    assert {one["path"]: one["genuine"] for one in found}[str(images)] is False
    assert sum(one["genuine"] for one in found) == 3
    doctor = json.loads(succeed("doctor", "--json"))
    assert doctor["store"] == str(home)
    states = {file["file"]: file["where"] for file in doctor["datasets"]["fashion-mnist"]}
    assert "changed" in states[ROWS[2]]
    assert "verified" in states[ROWS[1]]


def test_fetch_without_a_network_says_what_to_do(home: Path) -> None:
    result = run("fetch", "fashion-mnist")
    assert result.exit_code == 1
    assert result.stderr.count("not tried, as FMNIST_OFFLINE is set") == 3
    assert "root=FOLDER" in result.stderr


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 torn"])
def test_a_bundle_that_is_none(home: Path, content: bytes) -> None:
    (home.parent / "bundle.zip").write_bytes(content)
    result = run("fetch", "fashion-mnist", "--from", home.parent / "bundle.zip")
    assert result.exit_code == 1
    assert "expected a bundle" in result.stderr


def test_a_bundle_of_something_else(home: Path) -> None:
    succeed("bundle", "synthetic", "-o", home.parent / "synthetic.zip")
    result = run("fetch", "fashion-mnist", "--from", home.parent / "synthetic.zip")
    assert result.exit_code == 1
    assert "this is not train-images-idx3-ubyte" in result.stderr
    assert not list(home.glob("fashion-mnist/*/*ubyte*"))


def test_list_and_info(home: Path) -> None:
    assert "Synthetic garments" in succeed("list")
    names = [record["name"] for record in json.loads(succeed("list", "--json"))]
    assert {"fashion-mnist", "mnist", "k49", "emnist-letters", "qmnist", "synthetic"} <= {*names}
    told = succeed("info", "fashion-mnist")
    for fact in ("Ankle boot", "26,421,880", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "2017-08-26"):
        assert fact in told
    record = json.loads(succeed("info", "fashion-mnist", "--json"))
    assert record["splits"]["test"]["num_examples"] == 10_000
    assert record["std"] == pytest.approx(0.3530242445149226)
    assert succeed("info", "fashion-mnist", "--bibtex").startswith("@online{xiao2017fashion")


def test_identify_and_verify_paths(home: Path, data_root: Path) -> None:
    assert succeed("verify", data_root / "fashion").count("Fashion-MNIST") == 4
    assert run("verify", data_root / "fashion-damaged").exit_code == 1
    result = run("identify", data_root / "fashion-damaged")
    assert result.exit_code == 1
    assert "4,443 of 10,000 items are whole" in result.stdout
    found = json.loads(run("identify", "--json", data_root / "wild/kelas__mnist").stdout)
    assert {entry["verdict"] for entry in found} == {"genuine"}


@pytest.mark.parametrize(
    "arguments", [["info", "fashion"], ["fetch", "nmist"], ["verify", "absent"], ["remove", "x"]]
)
def test_unknown_names(home: Path, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert "expected a dataset of the catalog" in result.stderr
