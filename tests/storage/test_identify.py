"""Identify files: every real file of the manifest, and each generated fault."""

import bz2
import csv
import gzip
import hashlib
import io
import json
import lzma
import pickle
import plistlib
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist_core import FileAccessError, load, read_idx, write_idx
from fmnist_core.catalog import FASHION_MNIST, SYNTHETIC
from fmnist_core.catalog.starts import START_NBYTES, STARTS
from fmnist_core.files import file_digest
from fmnist_core.idx.format import read_payload
from fmnist_core.records import Checksums
from fmnist_core.storage import identify as module
from fmnist_core.storage import store
from fmnist_core.storage.findings import too_large
from fmnist_core.storage.identify import DIAGNOSES, Identity, identify
from fmnist_core.storage.scan import Budget

IMAGES = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
HEADER = bytes.fromhex("00000803 00000005 00000004 00000003")
PAYLOAD = HEADER + IMAGES.tobytes()
NOISE = np.random.default_rng(0).integers(0, 256, 4096, np.uint8).tobytes()


@pytest.fixture
def identity(tmp_path: Path) -> Callable[[bytes], Identity]:
    """Return a function that writes some bytes to a file and identifies it."""

    def identified(content: bytes) -> Identity:
        path = tmp_path / "train-images-idx3-ubyte.gz"
        path.write_bytes(content)
        (result,) = identify(path)
        return result

    return identified


def test_whole_rows_of_the_manifest(data_root: Path, whole_row: dict[str, str]) -> None:
    (result,) = identify(data_root / whole_row["path"])
    assert result.verdict in ("genuine", "unknown")
    assert result.container == whole_row["container"]
    assert result.dtype == whole_row["dtype"]
    assert result.shape is not None
    assert "x".join(map(str, result.shape)) == whole_row["shape"]


def test_damaged_rows_of_the_manifest(data_root: Path, damaged_row: dict[str, str]) -> None:
    (result,) = identify(data_root / damaged_row["path"])
    assert result.verdict in ("damaged", "foreign")
    assert result.advice
    assert result.digest is None
    note = damaged_row["note"]
    for sign, words in SIGNS.items():
        if sign in note:
            assert re.search(words, result.found) or words in result.found
            return
    raise AssertionError(f"no sign is known for {note!r}: add what identify should say")


SIGNS = {
    "HTML/XML page": "an HTML or XML page",
    "LFS pointer": "a Git-LFS pointer to Fashion-MNIST",
    "symlink": "a git-annex link to Fashion-MNIST",
    "little-endian int32 under a ubyte header": "4-byte elements, little-endian, under a header of",
    "0 bytes": "an empty file",
    "zero bytes": "an empty file",
    "the ubyte header survives": "truncated IDX, 20 x 32 x 32 x 3 uint8: 19 of 20",
    "every 0x0D byte removed": "0D bytes were removed",
    "header incomplete": "a truncated IDX header of 6 bytes",
    "count field holds n*784": "whose first axis counts bytes",
    "AppleDouble": "AppleDouble",
    "LENGTH": "items are complete",
}


