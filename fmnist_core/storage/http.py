"""One http or https address -> its bytes.

Whatever a server or the way to it does wrong is a `MirrorError`, and nothing takes for ever.
"""

import http.client
import queue
import re
import ssl
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit, urlunsplit

if TYPE_CHECKING:
    import requests

BLOCK = 1 << 18
"""Most bytes held at a time."""

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for each of a host's addresses."""

READ_TIMEOUT = 20.0
"""Seconds without a byte after which a server is given up."""

ANSWER_TIMEOUT = 45.0
"""Seconds for name, connection, TLS and headers together, where no other time-out reaches."""

RATE_WINDOW = 30.0
"""Seconds of waiting over which a server's rate is judged."""

LEAST_RATE = 1024.0
"""Bytes a second below which a server is given up."""

MAX_REDIRECTS = 5

_REDIRECTS = (301, 302, 303, 307, 308)
# No file has more digits; int() refuses what a hostile header may have.
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", re.ASCII)


class MirrorError(Exception):
    """An address did not give what it should; another may. It never leaves `fetch`.

    Attributes
    ----------
    retry_after : float or None
        Seconds after which the server would be asked again, if it said so.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Validators:
    """What a server says of a file, to know it again: its length, ETag and Last-Modified."""

    total: int | None = None
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True)
class PartialFile:
    """The first bytes of a file, here already: how many, and the marks of the file they are of."""

    nbytes: int
    marks: Validators

    @property
    def headers(self) -> dict[str, str]:
        """Ask for the rest only, and if the file is another by now, for all of it."""
        # A weak ETag promises no equal bytes, so If-Range may not carry it.
        strong = "" if self.marks.etag.startswith("W/") else self.marks.etag
        headers = {"Range": f"bytes={self.nbytes}-"}
        if validator := strong or self.marks.modified:
            headers["If-Range"] = validator
        return headers


@dataclass(frozen=True)
class Response:
    """What an address gives: bytes from `start` on, in blocks that raise MirrorError on failure."""

    blocks: Generator[bytes, None, None]
    start: int = 0
    marks: Validators = Validators()
    media_type: str = ""


def shown(url: str) -> str:
    """Return an address fit to be printed or kept: without a password or a signed query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not an address)"
    query = "..." if parts.query else ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


# -- one request after another ------------------------------------------------------------------


@contextmanager
def answered(url: str, held: PartialFile | None) -> Iterator[Response]:
    """Ask for a file, or for the rest of it if there is such a thing; redirects are followed."""
    with _session() as session, ExitStack() as stack:
        response = stack.enter_context(closing(_follow(session, url, held)))
        if held and response.status_code in (206, 416) and not _continues(response, held):
            # Not the rest of what is held: have all of it.
            held = None
            response = stack.enter_context(closing(_follow(session, url, None)))
        start = held.nbytes if held and response.status_code == 206 else 0
        if response.status_code != (206 if start else 200):
            phrase = http.client.responses.get(response.status_code, "")
            raise MirrorError(f"HTTP {response.status_code} {phrase}".rstrip(), _pause(response))
        media_type = response.headers.get("Content-Type", "")
        yield Response(_body(response), start, _marks(response), media_type)


def _session() -> "requests.Session":
    import requests

    class OneHop(requests.Session):
        """Leaves redirects to `_follow`: requests would go to http, and reads their bodies."""

        def get_redirect_target(self, resp: requests.Response) -> None:
            return None

    session = OneHop()
    # Some hosts answer 403 to the library's own name; any encoding would hide the length.
    session.headers.update({"User-Agent": "fmnist", "Accept-Encoding": "identity"})
    return session


def _follow(session: "requests.Session", url: str, held: PartialFile | None) -> "requests.Response":
    for _ in range(MAX_REDIRECTS + 1):
        response = _ask(session, url, held.headers if held else {})
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


