"""Identify the files at given paths, for `fmnist identify` and `fmnist verify`."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from fmnist_core.errors import FmnistError, printable
from fmnist_core.formats.recognition import recognised
from fmnist_core.formats.zipped import ZIPPED
from fmnist_core.storage.identify import Identity, identify
from fmnist_core.tools import bundle


def identities(paths: Iterable[Path]) -> list[Identity]:
    """Identify files, and the files of folders, in the order given."""
    return [identity for path in paths for identity in _at(path)]


def _at(path: Path) -> list[Identity]:
    if os.path.isdir(path) and (whole := recognised(path)):
        return [whole]
    return [identity for file in _files(path) for identity in _identified(file)]


def _files(path: Path) -> list[Path]:
    """Return the files of a folder that hold data, or the path itself if there are none."""
    if not os.path.isdir(path):
        return [path]
    return [file for file in sorted(_inside(path)) if not _is_note(file)] or [path]


def _inside(folder: Path) -> Iterator[Path]:
    """Yield the files and links below a folder, however deep it is."""
    folders = [folder]
    while folders:
        inner = folders.pop()
        try:
            entries = list(os.scandir(inner))
        except OSError:  # the name is too long, or there is no permission
            yield inner
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry))
            elif entry.is_symlink() or entry.is_file():
                yield Path(entry)


def _is_note(file: Path) -> bool:
    """Whether a file is one that the store, or a bundle, keeps beside the data."""
    if file.name in bundle.NOTES:
        return (file.parent / bundle.MANIFEST).is_file()
    return file.name in ("verified.json", ".lock")


def _identified(file: Path) -> list[Identity]:
    try:
        members = identify(file)
        others = [member for member in members if member.verdict != "foreign"]
        if len(others) < len(members) and (whole := recognised(file)):
            if not others or whole.container == ZIPPED:  # beside tables, Kaggle's has IDX files
                members = [*others, whole]
    except FmnistError as error:
        return [_unreadable(file, error)]
    # Compare whole names: a member "x!LICENCE.txt" is not a bundle's note.
    notes = {f"{file}!{name}" for name in bundle.NOTES}
    if f"{file}!{bundle.MANIFEST}" not in {member.path for member in members}:
        return members
    return [member for member in members if member.path not in notes] or members


def _unreadable(file: Path, error: FmnistError) -> Identity:
    if os.path.islink(file) and os.path.isdir(file):
        what = "a link to a folder, which is not followed"
        return Identity(str(file), "", "unreadable", what, "Name the folder itself")
    if os.path.isdir(file):
        return Identity(str(file), "", "unreadable", "a folder without data files")
    if os.path.islink(file) and not os.path.exists(file):
        target = os.readlink(file)
        if "/annex/" in "/" + target.replace("\\", "/"):
            advice = "Run: git annex get"
            return Identity(str(file), "", "foreign", "a git-annex link, not data", advice)
        what = f"a link to {target}, which is not there"
        return Identity(str(file), "", "foreign", what, "Get the file that it leads to")
    if isinstance(error.__cause__, FileNotFoundError):
        return Identity(str(file), "", "unreadable", "no such file or folder", "Check the path")
    return Identity(str(file), "", "unreadable", str(error).removeprefix(f"{printable(file)}: "))
