"""Files made to do harm: bombs, paths that climb, pickles. They are refused, and cost little."""

import gzip
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from fmnist_core import DataMismatchError, IdxError, load, open_idx, read_idx, store, write_idx
from fmnist_core.catalog import FASHION_MNIST
from fmnist_core.files import BLOCK
from fmnist_core.tools.cli import main

IMAGES, LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
Peak = Callable[[Callable[[], object]], int]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "store"


def bomb(path: Path, header: bytes, size: int) -> None:
    """Write a header and `size` zero bytes as a small .gz."""
    with gzip.open(path, "wb", 9) as file:
        file.write(header)
        for _ in range(size // BLOCK):
            file.write(bytes(BLOCK))


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(bytes.fromhex("00000803 00002710 0000001c 0000001c"), id="honest"),
        pytest.param(bytes.fromhex("00000803 00061a80 0000001c 0000001c"), id="lying"),
        pytest.param(b"", id="none"),
    ],
)
def test_a_gzip_bomb(tmp_path: Path, header: bytes, peak_memory: Peak) -> None:
    bomb(tmp_path / f"{IMAGES}.gz", header, 200 * BLOCK)
    write_idx(tmp_path / LABELS, np.zeros(10_000, np.uint8))
    assert (tmp_path / f"{IMAGES}.gz").stat().st_size < BLOCK

    def attempt() -> None:
        with pytest.raises((IdxError, DataMismatchError), match=f"{IMAGES}.gz: expected"):
            load("fashion-mnist", "test", root=tmp_path)

    assert peak_memory(attempt) < 8 * BLOCK


def test_a_zip_file_whose_members_climb_out(tmp_path: Path, home: Path, fashion_root: Path) -> None:
    names = [file.name for split in ("train", "test") for file in FASHION_MNIST.split(split).files]
    with zipfile.ZipFile(tmp_path / "climbs.zip", "w") as archive:
        for name in names:
            archive.write(fashion_root / f"{name}.gz", f"../../../climbed/{name}.gz")
        archive.writestr("/etc/fmnist-was-here", b"x")
    before = {path for path in tmp_path.parent.rglob("*") if home not in path.parents}
    result = CliRunner().invoke(main, ["fetch", "fashion-mnist", "--from", "climbs.zip"])
    assert result.exit_code == 0, result.output
    assert {path.name for path in store.folder(FASHION_MNIST).iterdir()} >= {*names}
    after = {path for path in tmp_path.parent.rglob("*") if home not in path.parents}
    assert after - before <= {home}
    assert not Path("/etc/fmnist-was-here").exists()


class Trap:
    """Says when it is unpickled."""

    sprung = False

    def __reduce__(self) -> tuple[Any, ...]:
        return setattr, (Trap, "sprung", True)


@pytest.mark.parametrize("name", ["k49-test-imgs.npz", "plain.npy", "pickle"])
def test_pickled_objects(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "pickle":
        path.write_bytes(pickle.dumps(Trap()))
    else:
        save = np.savez if name.endswith("npz") else np.save
        save(path, np.array([Trap()]))  # type: ignore[operator]
    for attempt in (
        lambda: read_idx(path),
        lambda: open_idx(path, path),
        lambda: load("k49", "test", root=tmp_path),
    ):
        with pytest.raises((IdxError, DataMismatchError, OSError)):
            attempt()
    shown = CliRunner().invoke(main, ["identify", str(path)])
    assert shown.exit_code == 1
    assert not Trap.sprung
