"""Fetching from mirrors that fail in every way that users report: alone, in pairs, halfway."""

import hashlib
import json
import os
import random
import socket
import ssl
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count, product, repeat
from pathlib import Path

import pytest
import requests  # noqa: F401  (here, so that no test measures importing it)
import trustme
from server import ENDLESS, HTML, FaultServer, Page, closed_port

from fmnist_core import (
    DataMismatchError,
    FetchError,
    FileAccessError,
    FrameworkMissingError,
    web,
)
from fmnist_core.storage import download as fetching
from fmnist_core.storage.download import Fetched, fetch

BODY = random.Random(1).randbytes(20_001)
OTHER = random.Random(2).randbytes(20_007)
PATHS = count()


def check(path: Path) -> None:
    if (found := hashlib.sha256(path.read_bytes()).hexdigest()) != hashlib.sha256(BODY).hexdigest():
        raise DataMismatchError(f"{path}: expected the wanted bytes,\nfound {found}")


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's proxies and certificates out of it, and make every time-out short."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "FMNIST_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    timeouts(monkeypatch, read=0.5, answer=1.0, window=0.2)
    monkeypatch.setattr(fetching, "LEAST_PAUSE", 0.01)
    monkeypatch.setattr(fetching, "PATIENCE", 0.5)


def timeouts(patch: pytest.MonkeyPatch, *, read: float, answer: float, window: float) -> None:
    patch.setattr(web, "CONNECT_TIMEOUT", answer)
    patch.setattr(web, "READ_TIMEOUT", read)
    patch.setattr(web, "ANSWER_TIMEOUT", answer)
    patch.setattr(web, "RATE_WINDOW", window)
    patch.setattr(web, "LEAST_RATE", 1000.0)


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def path() -> str:
    """A path of the server that no other test uses."""
    return f"/{next(PATHS)}/x.gz"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "x.gz"


def part(target: Path) -> Path:
    return target.with_name(".x.gz.part")


def note(target: Path) -> Path:
    return target.with_name(".x.gz.part.json")


def assert_fetched(target: Path) -> None:
    assert target.read_bytes() == BODY
    assert list(target.parent.iterdir()) == [target]


def assert_nothing_but_a_part(target: Path) -> None:
    left = set(target.parent.iterdir())
    assert left in (set(), {part(target), note(target)})


# -- every fault -------------------------------------------------------------------------------

# What each fault is, and what is said of it.
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
    "slow-head": (Page(fault="slow_head"), "no whole answer within 1 s"),
    "garbage": (Page(fault="garbage"), "BadStatusLine"),
    "hang-up": (Page(fault="hang_up"), "closed connection without response"),
    "refused": (Page(), "Connection refused"),
}


def mirror(server: FaultServer, path: str, fault: str) -> str:
    if fault == "refused":
        return f"http://127.0.0.1:{closed_port()}{path}"
    return server.url(f"{path}/{fault}", FAULTS[fault][0])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_alone_is_named(server: FaultServer, path: str, target: Path, fault: str) -> None:
    url = mirror(server, path, fault)
    with pytest.raises(FetchError) as caught:
        fetch([url], target, check, nbytes=len(BODY))
    first, line, advice = str(caught.value).split("\n")
    assert first.startswith("x.gz: ")
    assert line.startswith(f"  {url}: ")
    assert FAULTS[fault][1] in line
    assert "FMNIST_MIRROR" in advice
    assert "root=FOLDER" in advice
    assert_nothing_but_a_part(target)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_mirror_is_asked(server: FaultServer, path: str, target: Path, fault: str) -> None:
    faulty, good = mirror(server, path, fault), server.url(path, Page(BODY, etag='"2"'))
    fetched = fetch([faulty, good], target, check, nbytes=len(BODY))
    assert fetched.url == good
    assert FAULTS[fault][1] in fetched.faults[0]
    assert len(fetched.faults) == 1
    assert_fetched(target)


@pytest.mark.parametrize(("first", "second"), list(product(FAULTS, FAULTS)))
def test_any_two_faults_leave_nothing_that_harms_a_third_mirror(
    server: FaultServer,
    path: str,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    second: str,
) -> None:
    urls = [mirror(server, f"{path}/{n}", fault) for n, fault in enumerate((first, second))]
    with monkeypatch.context() as patch:
        timeouts(patch, read=0.05, answer=0.1, window=0.02)
        with pytest.raises(FetchError) as caught:
            fetch(urls, target, check, nbytes=len(BODY))
    lines = str(caught.value).split("\n")[1:-1]
    assert {line.split(": ")[0].strip() for line in lines} == set(urls)
    assert_nothing_but_a_part(target)
    fetch([server.url(path, Page(BODY))], target, check, nbytes=len(BODY))
    assert_fetched(target)


