"""Images as points: the known methods, checked against other computations of the same things."""

import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.manifold import trustworthiness

from fmnist_core import FrameworkMissingError, OptionError, synthetic
from fmnist_core.embedding import LEAST, embed


@pytest.fixture(scope="module")
def garments() -> NDArray[np.uint8]:
    """Garments of every class, 120 in all."""
    return synthetic.draw_examples("test", np.arange(120))[0]


@pytest.mark.parametrize("method", LEAST)
def test_neighbours_stay_together_and_a_seed_gives_the_same_bits(
    garments: NDArray[np.uint8], method: str
) -> None:
    points = embed(garments, method, seed=3)
    assert (points.dtype, points.shape) == (np.float32, (120, 2))
    pixels = garments.reshape(120, -1) / 255
    # 1 is the best; of points in another order it is about 0.5.
    assert trustworthiness(pixels, points) > {"pca": 0.8, "tsne": 0.93, "umap": 0.93}[method]
    assert trustworthiness(pixels, points[::-1]) < 0.6
    assert np.array_equal(points, embed(garments, method, seed=3))
    if method == "umap":
        assert not np.array_equal(points, embed(garments, method, seed=4))


def test_pca_is_that_of_the_singular_values(garments: NDArray[np.uint8]) -> None:
    centred = garments.reshape(120, -1) / 255
    centred -= centred.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    points = embed(garments)
    for column, expected in zip(points.T, (left * values).T, strict=False):
        sign = np.sign(column @ expected)
        np.testing.assert_allclose(column, sign * expected, atol=1e-3)


@pytest.mark.parametrize("method", ["pca", "tsne"])
@pytest.mark.parametrize("shape", [(10, 1, 1), (12, 2, 1), (11, 40, 30)])
def test_few_images_and_few_or_many_pixels(method: str, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    points = embed(images, method)
    assert points.shape == (len(images), 2)
    assert np.isfinite(points).all()


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_images_that_are_all_the_same(method: str) -> None:
    points = embed(np.full((20, 4, 4), 7, np.uint8), method)
    assert np.isfinite(points).all()
    if method == "pca":
        np.testing.assert_allclose(points, 0, atol=1e-6)


@pytest.mark.parametrize(
    "images",
    [np.zeros((20, 4)), np.zeros((20, 4, 4)), np.zeros((20, 4, 4, 3), np.uint8)],
    ids=["rows", "float", "colours"],
)
def test_what_is_no_grey_image_is_refused(images: NDArray[Any]) -> None:
    with pytest.raises(OptionError, match=r"uint8 images \(n, height, width\), found an array of"):
        embed(images)


@pytest.mark.parametrize("method", LEAST)
def test_too_few_images_are_refused(method: str) -> None:
    for count in (0, LEAST[method] - 1):
        with pytest.raises(OptionError, match=f"at least {LEAST[method]} images .* found {count}"):
            embed(np.zeros((count, 4, 4), np.uint8), method)


def test_a_method_or_seed_that_is_none_is_refused(garments: NDArray[np.uint8]) -> None:
    with pytest.raises(OptionError, match="'pca', 'tsne', 'umap', found 'isomap'"):
        embed(garments, "isomap")
    with pytest.raises(OptionError, match="seed must be from 0 to 4294967295"):
        embed(garments, seed=2**32)


@pytest.mark.parametrize(
    ("method", "package"),
    [("pca", "sklearn"), ("tsne", "openTSNE"), ("umap", "umap"), ("umap", "sklearn")],
)
def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, garments: NDArray[np.uint8], method: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(FrameworkMissingError, match=rf"'{package}'.*pip install .fmnist.pictures"):
        embed(garments, method)
