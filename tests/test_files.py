"""Files: opened safely, unpacked by content, written whole or not at all."""

import errno
import gzip
import io
import lzma
import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from fmnist_core import FileUnreadableError, IdxError, files, read_idx, write_idx
from fmnist_core.files import container_of, open_regular, read_exactly, unpacked, write_whole

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
PAYLOAD = struct.pack(">2xBB3I", 8, 3, 2, 3, 4) + ARRAY.tobytes()
PACK: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "gzip": gzip.compress,
    "xz": lzma.compress,
}


def with_dictionary(code: int) -> bytes:
    """Return the payload as xz whose header asks for a dictionary of another size."""
    packed = bytearray(lzma.compress(PAYLOAD, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0}]))
    block = 12
    assert packed[block + 2 : block + 4] == b"\x21\x01", "an LZMA2 filter with one property byte"
    packed[block + 4] = code
    end = block + 4 * (packed[block] + 1) - 4
    packed[end : end + 4] = struct.pack("<I", zlib.crc32(packed[block:end]))
    return bytes(packed)


# -- unpacked by content -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x", "x.gz", "x.xz", "x.idx", "x-idx3-ubyte.gz"])
@pytest.mark.parametrize("container", PACK)
def test_content_decides_never_the_name(tmp_path: Path, container: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(PACK[container](PAYLOAD))
    assert container_of(path) == container
    np.testing.assert_array_equal(read_idx(path), ARRAY)


@pytest.mark.parametrize("container", ["gzip", "xz"])
def test_streams_in_a_row_are_one_payload_wherever_they_are_cut(
    tmp_path: Path, container: str
) -> None:
    pack, path = PACK[container], tmp_path / "x"
    for cut in range(len(PAYLOAD) + 1):
        path.write_bytes(pack(PAYLOAD[:cut]) + pack(b"") + pack(PAYLOAD[cut:]))
        np.testing.assert_array_equal(read_idx(path), ARRAY)


@pytest.mark.parametrize("block", [1, 7, 16, 64])
@pytest.mark.parametrize("container", PACK)
def test_the_size_of_a_read_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: str, block: int
) -> None:
    monkeypatch.setattr(files, "BLOCK", block)
    monkeypatch.setattr("fmnist_core.idx.BLOCK", block)
    path = tmp_path / "x"
    path.write_bytes(PACK[container](PAYLOAD))
    np.testing.assert_array_equal(read_idx(path), ARRAY)


@pytest.mark.parametrize("padding", [4, 64, 3 * files.BLOCK])
def test_padding_between_and_after_xz_streams(tmp_path: Path, padding: int) -> None:
    path, zeros = tmp_path / "x", bytes(padding)
    path.write_bytes(lzma.compress(PAYLOAD[:9]) + zeros + lzma.compress(PAYLOAD[9:]) + zeros)
    np.testing.assert_array_equal(read_idx(path), ARRAY)


@pytest.mark.parametrize("check", [lzma.CHECK_NONE, lzma.CHECK_CRC32, lzma.CHECK_SHA256])
def test_xz_with_any_check(tmp_path: Path, check: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(lzma.compress(PAYLOAD, check=check))
    np.testing.assert_array_equal(read_idx(path), ARRAY)


def test_xz_at_its_highest_preset_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(with_dictionary(28))  # 64 MiB, as xz -9
    np.testing.assert_array_equal(read_idx(path), ARRAY)


@pytest.mark.parametrize("code", [34, 40])  # 512 MiB and 4 GiB
def test_xz_that_asks_for_much_memory_is_refused(
    tmp_path: Path, peak_memory: Callable[[Callable[[], object]], int], code: int
) -> None:
    path = tmp_path / "x.xz"
    path.write_bytes(with_dictionary(code))

    def refused() -> None:
        with pytest.raises(IdxError, match=r"x\.xz: the xz stream is damaged .*[Mm]emory"):
            read_idx(path)

    assert peak_memory(refused) < 4 * files.BLOCK


def test_lzma_without_the_xz_frame_is_not_taken_for_xz(tmp_path: Path) -> None:
    path = tmp_path / "x.xz"
    path.write_bytes(lzma.compress(PAYLOAD, lzma.FORMAT_ALONE))
    assert container_of(path) == "raw"


def test_gzip_with_a_name_a_time_and_zero_padding(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile("train-images", "wb", 1, packed, mtime=1_500_000_000) as file:
        file.write(PAYLOAD)
    path = tmp_path / "x"
    path.write_bytes(packed.getvalue() + bytes(512))
    np.testing.assert_array_equal(read_idx(path), ARRAY)


@pytest.mark.parametrize("container", ["gzip", "xz"])
def test_a_stream_ends_with_nothing_and_goes_on_saying_so(tmp_path: Path, container: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(PACK[container](PAYLOAD))
    with unpacked(path) as stream:
        assert read_exactly(stream, len(PAYLOAD) + 9) == PAYLOAD
        assert [stream.read1(5), stream.read1(5)] == [b"", b""]


def test_a_stream_never_gives_more_than_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for pack in PACK.values():
        path.write_bytes(pack(PAYLOAD))
        with unpacked(path) as stream:
            sizes = [len(stream.read1(5)) for _ in PAYLOAD]
        assert max(sizes) <= 5
        assert sum(sizes) == len(PAYLOAD)


# -- opened safely -----------------------------------------------------------------------------


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadableError, match=r"absent\.idx: cannot be read \(No such file"):
        read_idx(tmp_path / "absent.idx")


def test_a_folder_is_refused_and_no_descriptor_is_left_open(tmp_path: Path) -> None:
    def refuse() -> None:
        with pytest.raises(FileUnreadableError, match=str(tmp_path)):
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
    with pytest.raises(FileUnreadableError, match=r"pipe: expected a file, found"):
        read_idx(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_an_endless_device_is_refused() -> None:
    with pytest.raises(FileUnreadableError, match=r"/dev/zero: expected a file, found"):
        read_idx("/dev/zero")


def test_a_link_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "loop"
    path.symlink_to(path)
    with pytest.raises(FileUnreadableError, match=r"loop: cannot be read"):
        container_of(path)


def test_a_file_that_may_not_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(PAYLOAD)

    def denied(*_: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(
        FileUnreadableError, match=r"cannot be read \(Permission denied\)"
    ) as caught:
        read_idx(path)
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value.__cause__, PermissionError)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux's /proc")
def test_an_error_while_reading() -> None:
    # A regular file whose first page cannot be read, by root either.
    with pytest.raises(FileUnreadableError, match=r"/proc/self/mem: cannot be read"):
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
    with pytest.raises(FileUnreadableError, match=r"x: cannot be written \(No space left"):
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
        with pytest.raises(
            FileUnreadableError, match=r"x\.idx: cannot be written \(File too large"
        ):
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
    with pytest.raises(FileUnreadableError, match=r"cannot be written"):
        write_idx(tmp_path / name, ARRAY)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_root_folder_is_no_file_to_write() -> None:
    with pytest.raises(FileUnreadableError, match=r"^/: cannot be written"):
        write_whole(Path("/"), [b""])


def test_a_read_only_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("builtins.open", read_only)
    monkeypatch.setattr(os, "unlink", read_only)
    with pytest.raises(FileUnreadableError, match=r"cannot be written \(Read-only file system\)"):
        write_whole(tmp_path / "x", [b""])


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").write_bytes(b"")
    write_idx(tmp_path / "ours", ARRAY)
    usual, ours = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "ours"))
    assert ours == usual
