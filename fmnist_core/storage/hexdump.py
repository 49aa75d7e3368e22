"""Bytes written out as hexadecimal digits, as editors, xxd and hexdump do."""

import re
from collections.abc import Iterable, Iterator

from fmnist_core.errors import IdxError
from fmnist_core.idx.containers import unpacked, unpacked_member
from fmnist_core.idx.header import shape_words
from fmnist_core.storage.findings import Finding, beginning, whole_idx
from fmnist_core.storage.scan import Budget, Scan, blocks_of

_IN_PYTHON = "Turn it back: data = bytes.fromhex({}); then parse_idx(data)"

_FORMS = {
    # xxd: 00000000: 0000 0801 0000 2710  ......'.
    re.compile(rb"[0-9a-f]+:((?: [0-9a-f]{2,8})+)  .*", re.I): "Turn it back: xxd -r FILE",
    # hexdump -C: 00000000  00 00 08 01  |....|, and a last line with the length alone.
    re.compile(rb"[0-9a-f]{7,8}(?:  ((?:[0-9a-f]{2} {1,2})+) *\|.*\|)?", re.I): _IN_PYTHON.format(
        '"".join(line[10:58] for line in text.splitlines())'
    ),
    # Digits alone.
    re.compile(rb"([0-9a-f \t]*)", re.I): _IN_PYTHON.format("text"),
    # Numbers as in C.
    re.compile(rb"([0-9a-fx, \t]*)", re.I): _IN_PYTHON.format(
        'text.lower().replace("0x", "").replace(",", "")'
    ),
}
"""The form of a line, whose group has the digits, and how to turn the text back into bytes."""


def hex_dump(scan: Scan) -> Finding | None:
    """Recognise IDX data in hexadecimal digits, which are decoded and hashed."""
    first = scan.head.partition(b"\n")[0].rstrip()
    matches = [(form, form.fullmatch(first)) for form in _FORMS]
    form = next((form for form, match in matches if match and match[1]), None)
    if form is None:
        return None
    advice = _FORMS[form]
    inner = Scan(scan.path, Budget())
    source = unpacked_member(scan.member) if scan.member else unpacked(scan.path)
    try:
        with source as stream:
            inner.feed(_decoded(_within(blocks_of(stream), scan.budget), form))
    except (IdxError, ValueError):
        return None
    if inner.header is None:
        return None
    whole = whole_idx(inner)
    if whole:
        return Finding("damaged", f"a hex dump of {whole.found}", advice)
    words = f"{shape_words(inner.header)}, of the wrong length{beginning(inner)}"
    return Finding("damaged", f"a hex dump of IDX, {words}", advice)


def _within(blocks: Iterable[bytes], budget: Budget) -> Iterator[bytes]:
    """Yield blocks of text, or raise ValueError beyond the budget."""
    for block in blocks:
        budget.digits -= len(block)
        if budget.digits < 0:
            raise ValueError("more digits than are worth a name")
        yield block


def _decoded(blocks: Iterable[bytes], form: re.Pattern[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a dump, or raise ValueError if the text is not a dump."""
    rest = b""
    for block in blocks:
        text = rest + block
        end = text.rfind(b"\n") + 1 or text.rfind(b" ") + 1 or len(text) // 2 * 2
        rest = text[end:]
        yield _bytes_of(text[:end], form)
    yield _bytes_of(rest, form)


def _bytes_of(text: bytes, form: re.Pattern[bytes]) -> bytes:
    groups = []
    for line in text.splitlines():
        match = form.fullmatch(line.rstrip())
        if match is None:
            raise ValueError("a line that is no dump")
        groups.append(match[1] or b"")
    digits = b"".join(groups).replace(b"0x", b"").replace(b"0X", b"")
    return bytes.fromhex(digits.translate(None, b" ,\t").decode("ascii"))
