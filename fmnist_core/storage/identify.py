"""What a file really is, by its content and never by its name.

A file is scanned once. A list of diagnoses judges the scan, the most specific first.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fmnist_core.catalog import describe_packed, known_digests
from fmnist_core.errors import IdxError, printable
from fmnist_core.files import file_digest
from fmnist_core.idx.containers import container_of, opened_members
from fmnist_core.idx.zips import LargeZipError
from fmnist_core.storage.damaged import DAMAGED
from fmnist_core.storage.findings import GET_AGAIN, Finding, Verdict, too_large, whole_idx
from fmnist_core.storage.foreign import FOREIGN, text
from fmnist_core.storage.hexdump import hex_dump
from fmnist_core.storage.scan import Budget, Scan, scan_file, scan_member

MAX_MEMBERS = 1000
"""Most members of a zip file that are identified."""

DIAGNOSES: tuple[Callable[[Scan], Finding | None], ...] = (
    too_large,
    whole_idx,
    hex_dump,
    *FOREIGN,
    *DAMAGED,
    text,
)
"""Each returns what it recognises in a scan, or None; the first result counts."""


@dataclass(frozen=True)
class Identity:
    """What a file is.

    Attributes
    ----------
    path : str
        The file; for a member of a zip file, followed by "!" and the member's name.
    container : str
        "raw", "gzip", "xz", "npy", for a member "zip" or "npz", or "" if it cannot be read.
    verdict, found, advice : str
        As in `Finding`.
    digest : str, optional
        SHA-256 of the payload, if it is complete.
    dtype, shape : str, tuple of int, optional
        Of a complete IDX payload.
    """

    path: str
    container: str
    verdict: Verdict
    found: str
    advice: str = ""
    digest: str | None = None
    dtype: str | None = None
    shape: tuple[int, ...] | None = None

    def __str__(self) -> str:
        advice = f". {self.advice}" if self.advice else ""
        return f"{printable(self.path)}: {printable(self.found)}{advice}"


def identify(path: Path) -> list[Identity]:
    """Return what a file is; for a zip file, what each of its members is.

    Nothing is unpacked to disk or unpickled, and no more is read than a header justifies.

    Raises
    ------
    FileAccessError
        If the file is missing, is not a regular file or cannot be read.
    """
    container = container_of(path)
    if container == "zip":
        published = _as_published(path)
        if published:
            return [Identity(str(path), container, *published)]
        return list(_zip_members(path))
    scan = scan_file(path, Budget())
    finding = _diagnosed(scan)
    if finding.verdict == "unknown" and container != "raw":
        # The catalog may know the digest of the published file but not of the payload.
        finding = _as_published(path) or finding
    return [_identity(str(path), scan, finding)]


def _as_published(path: Path) -> Finding | None:
    """Recognise a published file; only a file of a possible length is hashed."""
    names = known_digests(path.stat().st_size)
    if container_of(path) != "gzip":
        names.discard("sha1")
    known_file = describe_packed(**{name: file_digest(path, name) for name in names})
    if known_file is None:
        return None
    return Finding(
        "old revision" if known_file.old else "genuine", f"{known_file.words}, as it is published"
    )


def _diagnosed(scan: Scan) -> Finding:
    for diagnosis in DIAGNOSES:
        finding = diagnosis(scan)
        if finding:
            return finding
    description = f"not an IDX file; it begins with {scan.head[:8].hex(' ')}"
    return Finding("foreign", description, GET_AGAIN)


def _identity(name: str, scan: Scan, finding: Finding) -> Identity:
    if not scan.is_whole or scan.header is None:
        return Identity(name, scan.container, *finding)
    dtype = scan.header.dtype.newbyteorder("=").name
    digest = scan.payload.hexdigest()
    return Identity(name, scan.container, *finding, digest, dtype, scan.header.shape)


def _without_name(error: IdxError) -> str:
    return str(error).partition(": ")[2]


def _zip_members(path: Path) -> Iterator[Identity]:
    """Identify the members of a zip file, in memory; .npz is one too and is never unpickled."""
    budget = Budget()
    try:
        with opened_members(path) as members:
            if any(member.name.endswith("/data.pkl") for member in members):
                description = "a PyTorch file, which holds a pickle"
                advice = "Load it with torch.load, only if you trust who made it"
                yield Identity(str(path), "zip", "foreign", description, advice)
                return
            if not members:
                description = "a zip file without a file in it"
                yield Identity(str(path), "zip", "foreign", description, GET_AGAIN)
            for member in members[:MAX_MEMBERS]:
                scan = scan_member(path, member, budget)
                yield _identity(f"{path}!{member.name}", scan, _diagnosed(scan))
            if len(members) > MAX_MEMBERS:
                description = f"a zip file with {len(members) - MAX_MEMBERS:,} more members"
                yield Identity(str(path), "zip", "unknown", description)
    except LargeZipError as error:
        yield Identity(str(path), "zip", "unknown", _without_name(error))
    except IdxError as error:
        description = _without_name(error)
        yield Identity(str(path), "zip", "damaged", description, GET_AGAIN)
