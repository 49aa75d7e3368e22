"""The built-in dataset "synthetic": ten classes of drawn garments, no network needed.

A garment is a list of parts in `WARDROBE`. A part is a strip, given by how far it reaches to the
left and to the right at a few heights. Each part has two outlines, and an example's strip lies
between them. All numbers are integers, and all random numbers are hashes of the example's number,
so the pixels are the same on every machine.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import OptionError
from fmnist_core.order import fmix32, whole_order

SPLIT_SIZES: Mapping[str, int] = {"train": 60_000, "test": 10_000}
"""Number of examples of each split; each class has a tenth of them."""

_SIDE = 28
_FINE = 32  # fixed-point steps in a pixel while drawing
_SEAM = 20  # steps that the shadow of cloth and hide reaches beyond their sides
_CHUNK = 256  # examples drawn at a time: their layers then stay in the processor's cache

# The streams of random numbers, which are independent of one another.
_TONE, _TRIM, _POSE, _STRIPES, _STRIPED, _FOLDS, _FOLDED, _GRAIN, _TURN = range(9)
_STYLE, _BLEND, _WOBBLE = 16, 32, 48  # the first of several, for each style, blend or place

_Bytes = NDArray[np.uint8]
_Numbers = NDArray[np.uint32]
_Ints = NDArray[np.int32]
_Layer = NDArray[np.int16]
_Strip = tuple[_Ints, _Ints, _Ints]  # heights, lefts, rights: each (n, knots), in fine steps
_Whole = TypeVar("_Whole", _Ints, _Layer)


class Part(NamedTuple):
    """A strip of a garment, somewhere between two outlines.

    An outline is a text of knots from the top down: "height left right", or "height half-width"
    if both sides are the same. Heights run from 0 to 280 and sides from -140 to 140, in tenths
    of a pixel. A shoe's toe is on the left.
    """

    shade: str  # what it is painted with: a key of `_palette`
    one: str
    other: str
    blend: int = 0  # which random number places it between the outlines; fitting parts share one
    worn: tuple[int, int] = (0, 256)  # half-open range of the random number for `style`
    style: int = 0
    pair: bool = False  # whether its mirror image is painted too


# One line to an outline reads best here.
# fmt: off
_SHORT = Part("cloth", "18 20 50, 50 40 98, 80 60 110, 86 90 106",
              "16 20 62, 55 40 112, 120 70 126, 132 84 120", 1, pair=True)
_LONG = Part("cloth", "18 20 52, 55 40 92, 200 76 114, 240 86 112",
             "14 20 62, 60 40 106, 230 92 130, 274 102 128", 1, pair=True)
_TORSO = Part("cloth", "16 30, 40 60, 85 52, 180 50, 238 52", "8 46, 34 82, 80 78, 180 76, 276 82")
_NECK = Part("gap", "0 22, 16 16, 24 8", "0 32, 26 18, 62 1", 2)
_LINING = Part("shadow", "8 20, 16 16, 24 8", "10 28, 26 16, 62 1", 2, (0, 128), 5)

WARDROBE: Mapping[str, tuple[Part, ...]] = {
    "T-shirt/top": (
        _SHORT._replace(worn=(0, 225)), _TORSO, _NECK, _LINING,
        Part("trim", "95 30, 112 24", "80 42, 165 40", 3, (0, 80), 1),
    ),
    "Trouser": (
        Part("cloth", "70 2 42, 150 12 38, 268 20 40", "64 0 58, 150 8 56, 275 18 58", pair=True),
        Part("cloth", "6 30, 60 41, 85 40, 95 10", "4 44, 50 56, 75 56, 88 10"),
        Part("shadow", "18 31, 24 32", "16 45, 22 46", 0, (0, 150), 1),
    ),
    "Pullover": (
        _LONG, _TORSO, _NECK, _LINING,
        Part("shadow", "220 52, 225 52", "252 80, 258 80", 0, (0, 128), 1),
        Part("trim", "95 36, 115 30", "80 46, 150 40", 3, (200, 256), 1),
    ),
    "Dress": (
        Part("cloth", "18 8 34, 50 20 58, 76 34 66",
             "14 8 42, 60 20 80, 220 84 108", 1, (150, 256), pair=True),
        Part("cloth", "6 26, 40 36, 110 28, 180 36, 268 42", "4 42, 40 60, 110 56, 180 68, 277 90"),
        Part("gap", "0 16, 30 10, 40 2", "0 30, 44 14, 70 2", 2),
        Part("shadow", "106 28, 114 28", "102 56, 114 56", 0, (0, 100), 1),
    ),
    "Coat": (
        _LONG, _TORSO,
        Part("cloth", "140 58, 272 66", "140 76, 279 96", 0, (0, 190), 1),
        _NECK,
        Part("shadow", "20 4 36, 99 0 8", "20 4 54, 160 0 12", 2, (0, 170), 2, pair=True),
        Part("dark", "40 5, 274 8", "50 7, 278 20", 3, (0, 240), 3),
        Part("shadow", "170 25 50, 178 25 50", "180 30 60, 192 30 60", 3, (0, 150), 4, pair=True),
    ),
    "Sandal": (  # a slide, a flat one with straps, a high heel
        Part("hide", "124 -60 10, 178 -105 60", "96 -70 0, 185 -114 66", 1, (0, 80)),
        Part("gap", "142 -55 8, 178 -80 36", "118 -58 -4, 185 -88 42", 1, (0, 80)),
        Part("hide", "110 64 78, 180 -20 0", "85 50 66, 180 -40 -14", 1, (60, 180)),
        Part("hide", "124 -70 -50, 180 -110 -90", "108 -50 -34, 180 -110 -80", 2, (80, 180)),
        Part("hide", "125 -60 -44, 180 -40 -20", "112 -70 -54, 180 -20 0", 3, (80, 180)),
        Part("hide", "100 60 125, 110 60 128", "80 40 125, 92 40 128", 1, (100, 180)),
        Part("hide", "90 106 128, 180 116 132", "70 104 126, 180 112 132", 1, (80, 180)),
        Part("sole", "178 132, 190 136", "174 132, 206 136", 4, (0, 180)),
        Part("hide", "120 100 122, 150 60 122, 200 -24 20, 225 -125 -40, 234 -132 -50",
             "96 95 120, 135 56 122, 200 -44 14, 236 -125 -44, 246 -132 -50", 1, (180, 256)),
        Part("hide", "130 108 124, 240 114 121", "125 98 124, 250 104 122", 1, (180, 256)),
        Part("hide", "50 86 98, 66 66 122, 76 68 76",
             "40 80 96, 58 56 120, 75 54 62", 1, (180, 256)),
        Part("hide", "60 114 124, 135 106 120", "45 111 120, 130 106 118", 1, (180, 256)),
        Part("hide", "160 -70 -44, 228 -100 -74", "150 -56 -34, 228 -110 -76", 2, (180, 256)),
    ),
    "Shirt": (
        _SHORT._replace(worn=(0, 110)), _LONG._replace(worn=(110, 245)),
        _TORSO, _NECK, _LINING,
        Part("ink", "4 4 24, 20 3 36, 46 8", "2 4 32, 24 5 44, 68 9", 2, (0, 200), 2, pair=True),
        Part("ink", "40 4, 225 4", "50 7, 268 7", 3, (60, 250), 2),
        Part("ink", "85 24 46, 112 24 44", "80 26 54, 120 26 52", 3, (0, 90), 3),
    ),
    "Sneaker": (
        Part("hide", "60 40 116, 110 14 124", "20 34 112, 104 4 124", 1, (0, 70), 2),
        Part("hide", "99 40 116, 108 26 126, 132 -24 130, 148 -84 132, 158 -116 132, 184 -134 134",
             "66 40 112, 88 20 126, 120 -30 130, 138 -86 132, 150 -120 132, 200 -138 134"),
        Part("gap", "84 60 104, 108 76 94", "54 56 98, 88 70 92", 0, (70, 256), 2),
        Part("shadow", "108 22 32, 150 -76 -66", "90 20 32, 140 -76 -62"),
        Part("trim", "122 20 36, 178 -30 0", "110 20 46, 178 -40 0", 3, (0, 150), 1),
        Part("sole", "180 135, 196 131", "190 137, 222 133"),
    ),
    "Bag": (
        Part("cloth", "60 24, 80 38, 140 46", "4 16, 26 40, 125 90", 1, (0, 200), 1),
        Part("gap", "70 18, 84 31, 140 39", "14 9, 36 33, 125 81", 1, (0, 200), 1),
        Part("cloth", "135 56, 142 60, 220 66, 228 60", "76 118, 84 124, 262 134, 272 126"),
        Part("trim", "138 58, 170 60, 180 50", "82 120, 150 124, 180 80", 0, (0, 90), 2),
        Part("dark", "165 8, 180 8", "140 14, 170 14", 0, (40, 130), 2),
        Part("shadow", "150 62, 154 62", "110 122, 116 122", 0, (130, 190), 2),
    ),
    "Ankle boot": (
        Part("hide", "66 26 122, 110 9 126, 136 -30 129, 158 -86 131, 176 -120 132, 206 -134 132",
             "14 22 118, 100 4 124, 132 -36 128, 152 -90 130, 172 -124 132, 226 -136 132"),
        Part("dark", "85 52 80, 125 62 72", "40 56 96, 120 64 84", 3, (0, 80), 1),
        Part("shadow", "90 22 36, 160 -80 -64", "60 22 38, 160 -80 -60", 3, (80, 180), 1),
        Part("sole", "202 135, 214 134", "218 137, 236 134"),
        Part("sole", "212 70 134, 224 76 132", "234 60 136, 262 74 132", 0, (0, 230), 2),
    ),
}
# fmt: on
"""The parts of each class, in Fashion-MNIST's order, painted one over the other."""


