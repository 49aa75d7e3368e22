"""The IDX format: what is written is read back, bit for bit, by us and by others."""

import gzip
import io
import lzma
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import idx2numpy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from fmnist_core import IdxError, OptionError, map_idx, parse_idx, read_idx, write_idx
from fmnist_core.files import BLOCK
from fmnist_core.idx.format import read_header
from fmnist_core.idx.header import ELEMENT_TYPES, MAX_AXIS, IdxHeader

CODES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}
GOLDEN = bytes.fromhex("00000b02 00000002 00000003 0001fffe7fff8000 00000100".replace(" ", ""))
GOLDEN_ARRAY = np.array([[1, -2, 32767], [-32768, 0, 256]], np.int16)


def payload_of(array: NDArray[Any]) -> bytes:
    """Write IDX by the letter of the format, element by element."""
    letter = {"u1": "B", "i1": "b", "i2": "h", "i4": "i", "f4": "f", "f8": "d"}[array.dtype.str[1:]]
    head = struct.pack(f">2xBB{array.ndim}I", CODES[array.dtype.name], array.ndim, *array.shape)
    return head + struct.pack(f">{array.size}{letter}", *array.ravel().tolist())


def assert_same(actual: NDArray[Any], expected: NDArray[Any]) -> None:
    """Check type, shape and every bit; the sign of zero and the payload of NaN too."""
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


