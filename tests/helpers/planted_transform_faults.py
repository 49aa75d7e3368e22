"""Adapters that transform wrongly, each with one fault, and the check that must catch it."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core import BatchPlan, Dataset, Encoding
from fmnist_core.transforms import (
    ArrayOps,
    Chain,
    ColorJitter,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
)
from tests.helpers.sound_adapter import Loader, Sound, caught_by

Array = NDArray[Any]


@caught_by("check_transforms")
class DrawnByRow(Sound):
    def drawn(self, plan: BatchPlan, epoch: int, step: int, start: int) -> NDArray[np.int64]:
        return plan.indices(epoch, step, start)


@caught_by("check_transforms")
class DrawnByPlaceInTheBatch(Sound):
    def drawn(self, plan: BatchPlan, epoch: int, step: int, start: int) -> NDArray[np.int64]:
        return np.arange(len(plan.positions(step, start)))


@caught_by("check_transforms")
class OneDrawForTheBatch(Sound):
    def drawn(self, plan: BatchPlan, epoch: int, step: int, start: int) -> NDArray[np.int64]:
        positions = super().drawn(plan, epoch, step, start)
        return np.full_like(positions, positions[0])


@caught_by("check_transforms")
class EpochLeftOut(Sound):
    def drawn_epoch(self, epoch: int) -> int:
        return 0


@caught_by("check_transforms")
class SeedLeftOut(Sound):
    def drawn_seed(self, plan: BatchPlan) -> int:
        return 0


@caught_by("check_chains")
class LowHalfOfTheSeed(Sound):
    def drawn_seed(self, plan: BatchPlan) -> int:
        return plan.seed % 2**32


class Replaced(Sound):
    """Replaces each transform of a chain by what `other` makes of it."""

    def chain(self, chain: Chain) -> Chain:
        return Chain(tuple(self.other(step) for step in chain.transforms))

    def other(self, transform: Any) -> Any:
        return transform


class OneTooLow(RandomCrop):
    def draw(self, draws: Any, shape: tuple[int, ...]) -> Any:
        drawn = dict(super().draw(draws, shape))
        drawn["top"] = np.maximum(drawn["top"] - 1, 0)
        return drawn


@caught_by("check_transforms")
class CropOffByOne(Replaced):
    def other(self, transform: Any) -> Any:
        return OneTooLow(**vars(transform)) if type(transform) is RandomCrop else transform


class UpsideDown(RandomHorizontalFlip):
    def apply_numpy(self, images: Array, drawn: Any) -> Array:
        images[drawn["flip"]] = images[drawn["flip"], ::-1]
        return images


@caught_by("check_transforms")
class FlipsTheOtherWay(Replaced):
    def other(self, transform: Any) -> Any:
        ours = type(transform) is RandomHorizontalFlip
        return UpsideDown(transform.p) if ours else transform


class FloatAffine(RandomAffine):
    def apply_numpy(self, images: Array, drawn: Any) -> Array:
        exact = super().apply_numpy(images, drawn).astype(np.float32)
        return np.rint(exact * np.float32(255 / 256)).astype(np.uint8)


@caught_by("check_transforms")
class WarpInFloats(Replaced):
    def other(self, transform: Any) -> Any:
        return FloatAffine(**vars(transform)) if type(transform) is RandomAffine else transform


class RoundsToEven(ColorJitter):
    def apply(self, ops: ArrayOps, images: Array, drawn: Any) -> Array:
        exact = super().apply(ops, images, drawn)
        return np.where((images % 2 == 1) & (exact > 0), exact - 1, exact).astype(np.uint8)


@caught_by("check_transforms")
class TonesRoundedToEven(Replaced):
    def other(self, transform: Any) -> Any:
        return RoundsToEven(**vars(transform)) if type(transform) is ColorJitter else transform


@caught_by("check_transforms")
class ErasesWithItsOwnValue(Replaced):
    def other(self, transform: Any) -> Any:
        ours = type(transform) is RandomErasing and transform.value == "random"
        return replace(transform, value=0) if ours else transform


@caught_by("check_transforms")
class TransformsNothing(Replaced):
    def chain(self, chain: Chain) -> Chain:
        return Chain()


@caught_by("check_chains")
class LastTransformFirst(Sound):
    def chain(self, chain: Chain) -> Chain:
        return Chain(chain.transforms[::-1]) if not chain.mix else chain


@caught_by("check_transform_starts_and_shards")
class DrawnFromTheStart(Sound):
    def drawn(self, plan: BatchPlan, epoch: int, step: int, start: int) -> NDArray[np.int64]:
        return np.maximum(super().drawn(plan, epoch, step, start) - start, 0)


@caught_by("check_transform_starts_and_shards")
class DrawnWithinTheShard(Sound):
    def drawn(self, plan: BatchPlan, epoch: int, step: int, start: int) -> NDArray[np.int64]:
        positions = super().drawn(plan, epoch, step, start)
        return np.maximum(positions - plan.shard[0] * plan.batch_size, 0)


@caught_by("check_transform_starts_and_shards")
class FillersDrawAnew(Sound):
    def drawn(self, plan: BatchPlan, epoch: int, step: int, start: int) -> NDArray[np.int64]:
        return plan.positions(step, start)


@caught_by("check_repeated_example")
class DrawnByExample(Sound):
    def transformed(self, loader: Loader, epoch: int, step: int, start: int) -> Any:
        self.dataset = loader.dataset
        return super().transformed(loader, epoch, step, start)

    def drawn(self, plan: BatchPlan, epoch: int, step: int, start: int) -> NDArray[np.int64]:
        return self.dataset.indices[plan.indices(epoch, step, start)]


@caught_by("check_views")
class OneViewTwice(Sound):
    def view(self, view: int) -> int:
        return 0


@caught_by("check_mixes")
class PartnerFromTheBatch(Sound):
    def partners(self, plan: BatchPlan, rows: Array, positions: Array, epoch: int) -> Array:
        return rows[::-1]


@caught_by("check_mixes")
class PartnerOfTheFirstEpoch(Sound):
    def partners(self, plan: BatchPlan, rows: Array, positions: Array, epoch: int) -> Array:
        return plan.rows_at(positions, 0)


@caught_by("check_mixes")
class HardLabels(Sound):
    def mixed(self, labels: Array) -> Array:
        return (labels == labels.max(axis=1, keepdims=True)).astype(np.float32)


@caught_by("check_transform_state")
class GoesOnUnderOtherTransforms(Sound):
    def loader(self, dataset: Dataset, plan: BatchPlan, encoding: Encoding, **where: Any) -> Any:
        made = super().loader(dataset, plan, encoding, **where)
        made.state_dict = lambda: plan.state(0, 1, digest=dataset.digest)
        made.load_state_dict = lambda state: plan.position(state, digest=dataset.digest)
        return made


@caught_by("check_transform_state")
class GoesOnWithOtherDraws(Sound):
    def loader(self, dataset: Dataset, plan: BatchPlan, encoding: Encoding, **where: Any) -> Any:
        made = super().loader(dataset, plan, encoding, **where)
        known: dict[str, Any] = {"digest": dataset.digest, "transform": encoding.transform.record()}
        made.state_dict = lambda: plan.state(0, 1, **known)
        made.load_state_dict = lambda state: plan.position({**state, "seed": plan.seed}, **known)
        return made


@caught_by("check_transform_errors")
class AsksNothingOfTransforms(Sound):
    def loader(self, dataset: Dataset, plan: BatchPlan, encoding: Encoding, **where: Any) -> Any:
        return super().loader(dataset, plan, replace(encoding, transform=Chain()), **where)
