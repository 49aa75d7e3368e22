"""Transforms beside code that we did not write: Pillow, scipy, and torchvision if installed."""

import importlib.util
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage, stats

from fmnist_core.transforms import (
    CenterCrop,
    Chain,
    RandomAffine,
    RandomHorizontalFlip,
    RandomVerticalFlip,
    Resize,
    as_chain,
)
from fmnist_core.transforms.tables import (
    FULL_TURN,
    beta_below,
    beta_quantiles,
    inverse_sizes,
    tangents,
    turns,
)
from fmnist_core.transforms.warps import turn_steps
from tests.transforms.examples import drawn_images
from tests.transforms.libraries import run_numpy


def applied(transform: Any, images: Any) -> Any:
    return run_numpy(as_chain(transform), images, None, np.arange(len(images)), seed=1, epoch=0)[0]


@settings(max_examples=200)
@given(old=st.tuples(*[st.integers(1, 128)] * 2), new=st.tuples(*[st.integers(1, 128)] * 2))
@example(old=(28, 28), new=(32, 32))
@example(old=(28, 28), new=(14, 14))
@example(old=(28, 28), new=(28, 28))
@example(old=(128, 127), new=(1, 3))
@example(old=(1, 2), new=(128, 127))
def test_resize_is_pillows(old: tuple[int, int], new: tuple[int, int]) -> None:
    noise = np.random.default_rng(old).integers(0, 256, (3, *old), np.uint8)
    for images in (noise, np.full((1, *old), 255, np.uint8)):
        for image, actual in zip(images, applied(Resize(new), images), strict=True):
            # One axis at a time: Pillow 13 goes down first where that is cheaper, others never.
            theirs = Image.fromarray(image).resize((new[1], old[0]), Image.Resampling.BILINEAR)
            theirs = theirs.resize(new[::-1], Image.Resampling.BILINEAR)
            assert np.array_equal(actual, np.asarray(theirs))


@pytest.mark.parametrize(("old", "new"), [(28, 32), (28, 14), (28, 20), (32, 28), (64, 28)])
def test_resize_of_squares_is_pillows_at_once(old: int, new: int) -> None:
    image = np.random.default_rng(old).integers(0, 256, (old, old), np.uint8)
    theirs = Image.fromarray(image).resize((new, new), Image.Resampling.BILINEAR)
    assert np.array_equal(applied(Resize(new), image[None])[0], np.asarray(theirs))


@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.8, 1, 1.5, 2, 5, 20, 100])
def test_beta_quantiles_are_scipys(alpha: float) -> None:
    quantiles = stats.beta.ppf((2 * np.arange(256) + 1) / 512, alpha, alpha)
    assert beta_quantiles(alpha).tolist() == np.floor(256 * quantiles + 0.5).astype(int).tolist()


@given(x=st.floats(1e-6, 1 - 1e-6), alpha=st.floats(0.01, 100))
def test_beta_is_scipys(x: float, alpha: float) -> None:
    assert math.isclose(beta_below(x, alpha), stats.beta.cdf(x, alpha, alpha), abs_tol=1e-12)


def test_no_turn_is_near_a_half() -> None:
    angles = [2 * math.pi * k / FULL_TURN for k in range(FULL_TURN + 1)]
    steep = turn_steps(80)
    values = [2**14 * f(angle) for f in (math.cos, math.sin) for angle in angles]
    values += [2**14 * math.tan(angle) for angle in angles[: steep + 1]]
    assert min(abs(value - math.floor(value) - 0.5) for value in values) > 1e-9
    assert turns(FULL_TURN)[:, FULL_TURN].tolist() == [2**14, 0]
    assert tangents(steep)[[0, -1]].tolist() == [-tangents(steep)[-1], tangents(steep)[-1]]


def test_sizes_are_exact() -> None:
    table = inverse_sizes(0.9, 1.1)
    for step in (0, 1, 100, 255):
        size = Fraction(9, 10) + Fraction(2, 10) * Fraction(step, 255)
        assert table[step] == math.floor(2**14 / size + Fraction(1, 2))


AFFINE = [
    RandomAffine(10, (0.1, 0.1), (0.9, 1.1)),
    RandomAffine(180, (0.3, 0.2), (0.5, 2), shear=30, fill=90),
    RandomAffine(0, (0.5, 0)),
    RandomAffine(shear=45, fill=255),
]