@st.composite
def any_bits(draw: st.DrawFn) -> NDArray[Any]:
    """Arrays of every type and rank 0 to 4 that hold any bits at all."""
    dtype = np.dtype(draw(st.sampled_from(sorted(CODES))))
    shape = draw(array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    size = int(np.prod(shape)) * dtype.itemsize
    return np.frombuffer(draw(st.binary(min_size=size, max_size=size)), dtype).reshape(shape)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all the examples of a property."""
    return tmp_path_factory.mktemp("idx")


# -- round trips -------------------------------------------------------------------------------


@given(array=any_bits())
def test_what_is_written_is_read_back(folder: Path, array: NDArray[Any]) -> None:
    raw, packed, xz = folder / "x", folder / "x.gz", folder / "x.xz"
    write_idx(raw, array)
    write_idx(packed, array)
    xz.write_bytes(lzma.compress(raw.read_bytes(), preset=0))
    assert gzip.decompress(packed.read_bytes()) == raw.read_bytes()
    for path in (raw, packed, xz):
        assert_same(read_idx(path), array)
    assert_same(parse_idx(raw.read_bytes()), array)
    assert_same(map_idx(raw).astype(array.dtype), array)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3), (2, 3, 4), (1, 2, 3, 4)])
@pytest.mark.parametrize("dtype", CODES)
def test_every_type_and_rank_is_laid_out_as_specified(
    tmp_path: Path, dtype: str, shape: tuple[int, ...]
) -> None:
    array = (np.arange(int(np.prod(shape))) - 3).astype(dtype).reshape(shape)
    path = tmp_path / "x"
    write_idx(path, array)
    assert path.read_bytes() == payload_of(array)
    assert_same(read_idx(path), array)
    assert read_header(path) == IdxHeader(ELEMENT_TYPES[CODES[dtype]], shape)


def test_known_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(GOLDEN)
    assert_same(read_idx(path), GOLDEN_ARRAY)
    write_idx(path, GOLDEN_ARRAY)
    assert path.read_bytes() == GOLDEN


def test_as_many_axes_as_numpy_has(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.int16).reshape(2, *[1] * 62, 3)
    write_idx(tmp_path / "x", array)
    assert_same(read_idx(tmp_path / "x"), array)


def test_more_than_one_block(tmp_path: Path) -> None:
    numbers = np.arange(BLOCK + 1) % 11
    for array in (numbers.astype(np.uint8), numbers[: BLOCK // 8 + 1].astype(np.float64)):
        for name in ("x", "x.gz"):
            write_idx(tmp_path / name, array)
            assert_same(read_idx(tmp_path / name), array)


@pytest.mark.parametrize(
    "given_array",
    [
        GOLDEN_ARRAY.astype(">i2"),
        np.asfortranarray(GOLDEN_ARRAY),
        np.repeat(GOLDEN_ARRAY, 2, axis=1)[:, ::2],
        np.flip(np.flip(GOLDEN_ARRAY).copy()),
    ],
    ids=["big-endian", "columns first", "every second", "backwards"],
)
def test_the_memory_layout_of_what_is_written_does_not_matter(
    tmp_path: Path, given_array: NDArray[Any]
) -> None:
    before = given_array.copy()
    write_idx(tmp_path / "x", given_array)
    assert (tmp_path / "x").read_bytes() == GOLDEN
    np.testing.assert_array_equal(given_array, before)


# -- the peer: idx2numpy -----------------------------------------------------------------------


@given(array=any_bits())
def test_idx2numpy_reads_what_we_write(folder: Path, array: NDArray[Any]) -> None:
    write_idx(folder / "x", array)
    actual = idx2numpy.convert_from_file(str(folder / "x"))
    assert_same(actual.astype(array.dtype), array)


@given(
    array=st.sampled_from(sorted(CODES)).flatmap(
        lambda dtype: arrays(dtype, array_shapes(max_dims=4, max_side=4))
    )
)
def test_we_read_what_idx2numpy_writes(array: NDArray[Any]) -> None:
    actual = parse_idx(idx2numpy.convert_to_string(array))
    assert actual.dtype == array.dtype
    np.testing.assert_array_equal(actual, array)


# -- what the arrays are like ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x", "x.gz"])
@pytest.mark.parametrize("dtype", CODES)
def test_an_array_read_is_native_contiguous_and_ours_to_change(
    tmp_path: Path, dtype: str, name: str
) -> None:
    write_idx(tmp_path / name, np.arange(6).astype(dtype).reshape(2, 3))
    array = read_idx(tmp_path / name)
    assert array.dtype.isnative
    assert array.flags.c_contiguous
    assert array.flags.aligned
    array[...] = 1
    assert read_idx(tmp_path / name)[0, 0] == 0


@pytest.mark.parametrize("shape", [(2, 3), (0, 3), ()])
@pytest.mark.parametrize("dtype", CODES)
def test_an_array_mapped_is_read_only_and_as_on_disk(
    tmp_path: Path, dtype: str, shape: tuple[int, ...]
) -> None:
    array = np.arange(int(np.prod(shape))).astype(dtype).reshape(shape)
    write_idx(tmp_path / "x", array)
    mapped = map_idx(tmp_path / "x")
    assert mapped.dtype == np.dtype(dtype).newbyteorder(">")
    assert_same(mapped.astype(dtype), array)
    with pytest.raises(ValueError, match="WRITEABLE"):
        mapped.setflags(write=True)


def test_parse_shares_memory_only_where_it_says_so() -> None:
    data = bytearray(payload_of(np.arange(6, dtype=np.uint8)))
    view = parse_idx(data)
    data[-1] = 99
    assert view[-1] == 99
    assert not parse_idx(bytes(data)).flags.writeable
    wide = bytearray(GOLDEN)
    copy = parse_idx(wide)
    wide[-1] ^= 1
    assert_same(copy, GOLDEN_ARRAY)


@pytest.mark.parametrize(
    "kind", [bytes, bytearray, memoryview, lambda data: np.array([*data], "B")]
)
def test_parse_takes_any_bytes(kind: Callable[[bytes], Any]) -> None:
    assert_same(parse_idx(kind(GOLDEN)), GOLDEN_ARRAY)


def test_mapping_reads_nothing_but_the_header(
    tmp_path: Path, peak_memory: Callable[[Callable[[], object]], int]
) -> None:
    resource = pytest.importorskip("resource")
    path, shape = tmp_path / "sparse", (5, 1 << 30)
    header = IdxHeader(np.dtype("u1"), shape)
    with path.open("wb") as file:
        file.write(header.to_bytes())
        file.truncate(header.payload_nbytes)

    def faults() -> int:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return int(usage.ru_minflt + usage.ru_majflt)

    before = faults()
    mapped = map_idx(path)
    assert faults() - before < 2000  # touching every page would cost tens of thousands at least
    assert mapped.shape == shape
    assert mapped[4, -1] == 0
    assert peak_memory(lambda: map_idx(path)) < BLOCK
    path.unlink()


@pytest.mark.parametrize(("pack", "container"), [(gzip.compress, "gzip"), (lzma.compress, "xz")])
def test_a_packed_file_cannot_be_mapped(
    tmp_path: Path, pack: Callable[[bytes], bytes], container: str
) -> None:
    (tmp_path / "x").write_bytes(pack(GOLDEN))
    with pytest.raises(
        IdxError, match=rf"x: expected a raw IDX file .* found {container}\. .*read_idx"
    ):
        map_idx(tmp_path / "x")


# -- the header --------------------------------------------------------------------------------


@given(
    dtype=st.sampled_from(list(ELEMENT_TYPES.values())),
    shape=st.lists(st.integers(0, MAX_AXIS), max_size=255).map(tuple),
)
def test_a_header_is_read_as_written(
    folder: Path, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> None:
    header = IdxHeader(dtype, shape)
    (folder / "x").write_bytes(header.to_bytes())
    assert read_header(folder / "x") == header
    assert len(header.to_bytes()) == header.nbytes
    size = dtype.itemsize
    for axis in shape:
        size *= axis
    assert header.payload_nbytes == header.nbytes + size


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("rank", [65, 255])
def test_more_axes_than_numpy_has(
    tmp_path: Path, rank: int, pack: Callable[[bytes], bytes]
) -> None:
    data, path = IdxHeader(np.dtype("u1"), (1,) * rank).to_bytes() + b"\x07", tmp_path / "x"
    path.write_bytes(pack(data))
    assert read_header(path).shape == (1,) * rank
    with pytest.raises(IdxError, match=rf"x: well-formed IDX, but numpy cannot hold {rank} axes"):
        read_idx(path)
    with pytest.raises(IdxError, match=rf"<bytes>: .* {rank} axes"):
        parse_idx(data)
    path.write_bytes(data)
    with pytest.raises(IdxError, match=rf"{rank} axes"):
        map_idx(path)


def test_an_empty_array_may_be_long_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(IdxHeader(np.dtype("u1"), (0, MAX_AXIS)).to_bytes())
    assert read_idx(path).shape == map_idx(path).shape == (0, MAX_AXIS)
    path.write_bytes(IdxHeader(np.dtype(">f8"), (0, *[MAX_AXIS] * 4)).to_bytes())
    for read in (read_idx, map_idx):
        with pytest.raises(IdxError, match="numpy cannot hold 5 axes"):
            read(path)


# -- refusals ----------------------------------------------------------------------------------


REFUSED = {
    "empty": (b"", r"expected an IDX header at offset 0, found an empty file"),
    "short": (b"\0\0\x08", r"one of 08 09 0b 0c 0d 0e.* at offset 0, found 00 00 08"),
    "magic": (b"\0\x01\x08\0", r"found 00 01 08 00"),
    "type": (b"\0\0\x0a\0", r"found 00 00 0a 00"),
    "axes": (
        b"\0\0\x08\x02\0\0\0\x01\0",
        r"expected 2 axis lengths .* offset 4, found only 5 bytes",
    ),
    "scalar": (b"\0\0\x08\0", r"calls for a single uint8, 1 bytes from offset 4; found 0"),
    "byte missing": (
        GOLDEN[:-1],
        r"calls for 2 x 3 int16, 12 bytes from offset 12; found 11 \(1 of 2 items",
    ),
    "image missing": (GOLDEN[:-7], r"found 5 \(0 of 2 items are complete\)"),
    "byte too many": (
        GOLDEN + b"\0",
        r"12 bytes from offset 12; found at least 13\. Something was appended",
    ),
    "html": (b"<!DOCTYPE html>", r"HTML or XML page"),
    "html after blanks": (b"\n\n <html>", r"HTML or XML page"),
    "lfs": (b"version https://git-lfs", r"Git-LFS pointer\? Run: git lfs pull"),
    "annex link": (b"../../.git/annex/objects/x", r"git-annex link\? Run: git annex get"),
    "annex link, old": (b"/annex/objects/MD5E-s1", r"git-annex link"),
    "appledouble": (b"\x00\x05\x16\x07\x00\x02", r"AppleDouble"),
}
"""Payloads that are wrong, and what is said of them."""


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_payload_is_described(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "x.idx"
    for pack in (bytes, gzip.compress, lzma.compress):
        path.write_bytes(pack(data))
        with pytest.raises(IdxError, match=message) as caught:
            read_idx(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert isinstance(caught.value, ValueError)
    path.write_bytes(data)
    with pytest.raises(IdxError, match=message):
        map_idx(path)
    with pytest.raises(IdxError, match=rf"^here: .*{message}"):
        parse_idx(data, name="here")


@pytest.mark.parametrize(
    "dtype",
    "int64 uint16 uint32 uint64 bool float16 longdouble complex64 U1 S1 object M8[s] u1,u1".split(),
)
def test_types_that_idx_lacks_raise_before_anything_is_written(tmp_path: Path, dtype: str) -> None:
    array = np.zeros(3, np.dtype(dtype))
    with pytest.raises(OptionError, match=r"IDX holds uint8, .*; found .*astype\('int32'\)"):
        write_idx(tmp_path / "x", array)
    assert list(tmp_path.iterdir()) == []


def test_an_axis_that_idx_lacks(tmp_path: Path) -> None:
    array = np.empty((MAX_AXIS + 1, 0), np.uint8)
    with pytest.raises(OptionError, match=r"up to 255 axes of up to 4294967295; found shape"):
        write_idx(tmp_path / "x", array)
    assert list(tmp_path.iterdir()) == []
    write_idx(tmp_path / "x", array[:-1])
    assert read_idx(tmp_path / "x").shape == (MAX_AXIS, 0)


def test_rank_is_limited_to_a_byte() -> None:
    IdxHeader.of(np.dtype("u1"), (1,) * 255)
    with pytest.raises(OptionError, match="255 axes"):
        IdxHeader.of(np.dtype("u1"), (1,) * 256)


# -- the same bytes every time -----------------------------------------------------------------


def test_gzip_is_the_same_every_time(tmp_path: Path) -> None:
    write_idx(tmp_path / "one.gz", GOLDEN_ARRAY)
    write_idx(tmp_path / "other.gz", GOLDEN_ARRAY)
    packed = (tmp_path / "one.gz").read_bytes()
    assert packed == (tmp_path / "other.gz").read_bytes()
    assert packed[:4] == b"\x1f\x8b\x08\0", "deflate; no name, no comment, no extra field"
    assert packed[4:8] == bytes(4), "no time"
    assert gzip.GzipFile(fileobj=io.BytesIO(packed)).read() == GOLDEN


@pytest.mark.parametrize("path", [3, None, b"x", "a\0b", ["x"]])
def test_an_invalid_path_raises(path: object) -> None:
    for action in (read_idx, map_idx, lambda path: write_idx(path, np.zeros(1, np.uint8))):
        with pytest.raises(OptionError, match="expected a path"):
            action(path)  # type: ignore[operator]


@pytest.mark.parametrize("data", ["abc", 3, memoryview(bytes(20))[::2]])
def test_invalid_data_raise(data: object) -> None:
    with pytest.raises(OptionError, match="contiguous bytes"):
        parse_idx(data)  # type: ignore[arg-type]


def test_an_invalid_array_raises(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="expected an array"):
        write_idx(tmp_path / "x", [[1], [1, 2]])  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
