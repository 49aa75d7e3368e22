"""Read the bytes of an http or https address.

Any fault of a server or of the network is a `MirrorError`.
"""

import http.client
import re
import socket
import ssl
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from fmnist_core.errors import printable
from fmnist_core.storage import exchange
from fmnist_core.storage.addresses import shown
from fmnist_core.storage.exchange import Exchange, MirrorError

if TYPE_CHECKING:
    import requests

BLOCK = 1 << 18
"""Most bytes held at a time."""

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for each of a host's addresses."""

MAX_REDIRECTS = 5

_REDIRECTS = (301, 302, 303, 307, 308)
# No length has more digits; int() raises for the number of digits that a hostile header may have.
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", re.ASCII)


@dataclass(frozen=True)
class Validators:
    """What identifies a version of a file on a server: its length, ETag and Last-Modified."""

    total: int | None = None
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True)
class PartialFile:
    """The received beginning of a file: its number of bytes, and the file's validators."""

    nbytes: int
    validators: Validators

    @property
    def headers(self) -> dict[str, str]:
        """Return headers that ask for the rest, or for the whole file if it has changed."""
        # A weak ETag does not promise equal bytes, so If-Range may not carry it.
        etag = self.validators.etag
        strong = "" if etag.startswith("W/") else etag
        headers = {"Range": f"bytes={self.nbytes}-"}
        if validator := strong or self.validators.modified:
            headers["If-Range"] = validator
        return headers


@dataclass(frozen=True)
class Response:
    """The bytes of an address from `start` on, in blocks that raise MirrorError on failure."""

    blocks: Iterator[bytes]
    start: int = 0
    validators: Validators = Validators()
    media_type: str = ""


# -- one request after another ------------------------------------------------------------------


@contextmanager
def request(url: str, partial: PartialFile | None) -> Iterator[Response]:
    """Request a file, or the rest of a partial one; redirects are followed."""
    with ExitStack() as stack:
        head, talk = _begin(stack, url, partial)
        if partial and head.status_code in (206, 416) and not _continues(head, partial):
            # Not the rest of the part: request the whole file.
            partial = None
            head, talk = _begin(stack, url, None)
        start = partial.nbytes if partial and head.status_code == 206 else 0
        if head.status_code != (206 if start else 200):
            phrase = http.client.responses.get(head.status_code, "")
            raise MirrorError(f"HTTP {head.status_code} {phrase}".rstrip(), _retry_after(head))
        media_type = printable(head.headers.get("Content-Type", ""))
        yield Response(talk.blocks(), start, _validators(head), media_type)


def _begin(
    stack: ExitStack, url: str, partial: PartialFile | None
) -> "tuple[requests.Response, Exchange[requests.Response]]":
    session = _session()
    talk = Exchange(_talk(session, url, partial), session.get_adapter("https://").cut)  # type: ignore[attr-defined]
    stack.callback(talk.close)
    return talk.head(), talk


def _talk(
    session: "requests.Session", url: str, partial: PartialFile | None
) -> "Generator[requests.Response | bytes, None, None]":
    """Yield the response's head, then the bytes of its body as they are sent."""
    try:
        with session, closing(_follow(session, url, partial)) as response:
            yield response
            # read() would wait for the whole block, however slowly it arrives.
            while block := response.raw.read1(BLOCK, decode_content=False):
                yield block
    except MirrorError:
        raise
    except Exception as error:
        # Not chained: the library's message holds the whole address, with its credentials.
        raise MirrorError(_reason(error)) from None


