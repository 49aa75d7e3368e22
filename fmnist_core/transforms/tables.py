"""Tables of integers for transforms, so that pixels do not depend on a framework's own sine.

Options count as the decimals that were written. Tables are computed exactly, or with far more
digits than rounding needs, so they are the same on every machine; all are read-only.
"""

import math
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache, wraps
from typing import Any, ParamSpec, cast

import numpy as np
from numpy.typing import NDArray

_P = ParamSpec("_P")

FULL_TURN = 4096
"""Steps of a rotation in a full turn."""

_ONE = 2**14
_HALF = Fraction(1, 2)
_DIGITS = Context(prec=40, rounding=ROUND_HALF_UP)
_TIE = 2.0**-40


def written(number: float) -> Fraction:
    """Return a number as the decimal that was written: 0.1 is one tenth."""
    return Fraction(str(number))


def halves_up(number: Fraction) -> int:
    """Return a number rounded to the nearest integer, halves up."""
    return math.floor(number + _HALF)


def _kept(make: Callable[_P, Any]) -> Callable[_P, NDArray[np.int32]]:
    """Cache the last tables of a kind, read-only."""

    @wraps(make)
    def table(*args: _P.args, **kwargs: _P.kwargs) -> NDArray[np.int32]:
        values = np.array(make(*args, **kwargs), np.int32)
        values.setflags(write=False)
        return values

    return cast("Callable[_P, NDArray[np.int32]]", lru_cache(maxsize=8)(table))


@lru_cache(maxsize=64)
def threshold(p: float) -> int:
    """Return a probability in 65536ths."""
    return halves_up(65536 * written(p))


@_kept
def turns(steps: int) -> Any:
    """Return 2^14 times cosine and sine of -`steps` to `steps` steps: (2, 2 steps + 1).

    Only exact values are within 1e-9 of a half, so any library's sine gives the same table.
    """
    return [_of_angles(function, steps) for function in (math.cos, math.sin)]


@_kept
def tangents(steps: int) -> Any:
    """Return 2^14 times the tangent of -`steps` to `steps` steps: (2 steps + 1,); as `turns`."""
    return _of_angles(math.tan, steps)


def _of_angles(function: Callable[[float], float], steps: int) -> list[int]:
    angles = (2 * math.pi * k / FULL_TURN for k in range(-steps, steps + 1))
    return [math.floor(_ONE * function(angle) + 0.5) for angle in angles]


@_kept
def inverse_sizes(least: float, most: float) -> Any:
    """Return 2^14 / size of 256 sizes from `least` to `most`: (256,)."""
    first, last = written(least), written(most)
    return [halves_up(_ONE / (first + (last - first) * step / 255)) for step in range(256)]


@_kept
def box_sizes(
    height: int,
    width: int,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    *,
    whole: bool = True,
) -> Any:
    """Return the sizes of boxes in an image: (2, boxes), heights and widths.

    Parameters
    ----------
    height, width : int
        Of the image.
    scale, ratio : (float, float)
        Range of a box's share of the image's area, and of its height divided by its width.
    whole : bool
        Whether a box may be as high or as wide as the image.

    Returns
    -------
    int32 array (2, boxes)
        Those of 32 areas by 32 ratios that fit; possibly none.
    """
    with localcontext(_DIGITS):
        s0, s1, r0, r1 = (Decimal(str(number)) for number in (*scale, *ratio))
        steps = [Decimal(2 * j + 1) / 64 for j in range(32)]
        areas = [height * width * (s0 + (s1 - s0) * step) for step in steps]
        ratios = [(r0.ln() + (r1.ln() - r0.ln()) * step).exp() for step in steps]
        sizes = [
            (int(h.to_integral_value()), int(w.to_integral_value()))
            for area in areas
            for r in ratios
            for h, w in [((area * r).sqrt(), (area / r).sqrt())]
        ]
    most = (height, width) if whole else (height - 1, width - 1)
    fitting = [(h, w) for h, w in sizes if 1 <= h <= most[0] and 1 <= w <= most[1]]
    return np.reshape(fitting, (-1, 2)).T


@_kept
def beta_quantiles(alpha: float) -> Any:
    """Return 256 quantiles of the distribution Beta(alpha, alpha), in 256ths: (256,).

    Entry i is floor(256 q + 1/2), where q is the quantile at (2 i + 1) / 512. It is computed as the
    number of odd 512ths with no more of the distribution below them; differences within 2^-40 count
    as equal.
    """
    odd = [Fraction(2 * i + 1, 512) for i in range(256)]
    below = [beta_below(float(x), alpha) for x in odd]
    return [sum(part <= float(p) + _TIE for part in below) for p in odd]


def beta_below(x: float, alpha: float) -> float:
    """Return the share of the distribution Beta(alpha, alpha) below `x`, in (0, 1).

    It uses the continued fraction of the incomplete beta function (NIST Digital Library of
    Mathematical Functions, 8.17.22), which is fast for x up to 1/2, and symmetry above.
    """
    if x > 0.5:
        return 1 - beta_below(1 - x, alpha)
    log_beta = 2 * math.lgamma(alpha) - math.lgamma(2 * alpha)
    front = math.exp(alpha * (math.log(x) + math.log1p(-x)) - log_beta) / alpha
    # Backwards, from a term so far on that its value makes no difference.
    fraction = 1.0
    for m in range(_terms(alpha), 0, -1):
        even = m * (alpha - m) * x / ((alpha + 2 * m - 1) * (alpha + 2 * m))
        odd = -(alpha + m) * (2 * alpha + m) * x / ((alpha + 2 * m) * (alpha + 2 * m + 1))
        fraction = 1 + even / (1 + odd / fraction)
    return front / (1 - x * 2 * alpha / (alpha + 1) / fraction)


def _terms(alpha: float) -> int:
    return 64 + 8 * math.isqrt(math.ceil(alpha))


@_kept
def cut_sides(size: int) -> Any:
    """Return the side of CutMix's box on an axis of `size` pixels, where k/256 remains: (257,)."""
    return [math.isqrt(size * size * (256 - k) // 256) for k in range(257)]


@lru_cache(maxsize=8)
def parts(whole: int) -> NDArray[np.float32]:
    """Return k / `whole` in float32 for k from 0 to `whole`, read-only."""
    table = np.arange(whole + 1, dtype=np.float32) / np.float32(whole)
    table.setflags(write=False)
    return table


@lru_cache(maxsize=8)
def resize_taps(size: int, new: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the source pixels and their weights for resizing a line of `size` pixels to `new`.

    Returns
    -------
    int32 array (taps, new), (taps, new)
        Places, and coefficients in units of 2^-22: those of Pillow's bilinear filter (a triangle as
        wide as a new pixel, or as an old one if that is larger).
    """
    step = size / new
    stretch = max(step, 1.0)
    taps = 2 * math.ceil(stretch) + 1
    places, coefficients = np.zeros((2, taps, new), np.int32)
    for number in range(new):
        centre = (number + 0.5) * step
        first = max(int(centre - stretch + 0.5), 0)
        last = min(int(centre + stretch + 0.5), size)
        inverse = 1.0 / stretch
        weights = [
            max(1.0 - abs((place - centre + 0.5) * inverse), 0.0) for place in range(first, last)
        ]
        total = 0.0
        for weight in weights:  # one after the other, as Pillow sums them
            total += weight
        for tap, weight in enumerate(weights):
            places[tap, number] = first + tap
            coefficients[tap, number] = int(0.5 + weight / total * 2**22)
    places.setflags(write=False)
    coefficients.setflags(write=False)
    return places, coefficients
