"""One source, the same bits: torch, a TensorFlow graph and a compiled JAX loop beside numpy."""

from typing import Any

import numpy as np
import pytest

from fmnist_core.transforms import Chain, RandomCrop, RandomHorizontalFlip, as_chain
from tests.transforms.examples import CHAINS, SINGLE, drawn_images
from tests.transforms.libraries import RUNS, run_numpy

OTHERS = pytest.mark.parametrize("library", [name for name in RUNS if name != "numpy"])


def both(library: str, chain: Chain, images: Any, labels: Any, positions: Any, **of: Any) -> None:
    expected = run_numpy(chain, images.copy(), labels, positions, **of)
    actual = RUNS[library](chain, images, labels, positions, **of)
    for one, other in zip(actual, expected, strict=True):
        if other is not None:
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)


@OTHERS
@pytest.mark.parametrize("transform", SINGLE, ids=str)
def test_each_transform(library: str, transform: Any) -> None:
    images = drawn_images(70, 12, 10)
    both(library, as_chain(transform), images, None, np.arange(70), seed=2**63 + 5, epoch=2**32 - 1)


@OTHERS
@pytest.mark.parametrize("transforms", CHAINS, ids=str)
def test_chains_and_mixes(library: str, transforms: Any) -> None:
    images, labels = drawn_images(70, 12, 10), np.eye(3, dtype=np.float32)[np.arange(70) % 3]
    for view, positions in enumerate((np.arange(5, 45), np.array([69, 0, 3, 3]))):
        both(library, Chain(transforms), images, labels, positions, seed=3, epoch=1, view=view)


@OTHERS
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_moves_of_other_images(library: str, dtype: str, channels: int) -> None:
    images = drawn_images(40 * channels, 12, 10).reshape(40, channels, 12, 10)
    images = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).astype(dtype)
    chain = Chain((RandomCrop((12, 10), padding=3, fill=5), RandomHorizontalFlip(), *SINGLE[1:5]))
    chain.check(images.shape[1:], dtype)
    both(library, chain, images, None, np.arange(40), seed=3, epoch=1)


@OTHERS
def test_no_examples(library: str) -> None:
    images = drawn_images(3, 12, 10)
    for transforms in CHAINS:
        chain = Chain(tuple(t for t in transforms if t is not Chain(transforms).mix))
        both(library, chain, images, None, np.zeros(0, np.int64), seed=3, epoch=1)
