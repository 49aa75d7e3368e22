"""A local web server that shows the faults of real ones, on demand and in bounded time.

Each path has a script: one page for each request in turn, the last one for all that follow.
"""

import itertools
import socket
import socketserver
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

LINGER = 5.0
"""Most seconds that a page keeps a client waiting."""

ENDLESS = 1 << 28
"""Bytes after which even an endless body ends, should its client never hang up."""

HTML = b"<!DOCTYPE html><html><body>Sign in to this network</body></html>\n"


@dataclass(frozen=True)
class Page:
    """How one request is answered: the file, and the fault.

    A fault is a status, or the name of a method `fault_...` below.
    """

    body: bytes | Callable[[], Iterable[bytes]] = b""
    fault: str = "ok"
    etag: str = '"1"'
    modified: str = ""
    ranges: bool = True
    heedless: bool = False
    """Whether If-Range is ignored."""

    sized: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    """Where "short", "stall", "trickle" and "reset" begin; by default halfway through the rest."""

    pace: float = 0.0
    """Seconds between blocks of 4 KiB."""


class ServerThread:
    """Run a server in a thread, for the length of a `with` block."""

    def __init__(self, server: socketserver.BaseServer) -> None:
        self.stop = threading.Event()
        self._listener = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop.set()
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()


