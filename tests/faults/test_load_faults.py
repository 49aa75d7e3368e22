"""Loading where the machine fails: killed, crowded, full, read-only, homeless, with flipped bits.

40 processes are killed; FMNIST_FAULTS=all makes it 200, which takes minutes.
"""

import gzip
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fmnist_core import (
    DataMismatchError,
    Dataset,
    FetchError,
    IdxError,
    load,
)
from fmnist_core.catalog import FASHION_MNIST
from fmnist_core.storage import store
from tests.helpers.server import FaultServer, Page

KILLS = 200 if os.environ.get("FMNIST_FAULTS") == "all" else 40

FILES = (FASHION_MNIST.split("test").images, FASHION_MNIST.split("test").labels)
IMAGES, LABELS = NAMES = tuple(file.name for file in FILES)
FILLED = {*NAMES, "verified.json", ".lock"}
Payloads = dict[str, bytes]

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")


@pytest.fixture(scope="module")
def packed(fashion_root: Path) -> Payloads:
    """The published .gz files of the test split, by payload name."""
    return {name: (fashion_root / f"{name}.gz").read_bytes() for name in NAMES}


@pytest.fixture(scope="module")
def payloads(packed: Payloads) -> Payloads:
    return {name: gzip.decompress(data) for name, data in packed.items()}


@pytest.fixture(scope="module")
def genuine(payloads: Payloads) -> str:
    """The output of a process that got the right data."""
    return hashlib.sha256(payloads[IMAGES][16:] + payloads[LABELS][8:]).hexdigest()


def digest_of(dataset: Dataset) -> str:
    return hashlib.sha256(dataset.images.tobytes() + dataset.labels.tobytes()).hexdigest()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, fashion_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The store's folder, not made yet; this process and its children fetch from a good mirror."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for name in [name for name in os.environ if name.startswith("FMNIST_")]:
        monkeypatch.delenv(name)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("FMNIST_MIRROR", fashion_root.resolve().as_uri())
    yield store.folder(FASHION_MNIST)
    shutil.rmtree(tmp_path / "store", ignore_errors=True)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


def serve(server: FaultServer, packed: Payloads, *first: Page) -> str:
    """Serve both files, the images perhaps after other pages; return the mirror's address."""
    for name, data in packed.items():
        pages = [*(first if name == IMAGES else ()), Page(data)]
        server.url(f"/{name}.gz", *pages)
    return server.url("")


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


# -- processes ---------------------------------------------------------------------------------

# Imports first, so that no moment falls into them; then waits to be told.
CHILD = """
import hashlib, sys
import requests
from fmnist_core import load

print("ready", flush=True)
sys.stdin.readline()
dataset = load("fashion-mnist", "test")
print(hashlib.sha256(dataset.images.tobytes() + dataset.labels.tobytes()).hexdigest(), flush=True)
"""


def child(*before: str, script: str = CHILD) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    command = [*before, sys.executable, "-c", script]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def wait_until_ready(process: "subprocess.Popen[str]") -> None:
    assert process.stdout
    assert process.stdout.readline() == "ready\n"


