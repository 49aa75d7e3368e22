"""Mirrors -> one verified file.

The first address that gives the wanted bytes wins. What is on its way lies beside the target as
``.NAME.part``, with a note of where it came from, and is resumed by the next attempt, of this
process or of a later one. Nothing has the target's name before it is whole, verified and on disk.
"""

import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, sleep

from fmnist_core.errors import FetchError, FileAccessError, FmnistError, FrameworkMissingError
from fmnist_core.storage.http import MirrorError, PartialFile, Response, Validators, shown
from fmnist_core.storage.urls import offline, opened

PATIENCE = 10.0
"""Most seconds, all together, to wait where a server asks for it and no other mirror is left."""

LEAST_PAUSE = 1.0
"""Seconds to wait even where a server says Retry-After: 0."""

REPORT_EVERY = 0.1
"""Seconds between two reports of progress."""

Check = Callable[[Path], None]
BytesProgress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Fetched:
    """Where a file came from, and what went wrong before; both without credentials."""

    url: str
    faults: tuple[str, ...]


def fetch(
    urls: Sequence[str],
    target: Path,
    check: Check,
    *,
    nbytes: int | None = None,
    report: BytesProgress | None = None,
) -> Fetched:
    """Fetch a file from the first address that gives it; the caller holds the lock of its folder.

    Parameters
    ----------
    urls : sequence of str
        Where it may be had, best first: http, https, file, or what fsspec opens.
    target : path
        What it is to be called; replaced if it exists.
    check : callable
        Given the path of the whole file, raises an `FmnistError` if it is not the wanted one.
    nbytes : int, optional
        Its length, if known.
    report : callable, optional
        Called now and then with the bytes that are here and the length or None.

    Raises
    ------
    FetchError
        If no address gives it; the message says what each did.
    FrameworkMissingError
        If every address needs a package that is not installed.
    FileAccessError
        If it cannot be written here; no other address is tried.
    """
    job = _Job(target, check, nbytes, report)
    if origin := job.finish_what_is_here():
        return Fetched(origin, tuple(job.faults))
    turns, patience, missing = [(0.0, url) for url in urls], PATIENCE, []
    while turns:
        pause, url = turns.pop(0)
        if pause > patience:
            continue
        patience -= pause
        sleep(pause)
        try:
            job.get(url)
            return Fetched(shown(url), tuple(job.faults))
        except FrameworkMissingError as error:
            job.blame(url, error)
            missing.append(error)
        except MirrorError as fault:
            job.blame(url, fault)
            if fault.retry_after is not None:
                # Behind all other mirrors.
                turns.append((max(fault.retry_after, LEAST_PAUSE), url))
    if missing and len(missing) == len(urls):
        raise missing[0]
    raise _failure(target, job.faults)


def _failure(target: Path, faults: list[str]) -> FetchError:
    tried = "".join(f"\n  {line}" for line in dict.fromkeys(faults)) or "\n  (there is none)"
    first = "Unset FMNIST_OFFLINE" if offline() else "Check the network"
    mirror = "set FMNIST_MIRROR to an address that has it, or fetch it elsewhere and use"
    return FetchError(
        f"{target.name}: expected it at one of these addresses, but{tried}\n{first}",
        advice=f"{mirror} load(..., root=FOLDER)",
        command=f"{mirror} fmnist fetch NAME --from FILE.zip",
    )


class _WrongData(MirrorError):
    """The bytes came, and are not the wanted ones."""


