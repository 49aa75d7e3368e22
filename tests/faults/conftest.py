"""What the tests of downloads share: a server, a path of it, and short time limits."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import requests  # noqa: F401  (here, so that no test measures importing it)

from fmnist_core.storage import download
from tests.helpers.mirrors import (
    timeouts,
)
from tests.helpers.server import FaultServer

PATHS = count()


@pytest.fixture
def own_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore the machine's proxies and certificates, and make every time-out short."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "FMNIST_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    timeouts(monkeypatch, read=0.5, answer=1.0, window=0.2)
    monkeypatch.setattr(download, "LEAST_PAUSE", 0.01)
    monkeypatch.setattr(download, "PATIENCE", 0.5)


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
