"""The parts of a loader that Lightning and accelerate use."""

import sys
from collections.abc import Iterator, Mapping, Sequence
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
    ``Trainer(overfit_batches=...)`` with a sampler in file order, for ``Trainer.predict`` with the
    loader's own.

    Parameters
    ----------
    source : BatchPlan or Sampler
        The plan, or the sampler that Lightning passes.
    epoch, start : int
        Where to begin, given a plan.
    transform : sequence of mapping
        `Chain.record` of the loader's transforms, given a plan.
    batch_size, drop_last : int, bool
        The values that Lightning passes: the loader's own, but for predictions it drops no batch.

    Attributes
    ----------
    drop_last : bool
        Whether the last, incomplete batch is left out.
    is_prepared : bool
        Whether the loader went through accelerate's `prepare`.

    Raises
    ------
    OptionError
        If Lightning would share the rows among ranks by this sampler.
    """

    is_prepared = False

    def __init__(
        self,
        source: BatchPlan | Sampler[int],
        *,
        epoch: int = 0,
        start: int = 0,
        transform: Sequence[Mapping[str, Any]] = (),
        batch_size: int = 1,
        drop_last: bool = False,
    ) -> None:
        if isinstance(source, BatchPlan):
            plan = source
        elif isinstance(source, PlanRows):
            plan, transform = source.batches.plan, source.batches.transform
            epoch, start = source.batches.epochs.upcoming()
            if plan.remainder == "drop" and not drop_last:
                plan = replace(plan, remainder="keep")
        elif type(source) is SequentialSampler and isinstance(source.data_source, MapDataset):
            plan = replace(source.data_source.plan, shuffle=False)
            transform = source.data_source.loaders_transform
        else:
            raise OptionError(
                f"a {type(source).__name__} would share the rows in its own order. Try: "
                'shard="auto", or Trainer(use_distributed_sampler=False) if every rank should read '
                "all"
            )
        super().__init__(plan, epoch=epoch, start=start)
        self.transform = transform
        self.drop_last = plan.remainder == "drop"

    def __iter__(self) -> Iterator[list[int]]:
        """Yield lists of rows, fillers as row minus the number of examples.

        Raises
        ------
        OptionError
            If accelerate would skip batches that the loader's state has already skipped.
        """
        if self.is_prepared and self.epochs.start:
            raise OptionError(
                f"the loader resumes after {self.epochs.start} examples of epoch {self.epoch}, so "
                "skip_first_batches would skip them twice. Try: iterate the loader itself; "
                "load_state has restored its position"
            )
        return super().__iter__()


class AcceleratedLoader:
    """The attributes of a loader that accelerate uses."""

    # accelerate saves and loads the state of a loader that has this.
    use_stateful_dataloader = True

    _sampler: LoaderSampler

    @property
    def _is_accelerate_prepared(self) -> bool:
        """True: accelerate would otherwise share the batches among the ranks again.

        `Accelerator.prepare` reads this. From then on the loader reports the end of each epoch. A
        debugger that shows the loader reads it too, which has no effect.

        Raises
        ------
        OptionError
            On several ranks, if the batches are not shared among them, as `prepare` would do.
        """
        if not sys._getframe(1).f_globals.get("__name__", "").startswith("accelerate."):
            return True
        if in_a_group() and self._sampler.plan.shard[1] == 1 < distributed.get_world_size():
            raise OptionError(
                "accelerate expects each rank to read its shard, but this loader has only one. "
                'Try: shard="auto", or leave it out of prepare if every rank should read all'
            )
        self._sampler.is_prepared = True
        return True

    @_is_accelerate_prepared.setter
    def _is_accelerate_prepared(self, _: bool) -> None:
        """Accept the value that accelerate sets when it has finished."""


class EpochEnd:
    """What accelerate reads of the loader that is being iterated.

    Attributes
    ----------
    end_of_dataloader : bool
        Whether the current batch is the last, where accelerate ends gradient accumulation.
    remainder : int
        The number of examples of the last global batch, without fillers, if it is not full,
        otherwise 0. `gather_for_metrics` keeps this many.
    """

    def __init__(self, plan: BatchPlan, start: int) -> None:
        self.end_of_dataloader = False
        left = plan.num_examples - start
        self.remainder = 0 if plan.remainder == "drop" else left % plan.global_batch_size


def reported(batches: Iterator[_Batch], plan: BatchPlan, start: int) -> Iterator[_Batch]:
    """Yield the batches of an epoch, and tell accelerate before the last one."""
    # accelerate prepared the loader, so it is imported; the adapter does not depend on it.
    accelerate: Any = sys.modules.get("accelerate.state")
    if accelerate is None:  # a copy, in a process that does not use it
        yield from batches
        return
    end, last = EpochEnd(plan, start), plan.num_steps(start)
    accelerate.GradientState()._add_dataloader(end)
    try:
        for step, batch in enumerate(batches, 1):
            end.end_of_dataloader = step == last
            yield batch
    finally:
        accelerate.GradientState()._remove_dataloader(end)
