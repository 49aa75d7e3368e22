"""Datasets known only as they are published: stand-ins of KMNIST, K49, EMNIST and QMNIST.

Their real files are not at hand, so small ones of the same build are made, and the catalog's
records are given the digests of those: names, containers, members and quirks stay the real ones.
"""

import gzip
import hashlib
import io
import lzma
import pickle
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from fmnist_core import (
    DataMismatchError,
    Dataset,
    FetchError,
    FileAccessError,
    IdxError,
    OptionError,
    load,
    registry,
    write_idx,
)
from fmnist_core.catalog import CATALOG
from fmnist_core.files import file_digest
from fmnist_core.records import Checksums, DatasetInfo, FileInfo, SplitInfo
from fmnist_core.storage import store
from fmnist_core.storage.identify import identify
from fmnist_core.storage.obtain import ensure_files, files_of
from fmnist_core.tools.cli import main

COUNT = 50
Array = NDArray[Any]
NAMES = ("kmnist", "k49", "emnist-letters", "emnist-digits", "qmnist")
KEPT = {
    "kmnist": {f"{kind}.gz" for kind in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")},
    "k49": {"k49-test-imgs.npz", "k49-test-labels.npz"},
    "emnist-letters": {"gzip.zip"},
    "emnist-digits": {"gzip.zip"},
    "qmnist": {"qmnist-test-images-idx3-ubyte.gz"},
}
"""The published files that stay in the store."""


def made(name: str, split: str) -> tuple[Array, Array]:
    """Return what the published files of a split hold: images and labels."""
    info = CATALOG[name]
    rng = np.random.default_rng([*name.encode(), *split.encode()])
    images = rng.integers(0, 256, (COUNT, 28, 28), np.uint8)
    labels = info.first_label + rng.integers(0, len(info.classes), COUNT)
    if not info.extended:
        return images, labels.astype(np.uint8)
    table = rng.integers(-(2**31), 2**31, (COUNT, 8))
    table[:, 0] = labels
    return images, table.astype(np.int32)


def payload_of(array: Array, folder: Path) -> bytes:
    write_idx(folder / "payload", array)
    return (folder / "payload").read_bytes()


def npz_of(array: Array) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, array)
    return file.getvalue()


def publish(info: DatasetInfo, folder: Path) -> None:
    """Write a dataset's files as they are published."""
    for split in info.splits:
        for file, array in zip(info.split(split).files, made(info.name, split), strict=True):
            path, payload = folder / file.packed_name, payload_of(array, folder)
            if path.suffix == ".zip":
                with zipfile.ZipFile(path, "a") as archive:
                    archive.writestr(file.member, gzip.compress(payload, mtime=0))
            else:
                path.write_bytes(
                    npz_of(array)
                    if path.suffix == ".npz"
                    else lzma.compress(payload)
                    if path.suffix == ".xz"
                    else gzip.compress(payload, mtime=0)
                )


def known_now(info: DatasetInfo, folder: Path) -> DatasetInfo:
    """Return a record with counts and digests of the made files, as far as it has them."""

    def remade(file: FileInfo, array: Array) -> FileInfo:
        path, payload = folder / file.packed_name, payload_of(array, folder)
        sha256 = hashlib.sha256(payload).hexdigest() if file.payload.sha256 else None
        packed = Checksums(
            path.stat().st_size,
            file_digest(path) if file.packed.sha256 else None,
            file_digest(path, "md5"),
        )
        return replace(file, payload=Checksums(len(payload), sha256), packed=packed)

    splits = {}
    for split in info.splits:
        files = map(remade, info.split(split).files, made(info.name, split))
        splits[split] = SplitInfo(COUNT, *files)
    return replace(info, splits=MappingProxyType(splits), mirrors=(folder.resolve().as_uri(),))


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    for name in NAMES:
        publish(CATALOG[name], folder)
    (folder / "payload").unlink()
    return folder


@pytest.fixture(scope="session")
def merged(mirror: Path) -> dict[str, DatasetInfo]:
    """The catalog with the made files' digests."""
    records = {name: known_now(CATALOG[name], mirror) for name in NAMES}
    (mirror / "payload").unlink()
    return {**CATALOG, **records}


