"""accelerate's prepare does not change the torch loader, and its state is saved."""

import inspect
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fmnist_core import OptionError
from fmnist_core.testing import made_dataset
from fmnist_core.transforms import RandomCrop

torch = pytest.importorskip("torch")
pytest.importorskip("fmnist_torch")
accelerate = pytest.importorskip("accelerate")


@pytest.fixture
def accelerator() -> Iterator[Any]:
    """A new accelerator for each test: accelerate keeps its distributed state in the class."""
    yield accelerate.Accelerator(cpu=True)
    accelerate.state.AcceleratorState._reset_state(True)


def loader(**options: Any) -> Any:
    shuffled = {"batch_size": 5, "shuffle": True, "seed": 2, "fields": ("index",)}
    return made_dataset().to("torch", **{**shuffled, **options})


def rows(batches: Any) -> list[list[int]]:
    return [index.tolist() for (index,) in batches]


def test_prepare_leaves_a_loader_as_it_is(accelerator: Any) -> None:
    net = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(net.parameters())
    ours = loader(epoch=3)
    net, optimizer, prepared = accelerator.prepare(net, optimizer, ours)
    assert prepared is ours
    assert accelerator.prepare(prepared) is ours
    plan = prepared.plan
    expected = [[part.tolist() for part in plan.epoch(epoch)] for epoch in (3, 4)]
    assert [rows(prepared) for _ in range(2)] == [
        [made_dataset().indices[batch].tolist() for batch in epoch] for epoch in expected
    ]


def test_who_looks_at_a_loader_does_not_prepare_it() -> None:
    """A debugger reads every attribute of what it shows."""
    ours = loader(epoch=3)
    names = [name for name, _ in inspect.getmembers(ours)]
    assert "_is_accelerate_prepared" in names
    assert not ours._sampler.is_prepared


def test_a_copy_needs_no_accelerate(accelerator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = accelerator.prepare(loader())
    copy = pickle.loads(pickle.dumps(prepared))
    monkeypatch.delitem(sys.modules, "accelerate.state")
    assert rows(copy) == rows(loader())


def test_save_state_and_load_state_resume_within_an_epoch(accelerator: Any, tmp_path: Path) -> None:
    prepared = accelerator.prepare(loader(epoch=1))
    running = iter(prepared)
    next(running), next(running)
    accelerator.save_state(tmp_path)
    rest = rows(running) + rows(prepared)
    accelerator.load_state(tmp_path)
    assert rows(prepared) + rows(prepared) == rest
    assert len(rest) == 3 + 5


# -- gradient accumulation -------------------------------------------------------------------------


def steps_with_an_update(accelerator: Any, batches: Any, epochs: int = 2) -> list[list[int]]:
    """Return, for each epoch, the steps after which gradients are applied."""
    net = torch.nn.Linear(1, 1)
    updates = []
    for _ in range(epochs):
        steps = []
        for step, _ in enumerate(batches):
            with accelerator.accumulate(net):
                if accelerator.sync_gradients:
                    steps.append(step)
        updates.append(steps)
    return updates


@pytest.fixture
def accumulating() -> Iterator[Any]:
    """An accelerator that applies the gradients of five steps together."""
    yield accelerate.Accelerator(cpu=True, gradient_accumulation_steps=5)
    accelerate.state.AcceleratorState._reset_state(True)


WORKERS = [
    {},
    {"num_workers": 1, "multiprocessing_context": "fork"},
    {"num_workers": 1, "multiprocessing_context": "fork", "persistent_workers": True},
    {"device": "cpu"},
]


@pytest.mark.parametrize("options", WORKERS, ids=str)
def test_accumulation_ends_with_the_epoch(accumulating: Any, options: dict[str, Any]) -> None:
    plain = accumulating.prepare(torch.utils.data.DataLoader(range(23), batch_size=2))
    expected = steps_with_an_update(accumulating, plain)
    assert expected == [[4, 9, 11], [4, 9, 11]]
    ours = accumulating.prepare(loader(batch_size=2, **options))
    assert steps_with_an_update(accumulating, ours) == expected
    assert not accumulating.gradient_state.in_dataloader


def test_accumulation_continues_after_an_evaluation_and_a_break(accumulating: Any) -> None:
    train, val = accumulating.prepare(loader(batch_size=2), loader(batch_size=12))
    ends = []
    for step, _ in enumerate(train):
        if step in (3, 11):
            ends.append([accumulating.gradient_state.end_of_dataloader for _ in val])
            for _ in val:
                break
        ends.append(accumulating.gradient_state.end_of_dataloader)
    assert ends == [*[False] * 3, [False, True], *[False] * 8, [False, True], True]
    assert not accumulating.gradient_state.in_dataloader


def test_accumulation_ends_with_the_rest_of_an_epoch(accumulating: Any, tmp_path: Path) -> None:
    prepared = accumulating.prepare(loader(batch_size=2))
    running = iter(prepared)
    for _ in range(3):
        next(running)
    accumulating.save_state(tmp_path)
    del running
    accumulating.load_state(tmp_path)
    assert steps_with_an_update(accumulating, prepared) == [[4, 8], [4, 9, 11]]


@pytest.mark.parametrize(("remainder", "rows"), [("keep", 23), ("drop", 20), ("pad", 23)])
def test_metrics_are_of_the_examples_without_fillers(
    accelerator: Any, remainder: str, rows: int
) -> None:
    fields = ("index", "weight")
    prepared = accelerator.prepare(loader(remainder=remainder, fields=fields))
    gathered = [accelerator.gather_for_metrics(index) for index, _ in prepared]
    assert len(set(torch.cat(gathered).tolist())) == len(torch.cat(gathered)) == rows


# -- skip_first_batches ----------------------------------------------------------------------------


def test_batches_are_skipped_once(accelerator: Any) -> None:
    prepared = accelerator.prepare(loader())
    epochs = [rows(loader(epoch=epoch)) for epoch in range(2)]
    assert rows(accelerator.skip_first_batches(prepared, 2)) == epochs[0][2:]
    assert rows(prepared) == epochs[1]


@pytest.mark.parametrize("options", WORKERS[:2], ids=str)
def test_batches_after_skipped_ones_are_transformed(
    accelerator: Any, options: dict[str, Any]
) -> None:
    transformed = {
        "fields": ("image", "weight", "index"),
        "remainder": "pad",
        "transform": RandomCrop((5, 4), padding=2),
    }
    expected = list(loader(**transformed))[2:]
    actual = list(accelerator.skip_first_batches(loader(**transformed, **options), 2))
    for batch, other in zip(actual, expected, strict=True):
        assert all(map(torch.equal, batch, other))


def test_batches_that_a_state_has_skipped_are_not_skipped_again(
    accelerator: Any, tmp_path: Path
) -> None:
    prepared = accelerator.prepare(loader())
    running = iter(prepared)
    next(running), next(running)
    accelerator.save_state(tmp_path)
    rest = rows(running)
    accelerator.load_state(tmp_path)
    skipping = accelerator.skip_first_batches(prepared, 2)
    with pytest.raises(OptionError, match=r"would skip them twice\. Try: iterate the loader"):
        next(iter(skipping))
    assert rows(prepared) == rest
