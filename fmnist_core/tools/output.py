"""Output folders of commands, which replace an existing file only if forced."""

from collections.abc import Iterable
from pathlib import Path

from fmnist_core.errors import FileAccessError, OptionError, printable


def make_room(folder: Path, names: Iterable[str], force: bool) -> None:
    """Make a folder; unless forced, raise an error if it has files of these names.

    A device or a pipe does not count: writing to it loses nothing.

    Raises
    ------
    OptionError
        If such a file exists.
    FileAccessError
        If the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileAccessError(f"{printable(folder)}: cannot be made ({error.strerror})") from error
    existing = [printable(folder / name) for name in names if (folder / name).is_file()]
    if existing and not force:
        raise OptionError(
            f"expected to write new files, found {', '.join(existing)}. "
            "Try: --force, or write elsewhere"
        )
