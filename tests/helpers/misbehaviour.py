"""Eighty-five ways in which a server, or what pretends to be one, misbehaves: as bytes and pauses.

Each way is what is sent after a request: bytes as they are, and numbers, which are seconds of
silence. The bytes need not be well-formed, so no server library writes them.
"""

import gzip
import itertools
import socket
import socketserver
import ssl
from collections.abc import Callable, Iterable, Iterator

from tests.helpers.mirrors import BODY
from tests.helpers.server import ServerThread

LONGEST = 4.0
"""Longest time that a way takes, in seconds."""

MOST = 64 << 20
"""Most bytes that a way sends."""

Way = Callable[[], Iterable[bytes | float]]

SLOWLY = 0.05
BLOCK = bytes(1 << 16)
OK = b"HTTP/1.1 200 OK\r\n"
SIZED = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)


def sent(*parts: bytes | float) -> Way:
    """Return a way that sends some parts."""
    return lambda: parts


def answer(*headers: bytes, body: bytes = BODY, status: bytes = b"200 OK") -> Way:
    """Return a way that sends a whole answer with some headers."""
    return sent(b"HTTP/1.1 %b\r\n%b\r\n" % (status, b"".join(headers)), body)


def slowly(text: bytes) -> Iterator[bytes | float]:
    for byte in text:
        yield bytes([byte])
        yield SLOWLY


def after(start: bytes, rest: Callable[[], Iterable[bytes | float]]) -> Way:
    """Return a way that sends `start`, and then what never ends by itself."""
    return lambda: itertools.chain([start], rest())


def endlessly(text: bytes) -> Callable[[], Iterable[bytes]]:
    return lambda: itertools.repeat(text)


def redirect(location: bytes, status: bytes = b"302 Found") -> Way:
    return answer(b"Location: " + location + b"\r\n", b"Content-Length: 0\r\n", b"", status=status)


HARMLESS: dict[str, Way] = {
    "plain": answer(SIZED),
    "unsized": answer(),
    "lines end in LF": sent(b"HTTP/1.1 200 OK\nContent-Length: %d\n\n" % len(BODY), BODY),
    "http 1.0": sent(b"HTTP/1.0 200 OK\r\n\r\n", BODY),
    "one 100 Continue": sent(b"HTTP/1.1 100 Continue\r\n\r\n", OK + SIZED + b"\r\n", BODY),
    "folded header": answer(b"X-A: 1\r\n  2\r\n", SIZED),
    "binary header": answer(b"X-A: \xff\xfe\x01\r\n", SIZED),
    "chunked": answer(CHUNKED, body=CHUNK + b"0\r\n\r\n"),
    "chunked and sized": answer(CHUNKED, b"Content-Length: 3\r\n", body=CHUNK + b"0\r\n\r\n"),
    "chunk extension": answer(CHUNKED, body=CHUNK.replace(b"\r\n", b";a=b\r\n", 1) + b"0\r\n\r\n"),
    "trailer": answer(CHUNKED, body=CHUNK + b"0\r\nX-A: 1\r\n\r\n"),
    "no reason": sent(b"HTTP/1.1 200\r\n" + SIZED + b"\r\n", BODY),
    "encoding that is none": answer(b"Content-Encoding: nonsense\r\n", SIZED),
    "fifty cookies": answer(b"Set-Cookie: a=b\r\n" * 50, SIZED),
    "escapes in the type": answer(b"Content-Type: \x1b[2J\x07\r\n", SIZED),
    "an ETag of 60,000": answer(b'ETag: "' + b"x" * 60_000 + b'"\r\n', SIZED),
    "a length that is no number": answer(b"Content-Length: many\r\n"),
    "more than it said": answer(SIZED, body=BODY + b"more"),
}
"""Odd, but the file comes; and three that are not odd."""