@pytest.fixture(autouse=True)
def catalog(
    merged: dict[str, DatasetInfo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """That catalog in the place of ours, and a store that is empty."""
    for module in ("registry", "catalog"):
        monkeypatch.setattr(f"fmnist_core.{module}.CATALOG", merged)
    for name in ("FMNIST_MIRROR", "FMNIST_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.chdir(tmp_path)
    yield
    assert registry.CATALOG is merged


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are fetched from now on."""
    names: list[str] = []

    from fmnist_core.storage import download

    real = download.fetch

    def counted(urls: Any, target: Path, *rest: Any, **options: Any) -> Any:
        names.append(target.name)
        return real(urls, target, *rest, **options)

    monkeypatch.setattr(download, "fetch", counted)
    return names


def wanted(name: str, split: str) -> tuple[Array, Array]:
    """Return images as they stand, and labels."""
    images, labels = made(name, split)
    upright = images.swapaxes(1, 2) if CATALOG[name].transposed else images
    return upright, labels if labels.ndim == 1 else labels[:, 0]


def assert_is(dataset: Dataset, images: Array, labels: Array) -> None:
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.labels, labels)


@pytest.mark.parametrize("name", NAMES)
def test_fetched_verified_and_mapped(name: str, downloads: list[str]) -> None:
    for _ in range(2):
        dataset = load(name, "test")
        assert_is(dataset, *wanted(name, "test"))
        assert dataset.info.title == CATALOG[name].title
    assert len(downloads) == len(set(downloads)), "nothing is fetched twice"
    assert not dataset.images.flags.writeable
    place = store.folder(dataset.info)
    assert {path.name for path in place.glob("*.*[pzg]*") if path.suffix != ".json"} >= KEPT[name]
    assert len(pickle.dumps(dataset)) < 1000 + 20 * len(dataset.classes)
    assert_is(pickle.loads(pickle.dumps(dataset)), *wanted(name, "test"))


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_payload_is_unpacked_again_from_the_kept_file(
    name: str, downloads: list[str]
) -> None:
    load(name, "test")
    place, fetched = store.folder(CATALOG[name]), len(downloads)
    (path,) = place.glob("*t*-images*idx3-ubyte")
    data = bytearray(path.read_bytes())
    data[999] ^= 1
    path.write_bytes(data)
    with pytest.warns(UserWarning, match=f"^{path}: .* will replace it"):
        assert_is(load(name, "test"), *wanted(name, "test"))
    assert len(downloads) == fetched
    assert_is(load(name, "test", verify=True), *wanted(name, "test"))


@pytest.mark.parametrize("name", NAMES)
def test_a_published_file_with_a_flipped_bit_is_refused(
    name: str, mirror: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    for path in mirror.iterdir():
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        (bad / path.name).write_bytes(data)
    with pytest.raises(FetchError, match="at one of these addresses"):
        load(name, "test", source_url=bad.as_uri())
    with pytest.raises((DataMismatchError, IdxError), match=r"as it is published|expected"):
        load(name, "test", root=bad)
    assert_is(load(name, "test"), *wanted(name, "test"))


@pytest.mark.parametrize("name", NAMES)
def test_read_in_place(name: str, mirror: Path, downloads: list[str]) -> None:
    dataset = load(name, "test", root=mirror)
    assert_is(dataset, *wanted(name, "test"))
    assert_is(pickle.loads(pickle.dumps(dataset)), *wanted(name, "test"))
    assert downloads == []
    assert not store.home().exists()


@pytest.mark.parametrize("name", NAMES)
def test_without_a_store_from_memory(
    name: str, downloads: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "file" / "store"))
    with pytest.warns(UserWarning, match="kept in memory"):
        assert_is(load(name, "test"), *wanted(name, "test"))
    assert len(downloads) == len(set(downloads)), "one file is fetched once, though for two"


def test_one_zip_file_serves_all_of_emnist(downloads: list[str]) -> None:
    for split in ("train", "test"):
        for name in ("emnist-letters", "emnist-digits"):
            assert_is(load(name, split), *wanted(name, split))
    assert downloads == ["gzip.zip"]
    assert store.folder(CATALOG["emnist-letters"]) == store.folder(CATALOG["emnist-digits"])


@pytest.mark.parametrize("source", ["store", "root"])
def test_orientation(source: str, mirror: Path) -> None:
    root = mirror if source == "root" else None
    images, _ = made("emnist-letters", "test")
    for orientation, as_wanted in (("upright", images.swapaxes(1, 2)), ("file", images)):
        dataset = load("emnist-letters", "test", root=root, orientation=orientation)  # type: ignore[arg-type]
        np.testing.assert_array_equal(dataset.images, as_wanted)
        assert dataset.images.flags.c_contiguous
    # Where nothing lies on its side, both are the same.
    images, _ = made("kmnist", "test")
    for orientation in ("upright", "file"):
        dataset = load("kmnist", "test", root=root, orientation=orientation)  # type: ignore[arg-type]
        np.testing.assert_array_equal(dataset.images, images)
    for wrong in ("sideways", None, 3):
        with pytest.raises(OptionError, match="orientation must be"):
            load("emnist-letters", orientation=wrong)  # type: ignore[arg-type]


def test_letters_from_one_or_from_zero() -> None:
    _, labels = made("emnist-letters", "test")
    as_filed = load("emnist-letters", "test")
    assert (as_filed.classes[0], as_filed.classes[1], len(as_filed.classes)) == ("N/A", "A", 27)
    np.testing.assert_array_equal(as_filed.labels, labels)
    zero_based = load("emnist-letters", "test", zero_based=True)
    assert zero_based.classes == CATALOG["emnist-letters"].classes
    np.testing.assert_array_equal(zero_based.labels, labels - 1)
    again = pickle.loads(pickle.dumps(zero_based))
    np.testing.assert_array_equal(again.labels, labels - 1)
    assert load("emnist-digits", "test", zero_based=True).classes == tuple("0123456789")
    with pytest.raises(OptionError, match="zero_based must be True or False, not 1"):
        load("emnist-letters", zero_based=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("split", ["train", "test", "nist"])
def test_extended_labels_of_qmnist(split: str) -> None:
    _, table = made("qmnist", split)
    dataset = load("qmnist", split)
    assert dataset.extended is not None
    np.testing.assert_array_equal(dataset.extended, table)
    assert len(dataset.info.extended) == table.shape[1]
    selected = dataset.select([3, 1, 40])
    assert selected.extended is not None
    np.testing.assert_array_equal(selected.extended, table[[3, 1, 40]])
    ((label, extended),) = selected.to("numpy", batch_size=3, fields=("label", "extended"))
    assert (label.dtype, extended.dtype) == (np.int32, np.int32)
    np.testing.assert_array_equal(extended, table[[3, 1, 40]])
    assert extended.flags.writeable
    np.testing.assert_array_equal(label, extended[:, 0])


def test_no_extended_labels_elsewhere() -> None:
    dataset = load("kmnist", "test")
    assert dataset.extended is None
    with pytest.raises(OptionError, match="has no extended labels"):
        dataset.to("numpy", batch_size=3, fields=("image", "extended"))


def test_keras_mnist_npz_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = made("kmnist", "test")
    mnist, files = CATALOG["mnist"], []
    for file, array in zip(mnist.split("test").files, (images, labels), strict=True):
        payload = payload_of(array, tmp_path)
        checksums = Checksums(len(payload), hashlib.sha256(payload).hexdigest())
        files.append(replace(file, payload=checksums))
    info = replace(mnist, splits={"test": SplitInfo(COUNT, *files)}, mirrors=())
    (tmp_path / "keras" / "datasets").mkdir(parents=True)
    np.savez(tmp_path / "keras" / "datasets" / "mnist.npz", x_test=images, y_test=labels)
    paths = ensure_files(info, "test", store.folder(info))
    assert [path.parent for path in paths] == [store.folder(info)] * 2
    assert paths[0].read_bytes() == payload_of(images, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_identified_as_published(name: str, mirror: Path) -> None:
    for file in CATALOG[name].split("test").files:
        (result,) = identify(mirror / file.packed_name)
        assert result.verdict == "genuine", result
        assert (CATALOG[name].family or CATALOG[name].title) in result.found


def test_a_file_other_than_the_published_one_is_named(tmp_path: Path, mirror: Path) -> None:
    images, labels = made("kmnist", "test")
    write_idx(tmp_path / "t10k-images-idx3-ubyte", images)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", labels)
    with pytest.raises(DataMismatchError, match=r"t10k-images-idx3-ubyte.gz as it is published"):
        load("kmnist", "test", root=tmp_path)
    with pytest.raises(FileAccessError, match=r"expected gzip.zip, as it is published"):
        load("emnist-digits", "test", root=tmp_path)
    with zipfile.ZipFile(tmp_path / "gzip.zip", "w") as archive:
        archive.writestr("other", b"")
    with pytest.raises(DataMismatchError, match=r"gzip.zip: expected .* found a zip file of 1"):
        load("emnist-digits", "test", root=tmp_path)


# -- the command line --------------------------------------------------------------------------


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_there_and_back(name: str, tmp_path: Path, downloads: list[str]) -> None:
    run("bundle", name, "-o", tmp_path / "x.zip")
    run("remove", name)
    downloads.clear()
    assert f"{COUNT} examples, genuine" in run("fetch", name, "--from", tmp_path / "x.zip")
    assert downloads == []
    assert_is(load(name, "test"), *wanted(name, "test"))
    assert "genuine" in run("verify", name)


def test_the_published_zip_file_is_taken(mirror: Path, downloads: list[str]) -> None:
    run("fetch", "emnist-digits", "--from", mirror / "gzip.zip")
    assert downloads == []
    assert_is(load("emnist-digits", "train"), *wanted("emnist-digits", "train"))


def test_a_bundle_with_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    run("bundle", "k49", "-o", tmp_path / "x.zip")
    run("remove", "k49")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        contents = {name: bytearray(archive.read(name)) for name in archive.namelist()}
    contents["k49-test-imgs.npz"][300] ^= 1
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, bytes(content))
    result = CliRunner().invoke(main, ["fetch", "k49", "--from", str(tmp_path / "x.zip")])
    assert result.exit_code == 1
    assert "its k49-test-imgs.npz is not the one that is published" in result.output
    assert not [*store.folder(CATALOG["k49"]).glob("*test-imgs*")]


def test_removing_one_of_emnist_leaves_the_others(downloads: list[str]) -> None:
    for name in ("emnist-digits", "emnist-letters"):
        load(name, "test")
    run("remove", "emnist-digits")
    assert not [*store.folder(CATALOG["emnist-letters"]).glob("*digits*")]
    assert_is(load("emnist-letters", "test"), *wanted("emnist-letters", "test"))
    assert_is(load("emnist-digits", "test"), *wanted("emnist-digits", "test"))
    assert downloads == ["gzip.zip"]
    run("remove", "emnist-digits")
    run("remove", "emnist-letters")
    assert not (store.home() / "emnist").exists()


@pytest.mark.parametrize("name", NAMES)
def test_shown(name: str) -> None:
    shown = run("info", name)
    assert CATALOG[name].title in shown
    assert CATALOG[name].split("test").images.packed_name in shown
    assert name in run("list")
    assert name in run("doctor")
    assert "@" in run("info", name, "--bibtex")


@pytest.mark.parametrize("name", NAMES)
def test_the_published_file_is_verified_too(name: str) -> None:
    for split in CATALOG[name].splits:
        load(name, split)
    assert "as published" in run("verify", name)
    (kept,) = store.folder(CATALOG[name]).glob(next(iter(KEPT[name])))
    kept.write_bytes(b"junk")
    result = CliRunner().invoke(main, ["verify", name])
    assert result.exit_code == 1
    assert "changed since" in result.output


def forge(path: Path) -> bytes:
    """Change a file of the store, and note that it is verified, as one who may write there can."""
    forged = bytearray(path.read_bytes())
    forged[-1] ^= 1
    path.write_bytes(forged)
    store.mark_verified(path, hashlib.sha256(forged).hexdigest())
    return bytes(forged)


@pytest.mark.parametrize("name", NAMES)
def test_a_forged_payload_with_a_forged_note_is_not_genuine(name: str) -> None:
    load(name, "test")
    image_file, _ = files_of(CATALOG[name], "test")
    path = store.folder(CATALOG[name]) / image_file.name
    forged = forge(path)
    result = CliRunner().invoke(main, ["verify", name])
    assert result.exit_code == 1
    assert f"{path}: expected" in result.output
    assert load(name, "test").images.tobytes() == forged[16:], "a note is trusted by default"
    with pytest.warns(UserWarning, match=f"genuine {path.name} will replace it"):
        assert_is(load(name, "test", verify=True), *wanted(name, "test"))
    again = CliRunner().invoke(main, ["verify", name]).output
    assert f"{path}: {CATALOG[name].title} {path.name}, genuine" in again


@pytest.mark.parametrize("name", NAMES)
def test_fmnist_verify_ignores_notes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load(name, "test")
    image_file, _ = files_of(CATALOG[name], "test")
    path = store.folder(CATALOG[name]) / image_file.name
    forge(path)
    monkeypatch.setenv("FMNIST_VERIFY", "1")
    assert "verified, in" not in run("doctor").partition(f"\n{name}\n")[2].partition("\n\n")[0]
    with pytest.warns(UserWarning, match=f"genuine {path.name} will replace it"):
        assert_is(load(name, "test"), *wanted(name, "test"))
    assert_is(load(name, "test"), *wanted(name, "test"))


def test_a_payload_without_its_published_file_proves_nothing(downloads: list[str]) -> None:
    load("kmnist", "test")
    place = store.folder(CATALOG["kmnist"])
    for published in place.glob("*.gz"):
        published.unlink()
    result = CliRunner().invoke(main, ["verify", "kmnist"])
    assert result.exit_code == 1
    downloads.clear()
    with pytest.warns(UserWarning, match="will replace it"):
        assert_is(load("kmnist", "test", verify=True), *wanted("kmnist", "test"))
    assert len(downloads) == 2
