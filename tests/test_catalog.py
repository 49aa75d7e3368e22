"""The catalog: it is consistent, and agrees with the real files."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from fmnist_core import UnknownDatasetError
from fmnist_core.catalog import (
    CATALOG,
    FASHION_MNIST,
    K49,
    MNIST,
    QMNIST,
    describe_packed,
    describe_payload,
)
from fmnist_core.idx.format import read_payload
from fmnist_core.records import Checksums, DatasetInfo, FileInfo, PixelSums, SplitInfo


def all_splits() -> Iterator[tuple[DatasetInfo, str, SplitInfo]]:
    for info in CATALOG.values():
        for name, split in info.splits.items():
            yield info, name, split


def all_files() -> Iterator[tuple[DatasetInfo, FileInfo]]:
    for info, _, split in all_splits():
        yield info, split.images
        yield info, split.labels
    for info in CATALOG.values():
        for old in info.old_revisions:
            for file in old.files:
                yield info, file


ALL_FILES = list(all_files())


@pytest.mark.parametrize("info", CATALOG.values(), ids=lambda info: info.name)
def test_a_dataset_is_described(info: DatasetInfo) -> None:
    assert CATALOG[info.name] is info
    assert {"train", "test"} <= set(info.splits)
    assert len(set(info.classes)) == len(info.classes) > 1
    assert info.title
    assert info.licence
    assert info.citation.startswith("@") or info.name == "synthetic"
    assert all(re.fullmatch(r"https?://\S+/", mirror) for mirror in info.mirrors)


@pytest.mark.parametrize(
    ("info", "name", "split"),
    [*all_splits()],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "name", ""),
)
def test_a_split_is_described(info: DatasetInfo, name: str, split: SplitInfo) -> None:
    columns = len(info.extended)
    assert split.images.payload.nbytes == 16 + split.num_examples * 28 * 28
    table, line = 12 + split.num_examples * 4 * columns, 8 + split.num_examples
    assert split.labels.payload.nbytes == (table if columns else line)
    for file in split.files:
        assert file.payload.sha256 or file.packed.sha256 or file.packed.md5
        assert re.search(r"-(images-idx3-ubyte|labels-idx1-ubyte|labels-idx2-int)$", file.name)
        assert bool(file.member) == file.packed_name.endswith(("zip", "npz"))
    if split.sums:
        assert split.sums.count == split.num_examples * 28 * 28
        assert 0 < split.sums.total <= split.sums.squares <= 255 * split.sums.total


def test_counts_and_classes_are_those_of_the_papers() -> None:
    """FACTS D3 to D6; EMNIST's by its table of counts, K49's by its page."""
    counts = {
        name: (len(info.classes), *(split.num_examples for split in info.splits.values()))
        for name, info in CATALOG.items()
    }
    assert counts == {
        "fashion-mnist": (10, 60_000, 10_000),
        "mnist": (10, 60_000, 10_000),
        "kmnist": (10, 60_000, 10_000),
        "k49": (49, 232_365, 38_547),
        "qmnist": (10, 60_000, 60_000, 402_953),
        "emnist-byclass": (62, 697_932, 116_323),
        "emnist-bymerge": (47, 697_932, 116_323),
        "emnist-balanced": (47, 112_800, 18_800),
        "emnist-letters": (26, 124_800, 20_800),
        "emnist-digits": (10, 240_000, 40_000),
        "emnist-mnist": (10, 60_000, 10_000),
        "synthetic": (10, 60_000, 10_000),
    }
    merged = set("cijklmopsuvwxyz")
    byclass, bymerge = CATALOG["emnist-byclass"].classes, CATALOG["emnist-bymerge"].classes
    assert set(byclass) - set(bymerge) == merged
    assert [*bymerge] == [name for name in byclass if name not in merged]
    assert (K49.classes[0], K49.classes[-3], K49.classes[-1]) == ("あ", "を", "ゝ")


def test_published_labels_of_qmnist(data_root: Path) -> None:
    folder = data_root / "wild" / "facebookresearch__qmnist"
    for split in ("test", "nist"):
        file = QMNIST.split(split).labels
        path = folder / file.packed_name
        assert_agrees(file.packed, digests_of(path.read_bytes()))
        assert_agrees(file.payload, digests_of(bytes(read_payload(path))))


def test_old_revisions_have_the_lengths_of_their_successors() -> None:
    for info in CATALOG.values():
        lengths = {
            file.name: file.payload.nbytes
            for split in info.splits.values()
            for file in (split.images, split.labels)
        }
        for old in info.old_revisions:
            assert re.fullmatch(r"\d{4}-\d\d-\d\d", old.released)
            assert old.released < info.released
            assert {file.name: lengths[file.name] for file in old.files} == {
                file.name: file.payload.nbytes for file in old.files
            }


def test_digests_are_hexadecimal_and_of_their_length() -> None:
    for _, file in ALL_FILES:
        for run in (file.payload, file.packed):
            for digest, length in ((run.sha256, 64), (run.md5, 32), (run.sha1, 40)):
                assert digest is None or re.fullmatch(rf"[0-9a-f]{{{length}}}", digest)


@pytest.mark.parametrize("kind", ["sha256", "md5", "sha1"])
def test_no_digest_is_that_of_two_files(kind: str) -> None:
    # One zip file holds many payloads.
    packed = {file.packed for _, file in ALL_FILES}
    runs = [*packed, *(file.payload for _, file in ALL_FILES)]
    digests = [digest for run in runs if (digest := getattr(run, kind))]
    assert len(digests) == len(set(digests))
    assert digests


def test_a_payload_is_described_by_its_digest() -> None:
    described = []
    for info, file in ALL_FILES:
        if file.payload.sha256:
            known_file = describe_payload(file.payload.sha256)
            assert known_file is not None
            assert known_file.words.startswith(f"{info.title} {file.name}")
            described.append(known_file.words)
    assert len(set(described)) == len(described)


def test_a_published_file_is_described_by_any_digest() -> None:
    for info, file in ALL_FILES:
        for kind in ("sha256", "md5", "sha1"):
            if digest := getattr(file.packed, kind):
                known_file = describe_packed(**{kind: digest})
                assert known_file is not None
                assert known_file.words.startswith(
                    f"{info.family or info.title} {file.packed_name}"
                )


def test_an_old_revision_is_called_old() -> None:
    for old in FASHION_MNIST.old_revisions:
        known_file = describe_payload(str(old.files[0].payload.sha256))
        assert known_file is not None
        assert known_file.old
        assert f"of {old.released} ({old.note})" in known_file.words
    current = describe_payload(str(FASHION_MNIST.split("test").labels.payload.sha256))
    assert current is not None
    assert not current.old


@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_other_digests_are_not_described(digest: str) -> None:
    assert describe_payload(digest) is None
    assert describe_packed(sha256=digest) is None
    assert describe_packed(md5=digest) is None
    assert describe_packed() is None


def test_a_payload_and_its_packed_file_are_not_confused() -> None:
    images = FASHION_MNIST.split("test").images
    assert describe_payload(str(images.packed.sha256)) is None
    assert describe_packed(sha256=images.payload.sha256, md5=images.payload.md5) is None


def test_an_unknown_split_lists_the_known_ones() -> None:
    assert MNIST.split("test").num_examples == 10_000
    with pytest.raises(UnknownDatasetError, match="mnist has the splits train, test; found 't10k'"):
        MNIST.split("t10k")


# -- the sums ----------------------------------------------------------------------------------

PUBLISHED = [
    (FASHION_MNIST, "train", 0.2860405969887955, 0.3530242445149226),
    (FASHION_MNIST, "test", 0.28684928071228494, 0.35244415324744),
    (MNIST, "train", 0.1306604762738429, 0.3081078038564622),
    (MNIST, "test", 0.132515, 0.310480),
]
"""Mean and population standard deviation as others print them (FACTS: D1 and D7)."""


@pytest.mark.parametrize(("info", "split", "mean", "std"), PUBLISHED)
def test_mean_and_deviation_are_the_published_ones(
    info: DatasetInfo, split: str, mean: float, std: float
) -> None:
    sums = info.split(split).sums
    assert sums is not None
    printed = 1e-12 if len(str(mean)) > 12 else 5e-7
    assert sums.mean == pytest.approx(mean, rel=0, abs=printed)
    assert sums.std == pytest.approx(std, rel=0, abs=printed)


@given(arrays(np.uint8, st.integers(1, 50)))
def test_mean_and_deviation_are_numpys(pixels: NDArray[np.uint8]) -> None:
    numbers = pixels.tolist()
    sums = PixelSums(len(numbers), sum(numbers), sum(x * x for x in numbers))
    assert sums.mean == pytest.approx((pixels / 255).mean(), abs=1e-14)
    assert sums.std == pytest.approx((pixels / 255).std(), abs=1e-14)


# -- the real files ----------------------------------------------------------------------------


def digests_of(data: bytes) -> Checksums:
    return Checksums(
        len(data), *(hashlib.new(kind, data).hexdigest() for kind in ("sha256", "md5", "sha1"))
    )


def assert_agrees(expected: Checksums, actual: Checksums) -> None:
    for kind in ("nbytes", "sha256", "md5", "sha1"):
        assert getattr(expected, kind) in (None, getattr(actual, kind))


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_packed_files_are_the_published_ones(fashion_root: Path, split: str) -> None:
    info = FASHION_MNIST.split(split)
    for file in (info.images, info.labels):
        data = (fashion_root / f"{file.name}.gz").read_bytes()
        assert file.packed.sha256
        assert_agrees(file.packed, digests_of(data))


def test_the_first_upload_was_sorted_by_class() -> None:
    # So its label files can be made, and the digests kept of them are seen to be true.
    (old,) = (old for old in FASHION_MNIST.old_revisions if "sorted by class" in old.note)
    for file, size in zip(old.files, (6000, 1000), strict=True):
        header = bytes([0, 0, 8, 1]) + (10 * size).to_bytes(4, "big")
        data = header + np.repeat(np.arange(10, dtype=np.uint8), size).tobytes()
        assert_agrees(file.payload, digests_of(data))