def draw(split: str) -> tuple[_Bytes, _Bytes]:
    """Draw a whole split: uint8 images (n, 28, 28), light on 0, and uint8 labels (n,).

    Raises
    ------
    OptionError
        If `split` is not "train" or "test".
    """
    return draw_examples(split, slice(None))


def draw_examples(split: str, indices: NDArray[np.integer] | slice) -> tuple[_Bytes, _Bytes]:
    """Draw the examples of a split at `indices`, a slice or integers (n,), just as `draw` does."""
    if split not in SPLIT_SIZES:
        raise OptionError(
            f'the dataset "synthetic" has the splits "train" and "test", not {split!r}; '
            'ask for split="train" or split="test"'
        )
    # Test examples are numbered after those of train, so no two examples share random numbers.
    first = 0 if split == "train" else SPLIT_SIZES["train"]
    numbers = np.arange(first, first + SPLIT_SIZES[split], dtype=np.uint32)[indices]
    labels = (whole_order(SPLIT_SIZES[split], 0, 0)[indices] % len(WARDROBE)).astype(np.uint8)
    images = np.empty((len(labels), _SIDE, _SIDE), np.uint8)
    for label, parts in enumerate(WARDROBE.values()):
        places = np.flatnonzero(labels == label)
        for chunk in np.split(places, range(_CHUNK, len(places), _CHUNK)):
            images[chunk] = _paint(parts, numbers[chunk])
    return images, labels


