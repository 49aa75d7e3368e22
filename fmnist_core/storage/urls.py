"""Read the bytes of any address: http, https, file, and what fsspec opens."""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from fmnist_core.errors import FileAccessError, FrameworkMissingError
from fmnist_core.files import open_regular
from fmnist_core.storage import http
from fmnist_core.storage.exchange import Exchange, MirrorError
from fmnist_core.storage.http import BLOCK, PartialFile, Response, Validators


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def offline() -> bool:
    """Return whether the user forbids the network."""
    return os.environ.get("FMNIST_OFFLINE", "") not in ("", "0")


@contextmanager
def opened(url: str, partial: PartialFile | None = None) -> Iterator[Response]:
    """Open an address; given a partial file, perhaps only the rest of it.

    Raises
    ------
    MirrorError
        If the address does not serve a file, or stops while `blocks` are read.
    FrameworkMissingError
        If the address needs a package that is not installed.
    """
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        raise MirrorError("cannot be parsed as an address") from None
    if len(scheme) < 2:  # none, or a drive letter
        raise MirrorError("expected an address such as https://... or file:///...")
    if offline() and scheme != "file":
        raise MirrorError("not tried, as FMNIST_OFFLINE is set")
    openers = {"http": http.request, "https": http.request, "file": _file}
    with openers.get(scheme, _fsspec)(url, partial) as response:
        yield response


# -- files and fsspec --------------------------------------------------------------------------


@contextmanager
def _file(url: str, _: PartialFile | None) -> Iterator[Response]:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise MirrorError("expected file:///folder/name, with three slashes")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open_regular(Path(url2pathname(parts.path))))
        except (FileAccessError, ValueError) as error:
            raise MirrorError(str(error)) from None
        yield Response(_read(file), validators=Validators(os.fstat(file.fileno()).st_size))


@contextmanager
def _fsspec(url: str, _: PartialFile | None) -> Iterator[Response]:
    with closing(Exchange(_talk(url), lambda: None)) as exchange:
        yield Response(exchange.blocks(), validators=exchange.head())


def _talk(url: str) -> Generator[Validators | bytes, None, None]:
    scheme = urlsplit(url).scheme
    try:
        import fsspec
    except ModuleNotFoundError as error:
        raise FrameworkMissingError(
            f"{scheme}:// addresses need fsspec. Try: pip install fsspec"
        ) from error
    try:
        file = fsspec.open(url, "rb").open()
    except ImportError as error:
        raise FrameworkMissingError(f"{scheme}:// addresses need more: {error}") from error
    except Exception as error:
        raise MirrorError(_words(error)) from None
    with closing(file):
        yield Validators(getattr(file, "size", None))
        yield from _read(file)


def _read(file: _Readable) -> Iterator[bytes]:
    while True:
        try:
            block = file.read(BLOCK)
        except Exception as error:
            raise MirrorError(_words(error)) from None
        if not block:
            return
        yield block


def _words(error: Exception) -> str:
    """Describe an error, without the backend's message, which may hold credentials."""
    code = error.errno if isinstance(error, OSError) else None
    return os.strerror(code) if isinstance(code, int) else type(error).__name__
