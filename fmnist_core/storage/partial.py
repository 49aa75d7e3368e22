"""A partial download and a note of its origin: all that outlives a process.

Both are beside the final file, where others may write too. So no link is followed, only a regular
file with one name is written, and existing files are removed rather than truncated.
"""

import io
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from fmnist_core.errors import FileAccessError, FmnistError, printable
from fmnist_core.files import read_json, replace, sync_to_disk, writing
from fmnist_core.storage.addresses import shown
from fmnist_core.storage.http import PartialFile, Response, Validators

_MAX_NOTE = 1 << 16
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_SAFELY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class Part:
    """The bytes of the file `target` that were received so far.

    Attributes
    ----------
    path : Path
        Where the bytes are.
    """

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f".{target.name}.part")
        self._note = target.with_name(f".{target.name}.part.json")

    def size(self) -> int:
        """Return the number of received bytes to which more may be added."""
        try:
            status = self.path.lstat()
        except OSError:
            return 0
        return status.st_size if _is_plain(status) else 0

    def note(self) -> tuple[str, Validators] | None:
        """Return the printable address and the validators of its file, or None if unknown."""
        with suppress(FmnistError):  # never written, torn, or someone else's: start over
            match read_json(self._note, _MAX_NOTE):
                case {
                    "url": str(url),
                    "validators": {
                        "total": int() | None as total,
                        "etag": str(etag),
                        "modified": str(modified),
                    },
                }:
                    return url, Validators(total, etag, modified)
        return None

    def resumable(self, url: str) -> PartialFile | None:
        """Return the partial file if a request to this address may resume it."""
        note, size = self.note(), self.size()
        if note is None or not size:
            return None
        origin, validators = note
        # Mirrors name one file differently; the length must agree, and the check decides.
        same = origin == shown(url)
        return PartialFile(size, validators if same else Validators(validators.total))

    @contextmanager
    def opened(self, url: str, response: Response) -> Iterator[io.FileIO]:
        """Open the part to add the bytes of a response, from its start or from zero.

        Raises
        ------
        FileAccessError
            If it cannot be written.
        """
        if not response.start:
            # In this order, a note never describes bytes from another address.
            self.discard()
            note = {"url": shown(url), "validators": asdict(response.validators)}
            # Under its own name, so that a killed process leaves no other; a torn note is ignored.
            with writing(self._note), open(self._note, "xb", opener=_open_safely) as noted:
                noted.write(json.dumps(note).encode())
        with writing(self.path):
            flags = os.O_WRONLY | os.O_APPEND if response.start else _NEW
            # Unbuffered: written bytes survive this process, and closing cannot fail.
            file = io.FileIO(os.open(self.path, flags | _SAFELY, 0o666), "w")
        with file:
            self._check(file)
            yield file

    def write(self, file: io.FileIO, block: bytes) -> None:
        """Add a block to the open part."""
        view = memoryview(block)
        with writing(self.path):
            while view:
                view = view[file.write(view) :]

    def sync(self) -> None:
        """Wait until the part is on disk."""
        with writing(self.path):
            file = io.FileIO(os.open(self.path, os.O_RDWR | _SAFELY), "r+")
            with file:
                self._check(file)
                sync_to_disk(file.fileno())

    def become(self, target: Path) -> None:
        """Rename the part to the target."""
        with writing(target):
            replace(self.path, target)
        with suppress(OSError):
            self._note.unlink()

    def discard(self) -> None:
        """Remove the part and its note."""
        with writing(self.path):
            self.path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)

    def _check(self, file: io.FileIO) -> None:
        if not _is_plain(os.fstat(file.fileno())):
            raise FileAccessError(
                f"{printable(self.path)}: expected a file with one name. Try: remove it"
            )


def _is_plain(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1


def _open_safely(path: str, flags: int) -> int:
    return os.open(path, flags | _SAFELY, 0o666)
