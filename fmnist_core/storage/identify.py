"""What a file really is, by its content; its name is never asked.

A file is scanned once, in blocks, as far as its own header justifies. What the scan found is then
shown to a list of diagnoses, the most particular first.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from fmnist_core.catalog import describe_packed, describe_payload
from fmnist_core.errors import FmnistError, IdxError
from fmnist_core.files import BLOCK, file_digest
from fmnist_core.idx.containers import ForeignArrayError, container_of, members, unpacked
from fmnist_core.idx.header import ELEMENT_TYPES, IdxHeader, parse_header

Verdict = Literal["genuine", "old revision", "unknown", "damaged", "foreign"]

WIDEST = 8
"""Most bytes in an element; a scan looks no further than so many times what a header calls for."""

_HEAD = 4 + 4 * 255
_AGAIN = "Get the file again"


@dataclass(frozen=True)
class Identity:
    """What a file is.

    Attributes
    ----------
    path : str
        The file; for a member of a zip file, followed by "!" and the member's name.
    container : str
        "raw", "gzip", "xz", "npy", or for a member "zip" or "npz".
    verdict : str
        "genuine" (a payload of the catalog), "old revision" (of one), "unknown" (whole IDX, not in
        the catalog), "damaged" (meant to be IDX) or "foreign" (something else).
    found, advice : str
        What it is, and the next thing to do.
    digest : str, optional
        SHA-256 of the payload, if it is whole.
    dtype, shape : str, tuple of int, optional
        Of a whole IDX payload.
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
        return f"{self.path}: {self.found}" + (f". {self.advice}" if self.advice else "")


@dataclass
class Scan:
    """What reading a file through has shown."""

    head: bytes = b""
    nbytes: int = 0
    header: IdxHeader | None = None
    whole: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    payload: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    stopped: bool = False
    error: FmnistError | None = None

    @property
    def extra(self) -> int:
        """Bytes beyond what the header calls for; negative if some are missing."""
        return self.nbytes - self.header.payload_nbytes if self.header else 0


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
        whole = _as_published(path, container)
        return [whole] if whole else list(_zip_members(path))
    found = _diagnosed(str(path), container, scan_file(path))
    if found.verdict == "unknown" and container != "raw":
        # The payload's digest may not be known, and that of the published file be.
        found = _as_published(path, container, found) or found
    return [found]


def _as_published(path: Path, container: str, found: Identity | None = None) -> Identity | None:
    """Return the identity of a file that is known as it lies, or None."""
    known = describe_packed(sha256=file_digest(path), md5=file_digest(path, "md5"))
    if known is None:
        return None
    identity = found or Identity(str(path), container, "genuine", "")
    verdict: Verdict = "old revision" if known.old else "genuine"
    return replace(identity, verdict=verdict, found=f"{known.words}, as it is published")


def scan_file(path: Path, member: str = "") -> Scan:
    """Read a file through, unpacked, as far as its header justifies."""
    scan = Scan()
    try:
        with unpacked(path, member) as stream:
            _feed(scan, iter(lambda: stream.read1(BLOCK), b""))
    except IdxError as error:
        scan.error = error
    except EOFError as error:
        scan.error = IdxError(str(error))
    return scan


def _feed(scan: Scan, blocks: Iterator[bytes]) -> None:
    for block in blocks:
        if len(scan.head) < _HEAD:
            scan.head += block[: _HEAD - len(scan.head)]
            scan.header = parse_header(scan.head)
        if scan.header:
            scan.payload.update(block[: max(scan.header.payload_nbytes - scan.nbytes, 0)])
        scan.whole.update(block)
        scan.nbytes += len(block)
        enough = scan.header.payload_nbytes * WIDEST if scan.header else 0
        if scan.nbytes > max(enough, BLOCK):
            scan.stopped = True
            return


