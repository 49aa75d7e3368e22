"""Obtaining a dataset: local files are used, wrong ones are not, and no work is done twice."""

import gzip
import hashlib
import os
import shutil
import socket
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist_core import Dataset, FetchError, FmnistError, load
from fmnist_core.catalog import CATALOG, FASHION_MNIST
from fmnist_core.records import Checksums, DatasetInfo, FileInfo
from fmnist_core.storage import obtain, store
from fmnist_core.storage.folders import find_unverified
from fmnist_core.storage.obtain import ensure_files, files_of, find_genuine, find_local

IMAGES, LABELS = NAMES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
TEST = FASHION_MNIST.split("test")
FILES = {IMAGES: TEST.images, LABELS: TEST.labels}
Payloads = dict[str, bytes]


@pytest.fixture(scope="module")
def payloads(fashion_root: Path) -> Payloads:
    """Unpacked bytes of the test split, by file name."""
    return {name: gzip.decompress((fashion_root / f"{name}.gz").read_bytes()) for name in FILES}


@pytest.fixture
def mirror(fashion_root: Path) -> str:
    return fashion_root.resolve().as_uri()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The store's folder, not made yet, on a machine without other libraries' files."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    for name in ("FMNIST_MIRROR", "FMNIST_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    yield store.folder(FASHION_MNIST)
    shutil.rmtree(tmp_path / "store", ignore_errors=True)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the payloads that are hashed from now on."""
    names: list[str] = []
    real = store.payload_sha256

    def payload_sha256(path: Path, limit: int | None = None, member: str = "") -> str | None:
        digest = real(path, limit, member)
        names.append(path.name)
        return digest

    monkeypatch.setattr(store, "payload_sha256", payload_sha256)
    return names


def forbid(monkeypatch: pytest.MonkeyPatch, module: object, *names: str) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("this was not to be called")

    for name in names:
        monkeypatch.setattr(module, name, forbidden)


def assert_genuine(dataset: Dataset, payloads: Payloads) -> None:
    assert dataset.images.tobytes() == payloads[IMAGES][16:]
    assert dataset.labels.tobytes() == payloads[LABELS][8:]


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def flip(path: Path, where: int = 5000) -> bytes:
    """Change one bit of a file in place; return its new content."""
    data = bytearray(path.read_bytes())
    data[where] ^= 4
    path.write_bytes(data)
    return bytes(data)


def fast(payload: bytes) -> bytes:
    return gzip.compress(payload, 1)


def zipped(payload: bytes) -> bytes:
    path = Path("a zip file")
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("only folders")
    return path.read_bytes()


SPOIL: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda payload: b"",
    "page": lambda payload: b"<html>",
    "half": lambda payload: payload[: len(payload) // 2],
    "half-packed": lambda payload: fast(payload)[:-9],
    "other": lambda payload: payload[:-1] + bytes([payload[-1] ^ 1]),
    "zip": zipped,
    "half-zip": lambda payload: zipped(payload)[:-9],
}


# -- the store ---------------------------------------------------------------------------------


def test_the_store_is_filled_once_and_then_trusted(
    place: Path, mirror: str, payloads: Payloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_genuine(load("fashion-mnist", "test", source_url=mirror), payloads)
    assert names_in(place) == {*NAMES, "verified.json", ".lock"}
    forbid(monkeypatch, socket, "socket", "create_connection", "getaddrinfo")
    forbid(monkeypatch, hashlib, "sha256", "new", "file_digest")
    forbid(monkeypatch, obtain, "locked")
    assert_genuine(load("fashion-mnist", "test"), payloads)
    assert ensure_files(FASHION_MNIST, "test", place) == (place / IMAGES, place / LABELS)


def test_verify_hashes_again(place: Path, mirror: str, hashed: list[str]) -> None:
    load("fashion-mnist", "test", source_url=mirror)
    assert hashed == []  # hashed while they were unpacked
    load("fashion-mnist", "test", verify=True)
    assert hashed == [*NAMES]


@pytest.mark.parametrize("moment", [0, 10**18, 4 * 10**18], ids=["1970", "2001", "2096"])
def test_a_touched_file_is_hashed_once_more(
    place: Path, mirror: str, hashed: list[str], moment: int
) -> None:
    load("fashion-mnist", "test", source_url=mirror)
    os.utime(place / LABELS, ns=(moment, moment))
    for _ in range(2):
        load("fashion-mnist", "test")
        assert hashed == [LABELS]


@pytest.mark.parametrize("notes", [b"", b"{", b"[]", b'{"t10k-labels-idx1-ubyte": 7}', b"\xff"])
def test_lost_notes_cost_one_more_hash(
    place: Path, mirror: str, hashed: list[str], notes: bytes
) -> None:
    load("fashion-mnist", "test", source_url=mirror)
    (place / "verified.json").write_bytes(notes)
    for _ in range(2):
        load("fashion-mnist", "test")
        assert hashed == [*NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_a_flipped_bit_in_the_store_is_replaced_with_a_warning(
    place: Path, mirror: str, payloads: Payloads, name: str
) -> None:
    load("fashion-mnist", "test", source_url=mirror)
    flip(place / name)
    with pytest.warns(UserWarning, match=f"^{place / name}: .*genuine {name}") as caught:
        assert_genuine(load("fashion-mnist", "test", source_url=mirror), payloads)
    assert [warning.filename for warning in caught] == [__file__]
    assert (place / name).read_bytes() == payloads[name]
    assert_genuine(load("fashion-mnist", "test"), payloads)


def test_verify_detects_a_flipped_bit_with_an_unchanged_time(
    place: Path, mirror: str, payloads: Payloads
) -> None:
    load("fashion-mnist", "test", source_url=mirror)
    status = (place / LABELS).stat()
    flip(place / LABELS)
    os.utime(place / LABELS, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.warns(UserWarning, match=f"^{place / LABELS}: ") as caught:
        dataset = load("fashion-mnist", "test", source_url=mirror, verify=True)
    assert len(caught) == 1
    assert_genuine(dataset, payloads)


@pytest.mark.parametrize("kind", SPOIL)
def test_any_damaged_file_in_the_store_is_replaced_with_a_warning(
    place: Path, mirror: str, payloads: Payloads, kind: str
) -> None:
    load("fashion-mnist", "test", source_url=mirror)
    (place / LABELS).write_bytes(SPOIL[kind](payloads[LABELS]))
    with pytest.warns(UserWarning, match=f"^{place / LABELS}: .*genuine {LABELS}") as caught:
        assert_genuine(load("fashion-mnist", "test", source_url=mirror), payloads)
    assert len(caught) == 1
    assert_genuine(load("fashion-mnist", "test"), payloads)


def test_a_note_of_another_digest_is_no_reason_to_trust(
    place: Path, mirror: str, payloads: Payloads
) -> None:
    load("fashion-mnist", "test", source_url=mirror)
    store.mark_verified(place / LABELS, hashlib.sha256(flip(place / LABELS)).hexdigest())
    with pytest.warns(UserWarning, match=LABELS):
        assert_genuine(load("fashion-mnist", "test", source_url=mirror), payloads)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_cannot_be_replaced_raises_and_stays(
    place: Path, mirror: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    load("fashion-mnist", "test", source_url=mirror)
    spoilt = flip(place / name)
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    for _ in range(2):
        with (
            pytest.warns(UserWarning, match=f"^{place / name}: ") as caught,
            pytest.raises(FetchError, match=r"Unset FMNIST_OFFLINE"),
        ):
            load("fashion-mnist", "test")
        assert len(caught) == 1
        assert (place / name).read_bytes() == spoilt
        assert names_in(place) == {*NAMES, "verified.json", ".lock"}


def test_a_dataset_that_is_open_keeps_its_bytes_when_the_file_is_replaced(
    place: Path, mirror: str, payloads: Payloads
) -> None:
    before = load("fashion-mnist", "test", source_url=mirror)
    spoilt = place / "other"
    spoilt.write_bytes(payloads[LABELS][:-1] + b"\x09")
    spoilt.replace(place / LABELS)
    with pytest.warns(UserWarning, match=LABELS):
        load("fashion-mnist", "test", source_url=mirror)
    assert_genuine(before, payloads)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_file_put_into_the_store_by_hand_is_used(
    place: Path,
    fashion_root: Path,
    payloads: Payloads,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
) -> None:
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    place.mkdir(parents=True)
    for name in NAMES:
        shutil.copy(fashion_root / f"{name}.gz", place / f"{name}{suffix}")
    assert_genuine(load("fashion-mnist", "test"), payloads)


def test_what_a_killed_process_left_is_removed(
    place: Path, mirror: str, payloads: Payloads
) -> None:
    place.mkdir(parents=True)
    (place / f".{IMAGES}.0123abcd.part").write_bytes(payloads[IMAGES][:4000])
    (place / f".{LABELS}.gz.part").write_bytes(b"half")
    for other in (".train-images-idx3-ubyte.gz.part", ".train-images-idx3-ubyte.gz.part.json"):
        (place / other).write_bytes(b"still wanted")
    (place / LABELS).write_bytes(payloads[LABELS])
    load("fashion-mnist", "test", source_url=mirror)
    assert names_in(place) == {
        *NAMES,
        "verified.json",
        ".lock",
        ".train-images-idx3-ubyte.gz.part",
        ".train-images-idx3-ubyte.gz.part.json",
    }


# -- other libraries' files --------------------------------------------------------------------


def put(folder: Path, payloads: Payloads, pack: Callable[[bytes], bytes], suffix: str = "") -> Path:
    folder.mkdir(parents=True)
    for name, payload in payloads.items():
        (folder / f"{name}{suffix}").write_bytes(pack(payload))
    return folder


TORCHVISION = Path("data") / "FashionMNIST" / "raw"


def test_files_of_torchvision_are_mapped_in_place(
    place: Path, payloads: Payloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    folder = put(TORCHVISION.absolute(), payloads, bytes)
    assert ensure_files(FASHION_MNIST, "test", place) == (folder / IMAGES, folder / LABELS)
    assert_genuine(load("fashion-mnist", "test"), payloads)
    assert names_in(place) <= {".lock"}


@pytest.mark.parametrize("default", [False, True])
def test_files_of_keras_are_unpacked_into_the_store(
    place: Path, tmp_path: Path, payloads: Payloads, monkeypatch: pytest.MonkeyPatch, default: bool
) -> None:
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    if default:
        monkeypatch.delenv("KERAS_HOME")
        for name in ("HOME", "USERPROFILE"):
            monkeypatch.setenv(name, str(tmp_path / "me"))
    keras = tmp_path / ("me/.keras" if default else "keras")
    folder = put(keras / "datasets" / "fashion-mnist", payloads, fast, ".gz")
    assert_genuine(load("fashion-mnist", "test"), payloads)
    assert names_in(place) == {*NAMES, "verified.json", ".lock"}
    shutil.rmtree(folder)
    assert_genuine(load("fashion-mnist", "test"), payloads)


@pytest.mark.parametrize("kind", SPOIL)
def test_damaged_files_of_other_libraries_are_skipped(
    place: Path, tmp_path: Path, mirror: str, payloads: Payloads, kind: str
) -> None:
    put(TORCHVISION, payloads, SPOIL[kind])
    put(tmp_path / "keras" / "datasets" / "fashion-mnist", payloads, SPOIL[kind], ".gz")
    assert_genuine(load("fashion-mnist", "test", source_url=mirror), payloads)
    assert names_in(place) == {*NAMES, "verified.json", ".lock"}


def test_unreadable_files_of_other_libraries_are_skipped(
    tmp_path: Path, mirror: str, payloads: Payloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = {name: getattr(os, name) for name in ("open", "stat")}

    def denied(name: str) -> Callable[..., object]:
        def call(path: object, *arguments: object, **options: object) -> object:
            if str(path).startswith(str(tmp_path / "keras")):
                raise PermissionError(13, "Permission denied", str(path))
            return real[name](path, *arguments, **options)

        return call

    for name in real:
        monkeypatch.setattr(os, name, denied(name))
    assert_genuine(load("fashion-mnist", "test", source_url=mirror), payloads)
    # The catalog knows some payloads by their published files only, so it looks for those too.
    for info in CATALOG.values():
        for file in files_of(info, "test" if "test" in info.splits else "train"):
            assert (find_local(info, file) is None) == (info is not FASHION_MNIST)
            with pytest.raises(FmnistError):
                find_genuine([tmp_path / "keras" / "datasets"], info, file)
        with pytest.raises(FmnistError):
            find_unverified(tmp_path / "keras" / "datasets", info, next(iter(info.splits)))


def test_a_root_may_be_torchvisions(tmp_path: Path, payloads: Payloads) -> None:
    put(tmp_path / "FashionMNIST" / "raw", payloads, bytes)
    assert_genuine(load("fashion-mnist", "test", root=tmp_path), payloads)


# -- mirrors -----------------------------------------------------------------------------------


def test_the_callers_mirror_wins_over_the_environments(
    place: Path, tmp_path: Path, mirror: str, payloads: Payloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_MIRROR", mirror)
    empty = (tmp_path / "empty").as_uri()
    with pytest.raises(FetchError, match=f"{empty}/{IMAGES}.gz: .*No such file") as caught:
        load("fashion-mnist", "test", source_url=empty)
    assert mirror not in str(caught.value)
    assert_genuine(load("fashion-mnist", "test"), payloads)
    shutil.rmtree(place)
    monkeypatch.setenv("FMNIST_MIRROR", empty)
    with pytest.raises(FetchError, match=empty) as caught:
        load("fashion-mnist", "test")
    assert not any(url in str(caught.value) for url in FASHION_MNIST.mirrors)
    assert_genuine(load("fashion-mnist", "test", source_url=f"{mirror}/"), payloads)


def test_offline_opens_no_socket_and_says_what_to_do(
    place: Path, mirror: str, payloads: Payloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid(monkeypatch, socket, "socket", "create_connection", "getaddrinfo")
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    with pytest.raises(FetchError) as caught:
        load("fashion-mnist", "test")
    for words in ("not tried", "Unset FMNIST_OFFLINE", "FMNIST_MIRROR", "root=FOLDER", IMAGES):
        assert words in str(caught.value)
    assert names_in(place) == {".lock"}
    assert_genuine(load("fashion-mnist", "test", source_url=mirror), payloads)


def test_a_users_mirror_may_pack_it_differently(tmp_path: Path, payloads: Payloads) -> None:
    folder = put(tmp_path / "mirror", payloads, fast, ".gz")
    assert (folder / f"{IMAGES}.gz").stat().st_size != TEST.images.packed.nbytes
    assert_genuine(load("fashion-mnist", "test", source_url=folder.as_uri()), payloads)


def test_mnist_under_fashion_mnists_names_is_refused_and_named(
    place: Path, data_root: Path
) -> None:
    mnist = (data_root / "wild" / "kelas__mnist").resolve().as_uri()
    with pytest.raises(FetchError) as caught:
        load("fashion-mnist", "test", source_url=mnist)
    for words in (mnist, f"expected Fashion-MNIST {IMAGES}", f"found MNIST {IMAGES}"):
        assert words in str(caught.value)
    assert names_in(place) == {".lock"}


@pytest.mark.parametrize("wrong", ["mnist", "damaged", "absent"])
def test_after_a_wrong_mirror_the_next_is_asked(
    place: Path, tmp_path: Path, data_root: Path, mirror: str, payloads: Payloads, wrong: str
) -> None:
    folder = data_root.resolve() / "wild" / "kelas__mnist"
    if wrong != "mnist":
        folder = tmp_path / "wrong"
        folder.mkdir()
    if wrong == "damaged":
        for name in NAMES:  # of the published length
            shutil.copyfile(data_root / "fashion" / f"{name}.gz", folder / f"{name}.gz")
            flip(folder / f"{name}.gz", 2000)
    info = replace(FASHION_MNIST, mirrors=(folder.as_uri(), mirror))
    paths = ensure_files(info, "test", place)
    assert [path.read_bytes() for path in paths] == [payloads[name] for name in NAMES]
    assert names_in(place) == {*NAMES, "verified.json", ".lock"}


def test_a_download_is_reported(mirror: str) -> None:
    reports: list[tuple[str, int, int | None]] = []
    load("fashion-mnist", "test", source_url=mirror, report=lambda *news: reports.append(news))
    for name in NAMES:
        size = FILES[name].packed.nbytes
        done = [done for about, done, _ in reports if about == name]
        assert done == sorted(done)
        assert (done[0], done[-1]) == (0, size)
        assert {total for about, _, total in reports if about == name} == {size}
    assert {name for name, _, _ in reports} == {*NAMES}
    reports.clear()
    load("fashion-mnist", "test", report=lambda *news: reports.append(news))
    assert reports == []


# -- a dataset with digests of its published files only ------------------------------------------


def without_payload_digests(file: FileInfo) -> FileInfo:
    return replace(file, payload=Checksums())


@pytest.fixture
def packed_only(mirror: str) -> DatasetInfo:
    split = replace(
        TEST,
        images=without_payload_digests(TEST.images),
        labels=without_payload_digests(TEST.labels),
    )
    return replace(FASHION_MNIST, splits={"test": split}, mirrors=(mirror,))


def test_the_published_files_digest_is_enough(
    place: Path, packed_only: DatasetInfo, payloads: Payloads, hashed: list[str]
) -> None:
    for _ in range(2):
        paths = ensure_files(packed_only, "test", place)
        assert [path.read_bytes() for path in paths] == [payloads[name] for name in NAMES]
        assert hashed == []
    os.utime(place / LABELS, ns=(1, 1))
    for _ in range(2):
        assert ensure_files(packed_only, "test", place) == paths
        assert set(hashed) == {LABELS}
    flip(place / LABELS)
    with pytest.warns(UserWarning, match=f"{place / LABELS}"):
        ensure_files(packed_only, "test", place)
    assert (place / LABELS).read_bytes() == payloads[LABELS]


def test_the_same_payload_packed_differently_then_raises(
    place: Path, tmp_path: Path, packed_only: DatasetInfo, payloads: Payloads
) -> None:
    folder = put(tmp_path / "mirror", payloads, fast, ".gz")
    with pytest.raises(FetchError, match=IMAGES):
        ensure_files(packed_only, "test", place, source_url=folder.as_uri())
    assert names_in(place) == {".lock"}