HARMFUL: dict[str, Way] = {
    # -- no answer -------------------------------------------------------------------------------
    "nothing": sent(),
    "silence": sent(LONGEST),
    "a word": sent(b"HTTP"),
    "no status": sent(b"HTTP/1.1\r\n\r\n"),
    "a status in words": sent(b"HTTP/1.1 OK OK\r\n\r\n", BODY),
    "a status of five digits": sent(b"HTTP/1.1 99999 OK\r\n\r\n", BODY),
    "a negative status": sent(b"HTTP/1.1 -200 OK\r\n\r\n", BODY),
    "status 999": answer(SIZED, status=b"999 Odd"),
    "status 000": answer(SIZED, status=b"000 Odd"),
    "http 9.9": sent(b"HTTP/9.9 200 OK\r\n\r\n", BODY),
    "zeros": sent(bytes(1000)),
    "endless zeros": endlessly(BLOCK),
    "a TLS alert": sent(b"\x15\x03\x03\x00\x02\x02\x28"),
    "an SSH banner": sent(b"SSH-2.0-OpenSSH_9.9\r\n", LONGEST),
    "endless banners": endlessly(b"220 mail.example ESMTP\r\n"),
    # -- heads -----------------------------------------------------------------------------------
    "a head that trickles": lambda: slowly(OK + b"X: " + b"x" * 1000),
    "a status line that trickles": lambda: slowly(b"HTTP/1.1 200 " + b"O" * 1000),
    "a status line without end": after(b"HTTP/1.1 200 ", endlessly(b"O" * 1000)),
    "a header without end": after(OK + b"X: ", endlessly(b"x" * 1000)),
    "headers without end": after(OK, endlessly(b"X: 1\r\n" * 100)),
    "10,000 headers": answer(b"X: 1\r\n" * 10_000, SIZED),
    "a header of a MB": answer(b"X: " + b"x" * (1 << 20) + b"\r\n", SIZED),
    "endless 100 Continue": endlessly(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "slow 100 Continue": lambda: itertools.cycle([b"HTTP/1.1 100 Continue\r\n\r\n", SLOWLY]),
    "endless 100 Continue with headers": endlessly(b"HTTP/1.1 100 Continue\r\nX: 1\r\n\r\n"),
    "a head and no more": sent(OK + SIZED + b"\r\n", LONGEST),
    "101": answer(b"Upgrade: websocket\r\n", status=b"101 Switching Protocols"),
    "103": answer(SIZED, status=b"103 Early Hints"),
    "204": answer(status=b"204 No Content"),
    "206 that nobody asked for": answer(SIZED, status=b"206 Partial Content"),
    "304": answer(status=b"304 Not Modified"),
    "416 that nobody asked for": answer(SIZED, status=b"416 Range Not Satisfiable"),
    "401 with a body without end": after(b"HTTP/1.1 401 No\r\n\r\n", endlessly(BLOCK)),
    "503 for 10**5000 s": answer(
        b"Retry-After: " + b"9" * 5000 + b"\r\n", SIZED, status=b"503 Busy"
    ),
    "503 until the year 10**9": answer(
        b"Retry-After: Mon, 01 Jan 999999999 00:00:00 GMT\r\n", SIZED, status=b"503 Busy"
    ),
    # -- redirects -------------------------------------------------------------------------------
    "302 to nowhere": answer(SIZED, status=b"302 Found"),
    "302 to itself": redirect(b"?"),
    "302 to data:": redirect(b"data:text/plain,x"),
    "302 to file:": redirect(b"file:///dev/zero"),
    "302 to ftp:": redirect(b"ftp://127.0.0.1/x"),
    "302 to no address": redirect(b"http://[::1"),
    "302 to a port of six digits": redirect(b"http://127.0.0.1:999999/x"),
    "302 to escapes": redirect(b"gopher://\x1b[2J\x07/x"),
    "302 to 60,000 letters": redirect(b"http://" + b"x" * 60_000),
    "302 with a body without end": after(
        b"HTTP/1.1 302 Found\r\nLocation: gopher://x/\r\n\r\n", endlessly(BLOCK)
    ),
    # -- lengths ---------------------------------------------------------------------------------
    "a length of 0": answer(b"Content-Length: 0\r\n", body=b""),
    "a length that is short": answer(b"Content-Length: 7\r\n"),
    "a length of 10**17": answer(b"Content-Length: 1%b\r\n" % (b"0" * 17)),
    "two lengths": answer(SIZED, b"Content-Length: 7\r\n"),
    # -- chunks ----------------------------------------------------------------------------------
    "chunks that stop": answer(CHUNKED, body=CHUNK[:10_000]),
    "a chunk's length that trickles": after(
        OK + CHUNKED + b"\r\n", lambda: slowly(b"0" * 1000 + CHUNK)
    ),
    "a chunk's length without end": after(OK + CHUNKED + b"\r\n", endlessly(b"0" * 1000)),
    "a chunk's length in words": answer(CHUNKED, body=b"many\r\n" + BODY),
    "a chunk's negative length": answer(CHUNKED, body=b"-7\r\n" + BODY),
    "a chunk of 10**17 bytes": answer(CHUNKED, body=b"1%b\r\n%b" % (b"0" * 14, BODY)),
    "chunks that trickle": after(OK + CHUNKED + b"\r\n", lambda: slowly(b"1\r\nx\r\n" * 200)),
    "chunks without end": after(OK + CHUNKED + b"\r\n", endlessly(b"10000\r\n%b\r\n" % BLOCK)),
    "a trailer that trickles": after(
        OK + CHUNKED + b"\r\n" + CHUNK + b"0\r\n", lambda: slowly(b"X" * 900)
    ),
    "trailers that trickle": after(
        OK + CHUNKED + b"\r\n" + CHUNK + b"0\r\n", lambda: itertools.cycle([b"X: 1\r\n", SLOWLY])
    ),
    "trailers without end": after(
        OK + CHUNKED + b"\r\n" + CHUNK + b"0\r\n", endlessly(b"X: 1\r\n")
    ),
    # -- bodies ----------------------------------------------------------------------------------
    "a body without end": after(OK + b"\r\n", endlessly(BLOCK)),
    "the file, and no end": after(OK + b"\r\n" + BODY, endlessly(BLOCK)),
    "the file, and silence": sent(OK + b"\r\n" + BODY, LONGEST),
    "a body that trickles": after(OK + SIZED + b"\r\n", lambda: slowly(BODY)),
    "half a body": sent(OK + SIZED + b"\r\n", BODY[:10_000]),
    "half a body, and silence": sent(OK + SIZED + b"\r\n", BODY[:10_000], LONGEST),
    "a gzip bomb": answer(b"Content-Encoding: gzip\r\n", body=gzip.compress(bytes(32 << 20))),
}
"""The file does not come, or not in time."""

WAYS = {**HARMLESS, **HARMFUL}


class MisbehavingServer(ServerThread):
    """Answers each request for a path ``/0`` to ``/84`` in the way of that number."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        super().__init__(self._server)

    def url(self, way: str) -> str:
        """Return the address that misbehaves in a way."""
        scheme = "https" if self._tls else "http"
        port = self._server.server_address[1]
        return f"{scheme}://127.0.0.1:{port}/{list(WAYS).index(way)}"

    def wrapped(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False
    allow_reuse_address = True
    owner: MisbehavingServer

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what is wanted."""


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        owner = self.server.owner
        with owner.wrapped(self.request) as connection:
            connection.settimeout(LONGEST)
            request = b""
            while b"\r\n\r\n" not in request:
                more = connection.recv(4096)
                if not more:
                    return
                request += more
            number = int(request.split()[1][1:].partition(b"?")[0])
            count, waited = 0, 0.0
            for part in list(WAYS.values())[number]():
                if owner.stop.is_set() or count > MOST or waited >= LONGEST:
                    return
                if isinstance(part, bytes):
                    connection.sendall(part)
                    count += len(part)
                else:
                    waited += part
                    owner.stop.wait(part)
