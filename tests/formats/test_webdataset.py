"""Tar shards: several of them; an archive that leads out of its folder is rejected."""

import gc
import io
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmnist_core import DataMismatchError, Dataset, IdxError
from fmnist_core.formats import webdataset as shards
from fmnist_core.formats.incoming import kind_of
from fmnist_core.formats.pictures import encoded
from tests.helpers.payloads import assert_same
from tests.helpers.readers import READERS


@pytest.fixture
def folder(exported: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shards, "SHARD", 128)
    return exported("webdataset")


# webdataset leaves it to the garbage collector to close its files, with a warning.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_several_shards_are_read_back(splits: tuple[Dataset, Dataset], folder: Path) -> None:
    assert sorted(path.name for path in (folder / "train").iterdir()) == [
        "0.tar",
        "1.tar",
        "2.tar",
        "nshards.txt",
    ]
    actual = READERS["webdataset"](folder)
    gc.collect()
    for dataset in splits:
        assert_same(dataset, *actual[dataset.split_name])


def test_shards_are_read(splits: tuple[Dataset, Dataset], folder: Path) -> None:
    paths = sorted((folder / "train").glob("*.tar"))
    actual = [rows for path in paths for rows in shards.read(path)]
    assert {rows.split for rows in actual} == {"train"}
    images, labels = (np.concatenate(parts) for parts in list(zip(*actual, strict=True))[:2])
    assert_same(splits[0], images, labels)


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("L", (28, 28)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "name", ["../00000.png", "/etc/00000.png", "a/../../00000.png", "..\\00000.png"]
)
def test_a_tar_with_paths_that_leave_it_raises(tmp_path: Path, name: str) -> None:
    path = tmp_path / "inner" / "0.tar"
    path.parent.mkdir()
    with tarfile.open(path, "w") as shard:
        shards._add(shard, "00000.png", picture())
        shards._add(shard, "00000.cls", b"1")
        shards._add(shard, name, picture())
    with pytest.raises(DataMismatchError, match="within the archive"):
        list(shards.read(path))
    assert sorted(tmp_path.rglob("*")) == [path.parent, path]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as shard:
        member = tarfile.TarInfo("00000.png")
        member.type, member.linkname = kind, "/etc/passwd"
        shard.addfile(member)
    with pytest.raises(DataMismatchError, match="plain files"):
        list(shards.read(tmp_path / "0.tar"))


@pytest.mark.parametrize("label", [None, b"", b"Bag", b"-1", b"9" * 5000])
def test_a_picture_without_a_label_is_named(tmp_path: Path, label: bytes | None) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as shard:
        shards._add(shard, "00007.png", picture())
        if label is not None:
            shards._add(shard, "00007.cls", label)
    with pytest.raises(DataMismatchError, match=r"00007: expected a \.cls"):
        list(shards.read(tmp_path / "0.tar"))


def test_an_archive_is_not_unpacked_to_see_what_it_is(tmp_path: Path) -> None:
    """A .gz file whose own head looks like an archive's; unpacked, one header would be 4 GiB."""
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 4 << 30
    name = bytes(245) + b"ustar"
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    with open(tmp_path / "x.tar", "wb") as file:
        file.write(b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff" + len(name).to_bytes(2, "little"))
        file.write(name + packer.compress(header.tobuf(tarfile.USTAR_FORMAT)))
        file.writelines(packer.compress(bytes(1 << 20)) for _ in range(64))
        file.write(packer.flush())
    assert kind_of(tmp_path / "x.tar").kind == "a tar archive"  # type: ignore[union-attr]
    with pytest.raises(IdxError, match="bad checksum"):
        list(shards.read(tmp_path / "x.tar"))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_may_not_be_long(tmp_path: Path, kind: bytes) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, 4 << 30
    with open(tmp_path / "x.tar", "wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        file.truncate(5 << 30)  # a hole, which takes no space
    with pytest.raises(DataMismatchError, match="found one of 4,294,967,296 bytes"):
        list(shards.read(tmp_path / "x.tar"))


def test_a_truncated_archive_raises_our_error(folder: Path) -> None:
    path = folder / "test" / "0.tar"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"0\.tar"):
        list(shards.read(path))


@pytest.mark.parametrize("folder", ["./", "v1.0/", "x/y.z/"])
def test_folders_with_dots_are_read(tmp_path: Path, folder: str) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as shard:
        for name, data in (("0.png", encoded(np.eye(4, dtype=np.uint8))), ("0.cls", b"3")):
            member = tarfile.TarInfo(folder + name)
            member.size = len(data)
            shard.addfile(member, io.BytesIO(data))
    (rows,) = shards.read(tmp_path / "x.tar")
    assert rows.images[0].tolist() == np.eye(4).tolist()
    assert rows.labels.tolist() == [3]