def _session() -> "requests.Session":
    import requests
    from requests.adapters import HTTPAdapter

    class OneHop(requests.Session):
        """Leaves redirects to `_follow`: requests would follow them to http, reading each body."""

        def get_redirect_target(self, resp: requests.Response) -> None:
            return None

    class Cuttable(HTTPAdapter):
        """Remembers its connections, so that another thread can cut them."""

        def __init__(self) -> None:
            super().__init__()
            self._pools: list[Any] = []
            self._connections: list[Any] = []
            self._is_cut = False

        def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
            if self._is_cut:
                raise ConnectionAbortedError
            pool: Any = super().get_connection_with_tls_context(*args, **options)
            if pool not in self._pools:
                self._pools.append(pool)
                kind = pool.ConnectionCls

                def connection(*args: Any, **options: Any) -> Any:
                    self._connections.append(kind(*args, **options))
                    return self._connections[-1]

                pool.ConnectionCls = connection
            return pool

        def cut(self) -> None:
            self._is_cut = True
            for connection in self._connections:
                with suppress(OSError, AttributeError):  # closed, or not open yet
                    connection.sock.shutdown(socket.SHUT_RDWR)

    session, adapter = OneHop(), Cuttable()
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    # Some hosts answer 403 to the library's own name; any encoding would hide the length.
    session.headers.update({"User-Agent": "fmnist", "Accept-Encoding": "identity"})
    return session


def _follow(
    session: "requests.Session", url: str, partial: PartialFile | None
) -> "requests.Response":
    headers = partial.headers if partial else {}
    timeout = (CONNECT_TIMEOUT, exchange.READ_TIMEOUT)
    for _ in range(MAX_REDIRECTS + 1):
        response = session.get(url, headers=headers, stream=True, timeout=timeout)
        location = response.headers.get("Location")
        if response.status_code not in _REDIRECTS or not location:
            return response
        response.close()
        url = _next_hop(url, location)
    raise MirrorError(f"redirects more than {MAX_REDIRECTS} times")


def _next_hop(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
        before, after = urlsplit(url).scheme, urlsplit(target).scheme
    except ValueError:
        raise MirrorError("redirects to what cannot be parsed as an address") from None
    if after not in ("http", "https") or (before, after) == ("https", "http"):
        raise MirrorError(f"redirects from {before} to {shown(target)}, which is not followed")
    return target


# -- what the headers say -----------------------------------------------------------------------


def _validators(response: "requests.Response") -> Validators:
    headers = response.headers
    if response.status_code == 206:
        length = _content_range(response)[1]
    else:
        length = "" if "Transfer-Encoding" in headers else headers.get("Content-Length", "")
    total = int(length) if _LENGTH.fullmatch(length) else None
    return Validators(total, headers.get("ETag", ""), headers.get("Last-Modified", ""))


def _continues(response: "requests.Response", partial: PartialFile) -> bool:
    """Whether a partial response is the rest of the file that the part belongs to."""
    if response.status_code != 206 or _content_range(response)[0] != str(partial.nbytes):
        return False
    new, old = _validators(response), partial.validators
    pairs = ((new.total, old.total), (new.etag, old.etag), (new.modified, old.modified))
    return all(not a or not b or a == b for a, b in pairs)


def _content_range(response: "requests.Response") -> tuple[str, str]:
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return (match[1], match[2]) if match else ("", "")


def _retry_after(response: "requests.Response") -> float | None:
    """Return the seconds that Retry-After asks for: a number or a date."""
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    text = response.headers.get("Retry-After", "")
    if response.status_code not in (429, 503) or not text:
        return None
    try:
        return Retry().parse_retry_after(text)
    except (InvalidHeader, ValueError, OverflowError):
        return None


# -- what went wrong, in words -----------------------------------------------------------------


def _reason(error: Exception) -> str:
    """Describe a connection's error, without the address."""
    from requests import ConnectTimeout
    from requests.exceptions import ProxyError

    root = _root(error)
    if isinstance(error, ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT:g} s"
    if isinstance(root, TimeoutError):
        return f"nothing came for {exchange.READ_TIMEOUT:g} s"
    if isinstance(root, ssl.SSLError):
        return f"{_words(root)}. Behind a firewall, set REQUESTS_CA_BUNDLE to its certificates"
    reason = _words(root)
    return f"the proxy: {reason}" if isinstance(error, ProxyError) else reason


def _root(error: BaseException) -> BaseException:
    """Return the error that requests and urllib3 have wrapped."""
    from requests import RequestException

    while isinstance(error, RequestException) or not isinstance(
        error, OSError | http.client.HTTPException
    ):
        inner = error.__cause__ or error.__context__
        if inner is None:
            break
        error = inner
    return error


def _words(error: BaseException) -> str:
    if isinstance(error, http.client.IncompleteRead):
        return "the body ends too early"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return type(error).__name__
