"""A store that others may write to: links, pipes, locks that are held, notes that are no notes."""

import errno
import json
import os
import stat
import subprocess
import sys
import time
import warnings
from pathlib import Path

import filelock
import pytest
from click.testing import CliRunner

from fmnist_core import FileAccessError, FmnistError, load, read_idx
from fmnist_core.catalog import FASHION_MNIST, SYNTHETIC
from fmnist_core.errors import DiskFullError
from fmnist_core.files import read_json
from fmnist_core.storage import locks, notes, store
from fmnist_core.storage.http import Response, Validators
from fmnist_core.storage.partial import Part
from fmnist_core.tools.cli import main

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")
LABELS = "t10k-labels-idx1-ubyte"
SECRET = b"the victim's only copy"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, fashion_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of Fashion-MNIST in a store, made, and a mirror to fill it from."""
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("FMNIST_MIRROR", fashion_root.resolve().as_uri())
    monkeypatch.chdir(tmp_path)
    folder = store.folder(FASHION_MNIST)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "thesis.tex"
    path.write_bytes(SECRET)
    return path


# -- what lies where a download goes --------------------------------------------------------------


def plant(path: Path, victim: Path, how: str) -> None:
    if how == "symlink":
        path.symlink_to(victim)
    elif how == "hard link":
        os.link(victim, path)
    else:
        os.mkfifo(path)


@posix
@pytest.mark.parametrize("how", ["symlink", "hard link", "pipe"])
@pytest.mark.parametrize(
    "name",
    [f".{LABELS}.gz.part", f".{LABELS}.gz.part.json", f".{LABELS}.part", LABELS, "verified.json"],
)
@pytest.mark.timeout(20)
def test_nothing_is_written_through_what_others_planted(
    place: Path, victim: Path, name: str, how: str
) -> None:
    plant(place / name, victim, how)
    if name == LABELS and how != "pipe":
        with pytest.warns(UserWarning, match="will replace it"):
            assert len(load("fashion-mnist", "test").labels) == 10_000
    elif name == LABELS:
        with pytest.warns(UserWarning, match=r"expected a file, found a pipe.*kept in memory"):
            assert len(load("fashion-mnist", "test").labels) == 10_000
    else:
        assert len(load("fashion-mnist", "test").labels) == 10_000
    assert victim.read_bytes() == SECRET
    assert stat.S_ISREG(victim.lstat().st_mode)


@posix
@pytest.mark.parametrize("how", ["symlink", "hard link", "pipe"])
def test_a_part_is_not_resumed_through_what_others_planted(
    place: Path, victim: Path, how: str
) -> None:
    part = Part(place / f"{LABELS}.gz")
    with part.opened("http://mirror/x", Response(iter(()), validators=Validators(5148))) as file:
        part.write(file, b"first")
    assert part.size() == 5
    part.path.unlink()
    plant(part.path, victim, how)
    assert part.size() == 0
    assert part.held("http://mirror/x") is None
    with pytest.raises(FileAccessError), part.opened("http://mirror/x", Response(iter(()), 5)):
        pass
    assert victim.read_bytes() == SECRET


@posix
@pytest.mark.parametrize("how", ["symlink", "hard link", "pipe"])
def test_a_lock_that_others_planted_is_neither_emptied_nor_followed(
    place: Path, victim: Path, how: str
) -> None:
    plant(place / ".lock", victim, how)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert len(load("fashion-mnist", "test").labels) == 10_000
    assert all("kept in memory" in str(warning.message) for warning in caught)
    assert victim.read_bytes() == SECRET


@posix
@pytest.mark.parametrize("how", ["symlink", "hard link", "pipe"])
def test_synthetic_is_drawn_past_what_others_planted(victim: Path, how: str) -> None:
    place = store.folder(SYNTHETIC)
    place.mkdir(parents=True)
    plant(place / f".{LABELS}.part", victim, how)
    assert len(load("synthetic", "test").labels) == 10_000
    assert victim.read_bytes() == SECRET


@posix
@pytest.mark.timeout(20)
def test_a_pipe_in_place_of_a_zip_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.zip")
    result = CliRunner().invoke(main, ["fetch", "fashion-mnist", "--from", "pipe.zip"])
    assert result.exit_code == 1
    assert "found a pipe" in result.stderr


# -- notes that are no notes ----------------------------------------------------------------------

NOTES = {
    "deep": b"[" * 200_000,
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "digits": b'{"%s": [%s, 1, "x", 1]}' % (LABELS.encode(), b"9" * 5000),
    "large": b'{"a": "' + b"x" * (2 << 20) + b'"}',
    "list": b"[1, 2]",
    "number": b"7",
    "null": b"null",
    "mistyped": json.dumps({LABELS: ["10008", "1", 7, None]}).encode(),
    "short": json.dumps({LABELS: [10008]}).encode(),
    "nested": json.dumps({LABELS: [[10008], {}, [], ""]}).encode(),
    "no text": b"\xff\xfe\x00",
    "nan": b'{"%s": [NaN, Infinity, "x", 1]}' % LABELS.encode(),
}


@pytest.mark.parametrize("kind", NOTES)
def test_invalid_notes_cost_one_more_hash(place: Path, kind: str) -> None:
    load("fashion-mnist", "test")
    (place / "verified.json").write_bytes(NOTES[kind])
    assert len(load("fashion-mnist", "test").labels) == 10_000
    assert LABELS in notes.names(place)


PART_NOTES = {
    **NOTES,
    "total": b'{"url": "x", "validators": {"total": "5148", "etag": "", "modified": ""}}',
    "etag": b'{"url": "x", "validators": {"total": 5148, "etag": 7, "modified": ""}}',
    "url": b'{"url": null, "validators": {"total": 5148, "etag": "", "modified": ""}}',
    "validators": b'{"url": "x", "validators": [5148]}',
    "more": b'{"url": "x", "validators": {}, "etag": {"a": 1}}',
}


@pytest.mark.parametrize("kind", PART_NOTES)
def test_a_part_with_an_invalid_note_starts_over(place: Path, kind: str) -> None:
    (place / f".{LABELS}.gz.part").write_bytes(b"x" * 6000)
    (place / f".{LABELS}.gz.part.json").write_bytes(PART_NOTES[kind])
    assert len(load("fashion-mnist", "test").labels) == 10_000


def test_json_is_read_up_to_a_limit(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"[" + b" " * 100 + b"]")
    assert read_json(tmp_path / "x", 102) == []
    with pytest.raises(FmnistError, match="at most 101 bytes"):
        read_json(tmp_path / "x", 101)


# -- locks that are held --------------------------------------------------------------------------


def test_waiting_for_a_lock_warns_and_ends(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "NOTICE", 0.1)
    monkeypatch.setattr(locks, "PATIENCE", 0.3)
    with filelock.FileLock(place / ".lock"):
        began = time.monotonic()
        with (
            pytest.warns(UserWarning, match=r"waiting for another process, which holds .*\.lock"),
            pytest.raises(FileAccessError, match=r"\.lock: another process has held it for"),
            locks.locked(place),
        ):
            raise AssertionError("not reached")
        assert time.monotonic() - began < 5


def test_without_the_lock_the_data_come_from_memory(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "NOTICE", 0.1)
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    with filelock.FileLock(place / ".lock"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert len(load("fashion-mnist", "test").labels) == 10_000
    assert [warning.filename for warning in caught] == [__file__, __file__]
    assert "waiting for another process" in str(caught[0].message)
    assert "kept in memory" in str(caught[1].message)


def test_a_disk_too_full_for_the_lock_fills_no_other_disk(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(filelock.FileLock, "acquire", full)
    with pytest.raises(DiskFullError, match=r"cannot be written \(No space left on device\)"):
        load("fashion-mnist", "test")


# -- what killed processes leave in the temporary folder ------------------------------------------

ABANDON = """
import os, signal
from fmnist_core.storage.locks import temporary_folder
with temporary_folder() as folder:
    (folder / "payload").write_bytes(b"x")
    print(folder, flush=True)
    input()
