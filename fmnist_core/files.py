"""Read regular files only; write files completely or not at all."""

import errno
import io
import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep, time
from typing import TYPE_CHECKING

from fmnist_core.errors import (
    DataMismatchError,
    DiskFullError,
    FileAccessError,
    FmnistError,
    OptionError,
    brief,
    printable,
)

if TYPE_CHECKING:
    import hashlib

BLOCK = 1 << 20
"""Bytes read or unpacked at a time."""

MAX_JSON_ITEMS = 1 << 17
"""Most items of a JSON file; an item of two bytes takes a hundred bytes in Python."""

MAX_JSON_DEPTH = 16
"""Most levels of a JSON file, so that printing the content stays within Python's own limit."""

STALE = 24 * 3600.0
"""A half-written file that was not touched for so many seconds belongs to a dead process."""

REPLACE_PATIENCE = 1.0
"""Seconds to wait on Windows for a program that has the file to be replaced open."""

_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
NO_ROOM = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
"""Errors that say that the disk, or this user's part of it, is full."""

_HELD_OPEN = (5, 32)
"""Windows' ERROR_ACCESS_DENIED and ERROR_SHARING_VIOLATION."""


def as_path(path: object) -> Path:
    """Return an argument as a path, or raise OptionError if it cannot be one."""
    if not isinstance(path, str | os.PathLike) or "\0" in str(path):
        is_data = isinstance(path, bytes | bytearray | memoryview)
        hint = ". Try: parse_idx(data) for the bytes of an IDX file" if is_data else ""
        raise OptionError(f"expected a path, found {brief(path)}{hint}")
    return Path(path)


