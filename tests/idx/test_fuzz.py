"""Hostile bytes: whatever they are, an IdxError or exactly the elements; never much memory."""

import gzip
import importlib.util
import itertools
import lzma
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fmnist_core import IdxError, map_idx, parse_idx, read_idx
from fmnist_core.files import BLOCK
from fmnist_core.idx.header import ELEMENT_TYPES, MAX_AXIS, IdxHeader

ARRAY = np.array([[1, -2, 32767], [-32768, 0, 256]], np.int16)
HEADER = IdxHeader(np.dtype(">i2"), (2, 3))
# Every single-bit change of this header can be told by the length: 0b has no neighbour of 2 bytes.
PAYLOAD = HEADER.to_bytes() + ARRAY.astype(">i2").tobytes()
PACK: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "xz": lambda data: lzma.compress(data, preset=0),
}
Peak = Callable[[Callable[[], object]], int]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all the bytes of a test."""
    return tmp_path_factory.mktemp("hostile") / "x"


def outcome(path: Path, data: bytes) -> NDArray[Any] | None:
    """Read bytes as a file; None if they are refused in the proper way."""
    path.write_bytes(data)
    try:
        return read_idx(path)
    except IdxError:
        return None


# -- damage ------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", PACK)
def test_a_file_cut_short_anywhere_is_refused(path: Path, container: str) -> None:
    data = PACK[container](PAYLOAD)
    assert [size for size in range(len(data)) if outcome(path, data[:size]) is not None] == []
    assert outcome(path, data) is not None


@pytest.mark.parametrize("container", ["gzip", "xz"])
def test_a_stream_without_its_end_is_refused_though_all_elements_are_there(
    path: Path, container: str
) -> None:
    path.write_bytes(PACK[container](PAYLOAD)[:-1])
    with pytest.raises(IdxError, match=f"x: the {container} stream ends too early, after"):
        read_idx(path)


@pytest.mark.parametrize("container", ["gzip", "xz"])
def test_one_flipped_bit_in_a_packed_file_never_changes_the_elements(
    path: Path, container: str
) -> None:
    data, refused = PACK[container](PAYLOAD), 0
    for flipped in single_flips(data):
        actual = outcome(path, flipped)
        refused += actual is None
        if actual is not None:
            np.testing.assert_array_equal(actual, ARRAY)
    # gzip does not protect its time stamp and the like: fewer than 8 of its bytes.
    assert refused >= 8 * (len(data) - 8)


def test_one_flipped_bit_in_a_raw_header_is_refused(path: Path) -> None:
    for flipped in single_flips(PAYLOAD[: HEADER.nbytes]):
        assert outcome(path, flipped + PAYLOAD[HEADER.nbytes :]) is None


def test_one_flipped_bit_in_raw_elements_is_that_bit(path: Path) -> None:
    head, elements = PAYLOAD[: HEADER.nbytes], PAYLOAD[HEADER.nbytes :]
    for flipped in single_flips(elements):
        actual = outcome(path, head + flipped)
        assert actual is not None
        assert actual.astype(">i2").tobytes() == flipped


def single_flips(data: bytes) -> Iterator[bytes]:
    for place, bit in itertools.product(range(len(data)), range(8)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << bit
        yield bytes(flipped)


@pytest.mark.parametrize("extra", [b"\0", b"\n", b"stray bytes", bytes(100)], ids=len)
@pytest.mark.parametrize("container", PACK)
def test_bytes_after_the_elements_are_refused(path: Path, container: str, extra: bytes) -> None:
    path.write_bytes(PACK[container](PAYLOAD + extra))
    with pytest.raises(IdxError, match=r"12 bytes from offset 12; found at least \d+\. Someth"):
        read_idx(path)


@pytest.mark.parametrize("container", ["gzip", "xz"])
def test_bytes_after_the_stream_are_refused(path: Path, container: str) -> None:
    path.write_bytes(PACK[container](PAYLOAD) + b"some stray bytes")
    with pytest.raises(IdxError, match=f"the {container} stream is damaged"):
        read_idx(path)


# -- headers that lie --------------------------------------------------------------------------

LIES = [
    (*[1] * place, MAX_AXIS, *[1] * (rank - place - 1))
    for rank in range(1, 6)
    for place in range(rank)
] + [(MAX_AXIS,) * rank for rank in range(2, 6)]
# Products that are 0 or small in 32 or 64 bits.
OVERFLOWS = [(2**16, 2**16), (2**16,) * 4, (2**31, 2, 3), (2**32 - 1, 2**32 - 1, 1), (2**16,) * 16]


@pytest.mark.parametrize("shape", LIES + OVERFLOWS, ids=str)
def test_a_header_that_calls_for_too_much_costs_nothing(
    path: Path, peak_memory: Peak, shape: tuple[int, ...]
) -> None:
    for dtype in (np.dtype("u1"), np.dtype(">f8")):
        header = IdxHeader(dtype, shape)
        data = header.to_bytes() + bytes(9)
        message = f"{header.data_nbytes} bytes from offset {header.nbytes}; found 9"
        for pack in PACK.values():
            path.write_bytes(pack(data))
            assert peak_memory(partial(refuse, read_idx, path, message)) < 2 * BLOCK
        path.write_bytes(data)
        assert peak_memory(partial(refuse, map_idx, path, message)) < 2 * BLOCK
        assert peak_memory(partial(refuse, parse_idx, data, message)) < 2 * BLOCK


def test_a_raw_file_of_the_wrong_length_is_refused_unread(path: Path, peak_memory: Peak) -> None:
    header = IdxHeader(np.dtype("u1"), (5, 1 << 30))
    with path.open("wb") as file:
        file.write(header.to_bytes())
        for nbytes in (header.payload_nbytes - 1, header.payload_nbytes + 1):
            file.truncate(nbytes)  # takes no room on disk
            message = f"found (at least )?{nbytes - header.nbytes}"
            assert peak_memory(partial(refuse, read_idx, path, message)) < 2 * BLOCK
            assert peak_memory(partial(refuse, map_idx, path, message)) < 2 * BLOCK


def refuse(read: Callable[[Any], object], data: Path | bytes, message: str) -> None:
    with pytest.raises(IdxError, match=message):
        read(data)


@pytest.mark.parametrize("claimed", [10, 3 * BLOCK])
def test_a_gzip_bomb_is_left_unread_after_what_the_header_calls_for(
    path: Path, peak_memory: Peak, claimed: int
) -> None:
    head, zeros = IdxHeader(np.dtype("u1"), (claimed,)).to_bytes(), bytes(BLOCK)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    with path.open("wb") as file:
        file.write(gzip.compress(b"", mtime=0)[:10])
        file.write(packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH))
        block = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
        file.write(block * 1024)  # a GiB
        file.write(b"\xff" * 100)  # whoever unpacks all of it finds damage instead

    assert path.stat().st_size < 2 * BLOCK
    message = f"found at least {claimed + 1}"
    assert peak_memory(partial(refuse, read_idx, path, message)) < 10 * BLOCK


def test_an_xz_bomb_is_left_unread_after_what_the_header_calls_for(
    path: Path, peak_memory: Peak
) -> None:
    head = IdxHeader(np.dtype("u1"), (10,)).to_bytes()
    packed = lzma.compress(head + bytes(64 * BLOCK), preset=0)
    path.write_bytes(packed[:-30] + b"\xff" * 30)
    assert peak_memory(partial(refuse, read_idx, path, "found at least 11")) < 10 * BLOCK


# -- properties --------------------------------------------------------------------------------

AXES = st.one_of(st.integers(0, 4), st.sampled_from([2**16, 2**31, MAX_AXIS]))


@st.composite
def nearly_idx(draw: st.DrawFn) -> bytes:
    """Headers of all kinds, mostly with the right number of elements, then a few edits."""
    code = draw(st.sampled_from([*ELEMENT_TYPES, *ELEMENT_TYPES, 0x0A]))
    shape = draw(st.lists(AXES, max_size=5))
    size = ELEMENT_TYPES.get(code, np.dtype("u1")).itemsize
    for axis in shape:
        size *= axis
    size = min(size, 64)
    data = bytearray(struct.pack(f">2xBB{len(shape)}I", code, len(shape), *shape))
    data += draw(st.binary(min_size=size, max_size=size))
    for place, byte in draw(
        st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), max_size=3)
    ):
        if byte % 3 == 0:
            data[place:place] = bytes([byte])
        elif byte % 3 == 1:
            del data[place : place + 1]
        elif place < len(data):
            data[place] = byte
    return bytes(data)


def check_parse(data: bytes) -> None:
    """Check that bytes are refused, or are just what was read of them written out again."""
    try:
        array = parse_idx(data)
    except IdxError:
        return
    dtype = ELEMENT_TYPES[data[2]]
    assert array.dtype == dtype.newbyteorder("=")
    assert IdxHeader(dtype, array.shape).to_bytes() + array.astype(dtype).tobytes() == data


@given(st.one_of(st.binary(max_size=64), nearly_idx()))
@example(PAYLOAD)
@example(b"")
def test_parse_refuses_or_keeps_every_byte(data: bytes) -> None:
    check_parse(data)


@given(st.sampled_from([b"", b"\x1f\x8b", b"\x1f\x8b\x08", b"\xfd7zXZ\0"]), st.binary(max_size=64))
def test_any_bytes_as_a_file(path: Path, magic: bytes, rest: bytes) -> None:
    outcome(path, magic + rest)


@given(st.sampled_from(sorted(PACK)), nearly_idx(), st.binary(max_size=3))
def test_a_file_is_judged_like_its_payload(
    path: Path, container: str, data: bytes, tail: bytes
) -> None:
    actual = outcome(path, PACK[container](data + tail))
    try:
        expected = parse_idx(data + tail)
    except IdxError:
        assert actual is None
    else:
        assert actual is not None
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
        assert actual.tobytes() == expected.tobytes()


FUZZER = """
import sys
import atheris
with atheris.instrument_imports(include=["fmnist_core"]):
    from fmnist_core import IdxError, parse_idx

def one_input(data):
    try:
        array = parse_idx(data)
    except IdxError:
        return
    elements = array.astype(array.dtype.newbyteorder(">")).tobytes()
    assert elements == data[4 + 4 * data[3] :], data

atheris.Setup(sys.argv, one_input)
atheris.Fuzz()
"""


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris not installed")
def test_atheris_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "fuzzer.py").write_text(FUZZER)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for code in ELEMENT_TYPES:
        (corpus / f"{code}").write_bytes(struct.pack(">2xBB2I", code, 2, 1, 1) + bytes(8))
    (corpus / "payload").write_bytes(PAYLOAD)
    options = ["-runs=20000", "-max_len=1100", "-seed=1", "-rss_limit_mb=1024"]
    done = subprocess.run(
        [sys.executable, "fuzzer.py", "corpus", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done 20000 runs" in done.stderr