"""


@posix
def test_only_temporary_folders_of_killed_processes_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "fmnist-results").mkdir()
    (tmp_path / "fmnist-results" / "mine.csv").write_bytes(b"mine")
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", ABANDON]
    killed, alive = (
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)
    )
    with killed, alive:
        assert killed.stdout
        assert alive.stdout
        dead, living = Path(killed.stdout.readline()[:-1]), Path(alive.stdout.readline()[:-1])
        killed.kill()
        killed.wait()
        hour_ago = time.time() - 3600
        for folder in (dead, living, tmp_path / "fmnist-results"):
            os.utime(folder, (hour_ago, hour_ago))
        with locks.temporary_folder() as folder:
            assert not dead.exists()
            assert (living / "payload").exists()
            assert (tmp_path / "fmnist-results" / "mine.csv").exists()
        assert not folder.exists()
        assert alive.stdin
        alive.stdin.write("\n")
    assert not living.exists()


# -- mapped files ---------------------------------------------------------------------------------


@posix
def test_our_own_commands_replace_files_and_never_truncate_them(place: Path) -> None:
    before = load("fashion-mnist", "test")
    labels = before.labels.copy()
    store.mark_verified(place / LABELS, "0" * 64)
    (place / LABELS).touch()
    load("fashion-mnist", "test", verify=True)
    CliRunner().invoke(main, ["remove", "fashion-mnist"])
    load("fashion-mnist", "test")
    assert (before.labels == labels).all(), "a mapped file was changed in place"
    assert (read_idx(place / LABELS) == labels).all()