class _Job:
    """One file to be had, and what went wrong so far."""

    def __init__(
        self, target: Path, check: Check, nbytes: int | None, report: BytesProgress | None
    ) -> None:
        self.target, self.check, self.nbytes = target, check, nbytes
        self.part, self.progress = _Part(target), _Progress(report)
        self.faults: list[str] = []
        self.resumed_at = 0

    def blame(self, url: str, error: Exception) -> None:
        """Note what an address did, in one line."""
        self.faults.append(f"{shown(url)}: {' '.join(str(error).split())}")

    def finish_what_is_here(self) -> str | None:
        """Take what an earlier process had whole but not verified; return where it was from."""
        note = self.part.note()
        if note is None:
            return None
        url, marks = note
        whole = marks.total if self.nbytes is None else self.nbytes
        if whole is None or self.part.size() < max(whole, 1):
            return None
        try:
            self._verify()
        except _WrongData as error:
            self.part.discard()
            self.blame(url, MirrorError(f"kept from an earlier attempt: {error}"))
            return None
        return url

    def get(self, url: str) -> None:
        """Fetch the rest from one address or, if that makes no right whole, all of it."""
        for held in (self.part.held(url), None):
            try:
                self._download(url, held)
                self._verify()
                return
            except _WrongData as error:
                self.part.discard()
                if not self.resumed_at:
                    raise
                # What was here may be of another revision, or from a faulty mirror.
                self.blame(url, MirrorError(f"resumed after {self.resumed_at} bytes: {error}"))

    def _download(self, url: str, held: PartialFile | None) -> None:
        """Make the part as long as it should be with what an address gives."""
        self.resumed_at = 0
        with opened(url, held) as answer:
            whole = self._length(answer)
            self.resumed_at = answer.start
            with self.part.opened(url, answer) as file:
                done = self._receive(answer, whole, file)
        if whole is not None and done > whole:
            raise _WrongData(f"expected {whole} bytes, and the body goes on")
        if whole is not None and done < whole:
            raise MirrorError(f"the body ends too early, after {done} of {whole} bytes")

    def _length(self, answer: Response) -> int | None:
        total = answer.marks.total
        if self.nbytes is None or total is None or total == self.nbytes:
            return total if self.nbytes is None else self.nbytes
        kind = f" of {answer.media_type}" if answer.media_type else ""
        raise MirrorError(f"expected {self.nbytes} bytes, found {total}{kind}")

    def _receive(self, answer: Response, whole: int | None, file: io.FileIO) -> int:
        done = answer.start
        self.progress.begin(done, whole)
        try:
            for block in answer.blocks:
                done += len(block)
                if whole is not None and done > whole:
                    break
                self.part.write(file, block)
                self.progress.tell(done)
        except MirrorError as fault:
            raise MirrorError(f"{fault}, after {done} bytes") from None
        self.progress.tell(done, now=True)
        return done

    def _verify(self) -> None:
        """Give the part its name if it is the wanted file."""
        self.part.sync()
        try:
            self.check(self.part.path)
        except FileAccessError:
            # This machine's fault, not the mirror's.
            raise
        except FmnistError as error:
            raise _WrongData(str(error).replace(f"{self.part.path}: ", "")) from error
        self.part.become(self.target)


class _Part:
    """The bytes on their way, and a note of where they are from, which is all that outlives us."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f".{target.name}.part")
        self._note = target.with_name(f".{target.name}.part.json")

    def size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def note(self) -> tuple[str, Validators] | None:
        """Return the address, as shown, and the marks of the first bytes; None if not known."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            return note["url"], Validators(**note["marks"])
        except (OSError, ValueError, LookupError, TypeError):
            # Never written, or torn: begin anew.
            return None

    def held(self, url: str) -> PartialFile | None:
        """Return what may be resumed at an address."""
        note, size = self.note(), self.size()
        if note is None or not size:
            return None
        origin, marks = note
        # Mirrors mark one file differently; the length must do, and `check` has the last word.
        return PartialFile(size, marks if origin == shown(url) else Validators(marks.total))

    @contextmanager
    def opened(self, url: str, answer: Response) -> Iterator[io.FileIO]:
        """Open the part to add to it what an answer brings, from its start or from zero."""
        with _written_here(self.path):
            if not answer.start:
                # In this order, a note never speaks of bytes that are not from its address.
                self.path.write_bytes(b"")
                note = {"url": shown(url), "marks": asdict(answer.marks)}
                self._note.write_text(json.dumps(note), encoding="utf-8")
            # Unbuffered: what was written survives us, and closing cannot fail.
            file = io.FileIO(self.path, "ab")
        with file:
            yield file

    def write(self, file: io.FileIO, block: bytes) -> None:
        view = memoryview(block)
        with _written_here(self.path):
            while view:
                view = view[file.write(view) :]

    def sync(self) -> None:
        with _written_here(self.path), io.FileIO(self.path, "r+b") as file:
            os.fsync(file.fileno())

    def become(self, target: Path) -> None:
        with _written_here(target):
            os.replace(self.path, target)
        with suppress(OSError):
            self._note.unlink()

    def discard(self) -> None:
        with _written_here(self.path):
            self.path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)


@contextmanager
def _written_here(path: Path) -> Iterator[None]:
    """Tell a full disk or a forbidden folder from a mirror's fault."""
    try:
        yield
    except OSError as error:
        raise FileAccessError(
            f"{path}: cannot be written ({error.strerror or type(error).__name__}). "
            "Check the disk's free space and the folder's permissions"
        ) from error


class _Progress:
    """Tells a caller now and then how far a download is."""

    def __init__(self, report: BytesProgress | None) -> None:
        self._report, self._due = report, 0.0
        self._total: int | None = None

    def begin(self, done: int, total: int | None) -> None:
        self._total = total
        self.tell(done, now=True)

    def tell(self, done: int, *, now: bool = False) -> None:
        if self._report and (now or monotonic() >= self._due):
            self._report(done, self._total)
            self._due = monotonic() + REPORT_EVERY
