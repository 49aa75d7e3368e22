"""The transform that docs/transforms.md writes works in every framework."""

import doctest
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.transforms.examples import drawn_images
from tests.transforms.libraries import RUNS, run_numpy

PAGE = Path(__file__).parents[2] / "docs" / "transforms.md"


@pytest.fixture(scope="module")
def bars() -> Any:
    names: dict[str, Any] = {}
    examples = doctest.DocTestParser().get_examples(PAGE.read_text(encoding="utf-8"))
    for example in examples:
        if "import" in example.source or "RandomBars" in example.source:
            exec(example.source, names)
    return names["bars"]


@pytest.mark.parametrize("library", RUNS)
def test_the_transform_that_the_page_writes(library: str, bars: Any) -> None:
    images = drawn_images(30, 12, 10)
    expected, _ = run_numpy(bars, images, None, np.arange(30), seed=1, epoch=2)
    actual, _ = RUNS[library](bars, images, None, np.arange(30), seed=1, epoch=2)
    assert np.array_equal(actual, expected)
    assert not np.array_equal(expected, images)
