"""IDX in bytes and in files that the caller opened; a file that we open is opened once."""

import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmnist_core import (
    IdxError,
    OptionError,
    load,
    map_idx,
    open_idx,
    parse_idx,
    read_idx,
    write_idx,
)
from fmnist_core.files import BLOCK
from fmnist_core.idx.format import open_array, read_header

GOLDEN = bytes.fromhex("00000b02 00000002 00000003 0001fffe7fff8000 00000100")
GOLDEN_ARRAY = np.array([[1, -2, 32767], [-32768, 0, 256]], np.int16)
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "gzip": gzip.compress,
    "xz": lzma.compress,
}


def assert_golden(array: Any) -> None:
    assert array.dtype == GOLDEN_ARRAY.dtype
    np.testing.assert_array_equal(array, GOLDEN_ARRAY)


@pytest.mark.parametrize(
    "call",
    [
        read_idx,
        map_idx,
        lambda data: open_idx(data, data),
        lambda data: open_idx("x", data),
        lambda data: load("fashion-mnist", root=data),
        lambda data: write_idx(data, np.zeros(1, np.uint8)),
    ],
    ids=["read", "map", "open images", "open labels", "load", "write"],
)
def test_bytes_in_place_of_a_path_are_not_printed(
    tmp_path: Path, call: Callable[[Any], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError) as caught:
        call(bytes(1_000_000))
    message = str(caught.value)
    assert "bytes of length 1,000,000. Try: parse_idx(data)" in message
    assert len(message) < 200


@pytest.mark.parametrize("container", ["gzip", "xz"])
def test_packed_bytes_are_not_called_damaged(container: str) -> None:
    data = PACKED[container](GOLDEN)
    for packed in (data, io.BytesIO(data)):
        with pytest.raises(IdxError, match=f"found {container}. Try: read_idx"):
            parse_idx(packed)
    assert_golden(read_idx(io.BytesIO(data)))


class OnlyRead:
    """The smallest file interface: it cannot seek, and returns fewer bytes than requested."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, 3))


@pytest.mark.parametrize("kind", [io.BytesIO, OnlyRead])
@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_an_open_file_is_read(pack: Callable[[bytes], bytes], kind: Callable[[bytes], Any]) -> None:
    array = read_idx(kind(pack(GOLDEN)))
    assert_golden(array)
    array[0, 0] = 7
    with pytest.raises(IdxError, match=r"<file>.* (ends too early|\(0 of 2 items are complete)"):
        read_idx(kind(pack(GOLDEN)[:-9]))


def test_files_of_others_are_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a", GOLDEN)
    with zipfile.ZipFile(tmp_path / "x.zip") as archive, archive.open("a") as file:
        assert_golden(read_idx(file))
    with (tmp_path / "x.zip").open("rb") as file:
        assert_golden(read_idx(file))
    (tmp_path / "x.gz").write_bytes(gzip.compress(GOLDEN))
    with gzip.open(tmp_path / "x.gz") as unpacking:
        assert_golden(parse_idx(unpacking))
    with (tmp_path / "x.gz").open("rb") as file:
        read_idx(file)
        assert not file.closed
    with (tmp_path / "cut").open("wb+") as file:
        file.write(GOLDEN[:-1])
        file.seek(0)
        with pytest.raises(IdxError, match=rf"^{tmp_path / 'cut'}: .*1 of 2 items"):
            read_idx(file)


def test_an_open_file_is_read_from_its_position() -> None:
    file = io.BytesIO(b"preface" + GOLDEN)
    file.seek(7)
    assert_golden(read_idx(file))


def test_a_false_header_in_an_open_file_allocates_nothing(
    peak_memory: Callable[[Callable[[], object]], int],
) -> None:
    def refuse() -> None:
        with pytest.raises(IdxError, match="0 of 4294967295 items"):
            read_idx(io.BytesIO(bytes.fromhex("00000803" + "ffffffff" * 3)))

    assert peak_memory(refuse) < 4 * BLOCK


def test_an_open_file_is_written(tmp_path: Path) -> None:
    file = io.BytesIO()
    write_idx(file, GOLDEN_ARRAY)
    assert file.getvalue() == GOLDEN
    with gzip.open(tmp_path / "x.gz", "wb") as packing:
        write_idx(packing, GOLDEN_ARRAY)
    assert_golden(read_idx(tmp_path / "x.gz"))


class AFewBytes(io.RawIOBase):
    """Writes seven bytes at once; an unbuffered file may write fewer than it is given, too."""

    def __init__(self) -> None:
        self.written = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.written += bytes(data[:7])
        return min(len(data), 7)


def test_nothing_is_lost_where_fewer_bytes_are_written_at_once() -> None:
    file = AFewBytes()
    write_idx(file, np.arange(100, dtype=np.uint8))
    assert np.array_equal(parse_idx(file.written), np.arange(100))


def test_a_file_open_for_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r'Try: open\(path, "rb"\)'):
        read_idx(io.StringIO("text"))  # type: ignore[arg-type]
    with (tmp_path / "x").open("w") as file, pytest.raises(OptionError, match=r'path, "wb"\)'):
        write_idx(file, GOLDEN_ARRAY)  # type: ignore[arg-type]


def test_a_file_open_for_reading_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with (tmp_path / "x").open("rb") as file, pytest.raises(OptionError, match=r'path, "wb"\)'):
        write_idx(file, GOLDEN_ARRAY)


def test_a_raw_file_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx(tmp_path / "x", GOLDEN_ARRAY)
    opened, real = [], os.open
    monkeypatch.setattr(os, "open", lambda *args: opened.append(args[0]) or real(*args))
    for read in (read_idx, map_idx, open_array, read_header):
        opened.clear()
        read(tmp_path / "x")
        assert opened == [str(tmp_path / "x")] or opened == [tmp_path / "x"]
    assert_golden(open_array(tmp_path / "x").astype(np.int16))
    write_idx(tmp_path / "labels", np.zeros(2, np.uint8))
    opened.clear()
    open_idx(tmp_path / "x", tmp_path / "labels")
    assert len(opened) == 2