def go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def result_of(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Load in a process; return the last line it printed, and its errors."""
    output, complaints = process.communicate("\n")
    return output.split()[-1], complaints


# -- killed ------------------------------------------------------------------------------------


def duration_of_a_load() -> float:
    with child() as process:
        wait_until_ready(process)
        assert process.stdout
        begun = time.monotonic()
        go(process)
        assert process.stdout.readline()
        return time.monotonic() - begun


@posix
@pytest.mark.parametrize("source", ["file", "http"])
def test_sigkill_at_any_moment_leaves_a_store_that_the_next_load_can_use(
    place: Path,
    server: FaultServer,
    packed: Payloads,
    genuine: str,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
) -> None:
    if source == "http":
        monkeypatch.setenv("FMNIST_MIRROR", serve(server, packed))
    lasts = duration_of_a_load()
    clock, halfway = random.Random(26), 0
    for kill in range(2 * KILLS):
        # The measured time may have been a stall's, and most kills too late.
        if kill >= KILLS // 2 and halfway >= KILLS // 20:
            break
        shutil.rmtree(place)
        with child() as process:
            wait_until_ready(process)
            go(process)
            time.sleep(clock.uniform(0, lasts))
            process.kill()
        for file in FILES:
            if (path := place / file.name).exists():
                assert hashlib.sha256(path.read_bytes()).hexdigest() == file.payload.sha256
        halfway += bool(names_in(place)) and not {*NAMES} <= names_in(place)
        assert digest_of(load("fashion-mnist", "test")) == genuine
        left = names_in(place)
        assert left >= FILLED
        assert not [name for name in left if re.fullmatch(r"\..*\.[0-9a-f]{8}\.part", name)]
    assert halfway >= KILLS // 20


@posix
def test_a_waiting_process_resumes_a_killed_ones_download(
    place: Path,
    server: FaultServer,
    packed: Payloads,
    genuine: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half = Page(packed[IMAGES], "stall", cut=3_000_000)
    monkeypatch.setenv("FMNIST_MIRROR", serve(server, packed, half))
    part = place / f".{IMAGES}.gz.part"
    with child() as first, child() as second:
        wait_until_ready(first)
        go(first)
        while not part.exists() or part.stat().st_size < 3_000_000:
            assert first.poll() is None
            time.sleep(0.01)
        wait_until_ready(second)
        go(second)
        time.sleep(0.3)  # by now it waits; the test is right, if weaker, where it does not
        first.kill()
        assert result_of(second) == (genuine, "")
    assert server.asked(f"/{IMAGES}.gz")[1]["Range"] == "bytes=3000000-"
    assert names_in(place) == FILLED


# -- crowded -----------------------------------------------------------------------------------


def test_sixteen_processes_fetch_each_file_once(
    place: Path,
    server: FaultServer,
    packed: Payloads,
    genuine: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FMNIST_MIRROR", serve(server, packed))
    crowd = [child() for _ in range(16)]
    for process in crowd:
        wait_until_ready(process)
    for process in crowd:
        go(process)
    assert [result_of(process) for process in crowd] == [(genuine, "")] * 16
    assert [len(server.asked(f"/{name}.gz")) for name in NAMES] == [1, 1]
    assert names_in(place) == FILLED


def test_eight_threads_fetch_each_file_once(
    server: FaultServer, packed: Payloads, genuine: str
) -> None:
    mirror = serve(server, packed)
    with ThreadPoolExecutor(8) as crowd:
        loads = [crowd.submit(load, "fashion-mnist", "test", source_url=mirror) for _ in range(8)]
    assert [digest_of(done.result()) for done in loads] == [genuine] * 8
    assert [len(server.asked(f"/{name}.gz")) for name in NAMES] == [1, 1]


# -- full --------------------------------------------------------------------------------------


def assert_loads_from_memory(genuine: str, words: str) -> None:
    with pytest.warns(UserWarning, match=f"{words}.*kept in memory") as caught:
        dataset = load("fashion-mnist", "test")
    assert [warning.filename for warning in caught] == [__file__]
    assert digest_of(dataset) == genuine


# What one file may hold: nothing; a part of the .gz; all of the .gz and a part of the payload.
@posix
@pytest.mark.parametrize("limit", [0, 1_000_000, 6_000_000])
def test_a_full_disk_is_an_error_and_leaves_nothing_half_written(
    place: Path, genuine: str, limit: int
) -> None:
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    with child(script=limited + CHILD) as process:
        output, complaints = result_of(process)
    assert (output, process.returncode) == ("ready", 1)
    last = complaints.splitlines()[-1]
    assert last.startswith("fmnist_core.errors.DiskFullError: ")
    assert "cannot be written (File too large)" in last
    assert not names_in(place) & {*NAMES, "verified.json", f"{IMAGES}.gz"}
    assert digest_of(load("fashion-mnist", "test")) == genuine
    assert names_in(place) == FILLED


def mounting(*commands: str) -> Sequence[str]:
    """Return the prefix of a command that runs it with its own mounts."""
    script = " && ".join([*commands, 'exec "$@"'])
    before = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh"]
    if not shutil.which("unshare") or subprocess.run([*before, "true"], check=False).returncode:
        pytest.skip("this machine lets a process have no mounts of its own")
    return before


AT_EXIT = """
import atexit, os, sys
atexit.register(lambda: print(*os.listdir(os.environ["PLACE"]), file=sys.stderr))
"""


@pytest.mark.parametrize("size", ["1m", "6m"])
def test_a_small_disk_under_the_store_is_an_error_and_no_other_disk_is_filled(
    place: Path,
    tmp_path: Path,
    server: FaultServer,
    packed: Payloads,
    monkeypatch: pytest.MonkeyPatch,
    size: str,
) -> None:
    place.mkdir(parents=True)
    monkeypatch.setenv("PLACE", str(place))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "work"))
    monkeypatch.setenv("FMNIST_MIRROR", serve(server, packed))
    before = mounting(f'mount -t tmpfs -o size={size} none "$PLACE"')
    with child(*before, script=AT_EXIT + CHILD) as process:
        output, complaints = result_of(process)
    assert (output, process.returncode) == ("ready", 1)
    assert "DiskFullError: " in complaints
    assert "No space left on device" in complaints
    left = {*complaints.splitlines()[-1].split()}
    assert not left & {*NAMES, "verified.json", f"{IMAGES}.gz"}
    assert len(server.asked(f"/{IMAGES}.gz")) == 1, "begun again elsewhere"
    assert names_in(tmp_path / "work") == set()


# -- read-only ---------------------------------------------------------------------------------

READ_ONLY = (
    'mount --bind "$FMNIST_HOME" "$FMNIST_HOME"',
    'mount -o remount,bind,ro "$FMNIST_HOME"',
)


def test_an_empty_store_that_is_read_only_leaves_the_data_in_memory(
    place: Path, genuine: str
) -> None:
    place.mkdir(parents=True)
    with child(*mounting(*READ_ONLY)) as process:
        output, complaints = result_of(process)
    assert output == genuine
    assert complaints.count("Warning: ") == complaints.count("kept in memory") == 1
    assert "Read-only file system" in complaints


def test_a_complete_read_only_store_is_used_without_a_warning(
    place: Path, genuine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load("fashion-mnist", "test")
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    with child(*mounting(*READ_ONLY)) as process:
        assert result_of(process) == (genuine, "")


def test_a_copied_store_that_is_read_only_needs_no_network(
    place: Path, genuine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load("fashion-mnist", "test")
    os.utime(place / IMAGES, ns=(1, 1))
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    monkeypatch.delenv("FMNIST_MIRROR")
    with child(*mounting(*READ_ONLY)) as process:
        output, complaints = result_of(process)
    assert output == genuine
    assert complaints.count("Warning: ") == complaints.count("kept in memory") == 1


@posix
@pytest.mark.parametrize("home", ["file/store", "/proc/fmnist", "x" * 300])
def test_a_store_that_cannot_be_made_leaves_the_data_in_memory(
    genuine: str, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    Path("file").write_bytes(b"")
    monkeypatch.setenv("FMNIST_HOME", home)
    assert_loads_from_memory(genuine, "the store cannot be written .*FMNIST_HOME")
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    monkeypatch.delenv("FMNIST_MIRROR")
    with pytest.raises(FetchError, match="Unset FMNIST_OFFLINE"):
        load("fashion-mnist", "test")
    assert names_in(Path.cwd()) == {"file"}


# -- odd places --------------------------------------------------------------------------------


def test_a_store_and_a_mirror_with_spaces_signs_and_other_letters(
    tmp_path: Path, packed: Payloads, genuine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "store" / "Données de Zoë, 100 % [雪] #1?"
    monkeypatch.setenv("FMNIST_HOME", str(odd))
    mirror = odd / "mirror"
    mirror.mkdir(parents=True)
    for name, data in packed.items():
        (mirror / f"{name}.gz").write_bytes(data)
    assert digest_of(load("fashion-mnist", "test", source_url=mirror.as_uri())) == genuine
    assert names_in(store.folder(FASHION_MNIST)) == FILLED
    shutil.rmtree(mirror)
    assert digest_of(load("fashion-mnist", "test", source_url=mirror.as_uri())) == genuine
    assert digest_of(load("fashion-mnist", "test", root=store.folder(FASHION_MNIST))) == genuine


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name == "HOME" or name.startswith("XDG_")]:
        monkeypatch.delenv(name)
    for name in ("FMNIST_HOME", "KERAS_HOME"):
        monkeypatch.delenv(name)


@posix
@pytest.mark.usefixtures("homeless")
def test_without_home_the_table_of_users_is_read(
    tmp_path: Path, genuine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pwd

    me = pwd.struct_passwd(("me", "x", 1, 1, "", str(tmp_path / "store" / "me"), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: me)
    assert digest_of(load("fashion-mnist", "test")) == genuine
    assert store.folder(FASHION_MNIST).is_relative_to(tmp_path / "store" / "me")
    assert names_in(store.folder(FASHION_MNIST)) == FILLED


@posix
@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_home_gets_the_data_in_memory(
    genuine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pwd

    def nobody(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert_loads_from_memory(genuine, "no home folder.*FMNIST_HOME")
    assert names_in(Path.cwd()) == set()


# -- flipped bits ------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path, payloads: Payloads) -> Iterator[Path]:
    """A folder with both payloads, raw, to be damaged."""
    folder = tmp_path / "root"
    folder.mkdir()
    for name, payload in payloads.items():
        (folder / name).write_bytes(payload)
    yield folder
    shutil.rmtree(folder)


def flip(path: Path, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


@pytest.mark.parametrize(("name", "times"), [(LABELS, 500), (IMAGES, 100)])
def test_any_flipped_bit_of_a_payload_is_refused(
    root: Path, genuine: str, name: str, times: int
) -> None:
    path, dice = root / name, random.Random(27)
    header = range(8 * (16 if name == IMAGES else 8))
    bits = [*header, *(dice.randrange(8 * path.stat().st_size) for _ in range(times))]
    for bit in bits:
        flip(path, bit)
        with pytest.raises((IdxError, DataMismatchError), match=f"^{path}: expected"):
            load("fashion-mnist", "test", root=root)
        flip(path, bit)
    assert digest_of(load("fashion-mnist", "test", root=root)) == genuine


def accepted(root: Path, genuine: str) -> bool:
    """Return whether `load` accepts a folder; check that the data are then genuine."""
    try:
        dataset = load("fashion-mnist", "test", root=root)
    except (IdxError, DataMismatchError):
        return False
    assert digest_of(dataset) == genuine
    return True


def test_any_flipped_bit_of_a_packed_file_is_refused_or_harmless(
    root: Path, packed: Payloads, genuine: str
) -> None:
    path, dice = root / f"{LABELS}.gz", random.Random(28)
    (root / LABELS).unlink()
    path.write_bytes(packed[LABELS])
    places = [*range(80), *(dice.randrange(80, 8 * len(packed[LABELS])) for _ in range(500))]
    harmless = []
    for bit in places:
        flip(path, bit)
        if accepted(root, genuine):
            harmless.append(bit)
        flip(path, bit)
    # Bytes 4 to 9 of the header, the name, and some flags do not affect the payload.
    header = packed[LABELS].index(b"\0", 10) + 1
    assert {*range(32, 80)} <= {*harmless} <= {*range(24, 8 * header)}


def test_flipped_bits_of_the_packed_images_are_refused(
    root: Path, packed: Payloads, genuine: str
) -> None:
    path, dice = root / f"{IMAGES}.gz", random.Random(29)
    (root / IMAGES).unlink()
    path.write_bytes(packed[IMAGES])
    for _ in range(20):
        bit = dice.randrange(80, 8 * len(packed[IMAGES]))
        flip(path, bit)
        assert not accepted(root, genuine)
        flip(path, bit)
    assert accepted(root, genuine)


@pytest.mark.parametrize("moment", [0, 1_503_000_000, 2**32 - 1])
@pytest.mark.parametrize("level", range(1, 10))
def test_a_recompressed_file_is_accepted(
    root: Path, payloads: Payloads, genuine: str, level: int, moment: int
) -> None:
    (root / LABELS).unlink()
    again = gzip.compress(payloads[LABELS], level, mtime=moment)
    (root / f"{LABELS}.gz").write_bytes(again)
    assert accepted(root, genuine)