@pytest.mark.parametrize("fault", ["html", "other", "other-unsized", "wrong"])
def test_where_no_length_is_known_the_check_decides(
    server: FaultServer, path: str, target: Path, fault: str
) -> None:
    with pytest.raises(FetchError, match="expected the wanted bytes, found") as caught:
        fetch([mirror(server, path, fault)], target, check)
    assert ".part" not in str(caught.value)
    assert list(target.parent.iterdir()) == []


def test_an_unknown_host_is_named(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(FetchError, match="Name or service not known"):
        fetch(["http://mirror.invalid/x.gz"], target, check)


@pytest.mark.parametrize(
    "url", ["", "x.gz", "http://", "http://[::1/x", "http://a b/", "file://host/x", "nothing://x"]
)
def test_what_is_no_address_is_a_fault_too(
    server: FaultServer, path: str, target: Path, url: str
) -> None:
    assert len(fetch([url, server.url(path, Page(BODY))], target, check).faults) == 1
    assert_fetched(target)


def test_no_address_at_all(target: Path) -> None:
    with pytest.raises(FetchError, match="there is none"):
        fetch([], target, check)


def test_an_error_handled_by_the_caller_is_not_blamed(
    server: FaultServer, path: str, target: Path
) -> None:
    try:
        raise FileNotFoundError(2, "the caller's own")
    except FileNotFoundError:
        for fault in ("refused", "reset", "stall", "silent", "hang-up", "garbage", "short-chunked"):
            with pytest.raises(FetchError) as caught:
                fetch([mirror(server, path, fault)], target, check, nbytes=len(BODY))
            assert "the caller's own" not in str(caught.value)


# -- what is right -----------------------------------------------------------------------------


@pytest.mark.parametrize("sized", [True, False])
@pytest.mark.parametrize("fault", ["ok", "chunked"])
@pytest.mark.parametrize("nbytes", [len(BODY), None])
def test_a_good_mirror(
    server: FaultServer, path: str, target: Path, nbytes: int | None, fault: str, sized: bool
) -> None:
    told: list[tuple[int, int | None]] = []
    target.write_bytes(b"an older file")
    url = server.url(path, Page(BODY, fault, sized=sized))
    fetched = fetch([url], target, check, nbytes=nbytes, report=lambda *now: told.append(now))
    assert fetched == Fetched(url, ())
    assert_fetched(target)
    total = len(BODY) if nbytes or (sized and fault == "ok") else None
    assert told[0] == (0, total)
    assert told[-1] == (len(BODY), total)
    assert told == sorted(told)


@pytest.mark.parametrize("hops", [1, 5])
def test_redirects_are_followed(server: FaultServer, path: str, target: Path, hops: int) -> None:
    def endless() -> Iterator[bytes]:
        return repeat(bytes(1 << 16), ENDLESS >> 16)

    server.url(f"{path}/0", Page(BODY))
    for hop in range(1, hops + 1):
        location = {"Location": f"{path}/{hop - 1}"}
        server.url(f"{path}/{hop}", Page(endless, "redirect", headers=location))
    url = server.url(f"{path}/{hops}")
    assert fetch([url], target, check) == Fetched(url, ())
    assert_fetched(target)
    assert server.sent[f"{path}/1"] < 16 << 20, "the body of a redirect is not read"


def test_a_proxy_is_honoured(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{closed_port()}")
    with pytest.raises(FetchError, match="the proxy: Connection refused") as caught:
        fetch(["http://mirror.invalid/x.gz"], target, check)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("says", ["9" * 5000, "-1", "many", "\u00b2"])
def test_a_length_that_makes_no_sense_does_no_harm(
    server: FaultServer, path: str, target: Path, says: str
) -> None:
    page = Page(BODY, sized=False, headers={"Content-Length": says})
    fetch([server.url(path, page)], target, check)
    assert_fetched(target)


def test_chunks_outweigh_a_length(server: FaultServer, path: str, target: Path) -> None:
    page = Page(BODY, "chunked", headers={"Content-Length": "7"})
    fetch([server.url(path, page)], target, check, nbytes=len(BODY))
    assert_fetched(target)


def test_a_server_is_asked_for_the_bytes_as_they_are(
    server: FaultServer, path: str, target: Path
) -> None:
    encoded = Page(BODY, headers={"Content-Encoding": "gzip"})
    fetch([server.url(path, encoded)], target, check, nbytes=len(BODY))
    assert_fetched(target)
    assert server.asked(path)[0]["Accept-Encoding"] == "identity"
    assert "python-requests" not in server.asked(path)[0]["User-Agent"]


# -- resuming ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["short", "stall"])
@pytest.mark.parametrize("cut", [1, 4096, 10_000, len(BODY) - 1])
def test_no_byte_is_fetched_twice(
    server: FaultServer, path: str, target: Path, cut: int, fault: str
) -> None:
    url = server.url(path, Page(BODY, fault, cut=cut), Page(BODY))
    with pytest.raises(FetchError):
        fetch([url], target, check)
    assert part(target).read_bytes() == BODY[:cut]
    assert fetch([url], target, check) == Fetched(url, ())
    assert_fetched(target)
    assert server.sent[path] == len(BODY)
    again = server.asked(path)[1]
    assert (again["Range"], again["If-Range"]) == (f"bytes={cut}-", '"1"')


def test_what_came_before_a_reset_is_kept(server: FaultServer, path: str, target: Path) -> None:
    url = server.url(path, Page(BODY, "reset"), Page(BODY))
    with pytest.raises(FetchError):
        fetch([url], target, check)
    held = part(target).read_bytes() if part(target).exists() else b""
    assert BODY.startswith(held)
    fetch([url], target, check)
    assert_fetched(target)
    # A reset may throw away what had come and was not read yet.
    assert not held or server.asked(path)[1]["Range"] == f"bytes={len(held)}-"


def test_many_cuts_and_mirrors_make_one_file(server: FaultServer, path: str, target: Path) -> None:
    cuts = [3000, 7000, 7001, 15_000]
    urls = [
        server.url(f"{path}/{cut}", Page(BODY, "short", cut=cut, etag=f'"{cut}"')) for cut in cuts
    ]
    last = server.url(path, Page(BODY, etag='"last"'))
    assert len(fetch([*urls, last], target, check).faults) == len(cuts)
    assert_fetched(target)
    assert sum(server.sent[f"{path}/{cut}"] for cut in cuts) + server.sent[path] == len(BODY)
    # An ETag means nothing to another server.
    assert "If-Range" not in server.asked(path)[0]


def test_a_range_survives_a_redirect(server: FaultServer, path: str, target: Path) -> None:
    server.url(path, Page(BODY, "short", cut=5000), Page(BODY))
    url = server.url(f"{path}/old", Page(fault="redirect", headers={"Location": path}))
    with pytest.raises(FetchError):
        fetch([url], target, check)
    fetch([url], target, check)
    assert_fetched(target)
    assert server.sent[path] == len(BODY)


@pytest.mark.parametrize(
    ("marks", "validator"),
    [
        ({"etag": '"1"', "modified": "Thu, 31 Aug 2017 10:00:00 GMT"}, '"1"'),
        ({"etag": 'W/"1"', "modified": "Thu, 31 Aug 2017 10:00:00 GMT"}, "Thu, 31 Aug 2017"),
        ({"etag": "", "modified": "Thu, 31 Aug 2017 10:00:00 GMT"}, "Thu, 31 Aug 2017"),
        ({"etag": 'W/"1"'}, ""),
        ({"etag": ""}, ""),
    ],
)
def test_the_strongest_validator_is_sent(
    server: FaultServer, path: str, target: Path, marks: dict[str, str], validator: str
) -> None:
    url = server.url(path, Page(BODY, "short", **marks), Page(BODY, **marks))  # type: ignore[arg-type]
    with pytest.raises(FetchError):
        fetch([url], target, check)
    fetch([url], target, check)
    assert_fetched(target)
    assert server.sent[path] == len(BODY)
    assert server.asked(path)[1].get("If-Range", "").startswith(validator)
    assert ("If-Range" in server.asked(path)[1]) == bool(validator)


@pytest.mark.parametrize(
    "now",
    [
        Page(BODY, etag='"2"'),
        Page(BODY, etag='"1"', ranges=False),
        Page(BODY, "range"),
        Page(BODY, etag='"2"', heedless=True),
        Page(BODY, modified="Fri, 01 Sep 2017 10:00:00 GMT", heedless=True),
        Page(BODY, "chunked"),
    ],
    ids=["etag", "no-ranges", "wrong-range", "heedless-etag", "heedless-date", "chunked"],
)
def test_where_the_rest_cannot_be_had_it_begins_anew(
    server: FaultServer, path: str, target: Path, now: Page
) -> None:
    old = Page(bytes(len(BODY)), "short", modified="Thu, 31 Aug 2017 10:00:00 GMT")
    url = server.url(path, old, now)
    with pytest.raises(FetchError):
        fetch([url], target, check)
    assert fetch([url], target, check, nbytes=len(BODY)) == Fetched(url, ())
    assert_fetched(target)


def test_a_revision_of_another_length_begins_anew(
    server: FaultServer, path: str, target: Path
) -> None:
    url = server.url(path, Page(OTHER, "short"), Page(BODY))
    with pytest.raises(FetchError):
        fetch([url], target, check)
    assert fetch([url], target, check) == Fetched(url, ())
    assert_fetched(target)


@pytest.mark.parametrize("harm", ["flip", "longer", "whole", "empty", "note-torn", "note-gone"])
def test_a_damaged_part_is_fetched_anew(
    server: FaultServer, path: str, target: Path, harm: str
) -> None:
    url = server.url(path, Page(BODY, "short"), Page(BODY))
    with pytest.raises(FetchError):
        fetch([url], target, check)
    held = part(target).read_bytes()
    parts = {
        "flip": bytes([held[0] ^ 1]) + held[1:],
        "longer": held + OTHER,
        "whole": bytes(len(BODY)),
        "empty": b"",
    }
    part(target).write_bytes(parts.get(harm, held))
    if harm == "note-torn":
        note(target).write_text(note(target).read_text()[:-5])
    elif harm == "note-gone":
        note(target).unlink()
    faults = fetch([url], target, check).faults
    assert_fetched(target)
    assert len(faults) == (harm in ("flip", "longer", "whole"))
    assert ("Range" in server.asked(path)[1]) == (harm == "flip")
    if harm == "flip":
        assert "resumed after 10001 bytes: expected the wanted bytes" in faults[0]


def test_a_mirror_that_stays_wrong_is_asked_from_zero_only_once(
    server: FaultServer, path: str, target: Path
) -> None:
    url = server.url(path, Page(BODY, "short"), Page(bytes(len(BODY))))
    with pytest.raises(FetchError):
        fetch([url], target, check)
    with pytest.raises(FetchError, match="resumed after") as caught:
        fetch([url], target, check)
    assert str(caught.value).count(url) == 2
    assert len(server.asked(path)) == 3
    assert list(target.parent.iterdir()) == []


def test_a_whole_part_needs_no_network(
    server: FaultServer, path: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(BaseException):
        pass

    def stop(_: Path) -> None:
        raise Stopped

    url = server.url(path, Page(BODY))
    with pytest.raises(Stopped):
        fetch([url], target, stop)
    assert part(target).read_bytes() == BODY
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    assert fetch(["http://elsewhere.invalid/"], target, check) == Fetched(url, ())
    assert_fetched(target)


def test_ctrl_c_leaves_a_part_to_resume(
    server: FaultServer, path: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "REPORT_EVERY", 0.0)

    def interrupt(done: int, _: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    url = server.url(path, Page(BODY, pace=0.03), Page(BODY))
    with pytest.raises(KeyboardInterrupt):
        fetch([url], target, check, report=interrupt)
    held = part(target).stat().st_size
    assert 0 < held < len(BODY)
    fetch([url], target, check)
    assert_fetched(target)
    assert server.asked(path)[1]["Range"] == f"bytes={held}-"


# Forks, so that each child is at once in the middle of it; has one thread, so that it may.
NURSERY = """
import os, signal, sys, time
from pathlib import Path
import requests
from fmnist_core.storage.download import fetch

for line in sys.stdin:
    url, target, lifetime = line.split()
    child = os.fork()
    if not child:
        fetch([url], Path(target), lambda path: None)
        os._exit(0)
    time.sleep(float(lifetime))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_sigkill_at_any_moment_costs_only_what_was_not_written(
    server: FaultServer, path: str, tmp_path: Path
) -> None:
    url = server.url(path, Page(BODY, pace=0.01))
    clock, halfway = random.Random(25), 0
    nursery = subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    with nursery:
        assert nursery.stdin
        assert nursery.stdout
        for moment in range(400):
            if moment >= 25 and halfway >= 10:
                break
            target = tmp_path / str(moment) / "x.gz"
            target.parent.mkdir()
            nursery.stdin.write(f"{url} {target} {clock.uniform(0, 0.1)}\n")
            assert nursery.stdout.readline() == "killed\n"
            if target.exists():
                assert target.read_bytes() == BODY
                continue
            held = part(target).read_bytes() if part(target).exists() else b""
            assert BODY.startswith(held)
            assert fetch([url], target, check).faults == ()
            assert_fetched(target)
            if 0 < len(held) < len(BODY):
                assert server.asked(path)[-1]["Range"] == f"bytes={len(held)}-"
                halfway += 1
        nursery.stdin.close()
    assert halfway >= 10


# -- bounds ------------------------------------------------------------------------------------


def test_an_endless_body_is_cut_off(server: FaultServer, path: str, target: Path) -> None:
    with pytest.raises(FetchError, match="the body goes on"):
        fetch([server.url(path, Page(BODY, "long"))], target, check, nbytes=len(BODY))
    # What the sockets of both sides hold was sent too.
    assert server.sent[path] < 16 << 20
    assert list(target.parent.iterdir()) == []


def test_memory_does_not_grow_with_the_file(
    server: FaultServer,
    path: str,
    target: Path,
    peak_memory: Callable[[Callable[[], object]], int],
) -> None:
    block, blocks = random.Random(3).randbytes(1 << 16), 1 << 10
    page = Page(lambda: (block for _ in range(blocks)))
    nbytes = len(block) * blocks
    peak = peak_memory(
        lambda: fetch([server.url(path, page)], target, lambda _: None, nbytes=nbytes)
    )
    assert target.stat().st_size == nbytes == 64 << 20
    assert peak < 4 * web.BLOCK


# -- waiting -----------------------------------------------------------------------------------


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long fetch slept, in turn; it does not."""
    slept: list[float] = []
    monkeypatch.setattr(fetching, "sleep", lambda pause: slept.append(pause) if pause else None)
    monkeypatch.setattr(fetching, "PATIENCE", 10.0)
    monkeypatch.setattr(fetching, "LEAST_PAUSE", 1.0)
    return slept


@pytest.mark.parametrize("status", ["429", "503"])
def test_a_short_wait_is_waited_if_no_other_mirror_is_left(
    server: FaultServer, path: str, target: Path, pauses: list[float], status: str
) -> None:
    busy = Page(fault=status, headers={"Retry-After": "3"})
    url = server.url(path, busy, busy, Page(BODY))
    assert len(fetch([url], target, check).faults) == 2
    assert pauses == [3.0, 3.0]
    assert_fetched(target)


def test_no_wait_while_another_mirror_is_left(
    server: FaultServer, path: str, target: Path, pauses: list[float]
) -> None:
    busy = server.url(path, Page(fault="503", headers={"Retry-After": "1"}), Page(BODY))
    good = server.url(f"{path}/good", Page(BODY))
    assert fetch([busy, good], target, check).url == good
    assert pauses == []


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("0", [1.0] * 10),
        ("4", [4.0, 4.0]),
        ("11", []),
        ("9" * 5000, []),
        ("soon", []),
        ("Mon, 32 Jan 2017 99:00:00 +99999999", []),
        ("", []),
        ("-1", []),
    ],
)
def test_patience_ends(
    server: FaultServer,
    path: str,
    target: Path,
    pauses: list[float],
    says: str,
    expected: list[float],
) -> None:
    url = server.url(path, Page(fault="503", headers={"Retry-After": says}))
    with pytest.raises(FetchError) as caught:
        fetch([url], target, check)
    assert pauses == expected
    assert str(caught.value).count(url) == 1


@pytest.mark.parametrize("seconds", [-60, 5, 60])
def test_a_wait_may_be_a_date(
    server: FaultServer, path: str, target: Path, pauses: list[float], seconds: int
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    url = server.url(path, Page(fault="503", headers={"Retry-After": date}), Page(BODY))
    if seconds > 10:
        with pytest.raises(FetchError):
            fetch([url], target, check)
        assert pauses == []
    else:
        fetch([url], target, check)
        assert pauses[0] == pytest.approx(max(seconds, 1), abs=3)


# -- https -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secure(authority: trustme.CA) -> Iterator[FaultServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with FaultServer(context) as running:
        yield running


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    bundle = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        yield


def test_an_unknown_certificate_is_refused(secure: FaultServer, path: str, target: Path) -> None:
    with pytest.raises(FetchError, match=r"certificate verify failed.*REQUESTS_CA_BUNDLE"):
        fetch([secure.url(path, Page(BODY))], target, check)
    assert secure.asked(path) == []


@pytest.mark.usefixtures("trusted")
def test_a_firewalls_certificate_is_honoured_and_http_may_become_https(
    server: FaultServer, secure: FaultServer, path: str, target: Path
) -> None:
    https = secure.url(path, Page(BODY, "short", cut=9000), Page(BODY))
    http = server.url(path, Page(fault="redirect", headers={"Location": https}))
    with pytest.raises(FetchError):
        fetch([http], target, check)
    fetch([http], target, check)
    assert_fetched(target)
    assert secure.sent[path] == len(BODY)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("fault", ["stall", "trickle", "short", "long", "403"])
def test_faults_over_tls(secure: FaultServer, path: str, target: Path, fault: str) -> None:
    with pytest.raises(FetchError) as caught:
        fetch([secure.url(path, FAULTS[fault][0])], target, check, nbytes=len(BODY))
    assert FAULTS[fault][1] in str(caught.value)


@pytest.mark.usefixtures("trusted")
def test_https_never_becomes_http(
    server: FaultServer, secure: FaultServer, path: str, target: Path
) -> None:
    http = server.url(path, Page(BODY))
    https = secure.url(path, Page(fault="redirect", headers={"Location": http}))
    with pytest.raises(FetchError, match=r"redirects from https to http://.*not followed"):
        fetch([https], target, check)
    assert server.asked(path) == []


def test_http_spoken_to_https_is_a_fault(server: FaultServer, path: str, target: Path) -> None:
    url = server.url(path, Page(BODY)).replace("http", "https")
    with pytest.raises(FetchError, match="SSL"):
        fetch([url], target, check)


# -- offline, files and fsspec -----------------------------------------------------------------


def test_offline_opens_no_socket(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, forbidden)
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    urls = ["http://127.0.0.1/x", "https://mirror.invalid/x", "s3://bucket/x"]
    with pytest.raises(FetchError, match="Unset FMNIST_OFFLINE") as caught:
        fetch(urls, target, check)
    assert str(caught.value).count("not tried") == 3
    assert list(tmp_path.iterdir()) == []
    here = tmp_path / "here"
    here.write_bytes(BODY)
    assert len(fetch([*urls, here.as_uri()], target, check).faults) == 3


@pytest.mark.parametrize("value", ["", "0"])
def test_offline_may_be_switched_off(
    server: FaultServer, path: str, target: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("FMNIST_OFFLINE", value)
    fetch([server.url(path, Page(BODY))], target, check)


def test_a_file_is_copied(tmp_path: Path) -> None:
    source = tmp_path / "a mirror, 100 %" / "x.gz"
    source.parent.mkdir()
    source.write_bytes(BODY)
    target = tmp_path / "store" / "x.gz"
    target.parent.mkdir()
    assert fetch([source.as_uri()], target, check, nbytes=len(BODY)).faults == ()
    assert_fetched(target)
    assert not target.samefile(source)
    assert source.read_bytes() == BODY


def test_a_file_has_faults_too(tmp_path: Path) -> None:
    target = tmp_path / "store" / "x.gz"
    target.parent.mkdir()
    short = tmp_path / "short"
    short.write_bytes(BODY[:-1])
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    urls = [(tmp_path / "absent").as_uri(), tmp_path.as_uri(), pipe.as_uri(), short.as_uri()]
    with pytest.raises(FetchError) as caught:
        fetch(urls, target, check, nbytes=len(BODY))
    for words in ("No such file", "Is a directory", "a pipe or a device", "found 20000"):
        assert words in str(caught.value)
    assert list(target.parent.iterdir()) == []


def test_fsspec_opens_what_it_knows(target: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://faults/x.gz", "wb") as file:
        file.write(BODY)
    urls = ["memory://faults/absent", "memory://faults/x.gz"]
    assert len(fetch(urls, target, check, nbytes=len(BODY)).faults) == 1
    assert_fetched(target)


def test_without_fsspec_it_is_named(
    server: FaultServer, path: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(FrameworkMissingError, match="pip install fsspec"):
        fetch(["s3://bucket/x.gz"], target, check)
    with pytest.raises(FetchError, match="pip install fsspec"):
        fetch(["s3://bucket/x.gz", server.url(path, Page(fault="404"))], target, check)
    good = server.url(path, Page(BODY))
    assert "pip install fsspec" in fetch(["s3://bucket/x.gz", good], target, check).faults[0]


# -- this machine's own faults -----------------------------------------------------------------


def refuse_next(server: FaultServer, path: str) -> list[str]:
    return [server.url(path, Page(BODY)), server.url(f"{path}/next", Page(BODY))]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_no_mirrors_fault(server: FaultServer, path: str, target: Path) -> None:
    part(target).symlink_to("/dev/full")
    with pytest.raises(FileAccessError, match="No space left on device"):
        fetch(refuse_next(server, path), target, check)
    assert server.asked(f"{path}/next") == []


@pytest.mark.parametrize("kind", ["missing", "file", "taken"])
def test_a_folder_that_cannot_be_written_is_no_mirrors_fault(
    server: FaultServer, path: str, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / kind
    if kind == "file":
        folder.write_bytes(b"")
    elif kind == "taken":
        (folder / "x.gz" / "someone's").mkdir(parents=True)
    with pytest.raises(FileAccessError, match=r"cannot be written.*permissions"):
        fetch(refuse_next(server, path), folder / "x.gz", check)
    assert server.asked(f"{path}/next") == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_read_only_folder_is_no_mirrors_fault(
    server: FaultServer, path: str, target: Path
) -> None:
    target.parent.chmod(0o500)
    with pytest.raises(FileAccessError, match="Permission denied"):
        fetch(refuse_next(server, path), target, check)
    assert server.asked(f"{path}/next") == []


@pytest.mark.parametrize("error", [FileAccessError("unreadable"), ZeroDivisionError("a bug")])
def test_an_error_of_the_check_itself_is_no_mirrors_fault(
    server: FaultServer, path: str, target: Path, error: Exception
) -> None:
    def broken(_: Path) -> None:
        raise error

    with pytest.raises(type(error)):
        fetch(refuse_next(server, path), target, broken)
    assert server.asked(f"{path}/next") == []
    assert not target.exists()


# -- secrets -----------------------------------------------------------------------------------


def test_credentials_are_used_and_never_told(server: FaultServer, path: str, target: Path) -> None:
    def secret(url: str) -> str:
        return url.replace("://", "://me:hunter2@") + "?signature=hunter2#hunter2"

    faults = [server.url(f"{path}/{fault}?signature=hunter2", FAULTS[fault][0]) for fault in FAULTS]
    urls = [secret(url.partition("?")[0]) for url in faults]
    urls += [secret(f"http://127.0.0.1:{closed_port()}/x"), "http://me:hunter2@:99999999/x"]
    urls += [secret("memory://absent"), secret("nothing://x"), "http://me:hunter2@[::1"]
    with pytest.raises(FetchError) as caught:
        fetch(urls, target, check, nbytes=len(BODY))
    told = "".join(traceback.format_exception(caught.value))
    assert told.count("127.0.0.1") >= len(FAULTS)
    assert "hunter2" not in told
    assert server.asked(f"{path}/403?signature=hunter2")[0]["Authorization"].startswith("Basic ")
    if note(target).exists():
        assert "hunter2" not in note(target).read_text()


def test_the_note_of_a_part_holds_no_secret(server: FaultServer, path: str, target: Path) -> None:
    plain = server.url(f"{path}?token=hunter2", Page(BODY, "short"), Page(BODY))
    url = plain.replace("://", "://me:hunter2@")
    with pytest.raises(FetchError):
        fetch([url], target, check)
    assert json.loads(note(target).read_text())["url"].endswith("x.gz?...")
    assert "hunter2" not in note(target).read_text()
    fetched = fetch([url], target, check)
    assert "hunter2" not in fetched.url
    assert server.sent[f"{path}?token=hunter2"] == len(BODY)


def test_fetch_loads_requests_only_when_it_fetches() -> None:
    script = "import sys, fmnist_core.storage.download; assert 'requests' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
