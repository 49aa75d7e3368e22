"""Real files from public repositories: whole ones are read, damaged ones are called what they are.

The manifest says what each file is. It was made by other tools.
"""

import gzip
import lzma
import re
from collections.abc import Callable
from pathlib import Path

import idx2numpy
import numpy as np
import pytest

from fmnist_core import DataMismatchError, FmnistError, map_idx, open_idx, read_idx, write_idx

UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "gzip": gzip.decompress,
    "xz": lzma.decompress,
}

SMALL = 4_000_000
"""Most bytes to pack, or to give to idx2numpy's slow writer, in a test."""

EXPECTED_WORDS = {
    "HTML/XML page": "found .* HTML or XML page",
    "TRUNCATED gzip": "truncated",
    "RAW (uncompressed) file truncated": "interrupted download",
    "little-endian int32 under a ubyte header": "found at least 10001.* wider than the header says",
    "member that holds 0 bytes": "found an empty file",
    "git-LFS pointer": "git lfs pull",
    ".git/annex/": "git annex get",
    "ate the FLOAT type byte": "expected an IDX header .* found 00 00 01 00",
    "the ubyte header survives": r"61440 bytes .* found 61261 \(19 of 20 items are complete\)",
    "not valid IDX (header incomplete)": "found only 2 bytes; the header is truncated",
    "count field holds n*784": r"\([23] of \d+ items are complete\).* its header is wrong",
    "AppleDouble": "AppleDouble",
    "empty; zero bytes": "found an empty file",
}
"""What the message says, by what the manifest's note says."""


def test_a_whole_file_is_read(data_root: Path, tmp_path: Path, whole_row: dict[str, str]) -> None:
    path = data_root / whole_row["path"]
    payload = UNPACK[whole_row["container"]](path.read_bytes())
    array = read_idx(path)
    assert str(array.dtype) == whole_row["dtype"]
    assert "x".join(map(str, array.shape)) == whole_row["shape"]

    # idx2numpy agrees on every one of these files; it knows only unpacked ones.
    theirs = idx2numpy.convert_from_string(payload)
    assert theirs.shape == array.shape
    assert theirs.tobytes() == array.astype(theirs.dtype).tobytes()

    write_idx(tmp_path / "raw", array)
    assert (tmp_path / "raw").read_bytes() == payload
    assert map_idx(tmp_path / "raw").tobytes() == theirs.tobytes()
    (tmp_path / "raw").unlink()
    if len(payload) < SMALL:
        write_idx(tmp_path / "x.gz", array)
        assert gzip.decompress((tmp_path / "x.gz").read_bytes()) == payload
        np.testing.assert_array_equal(read_idx(tmp_path / "x.gz"), array)
        assert idx2numpy.convert_to_string(array) == payload


def test_a_damaged_file_is_named(data_root: Path, damaged_row: dict[str, str]) -> None:
    path = data_root / damaged_row["path"]
    (words,) = [
        pattern for noted, pattern in EXPECTED_WORDS.items() if noted in damaged_row["note"]
    ]
    with pytest.raises(FmnistError, match=words) as caught:
        read_idx(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    if lengths := re.search(r"LENGTH (\d+) want (\d+); \w+.*truncated", damaged_row["note"], re.I):
        actual, expected = (int(number) - 16 for number in lengths.groups())
        assert f"{expected} bytes from offset 16; found {actual} ({actual // 784} of " in message


def test_every_kind_of_damage_is_met(data_root: Path) -> None:
    manifest = (data_root / "manifest.csv").read_text(encoding="utf-8")
    assert [noted for noted in EXPECTED_WORDS if noted not in manifest] == []


def test_one_image_with_two_labels(data_root: Path) -> None:
    folder = data_root / "wild" / "MrJacob01__MachineLearning-recognizer-OCR-"
    images, labels = folder / "t10k-images-idx3-ubyte", folder / "t10k-labels-idx1-ubyte"
    with pytest.raises(DataMismatchError) as caught:
        open_idx(images, labels)
    for part in ("2 labels", "(1, 28, 28)", str(images), str(labels)):
        assert part in str(caught.value)


def test_a_wild_pair_of_other_size_is_a_dataset(data_root: Path) -> None:
    folder = data_root / "wild" / "aceveggie__TeluguTFRecords"
    dataset = open_idx(folder / "t10k-images-idx3-ubyte.gz", folder / "t10k-labels-idx1-ubyte.gz")
    assert dataset.images.shape == (1591, 50, 50)
    assert len(dataset.classes) == dataset.labels.max() + 1
    raw = read_idx(folder / "t10k-labels-idx1-ubyte")
    np.testing.assert_array_equal(dataset.labels, raw)


def test_images_with_a_channel_axis_are_a_dataset(data_root: Path) -> None:
    (images,) = (data_root / "wild").glob("*embarc_mli/@02f7a79/**/tests.idx")
    dataset = open_idx(images, images.with_name("labels.idx"))
    assert dataset.image_shape == (28, 28, 1)
    assert len(dataset) == 100
