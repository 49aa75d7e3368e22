"""Files that are not IDX data at all: pages, pointers, placeholders and other formats."""

import codecs
import html
import plistlib
import re
from collections.abc import Callable

from fmnist_core.catalog import describe_packed, describe_payload
from fmnist_core.idx.containers import ForeignArrayError, container_of_start
from fmnist_core.storage.findings import GET_AGAIN, Finding, quoted
from fmnist_core.storage.scan import HEAD, Scan

_SIGNATURES: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\xff\xd8\xff", "a JPEG picture", "Read it with Pillow"),
    (0, b"GIF8", "a GIF picture", "Read it with Pillow"),
    (0, b"%PDF-", "a PDF document", GET_AGAIN),
    (0, b"BZh", "a bzip2 file", "Unpack it first: bunzip2 -k FILE"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard file", "Unpack it first: zstd -d FILE"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it first: 7z x FILE"),
    (0, b"Rar!\x1a\x07", "a RAR archive", "Unpack it first: unrar x FILE"),
    (257, b"ustar", "a tar archive", "Unpack it first: tar -xf FILE"),
    (0, b"MATLAB 5.0 MAT-file", "a MATLAB file", "Read it with scipy.io.loadmat"),
    (0, b"MATLAB 7.3 MAT-file", "a MATLAB file in HDF5", "Read it with h5py"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", "Read it with h5py"),
    (0, b"PAR1", "a Parquet file", "Read it with pyarrow or pandas"),
    (0, b"ARROW1", "an Arrow file", "Read it with pyarrow"),
    (0, b"SQLite format 3\0", "an SQLite database", "Read it with sqlite3"),
    (0, b"RDX", "an R data file", "Read it with R, or with pyreadr"),
    (0, b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "a PyTorch file", "Read it with torch.load"),
)
"""Other formats: offset, the bytes there, what the file is and what to do."""

_ARRAYS = "then keep the array with write_idx, or make a Dataset of it"
_PATH = re.compile(rb"(\.{0,2}/)?([\w.@+-]+/)*[\w.@+-]+\n?")


def page(scan: Scan) -> Finding | None:
    """Recognise an HTML or XML page, as servers send instead of a file."""
    if not re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml|head|body|error)", scan.head, re.I):
        return None
    # No part of it can match in two ways, or a page of 4 KB would take minutes.
    title = re.search(rb"<(title|code)>\s*([^<\s][^<]*)</", scan.head, re.I)
    words = f", titled {quoted(_unescaped(title[2]))}" if title else ""
    advice = f"{GET_AGAIN}; the address was wrong or the server refused"
    return Finding("foreign", f"an HTML or XML page{words}, not data", advice)


def _unescaped(text: bytes) -> bytes:
    return html.unescape(text.decode(errors="replace")).encode(errors="replace")


def lfs_pointer(scan: Scan) -> Finding | None:
    """Recognise the pointer that git leaves if Git-LFS is not installed."""
    match = re.match(rb"version https://git-lfs\S+\noid sha256:([0-9a-f]{64})", scan.head)
    if not match:
        return None
    digest = match[1].decode()
    known_file = describe_packed(sha256=digest) or describe_payload(digest)
    what = (
        f"a Git-LFS pointer to {known_file.words}" if known_file else "a Git-LFS pointer, not data"
    )
    return Finding("foreign", what, "Run: git lfs pull")


def annex_link(scan: Scan) -> Finding | None:
    """Recognise a git-annex link that was saved as text."""
    if not re.match(rb"(\.\./)*(\.git|/annex)/\S*annex/|/annex/objects/", scan.head):
        return None
    key = re.search(rb"MD5E?-s\d+--([0-9a-f]{32})", scan.head)
    known_file = describe_packed(md5=key[1].decode()) if key else None
    what = f"a git-annex link to {known_file.words}" if known_file else "a git-annex link, not data"
    return Finding("foreign", what, "Run: git annex get")


def git_symlink(scan: Scan) -> Finding | None:
    """Recognise a symbolic link as git saves it if it cannot make one: its target as text."""
    if scan.nbytes > HEAD or not _PATH.fullmatch(scan.head):
        return None
    if not re.search(rb"/|ubyte|idx", scan.head):
        return None
    description = f"a symbolic link that was saved as text; it leads to {quoted(scan.head)}"
    return Finding("foreign", description, "Get the file that it leads to")


