"""What a loader was made from: said by the loader itself, for what judges its batches."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Constant, Encoding
from fmnist_core.errors import OptionError
from fmnist_core.hookspecs import Adapter
from fmnist_core.order import ORDER_VERSION
from fmnist_core.plan import BatchPlan


@dataclass(frozen=True)
class Provenance:
    """What a loader was made from, and where its next iteration begins.

    A loader has it as its attribute ``provenance``.

    Attributes
    ----------
    adapter : Adapter
        Whose `to_numpy` reads the batches.
    dataset : Dataset
    plan : BatchPlan
    encoding : Encoding
        With nothing left open.
    upcoming : callable
        Returns epoch and start of the next iteration.
    """

    adapter: Adapter
    dataset: Dataset
    plan: BatchPlan
    encoding: Encoding
    upcoming: Callable[[], tuple[int, int]]

    def batches(self, loader: Any) -> Iterable[Any]:
        """Return what iterates a loader batch by batch: itself, or what its adapter says."""
        iterated = getattr(self.adapter, "batches", None)
        return loader if iterated is None else iterated(loader, self.plan)  # type: ignore[no-any-return]

    def settings(self) -> dict[str, Any]:
        """Return what decides which examples come, in which order, and as which bytes.

        In a form that JSON can hold; what decides nothing, such as the seed of an order that is not
        shuffled, is None.
        """
        dataset, plan, encoding = self.dataset, self.plan, self.encoding
        shuffle, standard = bool(plan.shuffle), encoding.scale == "standard"
        return {
            "data": "/".join(part for part in (dataset.name, dataset.split_name) if part),
            "digest": dataset.digest,
            "num_examples": plan.num_examples,
            "order": ORDER_VERSION,
            "shuffle": shuffle,
            "seed": plan.seed if shuffle else None,
            "dtype": encoding.dtype,
            "scale": encoding.scale,
            "mean": _as_json(encoding.mean) if standard else None,
            "std": _as_json(encoding.std) if standard else None,
            "channels": encoding.num_channels(dataset.image_shape),
            "labels": encoding.labels,
            "transform": encoding.transform.record(),
        }

    def part(self) -> dict[str, Any]:
        """Return what decides nothing but how it comes, in a form that JSON can hold."""
        plan = self.plan
        return {
            "adapter": self.adapter.name,
            "batch_size": plan.batch_size,
            "shard": list(plan.shard),
            "remainder": plan.remainder,
        }


def _as_json(constant: Constant | None) -> float | list[float] | None:
    return list(constant) if isinstance(constant, tuple) else constant


def provenance_of(loader: object) -> Provenance:
    """Return what a loader was made from.

    Raises
    ------
    OptionError
        If it does not say, as one that somebody built around it.
    """
    found = getattr(loader, "provenance", None)
    if not isinstance(found, Provenance):
        raise OptionError(
            f"expected a loader as Dataset.to returns it, found a {type(loader).__name__}, which "
            "does not say what it was made from. For one that was changed or wrapped since, try: "
            "Fingerprint(loader).watch(changed)"
        )
    return found
