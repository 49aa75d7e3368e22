"""The target of an export: a file or a folder that appears complete or not at all."""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from fmnist_core.errors import OptionError
from fmnist_core.files import remove_stale_parts, replace, sync_to_disk, writing

_SYNCED_EACH = 1000
"""Most files that are synced one by one; for more, one call syncs all files of the system."""


@contextmanager
def placed(path: Path, *, force: bool) -> Iterator[Path]:
    """Give a place next to `path`; the file or folder made there gets its name when it is complete.

    A link is followed. An empty folder is replaced, another file or folder only with `force`, and a
    folder only if every file in it has the name of a new one, so that nothing else is lost.

    Raises
    ------
    OptionError
        If something is there that may not be replaced.
    FileAccessError, DiskFullError
        If the target cannot be written; nothing is left behind.
    """
    path = Path(os.path.realpath(path))
    check_free(path, force=force)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale_parts(path)
        temporary = path.parent / f".{path.name}.{os.urandom(4).hex()}.part"
        try:
            yield temporary
            _sync(temporary)
            _take_place(temporary, path)
        finally:
            _remove(temporary)


def check_free(path: Path, *, force: bool) -> None:
    """Check in advance that a file or folder can be placed at a path.

    Raises
    ------
    OptionError
        If something is there, unless it is an empty folder or `force` is given; or if it is a
        folder that cannot be replaced because it is in use.
    FileAccessError
        If it is a folder that cannot be read.
    """
    if not os.path.lexists(path):
        return
    if os.path.isdir(path) and (use := _use_of(os.path.realpath(path))):
        raise OptionError(
            f"expected a folder that can be replaced when the new one is complete, found {path}, "
            f"{use}",
            advice="a new folder in it",
        )
    with writing(path):
        if force or (path.is_dir() and not any(path.iterdir())):
            return
    raise OptionError(
        f"expected to write a new file or folder, found {path}",
        advice="force=True, or another path",
        command="--force, or another path",
    )


def _use_of(folder: str) -> str:
    """Return why a folder may not get another in its place, or ""."""
    if os.path.ismount(folder):
        return "where a file system is mounted"
    with suppress(OSError, ValueError):  # no current folder, or on another drive
        if os.path.commonpath([folder, os.getcwd()]) == folder:
            return "which this program runs in"
    return ""


def write_blocks(path: Path, blocks: Iterable[bytes | memoryview]) -> None:
    """Write a new file, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        for block in blocks:
            file.write(block)


def write_text(path: Path, text: str) -> None:
    """Write a new text file in UTF-8, with line feeds."""
    write_blocks(path, [text.encode()])


def class_lines(classes: Sequence[str]) -> str:
    """Return the names of classes as a line each, whatever space they have within them."""
    return "".join(f"{' '.join(name.split())}\n" for name in classes)


def _take_place(temporary: Path, path: Path) -> None:
    if not path.exists():
        replace(temporary, path)
        return
    if temporary.is_dir() != path.is_dir():
        kinds = ("a folder", "a file") if temporary.is_dir() else ("a file", "a folder")
        raise OptionError(f"expected to write {kinds[0]}, found {kinds[1]} at {path}")
    if path.is_dir():
        _check_names(temporary, path)
        old = temporary.with_suffix(".old")
        replace(path, old)
        try:
            replace(temporary, path)
        except BaseException:  # also an interrupt: nothing would have the name
            replace(old, path)
            raise
        shutil.rmtree(old)
    else:
        replace(temporary, path)


def _check_names(new: Path, old: Path) -> None:
    """Raise OptionError if a folder has a file that the new one does not have."""
    names = {str(file.relative_to(new)) for file in _files(new)}
    others = sorted({str(file.relative_to(old)) for file in _files(old)} - names)
    if others:
        more = f" and {len(others) - 1:,} more" if len(others) > 1 else ""
        raise OptionError(
            f"{old}: expected only files that are written again, found {others[0]}{more}. "
            "Try: remove the folder first, or another path"
        )


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _sync(path: Path) -> None:
    files = list(_files(path)) if path.is_dir() else [path]
    if len(files) > _SYNCED_EACH and hasattr(os, "sync"):
        os.sync()
        return
    for file in files:
        with file.open("rb+") as opened:
            sync_to_disk(opened.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
