"""Find a dataset's files in a folder that a user names, or below it."""

import os
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from fmnist_core.errors import FileAccessError, OptionError, printable
from fmnist_core.idx.containers import container_of
from fmnist_core.records import DatasetInfo, FileInfo
from fmnist_core.storage.obtain import (
    FileOrMember,
    file_in,
    files_of,
    find_genuine,
    local_folders,
    spellings,
)

_DEPTH = 3
"""Most levels below a folder that are searched for files that are not in it."""

_ENTRIES = 10_000
"""Most names that this search looks at."""


def find_in_folder(root: Path, info: DatasetInfo, split: str) -> tuple[FileOrMember, FileOrMember]:
    """Return the genuine images and labels of a split in a folder or in torchvision's subfolder.

    Raises
    ------
    OptionError
        If `root` is an address.
    FileAccessError
        If the folder, or a file in it, is missing.
    DataMismatchError, IdxError
        If a file is not the genuine one.
    """
    if re.match(r"[a-z][a-z0-9+]+:/", str(root), re.I):
        address = re.sub(":/+", "://", str(root), count=1)
        raise OptionError(
            f"root is a folder on this machine, found the address {address}",
            advice=f"load({info.name!r}, source_url={address!r}), which fetches from there",
            command=f"fmnist fetch {info.name} --from {address}",
        )
    images, labels = files_of(info, split, upright=False)
    folders = local_folders(info, root)
    both = find_genuine(folders, info, images), find_genuine(folders, info, labels)
    if both[0] is not None and both[1] is not None:
        return both[0], both[1]
    missing = images if both[0] is None else labels
    raise _not_there(root, info, missing, (images, labels))


def is_below(root: Path, info: DatasetInfo, split: str) -> bool:
    """Whether files with the names of a split's images and labels are somewhere below a folder."""
    return all(_below(root, file) for file in files_of(info, split, upright=False))


def find_unverified(root: Path, info: DatasetInfo, split: str) -> tuple[Path, Path]:
    """Return files with the names of a split's images and labels, unverified.

    Raises
    ------
    FileAccessError
        If the folder, or a file in it, is missing.
    """
    files = files_of(info, split, upright=False)
    images, labels = (
        next(filter(os.path.isfile, _named(root, info, file)), None) for file in files
    )
    if images is None or labels is None:
        raise _not_there(root, info, files[0] if images is None else files[1], files)
    return images, labels


def _named(root: Path, info: DatasetInfo, file: FileInfo) -> Iterator[Path]:
    for name in spellings(file.name):
        for folder in local_folders(info, root):
            yield file_in(folder, name)


def _not_there(
    root: Path, info: DatasetInfo, missing: FileInfo, both: tuple[FileInfo, FileInfo]
) -> FileAccessError:
    problem = f"{printable(root)}: expected {_names(missing)}, of {info.title}; found"
    fetching = f"fmnist fetch {info.name}"
    if os.path.isfile(root):
        problem = f"{problem} a file, not a folder"
        if container_of(root) == "zip":
            unpacking = f"{fetching} --from {printable(root)}, then load it without root"
            return FileAccessError(
                problem, advice=unpacking, command=f"{fetching} --from {printable(root)}"
            )
        return _elsewhere(problem, root.parent)
    images, labels = (_below(root, file) for file in both)
    if images and labels:
        problem = f"{problem} such a file below it"
        if images.parent == labels.parent:
            return _elsewhere(problem, images.parent)
        return FileAccessError(problem, advice=f"open_idx({str(images)!r}, {str(labels)!r})")
    return FileAccessError(
        f"{problem} no such {'file' if os.path.exists(root) else 'folder'}",
        advice=f"load({info.name!r}) to fetch it, or root=FOLDER with the folder that has it",
        command=f"{fetching}, or --root FOLDER with the folder that has it",
    )


def _elsewhere(problem: str, folder: Path) -> FileAccessError:
    return FileAccessError(
        problem, advice=f"root={str(folder)!r}", command=f"--root {printable(folder)}"
    )


def _names(file: FileInfo) -> str:
    if file.payload.sha256:
        return f"{file.name}, raw or .gz"
    return f"{file.packed_name}, as it is published"


def _below(root: Path, file: FileInfo) -> Path | None:
    """Return the nearest file with a payload's name somewhere below a folder, or None."""
    names = {*spellings(file.name), file.packed_name}
    for looked_at, path in enumerate(_walk(root)):
        if path.name in names and os.path.isfile(path):
            return path
        if looked_at == _ENTRIES:
            break
    return None


def _walk(root: Path) -> Iterator[Path]:
    """Yield what is below a folder, level by level."""
    folders = deque([(root, 0)])
    while folders:
        folder, depth = folders.popleft()
        for entry in _entries(folder):
            yield entry
            if depth < _DEPTH and os.path.isdir(entry) and not os.path.islink(entry):
                folders.append((entry, depth + 1))


def _entries(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except OSError:  # a folder without permission is not recommended
        return []
