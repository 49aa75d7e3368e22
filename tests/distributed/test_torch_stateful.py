"""torchdata's StatefulDataLoader around MapDataset and PlanSampler, or around a loader's own."""

from pathlib import Path
from typing import Any

import pytest

from fmnist_core import BatchPlan, Dataset, OptionError, open_idx, write_idx
from fmnist_core.testing import made_dataset

torch = pytest.importorskip("torch")
fmnist_torch = pytest.importorskip("fmnist_torch")
stateful = pytest.importorskip("torchdata.stateful_dataloader")

# torchdata 0.11 calls what torch 2.13 has given up.
pytestmark = pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")

FIELDS = ("label", "weight", "index")


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder, made = tmp_path_factory.mktemp("stateful"), made_dataset()
    write_idx(folder / "images", made.images)
    write_idx(folder / "labels", made.labels)
    return open_idx(folder / "images", folder / "labels")


def plan_of(size: int, **options: Any) -> BatchPlan:
    padded: Any = {"remainder": "pad", "fields": FIELDS}
    return BatchPlan(23, size, shuffle=True, seed=6, **{**padded, **options})


def own(dataset: Dataset, plan: BatchPlan, workers: int = 0) -> Any:
    examples = fmnist_torch.MapDataset(dataset, fields=FIELDS)
    method = "forkserver" if workers else None
    sampler = fmnist_torch.PlanSampler(plan)
    return stateful.StatefulDataLoader(
        examples, batch_sampler=sampler, num_workers=workers, multiprocessing_context=method
    )


def law(dataset: Dataset, plan: BatchPlan, epoch: int) -> list[list[Any]]:
    loader = dataset.to("numpy", batch_size=plan.batch_size, shuffle=True, seed=6, epoch=epoch,
                        remainder=plan.remainder, shard=plan.shard, fields=FIELDS)  # fmt: skip
    return [[array.tolist() for array in batch] for batch in loader]


def read(batches: Any) -> list[list[Any]]:
    return [[tensor.tolist() for tensor in batch] for batch in batches]


@pytest.mark.parametrize("shard", [(0, 1), (1, 2)])
def test_it_reads_the_laws_batches_epoch_by_epoch(mapped: Dataset, shard: tuple[int, int]) -> None:
    plan = plan_of(4, shard=shard)
    loader = own(mapped, plan)
    for epoch in range(3):
        assert read(loader) == law(mapped, plan, epoch)


@pytest.mark.parametrize("workers", [0, 1])
def test_it_goes_on_from_its_own_state(mapped: Dataset, workers: int) -> None:
    plan = plan_of(4)
    first = own(mapped, plan, workers)
    first.batch_sampler.set_epoch(1)
    running = iter(first)
    next(running), next(running)
    saved = first.state_dict()
    again = own(mapped, plan, workers)
    again.load_state_dict(saved)
    assert read(again) == law(mapped, plan, 1)[2:]
    if not workers:
        assert read(again) == law(mapped, plan, 2)


def test_parts_of_a_loader_make_a_stateful_one(mapped: Dataset) -> None:
    ours = mapped.to("torch", batch_size=4, shuffle=True, seed=6, fields=FIELDS, remainder="pad")
    theirs = stateful.StatefulDataLoader(
        ours.dataset, batch_sampler=ours.batch_sampler, collate_fn=ours.collate_fn
    )
    assert read(theirs) == law(mapped, ours.plan, 0)


def test_a_state_of_the_wrong_kind(mapped: Dataset, tmp_path: Path) -> None:
    theirs = own(mapped, plan_of(4)).state_dict()
    ours = mapped.to("torch", batch_size=4, shuffle=True, seed=6)
    for state in (theirs, None, [], {"epoch": 1}, str(tmp_path)):
        with pytest.raises(OptionError, match=r"expected what state_dict\(\) returned"):
            ours.load_state_dict(state)
    state = ours.state_dict()
    with pytest.raises(OptionError, match="expected epoch of a state to be int, found '1'"):
        ours.load_state_dict({**state, "epoch": "1"})
    with pytest.raises(OptionError, match="start must be from 0 to 23, not 24"):
        ours.load_state_dict({**state, "examples": 24})
    with pytest.raises(OptionError, match="start must be from 0 to 23"):
        mapped.to("torch", batch_size=4, start=24)
    for shard in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(OptionError, match="shard"):
            mapped.to("torch", batch_size=4, shard=shard)