def expanded(path: Path) -> Path:
    """Return a path with ``~`` and ``~user`` replaced, or raise FileAccessError."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise FileAccessError(
            f"{printable(path)}: no such user, or one without a home folder"
        ) from error


@contextmanager
def open_regular(path: Path) -> Iterator[io.BufferedReader]:
    """Open a regular file for reading; anything else could hang or have no content.

    Raises
    ------
    FileAccessError
        If `path` is missing, is a directory, a pipe or a device, or cannot be read.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileAccessError(
                    f"{printable(path)}: expected a file, found a pipe or a device"
                )
            yield file
    except FileAccessError:
        raise
    except OSError as error:
        raise FileAccessError(
            f"{printable(path)}: cannot be read ({_reason(error)}). Check the path and "
            "its permissions."
        ) from error


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting if it is a named pipe, which `open_regular` then rejects."""
    return os.open(path, flags | _NONBLOCK)


def hasher(kind: str = "sha256") -> "hashlib._Hash":
    """Return a new hash object: "sha256", "sha1" or "md5"."""
    import hashlib  # takes milliseconds, for OpenSSL, and loading verified files hashes nothing

    return hashlib.new(kind)


def file_digest(path: Path, kind: str = "sha256") -> str:
    """Return the hexadecimal digest of a file as stored: "sha256", "sha1" or "md5"."""
    with open_regular(path) as file:
        return digest_of(file, kind)


def digest_of(file: io.BufferedReader, kind: str = "sha256") -> str:
    """Return the hexadecimal digest of an open file, from its position to its end."""
    import hashlib

    return hashlib.file_digest(file, kind).hexdigest()


def read_json(path: Path, limit: int, items: int = MAX_JSON_ITEMS) -> object:
    """Return the content of a JSON file of at most `limit` bytes and `items` items.

    Raises
    ------
    FileAccessError
        As `open_regular`.
    DataMismatchError
        If it is larger, has more items or over `MAX_JSON_DEPTH` levels, or is not JSON.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        text = file.read(size + 1) if size <= limit else b""
    if max(size, len(text)) > limit or sum(map(text.count, (b"[", b"{", b","))) > items:
        raise DataMismatchError(
            f"{printable(path)}: expected at most {limit} bytes of JSON with {items} items"
        )
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, or nested too deeply
        raise DataMismatchError(f"{printable(path)}: expected JSON ({error})") from error
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        level = [inner for outer in level for inner in _children(outer)]
    if level:
        raise DataMismatchError(
            f"{printable(path)}: expected JSON of {MAX_JSON_DEPTH} levels at most"
        )
    return value


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError in the block into a FileAccessError: `path` cannot be written.

    Raises
    ------
    DiskFullError
        If the disk is full.
    FileAccessError
        If it cannot be written for another reason.
    """
    try:
        yield
    except FmnistError:
        raise
    except OSError as error:
        raise write_error(path, error) from error


def write_whole(path: Path, blocks: Iterable[bytes | memoryview], *, sync: bool = True) -> None:
    """Write a file with `written_whole`."""
    with written_whole(path, sync=sync) as file:
        for block in blocks:
            file.write(block)


@contextmanager
def written_whole(
    path: Path, *, sync: bool = True, like: os.stat_result | None = None
) -> Iterator[io.BufferedWriter]:
    """Open a file for writing that gets its name only if the block ends without an error.

    It replaces whatever has that name: a link is replaced, not followed.

    Parameters
    ----------
    path : Path
    sync : bool
        Whether the file must be on disk before it appears.
    like : os.stat_result, optional
        Owner, group and mode to give to the file, as far as this user may.

    Raises
    ------
    FileAccessError
        If the folder is missing or the file cannot be written; nothing is left behind.
    """
    remove_stale_parts(path)
    temporary = path.parent / f".{path.name}.{os.urandom(4).hex()}.part"
    with writing(path):
        try:
            with open(temporary, "xb", opener=_open_privately if like else None) as file:
                yield file
                file.flush()
                if like:
                    _resemble(temporary, like)
                if sync:
                    sync_to_disk(file.fileno())
            replace(temporary, path)
        finally:
            # Already gone if the rename succeeded; never made if the folder is read-only.
            with suppress(OSError):
                temporary.unlink()


def write_output(path: Path, blocks: Iterable[bytes | memoryview]) -> None:
    """Write a file with `written_output`."""
    with written_output(path) as file:
        for block in blocks:
            file.write(block)


@contextmanager
def written_output(path: Path) -> Iterator[io.BufferedWriter]:
    """Open for writing a path that a user named: a file appears completely or not at all.

    A link is followed, and the new file gets the mode of the one it replaces. A device or a pipe
    is written directly.

    Raises
    ------
    FileAccessError
        As `written_whole`; also if `path` is a folder, or a pipe that nobody reads.
    """
    with writing(path):
        try:
            status = path.stat()
        except FileNotFoundError:
            status = None
        if status is None or stat.S_ISREG(status.st_mode):
            with written_whole(Path(os.path.realpath(path)), like=status) as file:
                yield file
        else:
            with open(path, "wb", opener=_open_at_once) as file:
                if _NONBLOCK:
                    os.set_blocking(file.fileno(), True)
                yield file


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR)


def _resemble(path: Path, status: os.stat_result) -> None:
    if hasattr(os, "chown"):
        with suppress(PermissionError):
            os.chown(path, status.st_uid, status.st_gid)
    # After the owner, because changing the owner clears bits of the mode.
    os.chmod(path, stat.S_IMODE(status.st_mode))


def remove_stale_parts(path: Path) -> None:
    """Remove temporary files and folders of `path` that killed processes left.

    The one that was to be replaced (``.old``) goes only if another is in its place.
    """
    ends = "part|old" if path.exists() else "part"
    part = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.({ends})")
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if part.fullmatch(entry.name) and time() - entry.stat().st_mtime > STALE:
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    os.unlink(entry)


def sync_to_disk(descriptor: int) -> None:
    """Wait until an open file's bytes are on the disk, so that they survive a power cut."""
    if sys.platform == "darwin":
        import fcntl

        # On macOS, fsync only hands the bytes to the drive, which may keep them in its cache.
        with suppress(OSError):  # a file system without F_FULLFSYNC, such as SMB
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def replace(source: Path, target: Path) -> None:
    """Rename a file, replacing another if there is one.

    Windows refuses while any program has either file open. Virus scanners and indexers open new
    files for a moment, so this tries again for a while, as pip and git do.
    """
    give_up = monotonic() + REPLACE_PATIENCE
    while True:
        try:
            os.replace(source, target)
            return
        except PermissionError as error:
            if not _is_held_open(error) or monotonic() > give_up:
                raise
            sleep(0.05)


def write_error(path: Path, error: OSError) -> FileAccessError:
    """Return our error for a file that cannot be written or replaced."""
    reason = f"{printable(path)}: cannot be written ({_reason(error)})"
    if error.errno in NO_ROOM:
        return DiskFullError(f"{reason}. Check the disk's free space, or use another disk")
    if _is_held_open(error):
        return FileAccessError(
            f"{reason}. Another program may have it open, or this one as a mapped Dataset. Try: "
            "close it, or use Dataset.in_memory(); otherwise check the folder's permissions"
        )
    return FileAccessError(f"{reason}. Check the folder's permissions")


def _is_held_open(error: OSError) -> bool:
    return getattr(error, "winerror", None) in _HELD_OPEN


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
