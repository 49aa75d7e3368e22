"""Transforms that a user might write, one sound and each other with one fault."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.transforms import Transform


@dataclass(frozen=True)
class Bars(Transform):
    """Blacken every `step`-th row, from one at random on."""

    step: int = 7

    def draw(self, draws: Any, shape: tuple[int, ...]) -> Any:
        return {"first": draws.pick(0, self.step)}

    def apply(self, ops: Any, images: Any, drawn: Any) -> Any:
        rows = ops.arange(images.shape[1])[None, :] - drawn["first"][:, None]
        return ops.where((rows % self.step != 0)[:, :, None], images, 0)


class FastAndWrong(Bars):
    def apply_numpy(self, images: NDArray[Any], drawn: Any) -> NDArray[Any]:
        images[:, :: self.step] = 0
        return images


class OfAnotherShape(Bars):
    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[0] + 1, *shape[1:]


class DrawnForTheBatch(Bars):
    def apply(self, ops: Any, images: Any, drawn: Any) -> Any:
        return super().apply(ops, images, {"first": drawn["first"][:1] + 0 * drawn["first"]})


class DrawnElsewhere(Bars):
    generator = np.random.default_rng(0)

    def draw(self, draws: Any, shape: tuple[int, ...]) -> Any:
        return {"first": super().draw(draws, shape)["first"] * 0 + self.generator.integers(7)}


FAULTS = (FastAndWrong, OfAnotherShape, DrawnForTheBatch, DrawnElsewhere)
