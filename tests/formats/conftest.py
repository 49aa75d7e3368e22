"""What tests of formats share: small splits, and a function that exports them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fmnist_core import Dataset, export, load


@pytest.fixture(scope="session")
def splits() -> tuple[Dataset, Dataset]:
    """Some hundred examples of both splits of "synthetic", not a multiple of the block size."""
    train, test = load("synthetic", ("train", "test"))
    return train.take(300), test.take(50)


@pytest.fixture
def exported(splits: tuple[Dataset, Dataset], tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that exports the splits in a format and returns the target."""

    def written(format: str) -> Path:
        path = tmp_path / "exported"
        export(splits, path, format=format)
        assert list(tmp_path.iterdir()) == [path]
        return path

    return written
