"""What Lightning and accelerate look at in a loader, and what they do with it."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

from torch import distributed
from torch.utils.data import Sampler, SequentialSampler

from fmnist_core.errors import OptionError
from fmnist_core.plan import BatchPlan
from fmnist_torch.datasets import MapDataset
from fmnist_torch.ranks import in_a_group
from fmnist_torch.sampler import PlanRows, PlanSampler

_Batch = TypeVar("_Batch")


class LoaderSampler(PlanSampler):
    """The batch sampler of a `PlanLoader`.

    Lightning replaces it in two cases, by calling its class with a sampler of rows: for
    ``Trainer(overfit_batches=...)`` with one in the order of the file, for ``Trainer.predict`` with
    the loader's own.

    Parameters
    ----------
    source : BatchPlan or Sampler
        The plan, or the sampler that Lightning names.
    epoch, start : int
        Where to begin, given a plan.
    batch_size, drop_last : int, bool
        What Lightning asks for: the loader's own, but no batch is dropped where it predicts.

    Attributes
    ----------
    drop_last : bool
        Whether the last, incomplete batch is left out.
    is_prepared : bool
        Whether the loader went through accelerate's `prepare`.

    Raises
    ------
    OptionError
        If the sampler is one by which Lightning would share the rows among ranks.
    """

    is_prepared = False

    def __init__(
        self,
        source: BatchPlan | Sampler[int],
        *,
        epoch: int = 0,
        start: int = 0,
        batch_size: int = 1,
        drop_last: bool = False,
    ) -> None:
        if isinstance(source, BatchPlan):
            plan = source
        elif isinstance(source, PlanRows):
            plan, (epoch, start) = source.batches.plan, source.batches.epochs.upcoming()
            if plan.remainder == "drop" and not drop_last:
                plan = replace(plan, remainder="keep")
        elif type(source) is SequentialSampler and isinstance(source.data_source, MapDataset):
            plan = replace(source.data_source.plan, shuffle=False)
        else:
            raise OptionError(
                f"a {type(source).__name__} would share out the rows in an order of its own. Try: "
                'shard="auto", or Trainer(use_distributed_sampler=False) if every rank is to read '
                "all"
            )
        super().__init__(plan, epoch=epoch, start=start)
        self.drop_last = plan.remainder == "drop"

    def __iter__(self) -> Iterator[list[int]]:
        """Yield lists of rows, fillers as row minus the number of examples.

        Raises
        ------
        OptionError
            If accelerate is to skip batches that the loader, by its state, has skipped already.
        """
        if self.is_prepared and self.epochs.start:
            raise OptionError(
                f"the loader goes on after {self.epochs.start} examples of epoch {self.epoch}, so "
                "skip_first_batches would skip them twice. Try: iterate the loader itself, as "
                "load_state restores its position"
            )
        return super().__iter__()


class AcceleratedLoader:
    """What accelerate looks at in a loader."""

    # accelerate saves and loads the state of a loader that has this.
    use_stateful_dataloader = True

    _sampler: LoaderSampler

    @property
    def _is_accelerate_prepared(self) -> bool:
        """That accelerate has nothing to do: it would share the batches among the ranks again.

        `Accelerator.prepare` asks this. From then on accelerate is told of the end of each epoch.

        Raises
        ------
        OptionError
            If they are not shared among several ranks, as who calls `prepare` expects.
        """
        if in_a_group() and self._sampler.plan.shard[1] == 1 < distributed.get_world_size():
            raise OptionError(
                "accelerate expects each rank to read its shard, and this loader has but one. Try: "
                'shard="auto", or leave it out of prepare if every rank is to read all'
            )
        self._sampler.is_prepared = True
        return True

    @_is_accelerate_prepared.setter
    def _is_accelerate_prepared(self, _: bool) -> None:
        """accelerate sets it when it has done."""


class EpochEnd:
    """What accelerate wants to know of the loader that is being iterated.

    Attributes
    ----------
    end_of_dataloader : bool
        Whether the current batch is the last, where accelerate ends gradient accumulation.
    remainder : int
        How many examples the last global batch has, fillers not counted, if it is not full; else 0.
        `gather_for_metrics` keeps this many.
    """

    def __init__(self, plan: BatchPlan, start: int) -> None:
        self.end_of_dataloader = False
        left = plan.num_examples - start
        self.remainder = 0 if plan.remainder == "drop" else left % plan.global_batch_size


def reported(batches: Iterator[_Batch], plan: BatchPlan, start: int) -> Iterator[_Batch]:
    """Yield the batches of an epoch, and tell accelerate when the last one is at hand."""
    end, last = EpochEnd(plan, start), plan.num_steps(start)
    _gradient_state()._add_dataloader(end)
    try:
        for step, batch in enumerate(batches, 1):
            end.end_of_dataloader = step == last
            yield batch
    finally:
        _gradient_state()._remove_dataloader(end)


def _gradient_state() -> Any:
    # accelerate requested the loader, so it is imported; the adapter does not depend on it.
    return sys.modules["accelerate.state"].GradientState()
