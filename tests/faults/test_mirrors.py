"""Mirrors that fail in every way that users report, alone and in pairs: each fault is named."""

import random
import socket
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import product
from pathlib import Path

import pytest

from fmnist_core import FetchError
from fmnist_core.storage import download, http
from fmnist_core.storage.download import fetch
from tests.helpers.mirrors import (
    BODY,
    FAULTS,
    assert_fetched,
    assert_nothing_but_a_part,
    check,
    mirror,
    note,
    timeouts,
)
from tests.helpers.programs import free_port
from tests.helpers.server import FaultServer, Page

pytestmark = pytest.mark.usefixtures("own_network")


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
def test_without_a_known_length_the_check_decides(
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
def test_an_invalid_address_is_a_fault(
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
    assert peak < 4 * http.BLOCK


# -- waiting -----------------------------------------------------------------------------------


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long fetch slept, in turn; it does not."""
    slept: list[float] = []
    monkeypatch.setattr(download, "sleep", lambda pause: slept.append(pause) if pause else None)
    monkeypatch.setattr(download, "PATIENCE", 10.0)
    monkeypatch.setattr(download, "LEAST_PAUSE", 1.0)
    return slept


@pytest.mark.parametrize("status", ["429", "503"])
def test_a_short_retry_after_is_obeyed_if_no_other_mirror_is_left(
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
        ("Mon, 32 Jan 2017 99:00:00 +99999999", [1.0] * 10),
        ("", []),
        ("-1", []),
    ],
)
def test_waiting_ends(
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


# -- secrets -----------------------------------------------------------------------------------


def test_credentials_are_used_and_never_printed(
    server: FaultServer, path: str, target: Path
) -> None:
    def secret(url: str) -> str:
        return url.replace("://", "://me:hunter2@") + "?signature=hunter2#hunter2"

    faults = [server.url(f"{path}/{fault}?signature=hunter2", FAULTS[fault][0]) for fault in FAULTS]
    urls = [secret(url.partition("?")[0]) for url in faults]
    urls += [secret(f"http://127.0.0.1:{free_port()}/x"), "http://me:hunter2@:99999999/x"]
    urls += [secret("memory://absent"), secret("nothing://x"), "http://me:hunter2@[::1"]
    with pytest.raises(FetchError) as caught:
        fetch(urls, target, check, nbytes=len(BODY))
    printed = "".join(traceback.format_exception(caught.value))
    assert printed.count("127.0.0.1") >= len(FAULTS)
    assert "hunter2" not in printed
    assert server.asked(f"{path}/403?signature=hunter2")[0]["Authorization"].startswith("Basic ")
    if note(target).exists():
        assert "hunter2" not in note(target).read_text()