class FaultServer(ServerThread):
    """Serve scripts of pages on 127.0.0.1; count requests and sent bytes."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.scripts: dict[str, list[Page]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.sent: Counter[str] = Counter()
        self.lock = threading.Lock()
        self._scheme = "https" if tls else "http"
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        if tls:
            # Each connection's thread does its handshake, so that none blocks the others.
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        super().__init__(self._server)

    def url(self, path: str, *pages: Page) -> str:
        """Return the address of a path, and give it a script if there is one."""
        if pages:
            self.scripts[path] = list(pages)
        host, port = self._server.server_address[:2]
        return f"{self._scheme}://{host!s}:{port}{path}"

    def asked(self, path: str) -> list[dict[str, str]]:
        """Return the headers of each request for a path."""
        with self.lock:
            return [headers for asked, headers in self.requests if asked == path]

    def page(self, path: str, headers: dict[str, str]) -> Page:
        """Note a request and return the page whose turn it is."""
        with self.lock:
            turn = sum(asked == path for asked, _ in self.requests)
            self.requests.append((path, headers))
            script = self.scripts.get(path) or [Page(fault="404")]
            return script[min(turn, len(script) - 1)]


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined on closing: no handler outlives its test
    owner: FaultServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up: many tests cause it."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = LINGER  # for a client that connects and says nothing

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.close_connection = True
        self.page = self.server.owner.page(self.path, dict(self.headers.items()))
        name = self.page.fault
        if name.isdecimal():
            self.refuse(int(name))
        else:
            getattr(self, f"fault_{name}")()

    # -- answers that are as they should be ------------------------------------------------------

    def refuse(self, status: int) -> None:
        self.head(status, len(HTML), {"Content-Type": "text/html"})
        self.send(HTML)

    def fault_ok(self) -> None:
        self.send(self.promised()[0])

    def promised(self) -> tuple[bytes | Iterable[bytes], int]:
        """Send the head for the whole body or the asked rest; return what is due, from where."""
        page = self.page
        if not isinstance(page.body, bytes):
            self.head(200, None, {})
            return page.body(), 0
        start = self.asked_from()
        if start is not None and start >= len(page.body):
            self.head(416, 0, {"Content-Range": f"bytes */{len(page.body)}"})
            return b"", 0
        if start is None:
            self.head(200, len(page.body), {})
            return page.body, 0
        span = f"bytes {start}-{len(page.body) - 1}/{len(page.body)}"
        self.head(206, len(page.body) - start, {"Content-Range": span})
        return page.body[start:], start

    def asked_from(self) -> int | None:
        """Return where the requested range starts; None if the whole file is to be sent."""
        expected = self.headers.get("Range")
        validator = self.headers.get("If-Range")
        if not self.page.ranges or expected is None:
            return None
        fits = validator in (None, self.page.etag, self.page.modified)
        if not fits and not self.page.heedless:
            return None
        return int(expected.removeprefix("bytes=").removesuffix("-"))

    def head(self, status: int, length: int | None, headers: dict[str, str]) -> None:
        self.send_response(status)
        marks = {"ETag": self.page.etag, "Last-Modified": self.page.modified}
        sized = {} if length is None or not self.page.sized else {"Content-Length": str(length)}
        self.send_header("Connection", "close")
        for name, value in {**marks, **sized, **headers, **self.page.headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()

    def send(self, body: bytes | Iterable[bytes]) -> None:
        size = 4096 if self.page.pace else 1 << 16
        blocks = blocks_of(body, size) if isinstance(body, bytes) else body
        for block in blocks:
            if self.server.owner.stop.is_set():
                return
            # Counted first: a client may receive it, and ask for the count, before this continues.
            with self.server.owner.lock:
                self.server.owner.sent[self.path] += len(block)
            self.wfile.write(block)
            if self.page.pace:
                self.server.owner.stop.wait(self.page.pace)

    # -- bodies that break off -------------------------------------------------------------------

    def some(self) -> bytes:
        """Send the head and the body up to the cut; return the rest."""
        body, start = self.promised()
        assert isinstance(body, bytes)
        middle = (len(body) + 1) // 2
        due = middle if self.page.cut is None else max(0, self.page.cut - start)
        self.send(body[:due])
        return body[due:]

    def fault_short(self) -> None:
        self.some()

    def fault_stall(self) -> None:
        self.some()
        self.server.owner.stop.wait(LINGER)

    def fault_trickle(self) -> None:
        for byte in blocks_of(self.some()[:200], 1):
            self.send(byte)
            self.server.owner.stop.wait(LINGER / 200)

    def fault_reset(self) -> None:
        self.some()
        # Let it arrive first: a reset discards what a slow client has not read yet.
        self.server.owner.stop.wait(0.02)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Both hold the socket; it must close before the server says an orderly goodbye.
        self.rfile.close()
        self.connection.close()

    def fault_chunked(self) -> None:
        """Send the whole body in chunks: no fault, but no length either."""
        self.chunks(whole=True)

    def fault_chunked_short(self) -> None:
        self.chunks(whole=False)

    def chunks(self, *, whole: bool) -> None:
        assert isinstance(self.page.body, bytes)
        self.head(200, None, {"Transfer-Encoding": "chunked"})
        due = self.page.body if whole else self.page.body[: len(self.page.body) // 2]
        for block in blocks_of(due, 1000):
            self.send(b"%x\r\n%b\r\n" % (len(block), block))
        if whole:
            self.send(b"0\r\n\r\n")

    # -- answers that are something else ---------------------------------------------------------

    def fault_long(self) -> None:
        """Send no length, and never end."""
        self.head(200, None, {})
        assert isinstance(self.page.body, bytes)
        self.send(self.page.body)
        block = bytes(1 << 16)
        self.send(itertools.repeat(block, ENDLESS // len(block)))

    def fault_length(self) -> None:
        """Send a length that is not the expected file's."""
        assert isinstance(self.page.body, bytes)
        self.head(200, len(self.page.body) + 7, {})
        self.send(self.page.body)

    def fault_html(self) -> None:
        self.head(200, len(HTML), {"Content-Type": "text/html"})
        self.send(HTML)

    def fault_wrong(self) -> None:
        """Send other bytes of the same length, with ranges and all."""
        assert isinstance(self.page.body, bytes)
        wrong = bytes(255 - byte for byte in self.page.body)
        self.page = Page(wrong, etag='"wrong"', sized=self.page.sized)
        self.fault_ok()

    def fault_range(self) -> None:
        """Answer any range with bytes from elsewhere."""
        assert isinstance(self.page.body, bytes)
        if self.asked_from() is None:
            self.fault_ok()
            return
        self.head(206, 5, {"Content-Range": f"bytes 0-4/{len(self.page.body)}"})
        self.send(self.page.body[:5])

    # -- answers that never come, or come from elsewhere ------------------------------------------

    def fault_silent(self) -> None:
        self.server.owner.stop.wait(LINGER)

    def fault_slow_head(self) -> None:
        """Send a byte of the head now and then, often enough to avoid a socket's time-out."""
        for byte in blocks_of(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300, 1):
            if self.server.owner.stop.wait(LINGER / 300):
                return
            self.wfile.write(byte)

    def fault_garbage(self) -> None:
        self.wfile.write(b"\x00\x01\x02 this is no HTTP\r\n\r\n")

    def fault_hang_up(self) -> None:
        """Close without a word."""

    def fault_redirect(self) -> None:
        """Redirect to the page's Location header; its body need not be read."""
        self.head(302, None, {})
        self.send(self.page.body if isinstance(self.page.body, bytes) else self.page.body())

    def fault_loop(self) -> None:
        self.head(302, 0, {"Location": self.path})


def blocks_of(body: bytes, size: int) -> Iterator[bytes]:
    """Cut bytes into blocks."""
    for start in range(0, len(body), size):
        yield body[start : start + size]
