"""The lock of a dataset's folder, for one process at a time, and temporary folders."""

import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist_core.errors import DiskFullError, FileAccessError, printable
from fmnist_core.files import NO_ROOM

if TYPE_CHECKING:
    from filelock import FileLock

NAME = ".lock"

NOTICE = 10.0
"""Seconds of waiting for another process after which a warning says so."""

PATIENCE = 3600.0
"""Seconds after which waiting for another process ends with an error."""

_ATTEMPTS = 10
_ALIVE = ".alive"
_TEMPORARY = "fmnist-"


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """Make a dataset's folder and hold its lock, so that one process at a time fills it.

    Raises
    ------
    FileAccessError
        If the store cannot be written, or another process keeps the lock for an hour.
    """
    lock = _acquired(place)
    try:
        yield
    finally:
        lock.release()


def _acquired(place: Path) -> "FileLock":
    from filelock import FileLock, Timeout

    for attempt in range(_ATTEMPTS):
        try:
            place.mkdir(parents=True, exist_ok=True)
            lock = FileLock(place / NAME)
            try:
                lock.acquire(timeout=NOTICE)
            except Timeout:
                # The warning names the caller of `load`, which is the seventh from here.
                words = f"waiting for another process, which holds {printable(place / NAME)}"
                warnings.warn(words, stacklevel=7)
                lock.acquire(timeout=PATIENCE)
            return lock
        except Timeout as error:
            raise FileAccessError(
                f"{printable(place / NAME)}: another process has held it for "
                f"{PATIENCE / 60:g} minutes. "
                "Try: end that process, or set FMNIST_HOME to another folder"
            ) from error
        except (OSError, NotImplementedError) as error:
            # A folder that `remove` takes away at this moment is made again.
            if isinstance(error, FileNotFoundError) and attempt < _ATTEMPTS - 1:
                continue
            reason = getattr(error, "strerror", None) or error
            is_full = isinstance(error, OSError) and error.errno in NO_ROOM
            kind = DiskFullError if is_full else FileAccessError
            raise kind(
                f"{printable(place)}: the store cannot be written ({reason}). "
                "Try: set FMNIST_HOME to a folder that can"
            ) from error
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder that is removed at the end, and remove those whose processes were killed.

    Raises
    ------
    OSError
        If this machine has no place for it.
    """
    from filelock import FileLock

    _remove_abandoned()
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY, ignore_cleanup_errors=True) as name:
        with FileLock(Path(name, _ALIVE)):
            yield Path(name)


def _remove_abandoned() -> None:
    from filelock import FileLock, Timeout

    for place in Path(tempfile.gettempdir()).glob(f"{_TEMPORARY}*"):
        with suppress(OSError, Timeout):
            status = place.lstat()
            mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
            # A folder so new may not have its lock yet.
            if not mine or place.is_symlink() or time.time() - status.st_mtime < 60:
                continue
            if (place / _ALIVE).is_file():
                FileLock(place / _ALIVE, timeout=0).acquire().lock.release()
                shutil.rmtree(place, ignore_errors=True)