def _diagnosed(name: str, container: str, scan: Scan) -> Identity:
    for diagnosis in DIAGNOSES:
        if said := diagnosis(scan):
            verdict, found, advice = said
            break
    else:
        start = scan.head[:8].hex(" ")
        verdict, found, advice = "foreign", f"no IDX file; it begins with {start}", _AGAIN
    if scan.header and not scan.extra and not scan.error:
        dtype = scan.header.dtype.newbyteorder("=").name
        digest = scan.whole.hexdigest()
        return Identity(name, container, verdict, found, advice, digest, dtype, scan.header.shape)
    return Identity(name, container, verdict, found, advice)


Said = tuple[Verdict, str, str] | None


def _known(scan: Scan) -> Said:
    if not scan.header or scan.extra or scan.error:
        return None
    found = describe_payload(scan.whole.hexdigest())
    if found is None:
        return "unknown", f"IDX data that the catalog does not know, {_shape(scan.header)}", ""
    if found.old:
        return "old revision", found.words, f"{_AGAIN} from the dataset's own page"
    return "genuine", found.words, ""


def _nothing(scan: Scan) -> Said:
    if scan.nbytes or scan.error:
        return None
    return "damaged", "an empty file", _AGAIN


def _page(scan: Scan) -> Said:
    if not re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml|head|body|error)", scan.head, re.I):
        return None
    return "foreign", "an HTML or XML page, not data", f"{_AGAIN}; the address was wrong or refused"


def _lfs_pointer(scan: Scan) -> Said:
    found = re.match(rb"version https://git-lfs\S+\noid sha256:([0-9a-f]{64})", scan.head)
    if not found:
        return None
    meant = describe_packed(sha256=found[1].decode())
    what = f"a Git-LFS pointer to {meant.words}" if meant else "a Git-LFS pointer, not data"
    return "foreign", what, "Run: git lfs pull"


def _annex_link(scan: Scan) -> Said:
    if not re.match(rb"(\.\./)*(\.git|/annex)/\S*annex/|/annex/objects/", scan.head):
        return None
    key = re.search(rb"MD5E?-s\d+--([0-9a-f]{32})", scan.head)
    meant = describe_packed(md5=key[1].decode()) if key else None
    what = f"a git-annex link to {meant.words}" if meant else "a git-annex link, not data"
    return "foreign", what, "Run: git annex get"


def _side_file(scan: Scan) -> Said:
    if scan.head[:4] != b"\x00\x05\x16\x07":
        return None
    return "foreign", "a macOS AppleDouble side file", "Use the file whose name lacks the ._"


def _mangled(scan: Scan) -> Said:
    if not scan.head.startswith(b"\x1f\xef\xbf\xbd"):
        return None
    return "damaged", "a gzip file that was converted as if it were text", _AGAIN


def _foreign_array(scan: Scan) -> Said:
    if not isinstance(scan.error, ForeignArrayError):
        return None
    found = f"an array, but not for IDX: {str(scan.error).partition(': ')[2]}"
    return "foreign", found, "Save it with write_idx, in a type that IDX has"


def _broken_container(scan: Scan) -> Said:
    if not scan.error or (scan.header and scan.extra < 0):
        return None
    return "damaged", str(scan.error).partition(": ")[2] or str(scan.error), _AGAIN


def _without_carriage_returns(scan: Scan) -> Said:
    """Recognise 00 00 0D xx, float32, from which a conversion took the 0D."""
    if scan.header or scan.head[:2] != b"\0\0" or scan.head[3:5] != b"\0\0":
        return None
    if scan.head[2] not in (1, 2, 3, 4):
        return None
    return "damaged", "float32 IDX whose 0D bytes were removed by a text conversion", _AGAIN


def _other_byte_order(scan: Scan) -> Said:
    head = scan.head
    if scan.header and scan.extra:
        axes = tuple(
            int.from_bytes(head[i : i + 4], "little") for i in range(4, scan.header.nbytes, 4)
        )
        turned = IdxHeader(scan.header.dtype, axes)
        if turned.payload_nbytes != scan.nbytes:
            return None
    elif head[2:4] != b"\0\0" or head[1:2] not in map(_byte, ELEMENT_TYPES) or not head[0]:
        return None
    return "damaged", "IDX with little-endian counts", "Write it again with write_idx"


