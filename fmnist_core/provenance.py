"""The dataset, plan and encoding of a loader, for code that examines its batches."""

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
    """The dataset, plan and encoding of a loader, and where its next iteration begins.

    It is the attribute ``provenance`` of a loader.

    Attributes
    ----------
    adapter : Adapter
        Its `to_numpy` reads the batches.
    dataset : Dataset
    plan : BatchPlan
    encoding : Encoding
        Without None.
    upcoming : callable
        Returns epoch and start of the next iteration.
    """

    adapter: Adapter
    dataset: Dataset
    plan: BatchPlan
    encoding: Encoding
    upcoming: Callable[[], tuple[int, int]]

    def batches(self, loader: Any) -> Iterable[Any]:
        """Return an iterable of a loader's batches: the loader, or what its adapter returns."""
        iterated = getattr(self.adapter, "batches", None)
        return loader if iterated is None else iterated(loader, self.plan)  # type: ignore[no-any-return]

    def settings(self) -> dict[str, Any]:
        """Return what determines the examples, their order and their bytes.

        In a form that JSON can hold. Settings without effect, such as the seed of a run that is not
        shuffled and has no transforms, are None.
        """
        dataset, plan, encoding = self.dataset, self.plan, self.encoding
        shuffle, standard = bool(plan.shuffle), encoding.scale == "standard"
        transform = encoding.transform.record()
        return {
            "data": "/".join(part for part in (dataset.name, dataset.split_name) if part),
            "digest": dataset.digest,
            "num_examples": plan.num_examples,
            "order": ORDER_VERSION,
            "shuffle": shuffle,
            "seed": plan.seed if shuffle or transform else None,
            "dtype": encoding.dtype,
            "scale": encoding.scale,
            "mean": _as_json(encoding.mean) if standard else None,
            "std": _as_json(encoding.std) if standard else None,
            "channels": encoding.num_channels(dataset.image_shape),
            "labels": encoding.labels,
            "transform": transform,
        }

    def part(self) -> dict[str, Any]:
        """Return how the examples were received, in a form that JSON can hold."""
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
    """Return the provenance of a loader.

    Raises
    ------
    OptionError
        If it has none, for example because it wraps a loader.
    """
    provenance = getattr(loader, "provenance", None)
    if not isinstance(provenance, Provenance):
        raise OptionError(
            f"expected a loader that Dataset.to returned, found a {type(loader).__name__} without "
            "provenance. For a loader that you changed or wrapped, try: "
            "Fingerprint(loader).watch(changed)"
        )
    return provenance
