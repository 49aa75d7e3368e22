"""The store: where it is, its locks, and the digest of a payload however it is packed."""

import gzip
import hashlib
import lzma
import random
import sys
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from fmnist_core import FileAccessError, IdxError, files
from fmnist_core.catalog import FASHION_MNIST, MNIST
from fmnist_core.records import Checksums, FileInfo
from fmnist_core.storage import locks, store

Packing = Callable[[bytes], bytes]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that does not exist yet."""
    home = tmp_path / "made" / "store"
    monkeypatch.setenv("FMNIST_HOME", str(home))
    return home


def test_home_follows_the_environment(home: Path) -> None:
    assert store.home() == home
    assert store.folder(FASHION_MNIST) == home / "fashion-mnist" / "2017-08-31"
    assert store.folder(MNIST) == home / "mnist" / "current"
    assert not home.exists(), "asking must not make it"


def test_home_may_start_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("FMNIST_HOME", "~/data")
    assert store.home() == tmp_path / "data"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems, other folders")
@pytest.mark.parametrize("chosen", [None, ""])
def test_home_is_in_the_cache_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str | None
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if chosen is None:
        monkeypatch.delenv("FMNIST_HOME", raising=False)
    else:
        monkeypatch.setenv("FMNIST_HOME", chosen)
    assert store.home() == tmp_path / "fmnist"


def test_locked_makes_the_folder_and_keeps_others_out_until_it_is_done(home: Path) -> None:
    place = home / "mnist"
    with locks.locked(place):
        other = filelock.FileLock(place / ".lock", is_singleton=False)
        with pytest.raises(filelock.Timeout):
            other.acquire(timeout=0)
        with locks.locked(home / "fashion-mnist"):
            pass
    with other.acquire(timeout=0):
        assert other.is_locked


@pytest.mark.parametrize(
    "error",
    [RuntimeError("a bug"), IdxError("bad"), FileAccessError("own"), KeyboardInterrupt()],
)
def test_locked_lets_go_and_lets_errors_pass(home: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), locks.locked(home / "mnist"):
        raise error
    with filelock.FileLock(home / "mnist" / ".lock").acquire(timeout=0):
        pass


def test_a_store_that_cannot_be_made(home: Path) -> None:
    home.parent.parent.mkdir(exist_ok=True)
    home.parent.write_bytes(b"a file where a folder should be")
    with (
        pytest.raises(FileAccessError, match=r"mnist: the store cannot .* FMNIST_HOME") as caught,
        locks.locked(home / "mnist"),
    ):
        raise AssertionError("not reached")
    assert isinstance(caught.value.__cause__, OSError)


# -- digests -----------------------------------------------------------------------------------

PAYLOAD = random.Random(3).randbytes(9000)


def test_a_payload_has_one_digest_however_it_is_packed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    packings = [PAYLOAD, *(gzip.compress(PAYLOAD, level) for level in range(10))]
    packings += [gzip.compress(PAYLOAD[:9]) + gzip.compress(PAYLOAD[9:]), lzma.compress(PAYLOAD)]
    for packed in packings:
        path.write_bytes(packed)
        assert store.payload_sha256(path) == hashlib.sha256(PAYLOAD).hexdigest()


def test_the_digest_of_a_truncated_packed_file_raises(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(PAYLOAD)[:-9])
    with pytest.raises(IdxError, match=f"{path}: the gzip stream ends too early"):
        store.payload_sha256(path)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_payload_over_the_limit_has_no_digest(tmp_path: Path, pack: Packing) -> None:
    path = tmp_path / "x"
    path.write_bytes(pack(PAYLOAD))
    assert store.payload_sha256(path, len(PAYLOAD)) == hashlib.sha256(PAYLOAD).hexdigest()
    assert store.payload_sha256(path, len(PAYLOAD) - 1) is None


def test_no_folder_vouches_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Only the .gz digest of this file is known, as in a plugin's catalog.
    file = FileInfo("images", Checksums(), Checksums(sha256="0" * 64))
    folder = tmp_path / "downloaded"
    folder.mkdir()
    (folder / "images").write_bytes(b"anything")
    store.mark_verified(folder / "images", files.file_digest(folder / "images"))
    assert not store.is_genuine(folder / "images", file)
    assert not store.is_verified(folder / "images", file)
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path))
    assert store.is_verified(folder / "images", file)
    assert not store.is_genuine(folder / "images", file)
