"""Where payloads live on this machine.

One folder, ``FMNIST_HOME`` or the platform's cache directory, holds a folder of raw IDX files for
each dataset.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fmnist_core.errors import FileUnreadableError


def home() -> Path:
    """Return the store's folder; it need not exist."""
    if chosen := os.environ.get("FMNIST_HOME"):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("fmnist")


def folder(name: str) -> Path:
    """Return the folder of one dataset; it need not exist."""
    return home() / name


@contextmanager
def locked(name: str) -> Iterator[Path]:
    """Make a dataset's folder and hold its lock, so that one process at a time fills it.

    Raises
    ------
    FileUnreadableError
        If the store cannot be written.
    """
    from filelock import FileLock

    place = folder(name)
    try:
        place.mkdir(parents=True, exist_ok=True)
        with FileLock(place / ".lock"):
            yield place
    except FileUnreadableError:
        raise
    except OSError as error:
        raise FileUnreadableError(
            f"{place}: the store cannot be written ({error.strerror}). "
            "Try: set FMNIST_HOME to a folder that can"
        ) from error
