"""The store's notes of its files: each file's digest, with its size and modification time.

A note saves hashing a file again. It proves nothing if others may write to the store;
``FMNIST_VERIFY=1`` ignores the notes (docs/SECURITY.md).
"""

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from fmnist_core.errors import FmnistError
from fmnist_core.files import read_json, write_whole

NAME = "verified.json"

_MAX_BYTES = 1 << 20
_SECOND = 10**9


def are_trusted() -> bool:
    """Return whether a note may replace hashing."""
    return os.environ.get("FMNIST_VERIFY", "") in ("", "0")


def noted(path: Path) -> str | None:
    """Return the digest noted for a file, if the file has not changed since; reads no data."""
    if not are_trusted():
        return None
    match _notes(path.parent).get(path.name):
        case [int(size), int(modified), str(digest), int(moment)]:
            with suppress(OSError):
                if _state(path) == (size, modified) and not _is_racy(modified, moment):
                    return digest
    return None


def note(path: Path, digest: str) -> None:
    """Note the digest of a file as it is now; the caller holds the lock of its folder."""
    notes = _notes(path.parent) | {path.name: [*_state(path), digest, time.time_ns()]}
    _write(path.parent, notes)


def forget(path: Path) -> None:
    """Drop the note of a file; the caller holds the lock of its folder."""
    notes = _notes(path.parent)
    if notes.pop(path.name, None) is not None:
        _write(path.parent, notes)


def names(folder: Path) -> set[str]:
    """Return the names of the files that are noted in a folder."""
    return set(_notes(folder))


def _write(folder: Path, notes: dict[str, Any]) -> None:
    # Not synced: notes that a power cut destroys cost one more hash.
    write_whole(folder / NAME, [json.dumps(notes, indent=1).encode()], sync=False)


def _notes(folder: Path) -> dict[str, Any]:
    with suppress(FmnistError):  # lost or torn notes cost one more hash, no more
        notes = read_json(folder / NAME, _MAX_BYTES)
        if isinstance(notes, dict):
            return notes
    return {}


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _is_racy(modified: int, moment: int) -> bool:
    """Whether a file could have changed after its note and still show the same time.

    FAT keeps times to 2 s, some others to 1 s: git calls such entries racy, and reads again.
    """
    return modified % _SECOND == 0 and abs(moment - modified) < 2 * _SECOND