def _roll(numbers: _Numbers, stream: int, count: int, low: int, high: int) -> _Ints:
    """Return `count` whole numbers in [low, high] for each example: int32 (n, count)."""
    words = fmix32(numbers)[:, None] ^ fmix32(np.arange(count, dtype=np.uint32) + (stream << 16))
    return (((fmix32(words) >> 16) * (high - low + 1)) >> 16).astype(np.int32) + low


def _paint(parts: tuple[Part, ...], numbers: _Numbers) -> _Bytes:
    """Return the drawings of examples of one class: uint8 (n, 28, 28)."""
    canvas = np.zeros((len(numbers), _SIDE, _SIDE), np.int16)
    palette = _palette(numbers)
    for place, part in enumerate(parts):
        style = _roll(numbers, _STYLE + part.style, 1, 0, 255)[:, 0]
        wearers = np.flatnonzero((part.worn[0] <= style) & (style < part.worn[1]))
        drawn, colour = canvas[wearers], palette[part.shade][wearers]
        for strip in _strips(part, place, numbers[wearers]):
            if part.shade in ("cloth", "hide"):
                drawn += (palette["shadow"][wearers] - drawn) * _cover(strip, _SEAM) >> 6
            drawn += (colour - drawn) * _cover(strip, 0) >> 6
        canvas[wearers] = drawn
    canvas = np.where(_roll(numbers, _TURN, 1, 0, 2)[:, :, None], canvas, canvas[:, :, ::-1])
    grain = _roll(numbers, _GRAIN, _SIDE * _SIDE, -10, 10).reshape(canvas.shape)
    return np.asarray(np.clip(canvas + grain * (canvas > 16), 0, 255), np.uint8)


def _palette(numbers: _Numbers) -> dict[str, _Layer]:
    """Return the shades of examples: each int16 (n, 28, 28) or (n, 1, 1), 0 to 255."""
    tone = _roll(numbers, _TONE, 2, 60, 240).max(axis=1).astype(np.int16)[:, None, None]
    trim, sole = _roll(numbers, _TRIM, 2, 40, 250).astype(np.int16).T[:, :, None, None]
    hide = np.clip(tone + (tone * _folds(numbers) >> 7), 0, 255)
    cloth = np.clip(hide + (hide * _stripes(numbers) >> 7), 0, 255)
    return {
        "cloth": cloth,
        "hide": hide,
        "shadow": (cloth * 5) >> 3,
        "dark": cloth >> 2,
        "ink": (tone + 128) & 255,  # stands out from every tone
        "trim": trim,
        "sole": sole,
        "gap": np.zeros_like(tone),
    }