def icloud_placeholder(scan: Scan) -> Finding | None:
    """Recognise iCloud's property list in place of a file that is not on this disk."""
    if not scan.head.startswith(b"bplist00") or b"NSURLNameKey" not in scan.head:
        return None
    try:
        name = plistlib.loads(scan.head)["NSURLNameKey"]
    except Exception:  # plistlib raises whatever its bytes lead to
        name = None
    # Printed in full, lists that contain one another many times would be endless.
    what = quoted(name.encode(errors="replace")) if isinstance(name, str) else "a file"
    description = f"an iCloud placeholder for {what}, which is not on this disk"
    return Finding("foreign", description, "Open it in Finder, or run: brctl download FILE")


def side_file(scan: Scan) -> Finding | None:
    """Recognise the side file that macOS puts beside a file on other file systems."""
    if scan.head[:4] != b"\x00\x05\x16\x07":
        return None
    return Finding(
        "foreign", "a macOS AppleDouble side file", "Use the file whose name lacks the ._"
    )


def foreign_array(scan: Scan) -> Finding | None:
    """Recognise a numpy array that IDX cannot hold."""
    if not isinstance(scan.error, ForeignArrayError):
        return None
    description = f"a numpy array, but not for IDX: {str(scan.error).partition(': ')[2]}"
    if "pickled" in description:
        return Finding("foreign", description, "Save it as an array of numbers where it was made")
    advice = "Read it with np.load, and keep it with write_idx in a type that IDX has"
    return Finding("foreign", description, advice)


def png(scan: Scan) -> Finding | None:
    """Recognise a PNG picture, and its size."""
    if not scan.head.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    width, height = (int.from_bytes(scan.head[at : at + 4], "big") for at in (16, 20))
    description = f"a PNG picture of {width} x {height} pixels"
    return Finding("foreign", description, f"Read it with Pillow, {_ARRAYS}")


def pickle(scan: Scan) -> Finding | None:
    """Recognise a Python pickle by its protocol and its first opcodes."""
    if not re.match(rb"\x80([\x04\x05]\x95|[\x02\x03][\]\}\(cXqU])", scan.head):
        return None
    advice = f"Load it with pickle, only if you trust who made it; {_ARRAYS}"
    return Finding("foreign", "a Python pickle, which is not opened here", advice)


def packed_twice(scan: Scan) -> Finding | None:
    """Recognise a packed file within a packed file."""
    container = container_of_start(scan.head)
    if container == "raw":
        return None
    description = f"a {container} file that was packed again ({scan.container})"
    return Finding("foreign", description, "Unpack it once")


def other_format(scan: Scan) -> Finding | None:
    """Recognise other formats by their signatures."""
    for offset, signature, what, advice in _SIGNATURES:
        if scan.head.startswith(signature, offset):
            if advice.startswith("Read it with"):
                advice = f"{advice}, {_ARRAYS}"
            return Finding("foreign", what, advice)
    return None


def table(scan: Scan) -> Finding | None:
    """Recognise a table of numbers in text, with or without a line of names."""
    line, end, _ = scan.head.partition(b"\n")
    columns = line.count(b",") + 1
    if columns < 3 or not re.fullmatch(rb"(\xef\xbb\xbf)?[\w .+\"-]*(,[\w .+\"-]*)+\r?", line):
        return None
    names = not re.match(rb"[\d.+-]", line)
    size = f" of {columns} columns" if end else ""
    skip = ", skiprows=1" if names else ""
    advice = f"Read it with np.loadtxt(path, dtype='uint8', delimiter=','{skip}), {_ARRAYS}"
    return Finding("foreign", f"a CSV table{size}", advice)


def text(scan: Scan) -> Finding | None:
    """Recognise other text, and quote its beginning."""
    encoding = "utf-16" if scan.head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        # The text may end within a character, because only its beginning was kept.
        words = codecs.getincrementaldecoder(encoding)().decode(scan.head)
    except UnicodeDecodeError:
        return None
    if not words or not all(letter.isprintable() or letter.isspace() for letter in words):
        return None
    return Finding("foreign", f"text that begins with {quoted(words[:60].encode())}", GET_AGAIN)


FOREIGN: tuple[Callable[[Scan], Finding | None], ...] = (
    page,
    lfs_pointer,
    annex_link,
    git_symlink,
    icloud_placeholder,
    side_file,
    foreign_array,
    png,
    pickle,
    packed_twice,
    other_format,
    table,
)
"""Each returns what it recognises in a scan, or None; `text` must come last."""
