"""Files as bytes: regular files only when read, whole or absent when written."""

import hashlib
import io
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fmnist_core.errors import FileAccessError, OptionError, brief

BLOCK = 1 << 20
"""Bytes read or unpacked at a time."""

_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


def as_path(path: object) -> Path:
    """Return what a caller gave as a path, or raise OptionError if it cannot be one."""
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
        raise FileAccessError(f"{path}: no such user, or one without a home folder") from error


@contextmanager
def open_regular(path: Path) -> Iterator[io.BufferedReader]:
    """Open a regular file for reading; anything else could hang or mean nothing.

    Raises
    ------
    FileAccessError
        If `path` is missing, is a directory, a pipe or a device, or cannot be read.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileAccessError(f"{path}: expected a file, found a pipe or a device")
            yield file
    except FileAccessError:
        raise
    except OSError as error:
        raise FileAccessError(
            f"{path}: cannot be read ({_reason(error)}). Check the path and its permissions."
        ) from error


def _open_at_once(path: str, flags: int) -> int:
    """Open a named pipe without waiting for a writer; it is refused afterwards."""
    return os.open(path, flags | _NONBLOCK)


def file_digest(path: Path, kind: str = "sha256") -> str:
    """Return the digest of a file as it lies (hexadecimal): "sha256", "sha1" or "md5"."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, kind).hexdigest()


def write_whole(path: Path, blocks: Iterable[bytes | memoryview], *, sync: bool = True) -> None:
    """Write a file that appears under its name only when it is complete and, by default, on disk.

    Raises
    ------
    FileAccessError
        If the folder is missing or the file cannot be written; nothing is left behind.
    """
    with written_whole(path, sync=sync) as file:
        for block in blocks:
            file.write(block)


@contextmanager
def written_whole(path: Path, *, sync: bool = True) -> Iterator[io.BufferedWriter]:
    """Open a file for writing that appears under its name only if the block ends without an error.

    Raises
    ------
    FileAccessError
        As `write_whole`.
    """
    temporary = path.parent / f".{path.name}.{os.urandom(4).hex()}.part"
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except FileAccessError:
        raise
    except OSError as error:
        raise FileAccessError(
            f"{path}: cannot be written ({_reason(error)}). "
            "Check the disk's free space and the folder's permissions"
        ) from error
    finally:
        # Gone already where the rename succeeded; never made where the folder forbids it.
        with suppress(OSError):
            temporary.unlink()


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
