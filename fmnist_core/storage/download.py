"""Download one verified file from a list of mirrors.

The first address that serves the right bytes wins. The bytes received so far are beside the target
as ``.NAME.part``, with a note of their origin; the next attempt, of this process or a later one,
resumes from them. A file gets the target's name only when it is complete, verified and on disk.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from fmnist_core.errors import (
    FetchError,
    FileAccessError,
    FmnistError,
    FrameworkMissingError,
    printable,
)
from fmnist_core.storage.addresses import shown
from fmnist_core.storage.exchange import MirrorError
from fmnist_core.storage.http import PartialFile, Response
from fmnist_core.storage.partial import Part
from fmnist_core.storage.urls import offline, opened

MAX_BYTES = 1 << 32
"""Most bytes of a file whose length is unknown."""

PATIENCE = 10.0
"""Most seconds in all to wait when a server asks for it and no other mirror is left."""

LEAST_PAUSE = 1.0
"""Seconds to wait even if a server says Retry-After: 0."""

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
    limit: int = MAX_BYTES,
    report: BytesProgress | None = None,
) -> Fetched:
    """Fetch a file from the first address that serves it; the caller holds its folder's lock.

    Parameters
    ----------
    urls : sequence of str
        Addresses of the file, best first: http, https, file, or what fsspec opens.
    target : path
        Where to write it; an existing file is replaced.
    check : callable
        Given the path of the complete file, raises an `FmnistError` if it is the wrong one.
    nbytes : int, optional
        Its length, if known.
    limit : int
        Most bytes to accept if its length is unknown.
    report : callable, optional
        Called now and then with the number of bytes received, and the length or None.

    Raises
    ------
    FetchError
        If no address serves it; the message says what each did.
    FrameworkMissingError
        If every address needs a package that is not installed.
    FileAccessError
        If it cannot be written; no other address is tried.
    """
    job = _Job(target, check, nbytes, limit, report)
    if origin := job.finish_part():
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
                # After all other mirrors.
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
    """The bytes arrived, but they are the wrong ones."""


class _Job:
    """One file to fetch, and what went wrong so far."""

    def __init__(
        self,
        target: Path,
        check: Check,
        nbytes: int | None,
        limit: int,
        report: BytesProgress | None,
    ) -> None:
        self.target, self.check, self.nbytes, self.limit = target, check, nbytes, limit
        self.part, self.progress = Part(target), _Progress(report)
        self.faults: list[str] = []
        self.resumed_at = 0

    def blame(self, url: str, error: Exception) -> None:
        """Note what an address did, in one line."""
        self.faults.append(f"{shown(url)}: {' '.join(str(error).split())}")

    def finish_part(self) -> str | None:
        """Finish a part that an earlier process completed but did not verify; return its origin."""
        note = self.part.note()
        if note is None:
            return None
        url, validators = note
        whole = validators.total if self.nbytes is None else self.nbytes
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
        """Fetch the rest from one address, or the whole file if the result is wrong."""
        for partial in (self.part.held(url), None):
            try:
                self._download(url, partial)
                self._verify()
                return
            except _WrongData as error:
                self.part.discard()
                if not self.resumed_at:
                    raise
                # The part may be of another revision, or from a faulty mirror.
                self.blame(url, MirrorError(f"resumed after {self.resumed_at} bytes: {error}"))

    def _download(self, url: str, partial: PartialFile | None) -> None:
        """Complete the part with bytes from one address."""
        self.resumed_at = 0
        with opened(url, partial) as response:
            whole = self._length(response)
            self.resumed_at = response.start
            with self.part.opened(url, response) as file:
                done = self._receive(response, whole, file)
        if whole is None and done > self.limit:
            raise _WrongData(f"expected at most {self.limit} bytes, and the body goes on")
        if whole is not None and done > whole:
            raise _WrongData(f"expected {whole} bytes, and the body goes on")
        if whole is not None and done < whole:
            raise MirrorError(f"the body ends too early, after {done} of {whole} bytes")

    def _length(self, response: Response) -> int | None:
        """Return the length of the whole file, if it is known or the response states it."""
        total = response.validators.total
        if total is None or total == self.nbytes:
            return self.nbytes
        kind = f" of {response.media_type}" if response.media_type else ""
        if self.nbytes is not None:
            raise MirrorError(f"expected {self.nbytes} bytes, found {total}{kind}")
        if total > self.limit:
            raise MirrorError(f"expected at most {self.limit} bytes, found {total}{kind}")
        return total

    def _receive(self, response: Response, whole: int | None, file: io.FileIO) -> int:
        """Append the response to the part; return the bytes received, which may be too many."""
        done, most = response.start, self.limit if whole is None else whole
        self.progress.begin(done, whole)
        try:
            for block in response.blocks:
                done += len(block)
                if done > most:
                    break
                self.part.write(file, block)
                self.progress.tell(done)
        except MirrorError as fault:
            raise MirrorError(f"{fault}, after {done} bytes") from None
        self.progress.tell(done, now=True)
        return done

    def _verify(self) -> None:
        """Rename the part to the target if it is the right file."""
        self.part.sync()
        try:
            self.check(self.part.path)
        except FileAccessError:
            # This machine's fault, not the mirror's.
            raise
        except FmnistError as error:
            raise _WrongData(str(error).replace(f"{printable(self.part.path)}: ", "")) from error
        self.part.become(self.target)


class _Progress:
    """Reports the progress of a download now and then."""

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