def _ask(session: "requests.Session", url: str, headers: dict[str, str]) -> "requests.Response":
    """Return the answer to one request, its body unread.

    It is waited for from another thread: a slow name server, a host of many dead addresses and
    headers that trickle are beyond the time-outs of a socket.
    """
    answers: queue.SimpleQueue[requests.Response | Exception] = queue.SimpleQueue()
    given_up = threading.Event()

    def ask() -> None:
        timeout = (CONNECT_TIMEOUT, READ_TIMEOUT)
        try:
            answer = session.get(url, headers=headers, stream=True, timeout=timeout)
        except Exception as error:
            answers.put(error)
            return
        answers.put(answer)
        if given_up.is_set():
            answer.close()

    threading.Thread(target=ask, name="fmnist-fetch", daemon=True).start()
    try:
        answer = answers.get(timeout=ANSWER_TIMEOUT)
    except queue.Empty:
        given_up.set()
        with suppress(queue.Empty):
            if not isinstance(late := answers.get_nowait(), Exception):
                late.close()
        raise MirrorError(f"no whole answer within {ANSWER_TIMEOUT:g} s") from None
    if isinstance(answer, Exception):
        # Not chained: the library's own words hold the whole address, with its credentials.
        raise MirrorError(_reason(answer))
    return answer


def _body(response: "requests.Response") -> Generator[bytes, None, None]:
    """Give the bytes as sent, as they come; give up on a server that gives next to none."""
    waited, received = 0.0, 0
    while True:
        asked = monotonic()
        try:
            # read() would wait until the whole block is there, however slowly it comes.
            block = response.raw.read1(BLOCK, decode_content=False)
        except Exception as error:
            raise MirrorError(_reason(error)) from None
        if not block:
            return
        # Only waiting counts, not what is done with the block.
        waited, received = waited + monotonic() - asked, received + len(block)
        yield block
        if waited >= RATE_WINDOW:
            if received < LEAST_RATE * waited:
                raise MirrorError(f"too slow: {received} bytes in {waited:.1f} s")
            waited, received = 0.0, 0


def _marks(response: "requests.Response") -> Validators:
    headers = response.headers
    if response.status_code == 206:
        length = _content_range(response)[1]
    else:
        length = "" if "Transfer-Encoding" in headers else headers.get("Content-Length", "")
    total = int(length) if _LENGTH.fullmatch(length) else None
    return Validators(total, headers.get("ETag", ""), headers.get("Last-Modified", ""))


def _continues(response: "requests.Response", held: PartialFile) -> bool:
    """Return whether a partial answer is the rest of the very file that the held bytes are of."""
    if response.status_code != 206 or _content_range(response)[0] != str(held.nbytes):
        return False
    new, old = _marks(response), held.marks
    pairs = ((new.total, old.total), (new.etag, old.etag), (new.modified, old.modified))
    return all(not a or not b or a == b for a, b in pairs)


def _content_range(response: "requests.Response") -> tuple[str, str]:
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return (match[1], match[2]) if match else ("", "")


def _pause(response: "requests.Response") -> float | None:
    """Return the seconds that Retry-After asks for: a number or a date."""
    if response.status_code not in (429, 503) or not (
        text := response.headers.get("Retry-After", "").strip()
    ):
        return None
    if _LENGTH.fullmatch(text):
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


# -- what went wrong, in words -----------------------------------------------------------------


def _reason(error: Exception) -> str:
    """Say what went wrong with a connection, in words that never hold the address."""
    from requests import ConnectTimeout
    from requests.exceptions import ProxyError

    root = _root(error)
    if isinstance(error, ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT:g} s"
    if isinstance(root, TimeoutError):
        return f"nothing came for {READ_TIMEOUT:g} s"
    if isinstance(root, ssl.SSLError):
        return f"{_words(root)}. Behind a firewall, set REQUESTS_CA_BUNDLE to its certificates"
    reason = _words(root)
    return f"the proxy: {reason}" if isinstance(error, ProxyError) else reason


def _root(error: BaseException) -> BaseException:
    """Return what requests and urllib3 have wrapped."""
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
