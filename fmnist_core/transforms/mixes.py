"""Mixes: transforms that join an image and its label with those of another example of the epoch.

A second written order chooses the partner, so it does not depend on the batch.
"""

from dataclasses import dataclass

from fmnist_core.transforms.draws import Draws
from fmnist_core.transforms.masks import box_of, outside
from fmnist_core.transforms.ops import Array, ArrayOps
from fmnist_core.transforms.tables import beta_quantiles, cut_sides, parts
from fmnist_core.transforms.transform import Drawn, Mix, check_number


@dataclass(frozen=True)
class MixUp(Mix):
    """Blend two images and their labels; the share of each follows Beta(alpha, alpha)."""

    alpha: float

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, 0.01, 100)

    def draw(self, draws: Draws, shape: tuple[int, ...]) -> Drawn:
        return {"own": _own_part(draws, self.alpha)}

    def apply(self, ops: ArrayOps, images: Array, others: Array, drawn: Drawn) -> Array:
        part = drawn["own"][:, None, None]
        blend = part * ops.int32(images) + (256 - part) * ops.int32(others)
        return ops.uint8(ops.right(blend + 128, 8))

    def weights(self, ops: ArrayOps, shape: tuple[int, ...], drawn: Drawn) -> tuple[Array, Array]:
        table = ops.constant(parts(256))
        return ops.take(table, drawn["own"]), ops.take(table, 256 - drawn["own"])


@dataclass(frozen=True)
class CutMix(Mix):
    """Put a box of another image into an image; labels are weighted by their shares of the area.

    Before the box is cut at the border, its share follows Beta(alpha, alpha).
    """

    alpha: float

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, 0.01, 100)

    def draw(self, draws: Draws, shape: tuple[int, ...]) -> Drawn:
        ops, part = draws.ops, _own_part(draws, self.alpha)
        drawn = {}
        for index, (first, side, size) in enumerate(
            zip(("top", "left"), ("height", "width"), shape[:2], strict=True)
        ):
            half = ops.right(ops.take(ops.constant(cut_sides(size)), part), 1)
            middle = draws.pick(1 + index, size)
            drawn[first] = ops.clip(middle - half, 0, size)
            drawn[side] = ops.clip(middle + half, 0, size) - drawn[first]
        return drawn

    def apply(self, ops: ArrayOps, images: Array, others: Array, drawn: Drawn) -> Array:
        return ops.where(outside(ops, images, *box_of(drawn)), images, others)

    def weights(self, ops: ArrayOps, shape: tuple[int, ...], drawn: Drawn) -> tuple[Array, Array]:
        whole = shape[0] * shape[1]
        table, area = ops.constant(parts(whole)), drawn["height"] * drawn["width"]
        return ops.take(table, whole - area), ops.take(table, area)


def _own_part(draws: Draws, alpha: float) -> Array:
    """Return the example's own share of each mixture, in 256ths."""
    quantiles = draws.ops.constant(beta_quantiles(alpha))
    return draws.ops.take(quantiles, draws.pick(0, 256))
