"""A file read through once, and what that showed.

It is read in blocks, unpacked in memory, as far as its own header justifies. `identify` judges it.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fmnist_core.errors import FmnistError, IdxError
from fmnist_core.files import BLOCK, open_regular
from fmnist_core.idx.containers import container_of_file, unpacked_stream
from fmnist_core.idx.header import ByteStream, IdxHeader, parse_header

WIDEST = 8
"""Most bytes in an element; a scan looks no further than so many times what a header calls for."""

HEAD = 4096
"""Bytes that are kept from the beginning of a file, as it lies and unpacked."""


@dataclass
class Scan:
    """What reading a file through showed.

    Attributes
    ----------
    path, member : Path, str
        The file, and which member of it where it is a zip file.
    container : str
        How the file is packed; "npz" for a member that is a numpy array.
    packed_head, head : bytes
        The first bytes, as the file lies and unpacked.
    nbytes : int
        How many unpacked bytes were read.
    header : IdxHeader, optional
    whole, payload : hash
        SHA-256 of all that was read, and of as much as the header calls for.
    stopped : bool
        Whether there is more than a header justifies.
    error : FmnistError, optional
        Why the file could not be unpacked to its end.
    """

    path: Path
    member: str = ""
    container: str = "raw"
    packed_head: bytes = b""
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

    @property
    def is_whole(self) -> bool:
        """Whether it is IDX data of the right length."""
        return self.header is not None and not self.extra and self.error is None

    @property
    def data_head(self) -> bytes:
        """The first bytes after the header."""
        return self.head[self.header.nbytes :] if self.header else b""

    def feed(self, blocks: Iterable[bytes]) -> None:
        """Take in the unpacked bytes, as far as the header that they begin with justifies."""
        for block in blocks:
            if len(self.head) < HEAD:
                self.head += block[: HEAD - len(self.head)]
                self.header = parse_header(self.head)
            if self.header:
                self.payload.update(block[: max(self.header.payload_nbytes - self.nbytes, 0)])
            self.whole.update(block)
            self.nbytes += len(block)
            enough = self.header.payload_nbytes * WIDEST if self.header else 0
            if self.nbytes > max(enough, BLOCK):
                self.stopped = True
                return


def scan_file(path: Path, member: str = "") -> Scan:
    """Read a file through, or a member of a zip file.

    Raises
    ------
    FileAccessError
        If it cannot be read.
    """
    with open_regular(path) as file:
        container = "npz" if member.endswith(".npy") else container_of_file(file)
        scan = Scan(path, member, container, file.peek(HEAD)[:HEAD])
        try:
            with unpacked_stream(file, str(path), member) as stream:
                scan.feed(blocks_of(stream))
        except IdxError as error:
            scan.error = error
        except EOFError as error:
            scan.error = IdxError(str(error))
    return scan


def blocks_of(stream: ByteStream) -> Iterator[bytes]:
    """Yield a stream's bytes."""
    while block := stream.read1(BLOCK):
        yield block
