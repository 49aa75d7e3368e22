"""The result of a scan: a verdict, what the file is, and what to do next."""

from typing import Literal, NamedTuple

from fmnist_core.catalog import describe_payload, describe_start
from fmnist_core.errors import brief
from fmnist_core.idx.header import shape_words
from fmnist_core.storage.scan import Scan

Verdict = Literal["genuine", "old revision", "unknown", "damaged", "foreign", "unreadable"]

GET_AGAIN = "Get the file again"


class Finding(NamedTuple):
    """What a file is.

    Attributes
    ----------
    verdict : str
        "genuine" (a payload of the catalog), "old revision" (of one), "unknown" (whole IDX, not in
        the catalog), "damaged" (meant to be IDX), "foreign" (something else) or "unreadable".
    found, advice : str
        What it is, and the next thing to do.
    """

    verdict: Verdict
    found: str
    advice: str = ""


def whole_idx(scan: Scan) -> Finding | None:
    """Recognise complete IDX data, and by its digest a payload of the catalog."""
    if not scan.is_whole or scan.header is None:
        return None
    known_file = describe_payload(scan.payload.hexdigest())
    if known_file is None:
        is_array = scan.container in ("npy", "npz")
        kind = "a numpy array" if is_array else "IDX data"
        description = f"{kind} that the catalog does not know, {shape_words(scan.header)}"
        return Finding("unknown", description, "Use it with open_idx(images_path, labels_path)")
    if known_file.old:
        return Finding("old revision", known_file.words, f"{GET_AGAIN} from the dataset's own page")
    return Finding("genuine", known_file.words)


def too_large(scan: Scan) -> Finding | None:
    """Recognise data that are too large to be read only to name them."""
    if not scan.is_exhausted:
        return None
    words = f", {shape_words(scan.header)} by its header" if scan.header else ""
    description = (
        f"data of over {scan.nbytes:,} bytes{words}, which identify does not read to the end"
    )
    return Finding("unknown", description, "Use it with open_idx(images_path, labels_path)")


def beginning(scan: Scan) -> str:
    """Return the end of a sentence that names a known payload with the same beginning, or ""."""
    known_file = describe_start(scan.head)
    return f"; it begins as {known_file.words} does" if known_file else ""


def quoted(text: bytes) -> str:
    """Return foreign text in quotes: one short line without control characters."""
    return brief(" ".join(text.decode(errors="replace").split()))
