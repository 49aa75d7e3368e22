"""The store: one folder, one lock for each dataset."""

import sys
from pathlib import Path

import filelock
import pytest

from fmnist_core import FileUnreadableError, IdxError, store


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that does not exist yet."""
    home = tmp_path / "made" / "store"
    monkeypatch.setenv("FMNIST_HOME", str(home))
    return home


def test_home_is_what_the_environment_says(home: Path) -> None:
    assert store.home() == home
    assert store.folder("mnist") == home / "mnist"
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
    with store.locked("mnist") as place:
        assert place == home / "mnist"
        other = filelock.FileLock(place / ".lock", is_singleton=False)
        with pytest.raises(filelock.Timeout):
            other.acquire(timeout=0)
        with store.locked("fashion-mnist"):
            pass
    with other.acquire(timeout=0):
        assert other.is_locked


@pytest.mark.parametrize("error", [RuntimeError("a bug"), IdxError("bad"), KeyboardInterrupt()])
def test_locked_lets_go_and_lets_errors_pass(home: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), store.locked("mnist"):
        raise error
    with filelock.FileLock(home / "mnist" / ".lock").acquire(timeout=0):
        pass


def test_a_store_that_cannot_be_made(home: Path) -> None:
    home.parent.parent.mkdir(exist_ok=True)
    home.parent.write_bytes(b"a file where a folder should be")
    with (
        pytest.raises(
            FileUnreadableError, match=r"mnist: the store cannot .* FMNIST_HOME"
        ) as caught,
        store.locked("mnist"),
    ):
        raise AssertionError("not reached")
    assert isinstance(caught.value.__cause__, OSError)


def test_an_error_of_writing_in_a_store_keeps_its_own_words(home: Path) -> None:
    with pytest.raises(FileUnreadableError, match=r"^own words$"), store.locked("mnist"):
        raise FileUnreadableError("own words")
    with pytest.raises(FileUnreadableError, match="cannot be written"), store.locked("mnist"):
        raise OSError(28, "No space left on device")
