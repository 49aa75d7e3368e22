"""Downloads over http, https and fsspec, from files, and onto disks that fail."""

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest
import trustme

from fmnist_core import FetchError, FileAccessError, FrameworkMissingError
from fmnist_core.errors import DiskFullError
from fmnist_core.storage.download import Fetched, fetch
from tests.helpers.limits import largest_file
from tests.helpers.mirrors import (
    BODY,
    FAULTS,
    assert_fetched,
    check,
)
from tests.helpers.programs import free_port
from tests.helpers.server import ENDLESS, FaultServer, Page

pytestmark = pytest.mark.usefixtures("own_network")


@pytest.mark.parametrize("sized", [True, False])
@pytest.mark.parametrize("fault", ["ok", "chunked"])
@pytest.mark.parametrize("nbytes", [len(BODY), None])
def test_a_good_mirror(
    server: FaultServer, path: str, target: Path, nbytes: int | None, fault: str, sized: bool
) -> None:
    reports: list[tuple[int, int | None]] = []
    target.write_bytes(b"an older file")
    url = server.url(path, Page(BODY, fault, sized=sized))
    fetched = fetch([url], target, check, nbytes=nbytes, report=lambda *now: reports.append(now))
    assert fetched == Fetched(url, ())
    assert_fetched(target)
    total = len(BODY) if nbytes or (sized and fault == "ok") else None
    assert reports[0] == (0, total)
    assert reports[-1] == (len(BODY), total)
    assert reports == sorted(reports)


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
    monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{free_port()}")
    with pytest.raises(FetchError, match="the proxy: Connection refused") as caught:
        fetch(["http://mirror.invalid/x.gz"], target, check)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("says", ["9" * 5000, "-1", "many", "\u00b2"])
def test_a_nonsensical_length_does_no_harm(
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
def trusted(
    own_network: None, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
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
    url = server.url(path, Page(BODY))
    assert fetch([url], target, check) == Fetched(url, ())
    assert_fetched(target)
    assert len(server.asked(path)) == 1


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


@pytest.mark.parametrize("nbytes", [0, 10, 10_000])
def test_a_full_disk_is_no_mirrors_fault(
    server: FaultServer, path: str, target: Path, nbytes: int
) -> None:
    urls = refuse_next(server, path)
    words = r"File too large\)\. Check the disk"
    with largest_file(nbytes), pytest.raises(DiskFullError, match=words):
        fetch(urls, target, check)
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


def test_fetch_loads_requests_only_when_it_fetches() -> None:
    script = "import sys, fmnist_core.storage.download; assert 'requests' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
