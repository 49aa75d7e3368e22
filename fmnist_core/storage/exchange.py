"""An exchange with a server in its own thread, so that the caller can limit its time.

A socket's time-out restarts with every byte. It does not stop a slow name server, endless headers,
or a header, chunk length or trailer that arrives byte by byte; this time limit does.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from time import monotonic
from typing import Generic, TypeVar

ANSWER_TIMEOUT = 45.0
"""Seconds for name, connection, TLS, redirects and headers together."""

READ_TIMEOUT = 20.0
"""Seconds without a byte of the file after which a server is given up."""

RATE_WINDOW = 30.0
"""Seconds of waiting over which a server's rate is judged."""

LEAST_RATE = 1024.0
"""Bytes a second below which a server is given up."""

Head = TypeVar("Head")
_END = object()


class MirrorError(Exception):
    """An address did not serve the file; another may. It never leaves `fetch`.

    Attributes
    ----------
    retry_after : float or None
        Seconds after which the server asks for another attempt, if it does.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Exchange(Generic[Head]):
    """Runs a generator in a thread; its first item is a response's head, the others its blocks.

    Parameters
    ----------
    talk : generator
        The generator; an exception in it is raised here in place of the item.
    cut : callable
        Makes `talk` fail soon, from another thread.
    """

    def __init__(self, talk: Generator[Head | bytes, None, None], cut: Callable[[], None]) -> None:
        self._talk, self._cut = talk, cut
        self._items: queue.Queue[object] = queue.Queue(1)
        self._is_over = threading.Event()
        threading.Thread(target=self._run, name="fmnist-fetch", daemon=True).start()

    def _run(self) -> None:
        try:
            with closing(self._talk):
                for item in self._talk:
                    self._items.put(item)
                    if self._is_over.is_set():
                        return
            self._items.put(_END)
        except BaseException as error:
            self._items.put(error)

    def head(self) -> Head:
        """Return the head of the response.

        Raises
        ------
        MirrorError
            If none arrives within `ANSWER_TIMEOUT` seconds.
        """
        try:
            return self._next(ANSWER_TIMEOUT)  # type: ignore[return-value]
        except queue.Empty:
            raise MirrorError(f"no complete answer within {ANSWER_TIMEOUT:g} s") from None

    def blocks(self) -> Iterator[bytes]:
        """Yield the blocks as they arrive.

        Raises
        ------
        MirrorError
            If none arrives for `READ_TIMEOUT` seconds, or they arrive slower than `LEAST_RATE`.
        """
        waited, received = 0.0, 0
        while True:
            asked = monotonic()
            try:
                block = self._next(READ_TIMEOUT)
            except queue.Empty:
                raise MirrorError(f"nothing came for {READ_TIMEOUT:g} s") from None
            if not isinstance(block, bytes):
                return
            # Only waiting counts, not the work on the block.
            waited, received = waited + monotonic() - asked, received + len(block)
            yield block
            if waited >= RATE_WINDOW:
                if received < LEAST_RATE * waited:
                    raise MirrorError(f"too slow: {received} bytes in {waited:.1f} s")
                waited, received = 0.0, 0

    def _next(self, seconds: float) -> object:
        item = self._items.get(timeout=seconds)
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        """End the exchange at any point; its thread ends as soon as it notices."""
        self._is_over.set()
        self._cut()
        with suppress(queue.Empty):
            while True:
                self._items.get_nowait()
