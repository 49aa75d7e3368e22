"""Hostile files: bombs, paths out of the folder, pickles. They are rejected at little cost."""

import gzip
import math
import os
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from fmnist_core import DataMismatchError, IdxError, load, open_idx, read_idx, write_idx
from fmnist_core.catalog import FASHION_MNIST
from fmnist_core.files import BLOCK
from fmnist_core.registry import find_dataset
from fmnist_core.storage import store
from fmnist_core.tools.cli import main
from tests.helpers.limits import run_limited

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


def test_a_zip_file_with_paths_that_leave_its_folder(
    tmp_path: Path, home: Path, fashion_root: Path
) -> None:
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
    """Records that it was unpickled."""

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


def npy(header: bytes, data: bytes = bytes(9)) -> bytes:
    """Return a .npy file with a given header."""
    header = header.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


ODD_FILES = {
    "negative.npy": npy(b"{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 28, 28), }"),
    "token.npy": npy(b"{'descr': '|u1', 'fortran_order': False, 'shape': (1L,"),
    "deep.npy": npy(b"(" * 110),
    "no-header.npy": b"\x93NUMPY\x01\x00\xff\xff",
    "empty.zip": b"PK\x05\x06" + bytes(18),
    "torn.zip": b"PK\x03\x04" + bytes(40),
}


