"""`fmnist benchmark`: scikit-learn's classifiers beside the published table of Fashion-MNIST.

As in the paper, every pixel is scaled to mean 0 and standard deviation 1 over the train split.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.dataset import Dataset
from fmnist_core.errors import FmnistError, FrameworkMissingError
from fmnist_core.loading import load
from fmnist_core.tools import benchmark_report as report
from fmnist_core.tools.benchmark_entries import Entry
from fmnist_core.tools.benchmark_report import Result
from fmnist_core.tools.output import make_room
from fmnist_core.tools.progress import ProgressLine, open_console, say

Examples = tuple[NDArray[np.float64], NDArray[Any]]
"""Scaled pixels, one row for each image, and labels."""

PUBLISHED_FOR = "fashion-mnist"
"""The dataset of the published figures."""


@dataclass(frozen=True)
class Data:
    """The examples to train on and to test on."""

    name: str = PUBLISHED_FOR
    root: Path | None = None
    train_size: int | None = None

    def splits(self) -> tuple[Dataset, Dataset]:
        """Return train, or its first `train_size` examples, and test."""
        train, test = (load(self.name, split, root=self.root) for split in ("train", "test"))
        return train if self.train_size is None else train.take(self.train_size), test


def run_benchmark(
    entries: Iterable[Entry], data: Data, output: Path | None = None, *, force: bool = False
) -> None:
    """Measure classifiers, print each result as it comes, then print and write them all.

    If something fails or interrupts, the results so far are printed and written.

    Parameters
    ----------
    entries : iterable of Entry
    data : Data
    output : path, optional
        Folder for benchmark.md, benchmark.csv and benchmark.svg; made if it is missing.
    force : bool
        Whether files that exist there may be replaced.

    Raises
    ------
    FrameworkMissingError
        If scikit-learn is not installed, or, to write files, matplotlib.
    OptionError, FileAccessError
        If the files exist already or cannot be written.
    FmnistError
        If a classifier failed.
    """
    check_installed("sklearn")
    if output is not None:
        check_installed("matplotlib")
        make_room(output, report.WRITERS, force)
    if data.name != PUBLISHED_FOR:
        entries = [replace(entry, published=None) for entry in entries]
    console = open_console()
    title, results, failures = "", list[Result](), list[str]()
    try:
        with ProgressLine(console) as progress:
            progress.begin(f"loading {data.name}")
            splits = data.splits()
            title = report.title(*splits)
            say(console, title)
            examples = scaled(*splits)
            for entry in entries:
                progress.begin(f"{entry.name}: training")
                try:
                    results.append(run(entry, *examples))
                    say(console, f"  {report.line(results[-1])}")
                except FmnistError as error:
                    failures.append(str(error))
                    say(console, f"  {error}", "red")
    finally:
        if results:
            report.show(console, results)
            if output is not None:
                report.write(output, title, results)
    if failures:
        raise FmnistError("\n".join(failures))


def check_installed(package: str) -> None:
    """Raise FrameworkMissingError, with what to type, if a package is not installed."""
    try:
        import_module(package)
    except ModuleNotFoundError as error:
        raise FrameworkMissingError(
            f"the benchmark needs {error.name!r}, which is not installed. "
            'Try: pip install "fmnist[benchmark]"'
        ) from error


def scaled(train: Dataset, test: Dataset) -> tuple[Examples, Examples]:
    """Return both splits with each pixel scaled to mean 0 and deviation 1 over train."""
    from sklearn.preprocessing import StandardScaler

    rows = [split.images.reshape(len(split), -1) for split in (train, test)]
    scaler = StandardScaler().fit(rows[0])
    return (
        (scaler.transform(rows[0]), np.asarray(train.labels)),
        (scaler.transform(rows[1]), np.asarray(test.labels)),
    )


def run(entry: Entry, train: Examples, test: Examples) -> Result:
    """Make a classifier, fit it to train, and return how much of test it gets right.

    Raises
    ------
    FmnistError
        If the classifier fails in any way.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            start = perf_counter()
            model = entry.make()
            model.fit(*train)
            fitted = perf_counter()
            accuracy = _accuracy(model, *test)
        except Exception as error:
            raise FmnistError(f"{entry.name} failed: {type(error).__name__}: {error}") from error
        end = perf_counter()
    notes = dict.fromkeys(_first_line(one) for one in caught)
    return Result(entry, accuracy, fitted - start, end - fitted, tuple(notes))


def _first_line(warning: warnings.WarningMessage) -> str:
    return f"{warning.category.__name__}: {warning.message}".partition("\n")[0].rstrip(":")


def _accuracy(model: Any, pixels: NDArray[np.float64], labels: NDArray[Any]) -> float:
    if not hasattr(model, "predict"):
        return float(model.score(pixels, labels))
    predicted = np.asarray(model.predict(pixels))
    if predicted.shape != labels.shape:
        raise ValueError(f"expected {labels.shape} labels of predict, found {predicted.shape}")
    return float(np.mean(predicted == labels))
