"""torchdata's StatefulDataLoader around MapDataset and PlanSampler, or around those of a loader."""

from pathlib import Path
from typing import Any

import pytest

from fmnist_core import BatchPlan, Dataset, OptionError, open_idx, write_idx
from fmnist_core.testing import made_dataset
from fmnist_core.transforms import RandomCrop

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


def stateful_loader(
    dataset: Dataset, plan: BatchPlan, workers: int = 0, method: str = "fork", **options: Any
) -> Any:
    return stateful.StatefulDataLoader(
        fmnist_torch.MapDataset(dataset, FIELDS),
        batch_sampler=fmnist_torch.PlanSampler(plan),
        num_workers=workers,
        multiprocessing_context=method if workers else None,
        **options,
    )


def law(dataset: Dataset, plan: BatchPlan, epoch: int) -> list[list[Any]]:
    loader = dataset.to("numpy", batch_size=plan.batch_size, shuffle=True, seed=6, epoch=epoch,
                        remainder=plan.remainder, shard=plan.shard, fields=FIELDS)  # fmt: skip
    return [[array.tolist() for array in batch] for batch in loader]


def read(batches: Any) -> list[list[Any]]:
    return [[tensor.tolist() for tensor in batch] for batch in batches]


@pytest.mark.parametrize("shard", [(0, 1), (1, 2)])
def test_it_reads_the_plans_batches_epoch_by_epoch(mapped: Dataset, shard: tuple[int, int]) -> None:
    plan = plan_of(4, shard=shard)
    loader = stateful_loader(mapped, plan)
    for epoch in range(3):
        assert read(loader) == law(mapped, plan, epoch)


STEPS = 6  # of 23 examples by 4
WAYS = [
    (workers, persistent, every, epoch)
    for workers, persistent in ((0, False), (2, False), (2, True))
    for every in ((1, 4) if workers else (1,))
    for epoch in (0, 1)
]


def begun(workers: int, persistent: bool, every: int, epochs: int = 0) -> Any:
    """Return a loader that has read some epochs."""
    options = {"persistent_workers": persistent, "snapshot_every_n_steps": every}
    loader = stateful_loader(made_dataset(), plan_of(4), workers, "fork", **options)
    for _ in range(epochs):
        list(loader)
    return loader


@pytest.mark.parametrize(("workers", "persistent", "every", "epoch"), WAYS)
def test_another_loader_resumes_from_every_state(
    workers: int, persistent: bool, every: int, epoch: int
) -> None:
    first = begun(workers, persistent, every, epoch)
    running = iter(first)
    saved = [first.state_dict()]
    for _ in running:
        saved.append(first.state_dict())
    saved.append(first.state_dict())  # after StopIteration
    assert len(saved) == STEPS + 2
    for step in (0, 1, 4, STEPS, STEPS + 1):
        again = begun(workers, persistent, every)
        again.load_state_dict(saved[step])
        if step <= STEPS:
            assert read(again) == law(made_dataset(), plan_of(4), epoch)[step:]
        assert read(again) == law(made_dataset(), plan_of(4), epoch + 1)
    assert read(again) == law(made_dataset(), plan_of(4), epoch + 2)


@pytest.mark.parametrize(("workers", "persistent", "every", "epoch"), WAYS)
@pytest.mark.parametrize("step", [4, STEPS + 1])
def test_the_same_loader_resumes_from_its_state(
    workers: int, persistent: bool, every: int, epoch: int, step: int
) -> None:
    loader = begun(workers, persistent, every, epoch)
    running = iter(loader)
    for _ in range(min(step, STEPS)):
        next(running)
    if step > STEPS:
        assert next(running, None) is None
    loader.load_state_dict(loader.state_dict())
    if step <= STEPS:
        assert read(loader) == law(made_dataset(), plan_of(4), epoch)[step:]
    for later in (epoch + 1, epoch + 2):
        assert read(loader) == law(made_dataset(), plan_of(4), later)


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_workers_may_be_started_anew(mapped: Dataset, method: str) -> None:
    first = stateful_loader(mapped, plan_of(4), 1, method)
    next(iter(first))
    again = stateful_loader(mapped, plan_of(4), 1, method)
    again.load_state_dict(first.state_dict())
    assert read(again) == law(mapped, plan_of(4), 0)[1:]


def test_parts_of_a_loader_make_a_stateful_one(mapped: Dataset) -> None:
    options = {"batch_size": 4, "shuffle": True, "seed": 6, "remainder": "pad"}
    ours = mapped.to("torch", fields=FIELDS, **options)
    theirs = stateful.StatefulDataLoader(
        ours.dataset, batch_sampler=ours.batch_sampler, collate_fn=ours.collate_fn
    )
    assert read(theirs) == law(mapped, ours.plan, 0)
    options |= {"fields": ("image", "label", "weight"), "transform": RandomCrop((5, 4), padding=2)}
    ours, reference = mapped.to("torch", **options), mapped.to("torch", **options)
    theirs = stateful.StatefulDataLoader(ours.dataset, batch_sampler=ours.batch_sampler)
    assert read(theirs) == read(reference)
    state = theirs.state_dict()
    for transform in (RandomCrop((5, 4), padding=1), ()):
        other = mapped.to("torch", **{**options, "transform": transform})
        resumed = stateful.StatefulDataLoader(other.dataset, batch_sampler=other.batch_sampler)
        resumed.load_state_dict(state)
        with pytest.raises(OptionError, match=r"the state is of a run with transform RandomCrop"):
            list(resumed)


def test_a_state_of_the_wrong_kind(mapped: Dataset, tmp_path: Path) -> None:
    theirs = stateful_loader(mapped, plan_of(4)).state_dict()
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