def _byte(code: int) -> bytes:
    return bytes([code])


def _count_of_bytes(scan: Scan) -> Said:
    """Recognise a first axis that counts bytes, as one exporter writes it."""
    if not scan.header or len(scan.header.shape) < 2 or scan.error:
        return None
    count = scan.header.shape[0]
    each = scan.header.data_nbytes // count if count else 0
    if not each or count % each or scan.nbytes - scan.header.nbytes != count:
        return None
    found = f"IDX whose first axis counts bytes: {count} for {count // each} items of {each}"
    return "damaged", found, "Write it again with write_idx"


def _wide_elements(scan: Scan) -> Said:
    if not scan.header or scan.error or scan.extra <= 0 or scan.stopped:
        return None
    elements = scan.nbytes - scan.header.nbytes
    claimed = scan.header.data_nbytes
    if not claimed or elements % claimed or elements // claimed not in (2, 4, 8):
        return None
    width = elements // claimed * scan.header.dtype.itemsize
    found = f"{width}-byte elements under a {_type(scan.header)} header, {_shape(scan.header)}"
    return "damaged", found, "Write it again with write_idx, in the type that it has"


def _appended(scan: Scan) -> Said:
    if not scan.header or scan.extra <= 0:
        return None
    inner = describe_payload(scan.payload.hexdigest())
    bytes_ = "more bytes than that" if scan.stopped else f"{scan.extra} stray byte(s)"
    what = inner.words if inner else _shape(scan.header)
    return "damaged", f"{what}, with {bytes_} at the end", f"{_AGAIN}; something was appended"


def _truncated(scan: Scan) -> Said:
    if not scan.header or scan.extra >= 0:
        return None
    items = ""
    if len(scan.header.shape) > 1 and scan.header.data_nbytes:
        each = scan.header.data_nbytes // scan.header.shape[0]
        whole = max(scan.nbytes - scan.header.nbytes, 0) // each
        items = f": {whole:,} of {scan.header.shape[0]:,} items are whole"
    found = f"truncated IDX, {_shape(scan.header)}{items}"
    return "damaged", found, f"{_AGAIN}; the download or copy was interrupted"


def _short_header(scan: Scan) -> Said:
    if scan.header or len(scan.head) < 3 or scan.head[:2] != b"\0\0":
        return None
    if scan.head[2] not in ELEMENT_TYPES:
        return None
    return "damaged", f"a truncated IDX header of {len(scan.head)} bytes", _AGAIN


DIAGNOSES: tuple[Callable[[Scan], Said], ...] = (
    _known,
    _page,
    _lfs_pointer,
    _annex_link,
    _side_file,
    _mangled,
    _nothing,
    _foreign_array,
    _broken_container,
    _without_carriage_returns,
    _other_byte_order,
    _count_of_bytes,
    _wide_elements,
    _appended,
    _truncated,
    _short_header,
)
"""Each says what it recognises in a scan, or None; the first to speak is believed."""


def _zip_members(path: Path) -> Iterator[Identity]:
    """Identify the members of a zip file, in memory; .npz is one too and is never unpickled."""
    try:
        names = members(path)
    except IdxError as error:
        yield Identity(str(path), "zip", "damaged", str(error).partition(": ")[2], _AGAIN)
        return
    for name in names:
        container = "npz" if name.endswith(".npy") else "zip"
        yield _diagnosed(f"{path}!{name}", container, scan_file(path, name))


def _type(header: IdxHeader) -> str:
    return header.dtype.newbyteorder("=").name


def _shape(header: IdxHeader) -> str:
    return f"{' x '.join(map(str, header.shape)) or 'a single'} {_type(header)}"
