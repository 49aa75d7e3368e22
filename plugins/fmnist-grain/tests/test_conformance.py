"""The batches are those of the plan, made here or by threads; and the checks can fail."""

from collections.abc import Callable
from typing import Any

import grain
import pytest

from fmnist_core import Adapter, testing
from fmnist_grain import ADAPTER, GrainAdapter, PlanIterDataset, PlanMapDataset


class Threaded(GrainAdapter):
    """Threads make batches ahead."""

    def loader(self, *args: Any, **options: Any) -> PlanIterDataset:
        threads = grain.ReadOptions(num_threads=2, prefetch_buffer_size=3)
        return super().loader(*args, read_options=threads, **options)


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
def test_conformance(check: Callable[[Adapter], None]) -> None:
    check(ADAPTER)


CHECKS_OF_ITERATION = (
    testing.check_order,
    testing.check_epochs,
    testing.check_every_start,
    testing.check_state,
    testing.check_abandoned_iteration,
    testing.check_two_iterators,
    testing.check_fresh_batches,
    testing.check_mixes,
)


@pytest.mark.parametrize("check", CHECKS_OF_ITERATION, ids=lambda check: check.__name__)
def test_threads_change_nothing(check: Callable[[Adapter], None]) -> None:
    check(Threaded())


class ForgetsTheStart(Threaded):
    """Numbers the batches of a first epoch as if it were whole."""

    def loader(self, *args: Any, **options: Any) -> PlanIterDataset:
        class Forgetful(PlanMapDataset):
            def _place(self, index: int) -> tuple[int, int, int]:
                return self.epoch, index, 0

        loader = super().loader(*args, **options)
        loader.begin = lambda epoch, start: iter(  # type: ignore[method-assign]
            Forgetful(loader.map_dataset.plan, loader.map_dataset.assemble, epoch, start)
        )
        return loader


class RepeatsTheEpoch(Threaded):
    """Every iteration is the first epoch, as those of a `grain.IterDataset` are by themselves."""

    def loader(self, *args: Any, **options: Any) -> Any:
        return super().loader(*args, **options).map_dataset.to_iter_dataset()


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        (testing.check_every_start, ForgetsTheStart),
        (testing.check_epochs, RepeatsTheEpoch),
        (testing.check_abandoned_iteration, RepeatsTheEpoch),
    ],
)
def test_the_checks_catch_a_fault(
    check: Callable[[Adapter], None], fault: type[GrainAdapter]
) -> None:
    with pytest.raises(AssertionError):
        check(fault())