@pytest.mark.parametrize("name", ODD_FILES)
def test_odd_files_raise_our_errors(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(ODD_FILES[name])
    with pytest.raises(IdxError):
        read_idx(path)
    shown = CliRunner().invoke(main, ["identify", str(tmp_path)])
    assert shown.exit_code == 1
    assert isinstance(shown.exception, SystemExit)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_that_python_unpacks_without_a_limit_are_refused(
    tmp_path: Path, method: int, peak_memory: Peak
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", method) as archive, archive.open("x", "w") as member:
        member.write(bytes.fromhex("00000801 00001388"))
        for _ in range(100):
            member.write(bytes(BLOCK))
    assert path.stat().st_size < BLOCK // 4

    def attempt() -> None:
        with pytest.raises(IdxError, match=r"x\.zip!x: cannot be unpacked.*Unzip it first"):
            read_idx(path)
        assert CliRunner().invoke(main, ["identify", str(path)]).exit_code == 1

    assert peak_memory(attempt) < 8 * BLOCK


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_member(tmp_path: Path, method: int) -> None:
    path, content = tmp_path / "x.zip", np.random.default_rng(1).bytes(5000)
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("x", bytes.fromhex("00000801 00001388") + content)
    assert len(read_idx(path)) == 5000
    damaged = bytearray(path.read_bytes())
    damaged[2000:2040] = bytes(40)
    path.write_bytes(damaged)
    with pytest.raises(IdxError, match=r"damaged|too early"):
        read_idx(path)


def test_names_that_are_not_text(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("éé", b"x")
    path.write_bytes(path.read_bytes().replace("éé".encode(), b"\xff\xfe\xff\xfe"))
    with pytest.raises(IdxError, match="damaged zip file"):
        read_idx(path)
    for command in (["identify", str(path)], ["fetch", "mnist", "--from", str(path)]):
        shown = CliRunner().invoke(main, command)
        assert (shown.exit_code, type(shown.exception)) == (1, SystemExit)


def test_the_genuine_one_of_several_members_is_taken(tmp_path: Path, fashion_root: Path) -> None:
    names = [file.name for split in ("train", "test") for file in FASHION_MNIST.split(split).files]
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for name in names:
            archive.write(fashion_root / f"{name}.gz", f"data/FashionMNIST/raw/{name}.gz")
            archive.writestr(f"data/MNIST/raw/{name}.gz", b"of another dataset")
            archive.writestr(f"old/{name}", b"of another day")
    shown = CliRunner().invoke(main, ["fetch", "fashion-mnist", "--from", "data.zip"])
    assert shown.exit_code == 0, shown.output
    with zipfile.ZipFile(tmp_path / "swapped.zip", "w") as archive:
        for name in names:
            archive.write(fashion_root / f"{names[3]}.gz", f"{name}.gz")
    CliRunner().invoke(main, ["remove", "fashion-mnist"])
    shown = CliRunner().invoke(main, ["fetch", "fashion-mnist", "--from", "swapped.zip"])
    assert shown.exit_code == 1
    assert "its train-images-idx3-ubyte.gz is Fashion-MNIST t10k-labels-idx1-ubyte" in shown.output


def test_a_fetch_that_stores_nothing_fails(
    tmp_path: Path, fashion_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "file"))
    command = ["fetch", "fashion-mnist", "--from", fashion_root.resolve().as_uri()]
    shown = CliRunner().invoke(main, command)
    assert shown.exit_code == 1
    assert "the store cannot be written" in shown.output


def test_the_next_load_removes_what_a_killed_process_left(home: Path, fashion_root: Path) -> None:
    load("fashion-mnist", "test", source_url=fashion_root.resolve().as_uri())
    place = store.folder(FASHION_MNIST)
    for name in (f".{LABELS}.gz.part", f".{LABELS}.gz.part.json", f"{LABELS}.gz"):
        (place / name).write_bytes(b"left")
    for _ in range(2):
        load("fashion-mnist", "test")
        assert {path.name for path in place.iterdir()} == {
            IMAGES,
            LABELS,
            "verified.json",
            ".lock",
        }


def test_folders_without_data_and_links_without_files(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    shown = CliRunner().invoke(main, ["identify", str(tmp_path / "empty")])
    assert (shown.exit_code, "a folder without data files" in shown.output) == (1, True)
    (tmp_path / "links").mkdir()
    target = "../.git/annex/objects/aa/MD5E-s9--0"
    (tmp_path / "links" / "x").symlink_to(target)
    (tmp_path / "links" / "windows").symlink_to(target.replace("/", "\\"))
    shown = CliRunner().invoke(main, ["identify", str(tmp_path / "links")])
    assert shown.output.count("a git-annex link") == 2


def test_a_store_verifies_as_a_folder(home: Path, fashion_root: Path) -> None:
    load("fashion-mnist", "test", source_url=fashion_root.resolve().as_uri())
    shown = CliRunner().invoke(main, ["verify", str(home)])
    assert shown.exit_code == 0, shown.output


# -- what names a file, and what reads it, knows when to stop --------------------------------------


@pytest.mark.parametrize("method", ["whole", "two columns", "fractions"])
def test_checking_labels_takes_no_memory_that_grows_with_them(
    tmp_path: Path, method: str, peak_memory: Peak
) -> None:
    count = 1 << 26
    shapes = {"whole": (8, (count,)), "two columns": (8, (count, 2)), "fractions": (14, (count,))}
    code, shape = shapes[method]
    labels, images = tmp_path / "labels", tmp_path / "images"
    for path, kind, axes in ((labels, code, shape), (images, 8, (count, 1, 1))):
        path.write_bytes(struct.pack(f">2xBB{len(axes)}I", kind, len(axes), *axes))
        nbytes = math.prod(axes) * (8 if kind == 14 else 1)
        os.truncate(path, path.stat().st_size + nbytes)

    def attempt() -> None:
        if method == "whole":
            assert len(open_idx(images, labels)) == count
        else:
            with pytest.raises(DataMismatchError, match="expected labels to be whole numbers"):
                open_idx(images, labels)

    assert peak_memory(attempt) < 32 * BLOCK


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
def test_a_published_file_of_another_length_is_not_hashed(home: Path) -> None:
    info = find_dataset("k49")
    place = store.folder(info)
    place.mkdir(parents=True)
    for file in info.split("test").files:
        (place / file.packed_name).write_bytes(b"")
        os.truncate(place / file.packed_name, 40_000_000_000)

    def verify() -> str:
        return CliRunner().invoke(main, ["verify", "k49"]).output

    outcome = run_limited(verify, 15, 1 << 28)
    assert outcome.ended == "ok"
    assert "changed since" in outcome.message


@pytest.mark.parametrize(
    "names", [["folder/"], ["manifest.json"], ["manifest.json", "LICENCE.txt"]]
)
def test_a_zip_file_without_data_is_not_verified(tmp_path: Path, names: list[str]) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    shown = CliRunner().invoke(main, ["verify", str(tmp_path / "x.zip")])
    assert shown.exit_code == 1
    assert "x.zip" in shown.output


def test_a_zip_file_with_a_long_list_is_not_called_damaged(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for number in range(50_000):
            archive.writestr(f"{number}.png", b"")
    shown = CliRunner().invoke(main, ["identify", str(tmp_path / "x.zip")])
    assert shown.exit_code == 0
    assert "a zip file whose list of members has 2," in shown.output
    assert "Unzip it first" in shown.output


def test_a_member_does_not_hide_behind_the_name_of_a_note(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("manifest.json", b"{}")
        archive.writestr("x!LICENCE.txt", pickle.dumps([1]))
    shown = CliRunner().invoke(main, ["identify", str(tmp_path / "x.zip")])
    assert "x!LICENCE.txt: a Python pickle" in shown.output
    assert shown.exit_code == 1


def test_the_list_of_a_zip_file_is_not_read_for_each_candidate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = FASHION_MNIST.split("train").images.name
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for number in range(20):
            archive.writestr(f"{number}/{name}", b"junk")
    opened: list[object] = []
    plain = zipfile.ZipFile.__init__

    def counted(self: zipfile.ZipFile, *arguments: Any, **options: Any) -> None:
        opened.append(self)
        plain(self, *arguments, **options)

    monkeypatch.setattr(zipfile.ZipFile, "__init__", counted)
    shown = CliRunner().invoke(main, ["fetch", "fashion-mnist", "--from", "x.zip"])
    assert shown.exit_code == 1
    assert "this is not train-images-idx3-ubyte" in shown.output
    assert len(opened) == 2, "once to take files out, once to name what is wrong"


def test_an_unusable_file_of_another_library_is_not_identified(
    tmp_path: Path, fashion_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    folder = tmp_path / "keras" / "datasets"
    folder.mkdir(parents=True)
    (folder / f"{IMAGES}.gz").write_bytes(gzip.compress(b"junk"))
    named: list[Path] = []
    monkeypatch.setattr("fmnist_core.storage.identify.identify", named.append)
    mirror = fashion_root.resolve().as_uri()
    assert len(load("fashion-mnist", "test", source_url=mirror)) == 10_000
    assert named == []
