"""What the files at some paths are: what `fmnist identify` and `fmnist verify` say of them."""

import os
from collections.abc import Iterable
from pathlib import Path

from fmnist_core.errors import FmnistError
from fmnist_core.formats.recognition import recognised
from fmnist_core.storage.identify import Identity, identify
from fmnist_core.tools import bundle


def identities(paths: Iterable[Path]) -> list[Identity]:
    """Identify files, and the files of folders, in the order given."""
    return [identity for path in paths for identity in _at(path)]


def _at(path: Path) -> list[Identity]:
    if path.is_dir() and (whole := recognised(path)):
        return [whole]
    return [identity for file in _files(path) for identity in _identified(file)]


def _files(path: Path) -> list[Path]:
    """Return the files of a folder that hold data, or the path itself where there are none."""
    if not path.is_dir():
        return [path]
    inside = [file for file in sorted(path.rglob("*")) if file.is_symlink() or file.is_file()]
    return [file for file in inside if not _is_note(file)] or [path]


def _is_note(file: Path) -> bool:
    """Whether a file is one that the store, or a bundle, keeps beside the data."""
    if file.name in bundle.NOTES:
        return (file.parent / bundle.MANIFEST).is_file()
    return file.name in ("verified.json", ".lock")


def _identified(file: Path) -> list[Identity]:
    try:
        members = identify(file)
        if all(member.verdict == "foreign" for member in members):
            members = [found] if (found := recognised(file)) else members
    except FmnistError as error:
        return [_unreadable(file, error)]
    names = [member.path.rpartition("!")[2] for member in members]
    if bundle.MANIFEST not in names:
        return members
    pairs = zip(names, members, strict=True)
    return [member for name, member in pairs if name not in bundle.NOTES]


def _unreadable(file: Path, error: FmnistError) -> Identity:
    if file.is_dir():
        return Identity(str(file), "", "unreadable", "a folder without data files")
    if file.is_symlink() and not file.exists():
        target = os.readlink(file)
        if "/annex/" in "/" + target.replace("\\", "/"):
            advice = "Run: git annex get"
            return Identity(str(file), "", "foreign", "a git-annex link, not data", advice)
        what = f"a link to {target}, which is not there"
        return Identity(str(file), "", "foreign", what, "Get the file that it leads to")
    if not os.path.lexists(file):
        return Identity(str(file), "", "unreadable", "no such file or folder", "Check the path")
    return Identity(str(file), "", "unreadable", str(error).removeprefix(f"{file}: "))
