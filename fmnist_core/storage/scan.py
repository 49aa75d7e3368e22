"""Read a file once, and record what it contains.

It is read in blocks, unpacked in memory, as far as its own header justifies and a budget allows.
`identify` judges it.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fmnist_core.errors import FmnistError, IdxError, printable
from fmnist_core.files import BLOCK, open_regular
from fmnist_core.idx.containers import container_of_file, unpacked_member, unpacked_stream
from fmnist_core.idx.header import ByteStream, IdxHeader, parse_header
from fmnist_core.idx.zips import Member

WIDEST = 8
"""Most bytes in an element; a scan reads at most this many times what a header calls for."""

MAX_BYTES = 1 << 30
"""Most bytes that are unpacked to name a file; the largest payload of the catalog has 547 MB."""

MAX_DIGITS = 1 << 28
"""Most bytes of hexadecimal digits that are decoded; the largest payload seen in this form has
47 MB, which `hexdump -C` makes 232 MB."""

HEAD = 4096
"""Bytes that are kept from the beginning of a file, both packed and unpacked."""


@dataclass
class Budget:
    """The work that may still be done to name a file with all its members.

    Attributes
    ----------
    nbytes : int
        Bytes to unpack.
    digits : int
        Bytes of hexadecimal digits to decode.
    """

    nbytes: int = MAX_BYTES
    digits: int = MAX_DIGITS


@dataclass
class Scan:
    """The result of reading a file.

    Attributes
    ----------
    path : Path
        The file, or the zip file that holds the member.
    budget : Budget
        The file's budget.
    member : Member, optional
        The member that was read.
    container : str
        How the file is packed; "npz" for a member that is a numpy array.
    packed_head, head : bytes
        The first bytes, packed and unpacked.
    nbytes : int
        How many unpacked bytes were read.
    header : IdxHeader, optional
    payload : hash
        SHA-256 of the bytes that the header calls for.
    stopped : bool
        Whether there is more than a header justifies.
    is_exhausted : bool
        Whether there is more than the budget allows.
    error : FmnistError, optional
        Why the file could not be unpacked to its end.
    """

    path: Path
    budget: Budget
    member: Member | None = None
    container: str = "raw"
    packed_head: bytes = b""
    head: bytes = b""
    nbytes: int = 0
    header: IdxHeader | None = None
    payload: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    stopped: bool = False
    is_exhausted: bool = False
    error: FmnistError | None = None

    @property
    def extra(self) -> int:
        """Bytes beyond what the header calls for; negative if some are missing."""
        return self.nbytes - self.header.payload_nbytes if self.header else 0

    @property
    def is_whole(self) -> bool:
        """Whether it is IDX data of the right length."""
        return self.header is not None and not self.extra and self.error is None

    @property
    def data_head(self) -> bytes:
        """The first bytes after the header."""
        return self.head[self.header.nbytes :] if self.header else b""

    def feed(self, blocks: Iterable[bytes]) -> None:
        """Read unpacked bytes, as far as the header at their beginning justifies."""
        for block in blocks:
            if len(self.head) < HEAD:
                self.head += block[: HEAD - len(self.head)]
                self.header = parse_header(self.head)
            expected = self.header.payload_nbytes if self.header else len(block) + self.nbytes
            self.payload.update(block[: max(expected - self.nbytes, 0)])
            self.nbytes += len(block)
            self.budget.nbytes -= len(block)
            if self.nbytes > max(expected * WIDEST if self.header else 0, BLOCK):
                self.stopped = True
                return
            if self.budget.nbytes <= 0:
                self.is_exhausted = True
                return

    def read(self, stream: ByteStream) -> None:
        """Read a stream to its end, or as far as possible."""
        try:
            self.feed(blocks_of(stream))
        except IdxError as error:
            self.error = error


def scan_file(path: Path, budget: Budget) -> Scan:
    """Scan a file.

    Raises
    ------
    FileAccessError
        If it cannot be read.
    """
    with open_regular(path) as file:
        container, packed_head = container_of_file(file), file.peek(HEAD)[:HEAD]
        scan = Scan(path, budget, container=container, packed_head=packed_head)
        try:
            with unpacked_stream(file, printable(path)) as stream:
                scan.read(stream)
        except IdxError as error:
            scan.error = error
        nbytes = os.fstat(file.fileno()).st_size
        if scan.container == "raw" and scan.header and nbytes != scan.header.payload_nbytes:
            # The length alone says what is wrong.
            scan.nbytes, scan.is_exhausted = nbytes, False
            scan.stopped = nbytes > max(scan.header.payload_nbytes * WIDEST, BLOCK)
    return scan


def scan_member(path: Path, member: Member, budget: Budget) -> Scan:
    """Scan a member of a zip file."""
    scan = Scan(path, budget, member, "npz" if member.name.endswith(".npy") else "zip")
    try:
        with unpacked_member(member) as stream:
            scan.read(stream)
    except IdxError as error:
        scan.error = error
    return scan


def blocks_of(stream: ByteStream) -> Iterator[bytes]:
    """Yield a stream's bytes."""
    while block := stream.read1(BLOCK):
        yield block
