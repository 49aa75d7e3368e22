"""Files: opened safely, written completely or not at all."""

import errno
import math
import os
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fmnist_core import FileAccessError, files, read_idx, write_idx
from fmnist_core.files import open_regular, write_whole
from fmnist_core.idx.containers import container_of

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
PAYLOAD = struct.pack(">2xBB3I", 8, 3, 2, 3, 4) + ARRAY.tobytes()

# -- opened safely -----------------------------------------------------------------------------


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match=r"absent\.idx: cannot be read \(No such file"):
        read_idx(tmp_path / "absent.idx")


def test_a_folder_is_refused_and_no_descriptor_is_left_open(tmp_path: Path) -> None:
    def refuse() -> None:
        with pytest.raises(FileAccessError, match=str(tmp_path)):
            read_idx(tmp_path)

    refuse()
    first = os.open(os.devnull, os.O_RDONLY)
    os.close(first)
    refuse()
    again = os.open(os.devnull, os.O_RDONLY)
    os.close(again)
    assert again == first


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(FileAccessError, match=r"pipe: expected a file, found"):
        read_idx(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_an_endless_device_is_refused() -> None:
    with pytest.raises(FileAccessError, match=r"/dev/zero: expected a file, found"):
        read_idx("/dev/zero")


def test_a_link_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "loop"
    path.symlink_to(path)
    with pytest.raises(FileAccessError, match=r"loop: cannot be read"):
        container_of(path)


def test_a_file_that_may_not_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(PAYLOAD)

    def denied(*_: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(FileAccessError, match=r"cannot be read \(Permission denied\)") as caught:
        read_idx(path)
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value.__cause__, PermissionError)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux's /proc")
def test_an_error_while_reading() -> None:
    # A regular file whose first page cannot be read, by root either.
    with pytest.raises(FileAccessError, match=r"/proc/self/mem: cannot be read"):
        read_idx("/proc/self/mem")


def test_the_file_is_closed_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(PAYLOAD)
    with open_regular(path) as file:
        assert file.read(4) == PAYLOAD[:4]
    assert file.closed


# -- written whole -----------------------------------------------------------------------------


def breaking(error: BaseException) -> Iterator[bytes]:
    yield b"half of it"
    raise error


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("old", [None, b"the old content"])
@pytest.mark.parametrize("step", ["blocks", "fsync", "replace"])
def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, old: bytes | None
) -> None:
    path = tmp_path / "x"
    if old is not None:
        path.write_bytes(old)
    blocks: Iterator[bytes] = iter([b"new"])
    if step == "blocks":
        blocks = breaking(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    else:
        monkeypatch.setattr(os, step, no_space)
    with pytest.raises(FileAccessError, match=r"x: cannot be written \(No space left"):
        write_whole(path, blocks)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([] if old is None else [old])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug")])
def test_an_interrupted_write_leaves_nothing_and_the_error_passes(
    tmp_path: Path, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        write_whole(tmp_path / "x", breaking(error))
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_hits_a_real_limit(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "x.idx"
    write_idx(path, ARRAY)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    try:
        with pytest.raises(FileAccessError, match=r"x\.idx: cannot be written \(File too large"):
            write_idx(path, np.zeros(1 << 20, np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == [path]
    np.testing.assert_array_equal(read_idx(path), ARRAY)


def test_nothing_is_seen_under_the_name_before_all_of_it_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "x", []

    def fsync(descriptor: int) -> None:
        assert not path.exists()
        synced.append(os.fstat(descriptor).st_size)

    def blocks() -> Iterator[bytes]:
        for _ in range(3):
            assert not path.exists()
            yield b"block"

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(path, blocks())
    assert synced == [15]
    assert path.read_bytes() == b"block" * 3


@pytest.mark.parametrize("name", ["absent/x.idx", "file/x.idx", "n" * 250, ".", "folder"])
def test_a_place_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FileAccessError, match=r"cannot be written"):
        write_idx(tmp_path / name, ARRAY)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_root_folder_is_no_file_to_write() -> None:
    with pytest.raises(FileAccessError, match=r"^/: cannot be written"):
        write_whole(Path("/"), [b""])


def test_a_read_only_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("builtins.open", read_only)
    monkeypatch.setattr(os, "unlink", read_only)
    with pytest.raises(FileAccessError, match=r"cannot be written \(Read-only file system\)"):
        write_whole(tmp_path / "x", [b""])


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").write_bytes(b"")
    write_idx(tmp_path / "ours", ARRAY)
    usual, ours = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "ours"))
    assert ours == usual


# -- on other systems, emulated ----------------------------------------------------------------


class Opener:
    """Simulates a program on Windows that has a file open during some attempts to replace it."""

    def __init__(self, attempts: float, winerror: int = 32) -> None:
        self.attempts = attempts
        self.winerror = winerror
        self.replace = os.replace

    def __call__(self, source: Path, target: Path) -> None:
        self.attempts -= 1
        if self.attempts >= 0:
            error = PermissionError(errno.EACCES, "The process cannot access the file")
            error.winerror = self.winerror  # type: ignore[attr-defined,unused-ignore]
            raise error
        self.replace(source, target)


def test_a_file_that_is_open_for_a_moment_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "replace", Opener(attempts=2))
    write_whole(tmp_path / "x", [b"new"])
    assert (tmp_path / "x").read_bytes() == b"new"


def test_a_file_that_stays_open_is_named_as_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "REPLACE_PATIENCE", 0.1)
    monkeypatch.setattr(os, "replace", opener := Opener(attempts=math.inf))
    with pytest.raises(FileAccessError, match="Another program may have it open") as caught:
        write_whole(tmp_path / "x", [b"new"])
    assert "free space" not in str(caught.value)
    assert not list(tmp_path.iterdir())
    opener.attempts = 0
    write_whole(tmp_path / "x", [b"new"])


def test_a_folder_that_forbids_it_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same error without Windows' number, as elsewhere; one more attempt would succeed.
    monkeypatch.setattr(os, "replace", Opener(attempts=1, winerror=0))
    with pytest.raises(FileAccessError, match="folder's permissions"):
        write_whole(tmp_path / "x", [b"new"])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fcntl")
@pytest.mark.parametrize("supported", [True, False])
def test_macos_writes_through_the_drives_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, supported: bool
) -> None:
    import fcntl

    asked: list[str] = []

    def control(descriptor: int, command: int) -> None:
        asked.append({51: "F_FULLFSYNC"}[command])
        if not supported:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", control)
    monkeypatch.setattr(os, "fsync", lambda descriptor: asked.append("fsync"))
    write_whole(tmp_path / "x", [b"new"])
    assert asked == (["F_FULLFSYNC"] if supported else ["F_FULLFSYNC", "fsync"])
