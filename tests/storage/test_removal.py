"""`fmnist remove` removes what the store wrote, and nothing else."""

import multiprocessing
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from fmnist_core import FmnistError, load
from fmnist_core.catalog import FASHION_MNIST, SYNTHETIC
from fmnist_core.storage import store
from fmnist_core.tools.cli import main

USERS = {
    "mymodel.pt": b"weights",
    "fashion-mnist/results.csv": b"a,b",
    "fashion-mnist/.git/HEAD": b"ref: refs/heads/main",
    "fashion-mnist/2017-08-31/notes.txt": b"mine",
    "mnist/raw/train-images-idx3-ubyte": b"another library's",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store inside a folder in which the user keeps other files."""
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name, content in USERS.items():
        path = tmp_path / "home" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "home"


def remove(name: str) -> str:
    result = CliRunner().invoke(main, ["remove", name])
    assert result.exit_code == 0, result.output
    return result.output


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["fashion-mnist", "mnist", "emnist-letters", "synthetic"])
def test_nothing_of_a_dataset_that_was_never_fetched_is_removed(home: Path, name: str) -> None:
    assert "nothing there to remove" in remove(name)
    assert files_in(home) == USERS


def test_only_files_that_the_store_wrote_are_removed(home: Path, fashion_root: Path) -> None:
    mirror = fashion_root.resolve().as_uri()
    for split in ("train", "test"):
        load("fashion-mnist", split, source_url=mirror)
    place = store.folder(FASHION_MNIST)
    label = "t10k-labels-idx1-ubyte"
    for left in (f".{label}.gz.part", f".{label}.gz.part.json", f".{label}.0123abcd.part"):
        (place / left).write_bytes(b"of a killed process")
    (place / "t10k-labels-idx1-ubyte.bak").write_bytes(b"mine")
    output = remove("fashion-mnist")
    assert "removed Fashion-MNIST; left what the store did not write" in output
    assert "notes.txt, t10k-labels-idx1-ubyte.bak" in output
    kept = {**USERS, "fashion-mnist/2017-08-31/t10k-labels-idx1-ubyte.bak": b"mine"}
    assert files_in(home) == kept
    load("fashion-mnist", "test", source_url=mirror)


def test_a_file_of_a_payloads_name_that_the_store_did_not_write_stays(home: Path) -> None:
    place = store.folder(FASHION_MNIST)
    (place / "train-images-idx3-ubyte").write_bytes(b"a selection of mine")
    assert "left what the store did not write" in remove("fashion-mnist")
    assert (place / "train-images-idx3-ubyte").read_bytes() == b"a selection of mine"


def test_empty_folders_are_removed(home: Path) -> None:
    load("synthetic", "test")
    assert "removed" in remove("synthetic")
    assert not store.folder(SYNTHETIC).parent.exists()
    assert home.exists()
    assert "nothing there" in remove("synthetic")


def test_a_link_is_removed_and_not_what_it_points_to(home: Path, tmp_path: Path) -> None:
    load("synthetic", "test")
    place = store.folder(SYNTHETIC)
    labels = place / "t10k-labels-idx1-ubyte"
    labels.replace(tmp_path / "moved")
    labels.symlink_to(tmp_path / "moved")
    remove("synthetic")
    assert (tmp_path / "moved").is_file()
    assert not place.exists()


def _load_for(seconds: float, times: int) -> None:
    """Load again and again; only fmnist's errors may be raised, and not always."""
    begun, loaded = time.monotonic(), 0
    while time.monotonic() < begun + seconds or loaded < times:
        try:
            assert len(load("synthetic", "test").labels) == 10_000
            loaded += 1
        except FmnistError:
            assert time.monotonic() < begun + 60


def test_removing_during_loads_is_safe(home: Path) -> None:
    context = multiprocessing.get_context("spawn")
    loaders = [context.Process(target=_load_for, args=(4.0, 3)) for _ in range(2)]
    for loader in loaders:
        loader.start()
    while any(loader.is_alive() for loader in loaders):
        remove("synthetic")
        time.sleep(0.05)
    for loader in loaders:
        loader.join()
    assert [loader.exitcode for loader in loaders] == [0, 0]
    assert len(load("synthetic", "test").labels) == 10_000
