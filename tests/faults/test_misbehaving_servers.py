"""Servers that misbehave in eighty-five ways: the next mirror gives the file, in bounded time.

FMNIST_FAULTS=all runs each way over TLS as well, and without a length that is known beforehand.
"""

import os
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from fmnist_core.errors import FetchError
from fmnist_core.storage.download import fetch
from tests.helpers import limits
from tests.helpers.mirrors import BODY, assert_fetched, check
from tests.helpers.misbehaviour import HARMFUL, HARMLESS, WAYS, MisbehavingServer
from tests.helpers.server import FaultServer, Page

pytestmark = pytest.mark.usefixtures("own_network")

ALL = os.environ.get("FMNIST_FAULTS") == "all"
SECONDS = 8.0
"""Most time for a mirror that misbehaves; the clocks of `own_network` are 0.2 to 1 s."""

LIMIT = 1 << 20
"""Most bytes of a file whose length is not known."""


@pytest.fixture(scope="module")
def bad() -> Iterator[MisbehavingServer]:
    with MisbehavingServer() as running:
        yield running


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "fmnist-fetch"}


def assert_no_thread_stays(before: set[threading.Thread]) -> None:
    end = time.monotonic() + SECONDS
    while threads() - before and time.monotonic() < end:
        time.sleep(0.02)
    assert not threads() - before, "an exchange goes on"


def fetch_within_bounds(urls: list[str], target: Path, nbytes: int | None) -> str:
    """Fetch with a GiB of memory and no larger file than need be; return the address that gave."""
    before, began = threads(), time.monotonic()
    with limits.memory(1 << 30), limits.largest_file(2 * LIMIT):
        fetched = fetch(urls, target, check, nbytes=nbytes, limit=LIMIT)
    assert time.monotonic() - began < SECONDS
    assert_fetched(target)
    for fault in fetched.faults:
        assert fault.isprintable()
    assert_no_thread_stays(before)
    return fetched.url


LENGTHS = [len(BODY), None] if ALL else [len(BODY)]


@pytest.mark.parametrize("nbytes", LENGTHS)
@pytest.mark.parametrize("way", WAYS)
def test_the_file_comes_from_here_or_from_the_next_mirror(
    bad: MisbehavingServer,
    server: FaultServer,
    path: str,
    target: Path,
    way: str,
    nbytes: int | None,
) -> None:
    good = server.url(path, Page(BODY))
    given_by = fetch_within_bounds([bad.url(way), good], target, nbytes)
    assert given_by == (good if way in HARMFUL else bad.url(way))


@pytest.mark.parametrize("way", ["a body without end", "chunks without end", "a gzip bomb"])
def test_an_endless_body_of_unknown_length_is_cut_off(
    bad: MisbehavingServer, target: Path, way: str
) -> None:
    with (
        limits.largest_file(2 * LIMIT),
        pytest.raises(FetchError, match=f"expected at most {LIMIT} bytes|the wanted bytes"),
    ):
        fetch([bad.url(way)], target, check, limit=LIMIT)
    assert list(target.parent.iterdir()) == []


@pytest.mark.skipif(not ALL, reason="FMNIST_FAULTS=all runs it")
@pytest.mark.parametrize("way", WAYS)
def test_the_same_over_tls(
    server: FaultServer,
    path: str,
    target: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    good = server.url(path, Page(BODY))
    with MisbehavingServer(context) as secure:
        given_by = fetch_within_bounds([secure.url(way), good], target, len(BODY))
        assert given_by == (secure.url(way) if way in HARMLESS else good)