@pytest.mark.parametrize("transform", AFFINE, ids=str)
@pytest.mark.parametrize("shape", [(28, 28), (17, 32), (128, 128)])
def test_affine_is_scipys_in_floating_point(
    transform: RandomAffine, shape: tuple[int, int]
) -> None:
    # A place is off by up to 2^-8 pixel for its fraction of 8 bits, and by the rounding of the
    # matrix to 2^-14, times the distance from the middle and again for each product.
    y, x = np.ogrid[: shape[0], : shape[1]]
    smooth = (127.5 + 127 * np.sin(x / 5 + 1) * np.cos(y / 4)).astype(np.uint8)
    images = np.repeat(smooth[None], 40, axis=0)
    actual = applied(transform, images)
    middle = (np.array(shape) - 1) / 2
    for position in range(40):
        [(_, drawn)] = Chain((transform,)).explain(position, shape, n=40, seed=1, epoch=0)
        a = 2 * math.pi * drawn["turn"] / FULL_TURN
        t = math.tan(2 * math.pi * drawn["shear"] / FULL_TURN)
        least, most = transform.scale
        size = least + (most - least) * drawn["size"] / 255
        turn = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])  # rows: y, x
        matrix = np.array([[1, 0], [t, 1]]) @ turn / size
        shift = np.array([drawn["down"], drawn["across"]]) / 8
        expected = ndimage.affine_transform(
            images[position].astype(float),
            matrix,
            middle - matrix @ (middle + shift),
            order=1,
            mode="grid-constant",
            cval=transform.fill,
        )
        off = 2**-8 + max(shape) * 2**-13 * (1 + abs(t)) / size
        steepest = max(255 - transform.fill, transform.fill, 60)  # levels a pixel, at the border
        assert np.abs(actual[position] - expected).max() <= 1 + 2 * off * steepest
        assert np.abs(actual[position] - expected).mean() < 1


def torchvision() -> Any:
    """Return torchvision's transforms; `make bench` installs it, the tests do without."""
    pytest.importorskip("torch")
    if not importlib.util.find_spec("torchvision"):
        pytest.skip("torchvision is not installed")
    try:
        from torchvision.transforms import v2
    except RuntimeError:  # as tests/bench/peers_torchvision.py says
        import torch

        for operator in ("nms", "qnms"):
            torch.library.define(
                f"torchvision::{operator}",
                "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
            )
        from torchvision.transforms import v2
    return v2


@pytest.mark.parametrize("size", [21, 20, (3, 28), (28, 5), 1])
@pytest.mark.parametrize("shape", [(28, 28), (29, 31)])
def test_center_crop_is_torchvisions(size: Any, shape: tuple[int, int]) -> None:
    v2 = torchvision()
    import torch

    images = drawn_images(3, *shape)
    theirs = v2.CenterCrop(size)(torch.from_numpy(images)).numpy()
    assert np.array_equal(applied(CenterCrop(size), images), theirs)


def test_flips_are_torchvisions() -> None:
    v2 = torchvision()
    import torch

    images = drawn_images(5, 12, 9)
    for ours, theirs in (
        (RandomHorizontalFlip(1), v2.RandomHorizontalFlip(1)),
        (RandomVerticalFlip(1), v2.RandomVerticalFlip(1)),
    ):
        expected = theirs(torch.from_numpy(images)).numpy()
        assert np.array_equal(applied(ours, images.copy()), expected)


@pytest.mark.parametrize("degrees", [3, 10, 45])
def test_rotation_turns_as_torchvisions(degrees: int) -> None:
    v2 = torchvision()
    import torch

    y, x = np.ogrid[:28, :28]
    image = (127.5 + 127 * np.sin(x / 5 + 1) * np.cos(y / 4)).astype(np.uint8)
    transform = RandomAffine(degrees)
    actual = applied(transform, np.repeat(image[None], 40, axis=0))
    for position in range(40):
        [(_, drawn)] = Chain((transform,)).explain(position, (28, 28), n=40, seed=1, epoch=0)
        theirs = v2.functional.affine(
            torch.from_numpy(image[None]),
            angle=360 * drawn["turn"] / FULL_TURN,
            translate=[0, 0],
            scale=1,
            shear=[0.0],
            interpolation=v2.InterpolationMode.BILINEAR,
        )[0]
        inner = np.hypot(y - 13.5, x - 13.5) < 12
        off = np.abs(actual[position].astype(int) - theirs.numpy().astype(int))[inner]
        assert off.max() <= 2