def _stripes(numbers: _Numbers) -> _Layer:
    """Return stripes across, down, both (checks) or, mostly, none: int16 (n, 28, 28)."""
    rate = _roll(numbers, _STRIPES, 2, 12, 50)[:, :, None]
    strength = np.maximum(_roll(numbers, _STRIPED, 2, -160, 60), 0)[:, :, None]
    wave: _Ints = np.abs((np.arange(_SIDE, dtype=np.int32) * rate & 127) - 64) - 32
    stripes = (wave * strength >> 5).astype(np.int16)
    return stripes[:, 0, :, None] + stripes[:, 1, None, :]


def _folds(numbers: _Numbers) -> _Layer:
    """Return soft light and dark patches, 4 pixels wide: int16 (n, 28, 28)."""
    lattice = _roll(numbers, _FOLDS, 64, -64, 64).reshape(-1, 8, 8)
    patches = _soften(_soften(lattice).swapaxes(1, 2)).swapaxes(1, 2)
    strength = np.maximum(_roll(numbers, _FOLDED, 1, -100, 60), 14)[:, :, None]
    return (patches * strength >> 9).astype(np.int16)


def _soften(lattice: _Ints) -> _Ints:
    """Interpolate three values between neighbours on axis 1, times 4: (n, 8, m) to (n, 28, m)."""
    near, far = (np.repeat(side, 4, axis=1) for side in (lattice[:, :-1], lattice[:, 1:]))
    step = (np.arange(_SIDE, dtype=np.int32) & 3)[:, None]
    return near * (4 - step) + far * step


@cache
def _knots(outline: str) -> _Ints:
    """Read an outline: int32 (knots, 3) of height, left and right."""
    knots = [[int(word) for word in knot.split()] for knot in outline.split(",")]
    return np.array([[k[0], -k[1], k[1]] if len(k) == 2 else k for k in knots], np.int32)


def _strips(part: Part, place: int, numbers: _Numbers) -> Iterator[_Strip]:
    """Yield the strip, or the two of a pair, that each example wears as this part."""
    blend = _roll(numbers, _BLEND + part.blend, 1, 0, 256)[:, :, None]
    one, other = _knots(part.one), _knots(part.other)
    knots = (one * (256 - blend) + other * blend) // 80  # 256ths of tenths to 32nds
    wobble = _roll(numbers, _WOBBLE + place, one.size, -10, 10).reshape(-1, *one.shape)
    heights, lefts, rights = (knots + wobble).transpose(2, 0, 1)
    yield _posed((heights, lefts, rights), numbers)
    if part.pair:
        yield _posed((heights, -rights, -lefts), numbers)


def _posed(strip: _Strip, numbers: _Numbers) -> _Strip:
    """Stretch, lean and shift a strip together with the whole garment of its example."""
    across, down, lean, wide, tall = _roll(numbers, _POSE, 5, -64, 64).T[:, :, None]
    middle = _SIDE * _FINE // 2
    heights, lefts, rights = strip[0] - middle, strip[1], strip[2]
    centre = middle + across + (heights * lean >> 10)
    lefts, rights = (centre + (sides * (224 + (wide >> 1)) >> 8) for sides in (lefts, rights))
    return middle + (down * 3 >> 2) + (heights * (240 + (tall >> 2)) >> 8), lefts, rights


def _cover(strip: _Strip, wider: int) -> _Layer:
    """Return how much of each pixel a strip covers, in 64ths, by half rows: int16 (n, 28, 28)."""
    heights, lefts, rights = strip[0], strip[1] - wider, strip[2] + wider
    half = _FINE // 2
    tops = np.arange(2 * _SIDE, dtype=np.int32) * half
    down = _overlap(heights[:, :1], heights[:, -1:], tops, half).astype(np.int16)
    left, right = (_ends(heights, sides, tops + half // 2)[:, :, None] for sides in (lefts, rights))
    area = _overlap(left, right, np.arange(_SIDE, dtype=np.int16) * _FINE, _FINE) * down[:, :, None]
    return (area[:, 0::2] + area[:, 1::2]) >> 4


def _overlap(start: _Whole, stop: _Whole, edges: _Whole, size: int) -> _Whole:
    """Return how much of [start, stop) lies in each cell [edge, edge + size)."""
    inside: _Whole = np.maximum(np.minimum(stop, edges + size) - np.maximum(start, edges), 0)
    return inside


def _ends(heights: _Ints, sides: _Ints, rows: _Ints) -> _Layer:
    """Return where one side of a strip is at each of `rows`: int16 (n, rows)."""
    ends = np.repeat(sides[:, :1], len(rows), axis=1)
    for k in range(heights.shape[1] - 1):
        run = np.maximum(heights[:, k + 1] - heights[:, k], 1)
        slope = ((sides[:, k + 1] - sides[:, k]) << 10) // run
        gone = np.clip(rows - heights[:, k, None], 0, run[:, None])
        ends += (gone * slope[:, None]) >> 10
    return ends.astype(np.int16)
