"""Version 1 of the transforms once more: plain Python integers, one example, one pixel at a time.

Written from docs/transforms.md and not from the code, whose arithmetic it shares no line with.
An image is a list of rows.
"""

import math
from fractions import Fraction
from typing import Any

Image = list[list[int]]


def fmix32(x: int) -> int:
    x = (x ^ x >> 16) * 0x85EBCA6B % 2**32
    x = (x ^ x >> 13) * 0xC2B2AE35 % 2**32
    return x ^ x >> 16


def word(seed: int, epoch: int, j: int) -> int:
    return fmix32(epoch ^ fmix32(seed >> 32 ^ fmix32((seed % 2**32 + j * 0x9E3779B9) % 2**32)))


def words(seed: int, epoch: int, position: int, stream: int) -> tuple[int, int]:
    key = word(seed, epoch, 4) ^ fmix32(stream), word(seed, epoch, 5)
    parity = key[0] ^ key[1] ^ 0x1BD11BDA
    keys = [*key, parity]
    x, y = (position % 2**32 + key[0]) % 2**32, ((position >> 32) + key[1]) % 2**32
    for turn in range(20):
        bits = (13, 15, 26, 6, 17, 29, 16, 24)[turn % 8]
        x = (x + y) % 2**32
        y = (y << bits | y >> (32 - bits)) % 2**32 ^ x
        if turn % 4 == 3:
            number = turn // 4 + 1
            x = (x + keys[number % 3]) % 2**32
            y = (y + keys[(number + 1) % 3] + number) % 2**32
    return x, y


