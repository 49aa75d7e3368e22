"""What all tests share: the real files, a store of their own, a tiny dataset, a memory meter."""

import csv
import gc
import os
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from fmnist_core import Adapter, Dataset, FrameworkMissingError, get_adapter, llvm

PROJECT = Path(__file__).parent.parent
NO_DATA = "no real files"
IN_CI = os.environ.get("CI") == "true"

# Ray runs its workers at nice 15, so beside other tests they would hardly run at all.
os.environ.setdefault("RAY_worker_niceness", "0")

# Tests import TensorFlow by themselves, and then run torch's optimizers.
llvm.keep_private()

hypothesis.settings.register_profile("fmnist", deadline=None, derandomize=IN_CI)
hypothesis.settings.load_profile("fmnist")


def data_folder() -> Path:
    """Return the folder of the real files, which are not part of the project."""
    return Path(os.environ.get("FMNIST_TEST_DATA", PROJECT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder with manifest.csv, fashion/, fashion-damaged/ and wild/."""
    folder = data_folder()
    if not (folder / "manifest.csv").is_file():
        if IN_CI:
            pytest.fail(f"{NO_DATA}: {folder}")
        pytest.skip(NO_DATA)
    return folder


@pytest.fixture(scope="session")
def fashion_root(data_root: Path) -> Path:
    """Folder with the four genuine .gz files of Fashion-MNIST."""
    return data_root / "fashion"


@pytest.fixture(scope="session", autouse=True)
def own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Use a separate store, not the user's; all workers share it, so "synthetic" is drawn once."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        if "FMNIST_HOME" not in os.environ:
            patch.setenv("FMNIST_HOME", str(shared / "store"))
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        yield


@pytest.fixture(scope="module", autouse=True)
def no_garbage_of_other_modules() -> None:
    """A forked worker that collects an iterator of tf.data waits forever for its threads."""
    gc.collect()


@pytest.fixture(scope="session")
def tiny() -> Dataset:
    """Twenty images of 5 x 4, all different, in four classes."""
    images = (np.arange(20 * 5 * 4) % 251).astype(np.uint8).reshape(20, 5, 4)
    return Dataset(images, (np.arange(20) % 4).astype(np.uint8), classes=("a", "b", "c", "d"))


@pytest.fixture(scope="session")
def peak_memory() -> Callable[[Callable[[], object]], int]:
    """Return a function that runs another and returns the peak of Python's memory, in bytes."""

    def measured(action: Callable[[], object]) -> int:
        tracemalloc.start()
        try:
            action()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measured


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `whole_row` or `damaged_row` once for each such manifest row."""
    for name, verdict in (("whole_row", "ok"), ("damaged_row", "damaged")):
        if name in metafunc.fixturenames:
            rows = [row for row in _manifest() if row["verdict"] == verdict]
            # Without data one test remains, for `data_root` to skip or to fail.
            metafunc.parametrize(
                name, rows or [{}], ids=[row["path"] for row in rows] or ["no-data"]
            )


def _manifest() -> list[dict[str, str]]:
    path = data_folder() / "manifest.csv"
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


ADAPTERS = ("numpy", "torch", "tensorflow", "jax", "keras")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --adapter NAME: test only these adapters, and fail where a framework is missing."""
    parser.addoption("--adapter", action="append", choices=ADAPTERS, help="test only this adapter")


def _adapter(config: pytest.Config, name: str) -> Adapter:
    """Return an adapter; skip if its framework is missing, unless it was asked for by name."""
    asked = config.getoption("--adapter")
    if asked and name not in asked:
        pytest.skip(f"--adapter {' '.join(asked)} leaves {name} out")
    try:
        return get_adapter(name)
    except FrameworkMissingError as error:
        if asked or IN_CI:
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session", params=ADAPTERS)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    """Each of the project's adapters in turn."""
    return _adapter(request.config, request.param)


@pytest.fixture(scope="session")
def adapters(request: pytest.FixtureRequest) -> list[Adapter]:
    """All the project's adapters at once."""
    return [_adapter(request.config, name) for name in ADAPTERS]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each reason to skip: how many tests were skipped, and how to run them."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports)
    for reason, count in sorted(reasons.items()):
        advice = ""
        if reason == NO_DATA:
            advice = (
                ": set FMNIST_TEST_DATA to a folder with manifest.csv and fashion/, which has the "
                "four files of Fashion-MNIST"
            )
        terminalreporter.write_line(f"{count} skipped: {reason}{advice}")
