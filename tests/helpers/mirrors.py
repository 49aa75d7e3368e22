"""Mirrors with one fault each, the file they serve, and what a download leaves behind."""

import hashlib
import random
from pathlib import Path

import pytest

from fmnist_core import DataMismatchError
from fmnist_core.storage import exchange, http
from tests.helpers.programs import free_port
from tests.helpers.server import HTML, FaultServer, Page

BODY = random.Random(1).randbytes(20_001)
OTHER = random.Random(2).randbytes(20_007)


def check(path: Path) -> None:
    """Check that a file is the one that the mirrors serve."""
    if (digest := hashlib.sha256(path.read_bytes()).hexdigest()) != hashlib.sha256(
        BODY
    ).hexdigest():
        raise DataMismatchError(f"{path}: expected the wanted bytes,\nfound {digest}")


def timeouts(patch: pytest.MonkeyPatch, *, read: float, answer: float, window: float) -> None:
    patch.setattr(http, "CONNECT_TIMEOUT", answer)
    patch.setattr(exchange, "READ_TIMEOUT", read)
    patch.setattr(exchange, "ANSWER_TIMEOUT", answer)
    patch.setattr(exchange, "RATE_WINDOW", window)
    patch.setattr(exchange, "LEAST_RATE", 1000.0)


def part(target: Path) -> Path:
    """Return where the bytes of an interrupted download are kept."""
    return target.with_name(".x.gz.part")


def note(target: Path) -> Path:
    """Return the path of the note that names their mirror and file."""
    return target.with_name(".x.gz.part.json")


def assert_fetched(target: Path) -> None:
    assert target.read_bytes() == BODY
    assert list(target.parent.iterdir()) == [target]


def assert_nothing_but_a_part(target: Path) -> None:
    left = set(target.parent.iterdir())
    assert left in (set(), {part(target), note(target)})


# Each fault, and what the error says about it.
FAULTS: dict[str, tuple[Page, str]] = {
    "403": (Page(fault="403"), "HTTP 403 Forbidden"),
    "404": (Page(fault="404"), "HTTP 404 Not Found"),
    "429": (Page(fault="429", headers={"Retry-After": "60"}), "HTTP 429 Too Many Requests"),
    "500": (Page(fault="500"), "HTTP 500 Internal Server Error"),
    "503": (Page(fault="503", headers={"Retry-After": "60"}), "HTTP 503 Service Unavailable"),
    "stall": (Page(BODY, "stall"), "nothing came for 0.5 s, after 10001 bytes"),
    "trickle": (Page(BODY, "trickle"), "too slow: "),
    "reset": (Page(BODY, "reset"), "Connection reset by peer"),
    "short": (Page(BODY, "short"), "the body ends too early, after 10001 bytes"),
    "short-unsized": (
        Page(BODY, "short", sized=False),
        "the body ends too early, after 10001 of 20001 bytes",
    ),
    "short-chunked": (Page(BODY, "chunked_short"), "the body ends too early, after 10000 bytes"),
    "long": (Page(BODY, "long"), "expected 20001 bytes, and the body goes on"),
    "length": (Page(BODY, "length"), "expected 20001 bytes, found 20008"),
    "html": (Page(fault="html"), f"expected 20001 bytes, found {len(HTML)} of text/html"),
    "wrong": (Page(BODY, "wrong"), "expected the wanted bytes, found "),
    "other": (Page(OTHER), "expected 20001 bytes, found 20007"),
    "other-unsized": (Page(OTHER, sized=False), "expected 20001 bytes, and the body goes on"),
    "loop": (Page(fault="loop"), "redirects more than 5 times"),
    "away": (
        Page(fault="redirect", headers={"Location": "file:///etc/passwd"}),
        "redirects from http to file:///etc/passwd, which is not followed",
    ),
    "silent": (Page(fault="silent"), "nothing came for 0.5 s"),
    "slow-head": (Page(fault="slow_head"), "no complete answer within 1 s"),
    "garbage": (Page(fault="garbage"), "BadStatusLine"),
    "hang-up": (Page(fault="hang_up"), "closed connection without response"),
    "refused": (Page(), "Connection refused"),
}


def mirror(server: FaultServer, path: str, fault: str) -> str:
    if fault == "refused":
        return f"http://127.0.0.1:{free_port()}{path}"
    return server.url(f"{path}/{fault}", FAULTS[fault][0])
