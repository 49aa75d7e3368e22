"""Every format is read back by the library that it is meant for, without a changed bit."""

import gc
from collections.abc import Callable
from pathlib import Path

import pytest

from fmnist_core import Dataset
from fmnist_core.formats.table import FORMATS
from tests.helpers.payloads import assert_same
from tests.helpers.readers import READERS


# webdataset leaves it to the garbage collector to close its files, with a warning.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("format", FORMATS)
def test_a_format_is_read_back(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path], format: str
) -> None:
    actual = READERS[format](exported(format))
    gc.collect()
    assert sorted(actual) == ["test", "train"]
    for dataset in splits:
        assert_same(dataset, *actual[dataset.split_name])
