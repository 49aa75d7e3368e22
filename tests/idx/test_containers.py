"""How a payload is packed: seen through by content, refused where it cannot or must not be."""

import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from fmnist_core import IdxError, files, read_idx, write_idx
from fmnist_core.idx.containers import ForeignArrayError, container_of, members, unpacked
from fmnist_core.idx.format import read_payload
from fmnist_core.idx.header import read_exactly

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
    monkeypatch.setattr("fmnist_core.idx.format.BLOCK", block)
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
def test_a_stream_stays_at_its_end(tmp_path: Path, container: str) -> None:
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


# -- zip and npy -------------------------------------------------------------------------------

ARRAYS = st.sampled_from(["u1", "i1", ">i2", "<i2", "<i4", ">i4", "<f4", ">f8"]).flatmap(
    lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
)


def zip_of(path: Path, **contents: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("folder")
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def npy_of(array: NDArray[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


@given(ARRAYS)
def test_a_numpy_array_is_read_as_its_idx_payload(
    tmp_path_factory: pytest.TempPathFactory, array: NDArray[Any]
) -> None:
    folder = tmp_path_factory.mktemp("npy")
    np.save(folder / "x.npy", array)
    np.savez(folder / "plain.npz", array)
    np.savez_compressed(folder / "packed.npz", array)
    write_idx(folder / "x", array)
    for name in ("x.npy", "plain.npz", "packed.npz"):
        actual = read_idx(folder / name)
        assert actual.dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(actual, array)
        assert bytes(read_payload(folder / name)) == (folder / "x").read_bytes()


@pytest.mark.parametrize("block", [1, 7, 64])
def test_the_size_of_a_read_does_not_cut_an_element(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = np.arange(1000, dtype=np.int32)
    np.save(tmp_path / "x.npy", wide)
    monkeypatch.setattr("fmnist_core.idx.format.BLOCK", block)
    np.testing.assert_array_equal(read_idx(tmp_path / "x.npy"), wide)


@pytest.mark.parametrize("container", PACK)
def test_a_member_is_packed_in_any_way(tmp_path: Path, container: str) -> None:
    path = zip_of(tmp_path / "x", one=b"other", two=PACK[container](PAYLOAD))
    assert container_of(path) == "zip"
    assert members(path) == ["one", "two"]
    assert bytes(read_payload(path, "two")) == PAYLOAD


def test_a_single_member_needs_no_name(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_idx(zip_of(tmp_path / "x", only=PAYLOAD)), ARRAY)


def test_the_member_must_be_named_and_exist(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "x", one=PAYLOAD, two=PAYLOAD)
    with pytest.raises(IdxError, match="a single file in the zip file, found 2: one, two"):
        read_idx(path)
    with pytest.raises(IdxError, match="expected a member 'three', found 2: one, two"):
        read_payload(path, "three")


def test_two_members_of_one_name_raise(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("one", PAYLOAD)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("one", b"other")
    with pytest.raises(IdxError, match="expected a member 'one'"):
        read_payload(tmp_path / "x", "one")


def test_a_file_that_is_no_zip_has_no_members(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(PAYLOAD)
    assert members(tmp_path / "x") == []


class Trap:
    """Says when it is unpickled."""

    sprung = False

    def __reduce__(self) -> tuple[Any, ...]:
        return setattr, (Trap, "sprung", True)


@pytest.mark.parametrize("array", [np.array([Trap()]), np.array([{}, 3], object)])
def test_nothing_is_unpickled(tmp_path: Path, array: NDArray[Any]) -> None:
    np.savez(tmp_path / "x.npz", array)
    (tmp_path / "x.npy").write_bytes(npy_of(array))
    for name in ("x.npz", "x.npy"):
        with pytest.raises(ForeignArrayError, match=r"pickled objects, which are never unpickled"):
            read_idx(tmp_path / name)
    assert not Trap.sprung


WIDE_NAME = np.dtype([("x" * 70_000, "u1")])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3, np.int64), "IDX holds uint8, .*; found int64"),
        (np.zeros(3, bool), "found bool"),
        (np.array(["a", "bc"]), "found <U2"),
        (np.zeros(3, "V0"), r"found \|V0"),
        (np.zeros((3, 2), np.uint8, order="F"), "C order, found Fortran order"),
        (np.zeros((2**32, 0), np.uint8), "up to 4294967295; found shape"),
        (np.zeros(1, WIDE_NAME), "version 1.0 of .npy"),
    ],
)
@pytest.mark.filterwarnings("ignore:Stored array in format 2.0")
def test_arrays_that_idx_cannot_hold(tmp_path: Path, array: NDArray[Any], message: str) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(ForeignArrayError, match=message):
        read_idx(tmp_path / "x.npy")


def test_every_cut_and_flip_of_a_packed_array_is_refused_or_harmless(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", ARRAY)
    whole, path = (tmp_path / "x.npz").read_bytes(), tmp_path / "x"
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(IdxError):
            read_idx(path)
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1
        path.write_bytes(flipped)
        with suppress(IdxError):  # a time or an attribute may be flipped, a pixel never
            np.testing.assert_array_equal(read_idx(path), ARRAY)


def test_a_false_numpy_header_allocates_nothing(
    tmp_path: Path, peak_memory: Callable[[Callable[[], object]], int]
) -> None:
    honest = npy_of(np.zeros(9, np.uint8))
    lying = honest.replace(b"(9,), }" + b" " * 9, b"(3000000000,), }")
    assert len(lying) == len(honest)
    assert lying != honest
    (tmp_path / "x.npy").write_bytes(lying)

    def read() -> None:
        with pytest.raises(IdxError, match=r"3000000000 uint8, .* found 9"):
            read_idx(tmp_path / "x.npy")

    assert peak_memory(read) < 3 * files.BLOCK


@pytest.mark.parametrize("kind", ["gzip", "zip", "npz"])
def test_a_bomb_is_read_no_further_than_its_header_calls_for(
    tmp_path: Path, kind: str, peak_memory: Callable[[Callable[[], object]], int]
) -> None:
    bomb = PAYLOAD + bytes(64 * files.BLOCK)
    path = tmp_path / "x"
    if kind == "gzip":
        path.write_bytes(gzip.compress(bomb))
    else:
        zip_of(path, x=bomb if kind == "zip" else npy_of(ARRAY) + bytes(64 * files.BLOCK))

    def read() -> None:
        with pytest.raises(IdxError, match="Something was appended"):
            read_idx(path)

    assert peak_memory(read) < 4 * files.BLOCK


def test_a_zip_file_that_python_cannot_unpack(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "x", x=PAYLOAD)
    whole = path.read_bytes()
    for place, value in ((6, 1), (8, 99)):  # encrypted; an unknown compression
        central = whole.index(b"PK\x01\x02")
        changed = bytearray(whole)
        for start in (place + whole.rindex(b"PK\x03\x04"), place + 2 + whole.rindex(b"PK\x01\x02")):
            assert start != central
            changed[start] = value
        path.write_bytes(changed)
        with pytest.raises(IdxError, match="cannot be unpacked"):
            read_idx(path)
