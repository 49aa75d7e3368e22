"""Files that a user names for output: links, devices, pipes, modes, and what is there already."""

import os
import stat
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fmnist_core import FileAccessError, FmnistError, map_idx, open_idx, read_idx, write_idx
from fmnist_core.files import STALE, write_output
from fmnist_core.fingerprints import Fingerprint
from fmnist_core.tools.cli import main

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")
ARRAY = np.arange(5, dtype=np.uint8)

COMMANDS = {
    "picture": (["picture", "synthetic", "--split", "test", "-o"], "x.png"),
    "bundle": (["bundle", "synthetic", "-o"], "x.zip"),
    "fingerprint": (["fingerprint", "synthetic", "--split", "test", "-o"], "x.json"),
}


def run(name: str, output: object, *more: str) -> int:
    result = CliRunner().invoke(main, [*COMMANDS[name][0], str(output), *more])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code


@pytest.mark.parametrize("name", COMMANDS)
def test_an_existing_file_is_replaced_only_by_force(tmp_path: Path, name: str) -> None:
    path = tmp_path / COMMANDS[name][1]
    path.write_bytes(b"mine")
    assert run(name, path) == 1
    assert path.read_bytes() == b"mine"
    assert run(name, path, "--force") == 0
    assert path.stat().st_size > 1000
    assert list(tmp_path.iterdir()) == [path]


@posix
@pytest.mark.parametrize("name", COMMANDS)
def test_a_link_is_followed_and_a_mode_is_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "secret"
    target.write_bytes(b"mine")
    target.chmod(0o600)
    link = tmp_path / COMMANDS[name][1]
    link.symlink_to(target)
    assert run(name, link, "--force") == 0
    assert link.is_symlink()
    assert target.stat().st_size > 1000
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list((tmp_path / "elsewhere").iterdir()) == [target]


@posix
@pytest.mark.parametrize("name", COMMANDS)
def test_a_device_stays_a_device(tmp_path: Path, name: str) -> None:
    assert run(name, "/dev/null") == (1 if name == "picture" else 0), "no name of a picture"
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    if os.geteuid() == 0:
        device = tmp_path / COMMANDS[name][1]
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        assert run(name, device) == 0
        assert stat.S_ISCHR(device.stat().st_mode)


@posix
@pytest.mark.timeout(20)
def test_a_pipe_is_written_and_one_that_nobody_reads_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(FileAccessError, match="cannot be written"):
        write_idx(pipe, ARRAY)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            write_idx(pipe, ARRAY)
            break
        except FileAccessError:  # not open yet
            time.sleep(0.01)
    reader.join()
    (tmp_path / "x").write_bytes(received[0])
    assert (read_idx(tmp_path / "x") == ARRAY).all()
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@posix
def test_standard_output_is_written() -> None:
    array = "numpy.arange(5, dtype='u1')"
    script = f"import numpy, fmnist_core as fm; fm.write_idx('/dev/stdout', {array})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"\0\0\x08\x01\0\0\0\x05\0\1\2\3\4"


def test_a_folder_as_output_raises(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match="cannot be written"):
        write_idx(tmp_path, ARRAY)


@posix
def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    dangling, loop = tmp_path / "dangling", tmp_path / "loop"
    dangling.symlink_to(tmp_path / "new")
    write_idx(dangling, ARRAY)
    assert dangling.is_symlink()
    assert (read_idx(tmp_path / "new") == ARRAY).all()
    loop.symlink_to(loop)
    with pytest.raises(FileAccessError):
        write_idx(loop, ARRAY)
    assert loop.is_symlink()