class Drawn:
    """d0, d1, ... of one transform for one example."""

    def __init__(self, seed: int, epoch: int, position: int, stream: int) -> None:
        self.where = seed, epoch, position
        self.stream = stream

    def words(self, stream: int) -> tuple[int, int]:
        return words(*self.where, self.stream + stream)

    def __getitem__(self, index: int) -> int:
        word = self.words(index // 4)[index % 4 // 2]
        return word % 2**16 if index % 2 else word >> 16

    def pick(self, index: int, count: int) -> int:
        return self[index] * count >> 16

    def chance(self, index: int, p: float) -> bool:
        return self[index] < halves_up(65536 * exact(p))


def exact(number: float) -> Fraction:
    return Fraction(str(number))


def halves_up(number: Fraction | float) -> int:
    return math.floor(number + Fraction(1, 2) if isinstance(number, Fraction) else number + 0.5)


def pair(size: Any) -> tuple[int, int]:
    return size if isinstance(size, tuple) else (size, size)


def clip(value: int) -> int:
    return min(max(value, 0), 255)


def noise(word: int, image: Image) -> Image:
    width = len(image[0])
    return [
        [fmix32(word ^ fmix32(row * width + column)) for column in range(width)]
        for row in range(len(image))
    ]


def box_sizes(height: int, width: int, scale: Any, ratio: Any) -> list[tuple[int, int]]:
    sizes = []
    for j in range(32):
        area = height * width * (scale[0] + (scale[1] - scale[0]) * (2 * j + 1) / 64)
        for k in range(32):
            low, high = math.log(ratio[0]), math.log(ratio[1])
            r = math.exp(low + (high - low) * (2 * k + 1) / 64)
            h, w = halves_up(math.sqrt(area * r)), halves_up(math.sqrt(area / r))
            if 1 <= h <= height and 1 <= w <= width:
                sizes.append((h, w))
    return sizes


def padded(image: Image, padding: int, fill: int) -> Image:
    width = len(image[0]) + 2 * padding
    sides = [[fill] * padding + row + [fill] * padding for row in image]
    edge = [[fill] * width for _ in range(padding)]
    return edge + sides + edge


def cropped(image: Image, top: int, left: int, height: int, width: int) -> Image:
    return [row[left : left + width] for row in image[top : top + height]]


def horizontal_flip(image: Image, t: Any, drawn: Drawn) -> Image:
    return [row[::-1] for row in image] if drawn.chance(0, t.p) else image


def vertical_flip(image: Image, t: Any, drawn: Drawn) -> Image:
    return image[::-1] if drawn.chance(0, t.p) else image


def pad(image: Image, t: Any, drawn: Drawn) -> Image:
    return padded(image, t.padding, t.fill)


def center_crop(image: Image, t: Any, drawn: Drawn) -> Image:
    height, width = pair(t.size)
    top = round(Fraction(len(image) - height, 2))
    left = round(Fraction(len(image[0]) - width, 2))
    return cropped(image, top, left, height, width)


def random_crop(image: Image, t: Any, drawn: Drawn) -> Image:
    height, width = pair(t.size)
    whole = padded(image, t.padding, t.fill)
    top = drawn.pick(0, len(whole) - height + 1)
    left = drawn.pick(1, len(whole[0]) - width + 1)
    return cropped(whole, top, left, height, width)


def random_erasing(image: Image, t: Any, drawn: Drawn) -> Image:
    if not drawn.chance(0, t.p):
        return image
    height, width = len(image), len(image[0])
    sizes = [
        (h, w) for h, w in box_sizes(height, width, t.scale, t.ratio) if h < height and w < width
    ]
    h, w = sizes[drawn.pick(1, len(sizes))]
    top, left = drawn.pick(2, height - h + 1), drawn.pick(3, width - w + 1)
    other = noise(drawn.words(1)[0], image)
    return [
        [
            (other[y][x] % 256 if t.value == "random" else t.value)
            if top <= y < top + h and left <= x < left + w
            else image[y][x]
            for x in range(width)
        ]
        for y in range(height)
    ]


def cutout(image: Image, t: Any, drawn: Drawn) -> Image:
    height, width = len(image), len(image[0])
    top = drawn.pick(0, height) - t.size // 2
    left = drawn.pick(1, width) - t.size // 2
    return [
        [
            t.value if top <= y < top + t.size and left <= x < left + t.size else image[y][x]
            for x in range(width)
        ]
        for y in range(height)
    ]


def affine(image: Image, t: Any, drawn: Drawn) -> Image:
    height, width = len(image), len(image[0])
    turns, shears = (halves_up(exact(angle) * 4096 / 360) for angle in (t.degrees, t.shear))
    k = drawn.pick(0, 2 * turns + 1) - turns
    s = drawn.pick(1, 2 * shears + 1) - shears
    least, most = exact(t.scale[0]), exact(t.scale[1])
    size = least + (most - least) * drawn.pick(2, 256) / 255
    down = halves_up(8 * exact(t.translate[1]) * height)
    across = halves_up(8 * exact(t.translate[0]) * width)
    dy, dx = drawn.pick(3, 2 * down + 1) - down, drawn.pick(4, 2 * across + 1) - across

    def m(u: int, v: int) -> int:
        return u * v + 8192 >> 14

    a, b, tangent = (
        halves_up(2**14 * value)
        for value in (
            math.cos(2 * math.pi * k / 4096),
            math.sin(2 * math.pi * k / 4096),
            math.tan(2 * math.pi * s / 4096),
        )
    )
    inverse = halves_up(2**14 / size)
    r00, r01, r10, r11 = a, b, -b, a
    r00, r01 = r00 + m(tangent, r10), r01 + m(tangent, r11)
    r00, r01, r10, r11 = (m(inverse, entry) for entry in (r00, r01, r10, r11))

    def pixel(row: int, column: int) -> int:
        inside = 0 <= row < height and 0 <= column < width
        return image[row][column] if inside else t.fill

    def sampled(y: int, x: int) -> int:
        at_x, at_y = 4 * (2 * x + 1 - width) - dx, 4 * (2 * y + 1 - height) - dy
        px = r00 * at_x + r01 * at_y + (width - 1) * 2**16
        py = r10 * at_x + r11 * at_y + (height - 1) * 2**16
        return bilinear(pixel, py >> 17, px >> 17, py >> 9 & 255, px >> 9 & 255)

    return [[sampled(y, x) for x in range(width)] for y in range(height)]


def bilinear(pixel: Any, row: int, column: int, fy: int, fx: int) -> int:
    top = pixel(row, column) * (256 - fx) + pixel(row, column + 1) * fx
    low = pixel(row + 1, column) * (256 - fx) + pixel(row + 1, column + 1) * fx
    return top * (256 - fy) + low * fy + 32768 >> 16


class Rotation:
    """The options of a RandomAffine that a RandomRotation stands for."""

    translate, scale, shear = (0, 0), (1, 1), 0

    def __init__(self, t: Any) -> None:
        self.degrees, self.fill = t.degrees, t.fill


def rotation(image: Image, t: Any, drawn: Drawn) -> Image:
    return affine(image, Rotation(t), drawn)


def resized_crop(image: Image, t: Any, drawn: Drawn) -> Image:
    height, width = len(image), len(image[0])
    side = min(height, width)
    sizes = box_sizes(height, width, t.scale, t.ratio) or [(side, side)]
    h, w = sizes[drawn.pick(0, len(sizes))]
    top, left = drawn.pick(1, height - h + 1), drawn.pick(2, width - w + 1)
    new_height, new_width = pair(t.size)

    def pixel(row: int, column: int) -> int:
        return image[top + min(max(row, 0), h - 1)][left + min(max(column, 0), w - 1)]

    def sampled(y: int, x: int) -> int:
        py = (2 * y + 1) * h * 2**14 // new_height - 2**14
        px = (2 * x + 1) * w * 2**14 // new_width - 2**14
        return bilinear(pixel, py >> 15, px >> 15, py >> 7 & 255, px >> 7 & 255)

    return [[sampled(y, x) for x in range(new_width)] for y in range(new_height)]


def jitter(image: Image, t: Any, drawn: Drawn) -> Image:
    for index, amount in enumerate((t.brightness, t.contrast)):
        most = halves_up(256 * exact(amount))
        least = max(0, 256 - most)
        factor = least + drawn.pick(index, 256 + most - least + 1)
        pixels = [value for row in image for value in row]
        about = (sum(pixels) + len(pixels) // 2) // len(pixels) if index else 0
        image = [
            [clip((factor * (value - about) + 128 >> 8) + about) for value in row] for row in image
        ]
    return image


def invert(image: Image, t: Any, drawn: Drawn) -> Image:
    return [[255 - x for x in row] for row in image] if drawn.chance(0, t.p) else image


def gaussian(image: Image, t: Any, drawn: Drawn) -> Image:
    factor = halves_up(255 * exact(t.sigma) * 4096 / Fraction("147.8"))
    return [
        [
            clip(x + ((sum(word.to_bytes(4, "big")) - 510) * factor + 2048 >> 12))
            for x, word in zip(row, words, strict=True)
        ]
        for row, words in zip(image, noise(drawn.words(0)[0], image), strict=True)
    ]


WAYS = {
    "CenterCrop": center_crop,
    "ColorJitter": jitter,
    "Cutout": cutout,
    "GaussianNoise": gaussian,
    "Pad": pad,
    "RandomAffine": affine,
    "RandomCrop": random_crop,
    "RandomErasing": random_erasing,
    "RandomHorizontalFlip": horizontal_flip,
    "RandomInvert": invert,
    "RandomResizedCrop": resized_crop,
    "RandomRotation": rotation,
    "RandomVerticalFlip": vertical_flip,
}
"""Every transform of one image but Resize, for which Pillow stands."""


def transformed(
    image: Image, transforms: Any, *, position: int, seed: int, epoch: int, view: int = 0
) -> Image:
    """Return one image after some transforms."""
    for number, t in enumerate(transforms):
        drawn = Drawn(seed, epoch, position, 8 * number + 4096 * view)
        image = WAYS[type(t).__name__](image, t, drawn)
    return image


def mixed(
    image: Image, other: Image, mix: Any, quantiles: list[int], drawn: Drawn
) -> tuple[Image, Fraction]:
    """Return two finished images joined, and how much of the label is the first's."""
    height, width = len(image), len(image[0])
    k = quantiles[drawn.pick(0, 256)]
    if type(mix).__name__ == "MixUp":
        blend = [
            [k * x + (256 - k) * y + 128 >> 8 for x, y in zip(one, two, strict=True)]
            for one, two in zip(image, other, strict=True)
        ]
        return blend, Fraction(k, 256)
    h, w = (int(side * math.sqrt(1 - k / 256)) for side in (height, width))
    y, x = drawn.pick(1, height), drawn.pick(2, width)
    top, bottom = max(y - h // 2, 0), min(y + h // 2, height)
    left, right = max(x - w // 2, 0), min(x + w // 2, width)
    joined = [
        [
            (other if top <= row < bottom and left <= column < right else image)[row][column]
            for column in range(width)
        ]
        for row in range(height)
    ]
    return joined, 1 - Fraction((bottom - top) * (right - left), height * width)