def test_genuine_files_are_named(fashion_root: Path, tmp_path: Path) -> None:
    for name in ("t10k-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        payload = bytes(read_payload(fashion_root / f"{name}.gz"))
        for content in (payload, gzip.compress(payload, 1, mtime=9), lzma.compress(payload)):
            (tmp_path / "any-name").write_bytes(content)
            (result,) = identify(tmp_path / "any-name")
            assert (result.verdict, result.found) == ("genuine", f"Fashion-MNIST {name}")


def test_mnist_under_another_name_is_named(data_root: Path) -> None:
    (result,) = identify(data_root / "wild/kelas__mnist/t10k-images-idx3-ubyte.gz")
    assert result.found == "MNIST t10k-images-idx3-ubyte"


def test_one_flipped_bit_is_unknown(fashion_root: Path, tmp_path: Path) -> None:
    payload = read_payload(fashion_root / "t10k-labels-idx1-ubyte.gz")
    payload[5000] ^= 1
    (tmp_path / "labels").write_bytes(payload)
    (result,) = identify(tmp_path / "labels")
    assert result.verdict == "unknown"
    assert "10000 uint8" in result.found


def test_a_file_known_by_its_sha1_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    write_idx(path, IMAGES)
    old = FASHION_MNIST.old_revisions[0]
    file = replace(old.files[-1], packed=Checksums(sha1=file_digest(path, "sha1")))
    info = replace(FASHION_MNIST, old_revisions=(replace(old, files=(file,)),))
    assert identify(path)[0].verdict == "unknown"
    monkeypatch.setattr("fmnist_core.catalog.CATALOG", {info.name: info})
    (result,) = identify(path)
    assert result.verdict == "old revision"
    assert old.released in result.found


def test_a_stray_byte_beside_genuine_content(fashion_root: Path, tmp_path: Path) -> None:
    payload = read_payload(fashion_root / "t10k-labels-idx1-ubyte.gz")
    (tmp_path / "labels").write_bytes(payload + b"\n")
    (result,) = identify(tmp_path / "labels")
    assert result.found == "Fashion-MNIST t10k-labels-idx1-ubyte, with 1 stray byte(s) at the end"


def npy_of(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def tar_of(content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("images"), io.BytesIO(content))
    return file.getvalue()


FAULTS = {
    "array of wide labels": (
        npy_of(np.zeros(3, np.int64)),
        "not for IDX: .* found int64",
    ),
    "array of objects": (npy_of(np.array([{}])), "never unpickled"),
    "cut array": (npy_of(IMAGES)[:-2], "4 of 5 items are complete"),
    "empty": (b"", "an empty file"),
    "empty gzip": (gzip.compress(b""), "an empty file"),
    "page": (b"\xef\xbb\xbf  <HTML><body>403", "an HTML or XML page"),
    "page in gzip": (gzip.compress(b"<?xml version='1.0'?><Error/>"), "an HTML or XML page"),
    "other LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64,
        "a Git-LFS pointer, not data",
    ),
    "other annex link": (b"../.git/annex/objects/aa/SHA256E-s9--0", "a git-annex link, not data"),
    "gzip in UTF-8, replaced": (b"\x1f\xef\xbf\xbd\x08\x00", "a gzip file converted to UTF-8"),
    "gzip in UTF-8, encoded": (
        gzip.compress(PAYLOAD).decode("latin-1").encode(),
        "a gzip file converted to UTF-8",
    ),
    "IDX in UTF-8": (
        bytes.fromhex("00000801 0000efbfbd60 090000"),
        "IDX data converted to UTF-8",
    ),
    "gzip in UTF-16": (
        b"\xff\xfe" + gzip.compress(PAYLOAD).decode("cp437").encode("utf-16-le"),
        "a gzip file converted to UTF-16 .* PowerShell",
    ),
    "gzip in UTF-16, unmarked": (
        gzip.compress(PAYLOAD).decode("latin-1").encode("utf-16-le"),
        "a gzip file converted to UTF-16",
    ),
    "IDX in UTF-16, big-endian": (
        b"\xfe\xff" + PAYLOAD.decode("latin-1").encode("utf-16-be"),
        "IDX data converted to UTF-16",
    ),
    "IDX without zeros": (
        bytes.fromhex("00000803 00002710 0000001c 0000001c 0000ff0000c300").replace(b"\0", b""),
        "IDX data whose zero bytes were removed",
    ),
    "gzip without zeros": (
        gzip.compress(NOISE).replace(b"\0", b""),
        "a gzip file whose zero bytes were removed",
    ),
    "hex dump of cut data": (PAYLOAD[:-1].hex().encode(), "5 x 4 x 3 uint8, of the wrong length"),
    "RGBA": (
        HEADER + np.dstack([IMAGES.ravel()] * 3 + [np.full(60, 255, np.uint8)]).tobytes(),
        "RGBA pixels, 4 bytes each, under a header of 5 x 4 x 3 uint8",
    ),
    "page with a title": (
        b"<html><head>\n<title>503 Service\n Temporarily &amp; Un\x1bavailable</title>",
        "page, titled '503 Service Temporarily & Un\\\\x1bavailable', not data",
    ),
    "refusal of S3": (
        b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code>",
        "page, titled 'AccessDenied'",
    ),
    "symlink": (
        b"../../data/fashion/train-images-idx3-ubyte.gz",
        "symbolic link .* leads to '../../data/fashion/train-images-idx3-ubyte.gz'",
    ),
    "iCloud": (
        plistlib.dumps(
            {"NSURLNameKey": "train-images.gz", "NSURLFileSizeKey": 26421880},
            fmt=plistlib.FMT_BINARY,
        ),
        "an iCloud placeholder for 'train-images.gz'",
    ),
    "damaged iCloud": (b"bplist00\x00NSURLNameKey", "an iCloud placeholder for a file"),
    "text": ("not found: é".encode(), "text that begins with 'not found: é'"),
    "text in UTF-16": ("\ufeffnot found".encode("utf-16-le"), "begins with .*not found"),
    "PNG": (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes.fromhex("0000001c 00000038"),
        "a PNG picture of 28 x 56 pixels",
    ),
    "pickle": (pickle.dumps({"data": [1]}), "a Python pickle, which is not opened"),
    "older pickle": (pickle.dumps([(1, "a")], 2), "a Python pickle"),
    "older PyTorch": (pickle.dumps(0x1950A86A20F9469CFC6C, 2), "a PyTorch file"),
    "tar.gz": (gzip.compress(tar_of(PAYLOAD)), "a tar archive"),
    "bz2": (bz2.compress(PAYLOAD), "a bzip2 file"),
    "MATLAB": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: ", "a MATLAB file"),
    "CSV with names": (b"label,pixel1,pixel2,pix", "a CSV table"),
    "CSV": (b"9,0,0,255\n0,1,2,3\n", "a CSV table of 4 columns"),
    "packed twice": (gzip.compress(gzip.compress(PAYLOAD)), "a gzip file that was packed again"),
    "LFS pointer to a payload": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:"
        b"0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7\nsize 7840016\n",
        "a Git-LFS pointer to MNIST t10k-images-idx3-ubyte",
    ),
    "cut in the header": (PAYLOAD[:9], "truncated IDX header of 9 bytes"),
    "cut in the data": (PAYLOAD[:45], "truncated IDX, 5 x 4 x 3 uint8: 2 of 5 items are complete"),
    "cut gzip": (gzip.compress(PAYLOAD)[:-12], "items are complete"),
    "cut gzip header": (gzip.compress(PAYLOAD)[:8], "ends too early"),
    "damaged gzip": (gzip.compress(PAYLOAD)[:-8] + b"\0" * 8, "gzip stream is damaged"),
    "cut xz": (lzma.compress(PAYLOAD)[:-20], "the xz stream ends too early"),
    "little-endian counts": (
        bytes.fromhex("00000803 05000000 04000000 03000000") + IMAGES.tobytes(),
        "little-endian counts",
    ),
    "little-endian magic": (
        bytes.fromhex("03080000 05000000 04000000 03000000") + IMAGES.tobytes(),
        "little-endian counts",
    ),
    "count of bytes": (
        bytes.fromhex("00000803 0000003c 00000004 00000003") + IMAGES.tobytes(),
        "60 for 5 items of 12",
    ),
    "wide elements": (
        HEADER + IMAGES.astype("<i8").tobytes(),
        "8-byte elements, little-endian, under a header of 5 x 4 x 3 uint8",
    ),
    "appended": (PAYLOAD + b"\r\n", "with 2 stray byte(s) at the end"),
    "much appended": (PAYLOAD + bytes(1 << 21), "with many stray bytes at the end"),
    "no IDX": (b"\x80\x81\xfe....", "not an IDX file; it begins with 80 81 fe"),
    "side file": (b"\x00\x05\x16\x07\x00\x02", "AppleDouble"),
    "float32 without 0D": (
        bytes.fromhex("000001 00000002") + b"\x00\x00\x80\x3f",
        "0D bytes were removed",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(identity: Callable[[bytes], Identity], fault: str) -> None:
    content, words = FAULTS[fault]
    result = identity(content)
    assert re.search(words, result.found) or words in result.found
    assert result.verdict in ("damaged", "foreign")
    assert result.advice
    assert result.digest is None
    assert str(result).startswith(result.path)


SMALL = [diagnosis for diagnosis in DIAGNOSES if diagnosis is not too_large]


@pytest.mark.parametrize("diagnosis", SMALL, ids=lambda diagnosis: diagnosis.__name__)
def test_every_diagnosis_is_needed(
    identity: Callable[[bytes], Identity],
    diagnosis: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = [PAYLOAD, *(content for content, _ in FAULTS.values())]
    result = [identity(content).found for content in samples]
    monkeypatch.setattr(module, "DIAGNOSES", tuple(d for d in DIAGNOSES if d is not diagnosis))
    assert [identity(content).found for content in samples] != result


def test_intact_data_that_the_catalog_does_not_know(identity: Callable[[bytes], Identity]) -> None:
    result = identity(PAYLOAD)
    assert (result.verdict, result.dtype, result.shape) == ("unknown", "uint8", (5, 4, 3))


def test_every_truncation_and_flip_is_identified(identity: Callable[[bytes], Identity]) -> None:
    packed = gzip.compress(PAYLOAD, mtime=0)
    for content in (PAYLOAD, packed):
        for cut in range(len(content)):
            assert identity(content[:cut]).verdict in ("damaged", "foreign")
    for place in range(len(packed)):
        flipped = bytearray(packed)
        flipped[place] ^= 0x10
        result = identity(bytes(flipped))
        genuine = hashlib.sha256(PAYLOAD).hexdigest()
        assert result.digest in (None, "", genuine), f"byte {place}: {result}"


def test_arrays_are_named_by_the_payload_that_would_hold_them(
    fashion_root: Path, tmp_path: Path
) -> None:
    labels = read_idx(fashion_root / "t10k-labels-idx1-ubyte.gz")
    np.savez(tmp_path / "as-keras-does.npz", y_test=labels, other=labels + 1, wide=labels * 1.5)
    result = {one.path.rpartition("!")[2]: one for one in identify(tmp_path / "as-keras-does.npz")}
    assert {one.container for one in result.values()} == {"npz"}
    assert result["y_test.npy"].found == "Fashion-MNIST t10k-labels-idx1-ubyte"
    assert result["other.npy"].verdict == "unknown"
    assert (result["wide.npy"].dtype, result["wide.npy"].shape) == ("float64", (10_000,))


def test_members_of_a_zip_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("folder/", "")
        archive.writestr("../climbs/out", PAYLOAD)
        archive.writestr("page", "<html>")
    result = identify(tmp_path / "data.zip")
    assert [(member.container, member.verdict) for member in result] == [
        ("zip", "unknown"),
        ("zip", "foreign"),
    ]
    assert result[0].path.endswith("data.zip!../climbs/out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.zip"]


def test_a_pickled_object_is_not_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    np.savez(tmp_path / "trap.npz", arr_0=np.array([Trap()], dtype=object))
    (result,) = identify(tmp_path / "trap.npz")
    assert result.verdict == "foreign"
    assert not (tmp_path / "sprung").exists()


def test_a_damaged_zip_file(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", PAYLOAD)
    (tmp_path / "cut.zip").write_bytes(file.getvalue()[:-30])
    (result,) = identify(tmp_path / "cut.zip")
    assert "damaged zip file" in result.found


def test_a_bomb_is_read_no_further_than_its_header_justifies(
    tmp_path: Path, peak_memory: Callable[[Callable[[], object]], int]
) -> None:
    with gzip.open(tmp_path / "bomb.gz", "wb", 9) as bomb:
        bomb.write(PAYLOAD)
        for _ in range(256):
            bomb.write(bytes(1 << 20))
    result: list[Identity] = []
    assert peak_memory(lambda: result.extend(identify(tmp_path / "bomb.gz"))) < 8 << 20
    assert "many stray bytes" in result[0].found


def test_unreadable_files(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(FileAccessError):
            identify(path)


def test_intact_data_of_larger_types(tmp_path: Path) -> None:
    write_idx(tmp_path / "x", np.array([[1.5, 2.5]]))
    (result,) = identify(tmp_path / "x")
    assert json.dumps([result.dtype, result.shape]) == '["float64", [1, 2]]'


# -- named by what is there --------------------------------------------------------------------


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_a_truncated_download_is_named_by_its_beginning(
    fashion_root: Path, identity: Callable[[bytes], Identity], pack: Callable[[bytes], bytes]
) -> None:
    payload = bytes(read_payload(fashion_root / "t10k-labels-idx1-ubyte.gz"))
    packed = pack(payload)
    result = identity(packed[: len(packed) * 2 // 3])
    assert result.verdict == "damaged"
    assert result.found.endswith("; it begins as Fashion-MNIST t10k-labels-idx1-ubyte does")
    assert "begins as" not in identity(payload[:511]).found
    assert "begins as" in identity(payload[:512]).found


def test_every_known_beginning_is_that_of_its_payload(data_root: Path) -> None:
    rows = csv.DictReader((data_root / "manifest.csv").read_text(encoding="utf-8").splitlines())
    paths = [data_root / row["path"] for row in rows if row["verdict"] == "ok"]
    for split in ("train", "test"):
        load("synthetic", split)
    paths += sorted(store.folder(SYNTHETIC).glob("*ubyte"))
    starts = {}
    for path in paths:
        (result,) = identify(path)
        if result.digest in STARTS.values():
            start = bytes(read_payload(path)[:START_NBYTES])
            starts[hashlib.sha256(start).hexdigest()] = result.digest
    assert starts == STARTS


# -- turned back into bytes --------------------------------------------------------------------


def xxd(data: bytes) -> str:
    lines = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        groups = " ".join(row[i : i + 2].hex() for i in range(0, len(row), 2))
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{at:08x}: {groups:<39}  {letters}")
    return "\n".join(lines) + "\n"


def hexdump(data: bytes) -> str:
    lines = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{at:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |{letters}|")
    return "\n".join([*lines, f"{len(data):08x}"]) + "\n"


DUMPS: dict[str, Callable[[bytes], str]] = {
    "one line": bytes.hex,
    "capitals": lambda data: data.hex().upper(),
    "editor": lambda data: "\r\n".join(
        data[at : at + 16].hex(" ", 2) for at in range(0, len(data), 16)
    ),
    "a word a line": lambda data: "\n".join(
        data[at : at + 4].hex() for at in range(0, len(data), 4)
    ),
    "a byte a line": lambda data: "\n".join(f"{byte:02x}" for byte in data),
    "C": lambda data: ", ".join(f"0x{byte:02X}" for byte in data),
    "xxd": xxd,
    "hexdump": hexdump,
}


@pytest.mark.parametrize("form", DUMPS)
def test_a_hex_dump_is_decoded_and_named(
    fashion_root: Path, identity: Callable[[bytes], Identity], form: str
) -> None:
    payload = bytes(read_payload(fashion_root / "t10k-labels-idx1-ubyte.gz"))
    result = identity(DUMPS[form](payload).encode())
    assert (result.verdict, result.found) == (
        "damaged",
        "a hex dump of Fashion-MNIST t10k-labels-idx1-ubyte",
    )
    text = DUMPS[form](payload)
    turned_back = re.search(r"data = (.*); then parse_idx", result.advice)
    if turned_back:
        assert eval(turned_back[1], {"text": text}) == payload
    else:
        assert (form, result.advice) == ("xxd", "Turn it back: xxd -r FILE")
    cut = identity(DUMPS[form](payload[:-100]).encode())
    assert cut.found.endswith("begins as Fashion-MNIST t10k-labels-idx1-ubyte does")
    unknown = identity(DUMPS[form](PAYLOAD).encode())
    assert "a hex dump of IDX data that the catalog does not know, 5 x 4 x 3" in unknown.found


def test_a_long_hex_dump_is_decoded_block_by_block(
    tmp_path: Path, peak_memory: Callable[[Callable[[], object]], int]
) -> None:
    array = np.arange(3 << 20, dtype=np.uint8)
    write_idx(tmp_path / "x", array)
    for form in ("one line", "editor", "C"):
        dump = tmp_path / f"{form}.txt"
        dump.write_text(DUMPS[form]((tmp_path / "x").read_bytes()))
        result: list[Identity] = []
        assert peak_memory(lambda: result.extend(identify(dump))) < 24 << 20  # noqa: B023
        assert "a hex dump of IDX data that the catalog does not know" in result[0].found


@pytest.mark.parametrize("text", ["12 34", "00 00 08 01 00", "cafe", "0000080100000001", "a: 1"])
def test_digits_that_are_not_a_dump_of_idx(
    identity: Callable[[bytes], Identity], text: str
) -> None:
    assert "hex dump of IDX data" not in identity(text.encode()).found


# -- how to read what a wrong header stands before ---------------------------------------------

WRONG_HEADERS = {
    "little-endian int64": HEADER + IMAGES.astype("<i8").tobytes(),
    "big-endian int64": HEADER + IMAGES.astype(">i8").tobytes(),
    "big-endian int16": HEADER + IMAGES.astype(">i2").tobytes(),
    "little-endian counts": FAULTS["little-endian counts"][0],
    "little-endian magic": FAULTS["little-endian magic"][0],
    "little-endian int32": bytes.fromhex("00000c01 03000000")
    + np.array([1, 2, 300], "<i4").tobytes(),
    "count of bytes": FAULTS["count of bytes"][0],
    "RGBA": FAULTS["RGBA"][0],
}


@pytest.mark.parametrize("kind", WRONG_HEADERS)
def test_the_advice_reads_the_data(identity: Callable[[bytes], Identity], kind: str) -> None:
    data = WRONG_HEADERS[kind]
    call = re.search(r"np\.frombuffer\(.*\)\.reshape\(.*?\)\)?", identity(data).advice)
    assert call
    array = eval(call[0].rstrip(",") + ")" * (call[0].count("(") - call[0].count(")")))
    if kind == "RGBA":
        array = array[..., 0]
    expected = [1, 2, 300] if "int32" in kind else IMAGES
    np.testing.assert_array_equal(array, expected)


def test_other_bytes_get_no_advice_to_read_them(identity: Callable[[bytes], Identity]) -> None:
    wide = np.random.default_rng(0).integers(0, 256, 480, np.uint8)
    assert "frombuffer" not in identity(HEADER + wide.tobytes()).advice


# -- other files -------------------------------------------------------------------------------


def test_a_numpy_array_is_named(identity: Callable[[bytes], Identity]) -> None:
    result = identity(npy_of(IMAGES))
    assert (result.container, result.verdict) == ("npy", "unknown")
    assert result.found.startswith("a numpy array that the catalog does not know, 5 x 4 x 3 uint8")


def test_a_pytorch_file_is_one_file(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"images": torch.zeros(3)}, tmp_path / "training.pt")
    (result,) = identify(tmp_path / "training.pt")
    assert (result.found, result.verdict) == ("a PyTorch file, which holds a pickle", "foreign")
    torch.save(torch.zeros(3), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert "a PyTorch file" in identify(tmp_path / "old.pt")[0].found


def test_a_scipy_file_is_named(tmp_path: Path) -> None:
    scipy_io = pytest.importorskip("scipy.io")
    scipy_io.savemat(tmp_path / "x.mat", {"images": IMAGES})
    assert "a MATLAB file" in identify(tmp_path / "x.mat")[0].found


def test_a_pillow_picture_is_named(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for name, what in (("x.png", "PNG picture of 3 x 4"), ("x.jpg", "JPEG"), ("x.gif", "GIF")):
        image.fromarray(IMAGES[0]).save(tmp_path / name)
        assert what in identify(tmp_path / name)[0].found


def test_kaggles_csv_is_read_as_advised(tmp_path: Path) -> None:
    names = ",".join(["label", *(f"pixel{number}" for number in range(1, 785))])
    rows = np.random.default_rng(0).integers(0, 256, (3, 785))
    for head, columns in (((), "of 785 columns"), ((names,), "")):
        lines = [*head, *(",".join(map(str, row)) for row in rows)]
        path = tmp_path / "fashion-mnist_test.csv"
        path.write_text("\n".join(lines))
        (result,) = identify(path)
        assert f"a CSV table {columns}".strip() in result.found
        call = re.search(r"np\.loadtxt\(.*?\)", result.advice)
        assert call
        np.testing.assert_array_equal(eval(call[0]), rows)
        assert "Get the file again" not in result.advice


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_more_than_the_budget_is_not_read_and_not_called_truncated(
    identity: Callable[[bytes], Identity],
    pack: Callable[[bytes], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "Budget", lambda: Budget(1 << 20))
    whole = struct.pack(">2xBB2I", 8, 2, 2, 2 << 20) + bytes(4 << 20)
    result = identity(pack(whole))
    assert (result.verdict, result.digest) == ("unknown", None)
    assert (
        "bytes, 2 x 2097152 uint8 by its header, which identify does not read to the end"
        in result.found
    )
    if pack is bytes:  # its length says enough
        assert "1 of 2 items are complete" in identity(whole[:-1]).found
        assert "1 stray byte" in identity(whole + b"x").found