def test_what_killed_writers_left_in_a_users_folder_is_removed(tmp_path: Path) -> None:
    old, new, other = (
        tmp_path / name for name in (".x.0123abcd.part", ".x.4567abcd.part", ".y.0123abcd.part")
    )
    for path in (old, new, other):
        path.write_bytes(b"half")
    long_ago = time.time() - STALE - 60
    for path in (old, other):
        os.utime(path, (long_ago, long_ago))
    write_output(tmp_path / "x", [b"whole"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [new.name, other.name, "x"]


# -- names of others' -----------------------------------------------------------------------------

FORGED = "a\nx-idx3-ubyte: MNIST train-images-idx3-ubyte, genuine\x1b[2J"


@posix
@pytest.mark.parametrize("command", ["identify", "verify"])
def test_a_name_can_neither_forge_a_line_nor_drive_the_terminal(
    tmp_path: Path, command: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / FORGED).write_bytes(b"junk")
    (folder / f"{FORGED} link").symlink_to(FORGED + "\x1b]0;gone\x07")
    with zipfile.ZipFile(folder / "x.zip", "w") as archive:
        archive.writestr(FORGED, b"junk")
    result = CliRunner().invoke(main, [command, str(folder)])
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 3
    for line in result.output.splitlines():
        assert line.isprintable()
        assert line.startswith(str(folder))


@posix
@pytest.mark.parametrize(
    "arguments",
    [
        ["identify", "{}"],
        ["verify", "{}"],
        ["compare", "{}", "{}"],
        ["merge", "{}"],
        ["fetch", "fashion-mnist", "--from", "{}.zip"],
        ["picture", "synthetic", "-o", "{}.jpg"],
        ["picture", "synthetic", "--split", "test", "-o", "{}.png"],
        ["picture", "fashion-mnist", "--root", "{}", "-o", "x.png"],
        ["fingerprint", "synthetic", "--split", "test", "-o", "{}"],
        ["bundle", "synthetic", "-o", "{}"],
        ["demo", "-o", "{}"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_no_message_is_forged_by_the_name_that_it_quotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / FORGED).write_bytes(b"junk")
    (tmp_path / f"{FORGED}.zip").write_bytes(b"PK\x03\x04")
    result = CliRunner().invoke(main, [argument.format(FORGED) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "genuine" in result.output
    for line in result.output.splitlines():
        assert line.isprintable()
        assert not line.startswith("x-idx3-ubyte")


@posix
def test_no_error_is_forged_by_the_name_that_it_quotes(tmp_path: Path) -> None:
    path = tmp_path / FORGED
    path.write_bytes(b"\0\0\x08\x01\0\0\0\x09")
    for attempt in (read_idx, map_idx, Fingerprint.load, lambda path: open_idx(path, path)):
        with pytest.raises(FmnistError) as caught:
            attempt(path)
        assert str(caught.value).isprintable()
    with path.open("rb") as file, pytest.raises(FmnistError) as caught:
        read_idx(file)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("command", ["identify", "verify"])
def test_an_empty_text_is_not_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (tmp_path / "x").write_bytes(b"junk")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [command, ""])
    assert result.exit_code == 1
    assert "found an empty text" in result.output


@posix
def test_deep_folders_are_searched_and_links_to_folders_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("deep", "tree/real"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("tree/real/x", "tree/y"):
        write_idx(tmp_path / name, ARRAY)
    (tmp_path / "tree" / "real" / "self").symlink_to("..")
    depth = 2500  # beyond Python's stack, and beyond what a path may be
    monkeypatch.chdir("deep")
    for _ in range(depth):
        os.mkdir("d")
        os.chdir("d")
    result = CliRunner().invoke(main, ["identify", str(tmp_path / "deep")])
    for _ in range(depth):  # pytest's own removal would not end
        os.chdir("..")
        os.rmdir("d")
    os.chdir(tmp_path)
    assert isinstance(result.exception, SystemExit)
    assert "File name too long" in result.output
    result = CliRunner().invoke(main, ["identify", "tree"])
    assert result.exit_code == 1
    assert [line.partition(": ")[0] for line in result.output.splitlines()] == [
        "tree/real/self",
        "tree/real/x",
        "tree/y",
    ]
    assert "a link to a folder, which is not followed" in result.output
