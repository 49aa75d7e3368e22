"""Remove a dataset from the store: what the store wrote, and nothing else."""

import re
from contextlib import suppress
from pathlib import Path

from fmnist_core.catalog import CATALOG
from fmnist_core.files import writing
from fmnist_core.records import DatasetInfo
from fmnist_core.storage import locks, notes, store
from fmnist_core.storage.obtain import files_of


def remove(info: DatasetInfo) -> tuple[int, list[str]]:
    """Remove the files of a dataset that the store wrote, and folders that are then empty.

    The notes say which files those are. The published file of several datasets stays until the
    last of them is removed.

    Returns
    -------
    int
        How many files were removed.
    list of str
        Names that remain in the dataset's folders.

    Raises
    ------
    FileAccessError
        If a file cannot be removed, as when Windows has it open for a mapped Dataset.
    """
    place = store.folder(info)
    count = 0
    if place.is_dir():
        with locks.locked(place):
            count = _remove_files(info, place)
            _remove_empty(place)
        _remove_empty(place)  # for systems where an open file, as the lock was, cannot be removed
    return count, _names_in(place) or _names_in(place.parent)


def _remove_files(info: DatasetInfo, place: Path) -> int:
    payloads = _payload_names(info)
    relatives = [other for other in CATALOG.values() if info.family and other.family == info.family]
    is_last = not any(
        (_payload_names(other) - payloads) & notes.names(place) for other in relatives
    )
    published = {file.packed_name for split in info.splits.values() for file in split.files}
    ours = payloads | published if is_last else payloads
    names = ours & notes.names(place)
    names |= {path.name for path in place.iterdir() if _is_part(path.name, payloads | published)}
    for name in names:
        with writing(place / name):
            (place / name).unlink(missing_ok=True)
        notes.forget(place / name)
    return len(names)


def _payload_names(info: DatasetInfo) -> set[str]:
    return {
        file.name
        for split in info.splits
        for upright in (True, False)
        for file in files_of(info, split, upright=upright)
    }


def _is_part(name: str, names: set[str]) -> bool:
    """Whether a file is one that fmnist was writing: a part, or the note of one."""
    match = re.fullmatch(r"\.(.+?)(\.[0-9a-f]{8})?\.part(\.json)?", name)
    return match is not None and match[1] in names


def _remove_empty(place: Path) -> None:
    """Remove a dataset's folders if nothing is in them, and the store's own files if not needed."""
    with suppress(OSError):
        if not notes.names(place):
            for name in (notes.NAME, locks.NAME):
                (place / name).unlink(missing_ok=True)
            place.rmdir()
            place.parent.rmdir()


def _names_in(place: Path) -> list[str]:
    with suppress(OSError):
        return sorted({path.name for path in place.iterdir()} - {notes.NAME, locks.NAME})
    return []
