"""Images as points in the plane, those that look alike near one another: PCA, t-SNE and UMAP."""

import sys
import warnings
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import FrameworkMissingError, OptionError, brief, check_range

LEAST = {"pca": 2, "tsne": 10, "umap": 10}
"""Fewest images that each method takes."""

COMPONENTS = 50
"""Principal components that t-SNE and UMAP get in place of the pixels."""

_SMALL = 1000
"""Most pixels of an image for which all components are computed, and not drawn at random."""

_PACKAGES = {"pca": "sklearn", "tsne": "openTSNE", "umap": "umap"}
"""The package of each method. Every method begins with "pca"."""


def embed(images: NDArray[np.uint8], method: str = "pca", *, seed: int = 0) -> NDArray[np.float32]:
    """Return a point in the plane for each image; images that look alike lie near one another.

    Parameters
    ----------
    images : uint8 (n, height, width)
    method : {"pca", "tsne", "umap"}
        "pca" gives the first two principal components. "tsne" and "umap" start from the first 50
        and keep neighbours together, which takes minutes for 70,000 images.
    seed : int
        From 0 to 2^32 - 1. On one machine, the same images and seed give the same bits. Only
        "umap" draws much by it: "tsne" starts from principal components, which are computed
        exactly for images of up to 1,000 pixels, and draws in its search for neighbours.

    Returns
    -------
    float32 (n, 2)

    Raises
    ------
    OptionError
        If there is no such method, or the images are too few or not grey uint8 ones.
    FrameworkMissingError
        If scikit-learn or what else the method needs, openTSNE or umap-learn, is not installed.
    """
    check_method(method)
    seed = check_range("seed", seed, 0, 2**32 - 1)
    if images.dtype != np.uint8 or images.ndim != 3 or 0 in images.shape[1:]:
        raise OptionError(f"expected uint8 images (n, height, width), found {brief(images)}")
    if len(images) < LEAST[method]:
        raise OptionError(
            f"expected at least {LEAST[method]} images for {method!r}, found {len(images)}"
        )
    points = {"pca": _pca, "tsne": _tsne, "umap": _umap}[method](images, seed)
    return np.ascontiguousarray(points, np.float32)


def check_method(method: str) -> None:
    """Raise an error unless a method is known and what it needs is installed.

    Raises
    ------
    OptionError
        If there is no such method.
    FrameworkMissingError
        If scikit-learn or what else the method needs, openTSNE or umap-learn, is not installed.
    """
    if method not in LEAST:
        raise OptionError(
            f"expected a method, {', '.join(map(repr, LEAST))}, found {brief(method)}"
        )
    for package in dict.fromkeys([_PACKAGES["pca"], _PACKAGES[method]]):
        if not find_spec(package):
            raise FrameworkMissingError(
                f"{method!r} needs {package!r}, which is not installed. "
                'Try: pip install "fmnist[pictures]"'
            )


def _pca(images: NDArray[np.uint8], seed: int, count: int = 2) -> NDArray[np.float32]:
    """Return the first principal components (n, count), zero where there are not so many."""
    from sklearn.decomposition import PCA

    pixels = images.reshape(len(images), -1).astype(np.float32)
    pixels /= 255
    solver = "covariance_eigh" if pixels.shape[1] <= _SMALL else "auto"
    pca = PCA(min(count, *pixels.shape), svd_solver=solver, random_state=seed)
    with np.errstate(invalid="ignore"):  # shares of no variance, where all images are the same
        components = pca.fit_transform(pixels)
    return np.pad(components, ((0, 0), (0, count - components.shape[1])))


def _tsne(images: NDArray[np.uint8], seed: int) -> NDArray[Any]:
    from openTSNE import TSNE

    # One thread: with more, sums would depend on their number, and the grid gains nothing by them.
    tsne = TSNE(perplexity=min(30, (len(images) - 1) / 3), random_state=seed, n_jobs=1)
    return np.asarray(tsne.fit(_pca(images, seed, COMPONENTS)))


def _umap(images: NDArray[np.uint8], seed: int) -> NDArray[Any]:
    _import_umap()
    from umap import UMAP

    neighbours = min(15, len(images) - 1)
    umap = UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1)
    points: NDArray[Any] = umap.fit_transform(_pca(images, seed, COMPONENTS))
    return points


def _import_umap() -> None:
    """Import umap without its parametric part, which would import TensorFlow and what that can."""
    if "umap" in sys.modules:
        return
    part = "umap.parametric_umap"
    sys.modules[part] = None  # type: ignore[assignment]  # makes Python raise ImportError
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # which umap then says
            import_module("umap")
    finally:
        del sys.modules[part]
