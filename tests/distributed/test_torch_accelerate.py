"""accelerate's prepare on the torch loader: it is left as it is, and its state is saved."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fmnist_core import OptionError
from fmnist_core.testing import made_dataset

torch = pytest.importorskip("torch")
pytest.importorskip("fmnist_torch")
accelerate = pytest.importorskip("accelerate")


@pytest.fixture
def accelerator() -> Iterator[Any]:
    """One of this test: accelerate keeps its state among processes in the class."""
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
    wanted = [[rows.tolist() for rows in plan.epoch(epoch)] for epoch in (3, 4)]
    assert [rows(prepared) for _ in range(2)] == [
        [made_dataset().indices[batch].tolist() for batch in epoch] for epoch in wanted
    ]


def test_save_state_and_load_state_go_on_within_an_epoch(accelerator: Any, tmp_path: Path) -> None:
    prepared = accelerator.prepare(loader(epoch=1))
    running = iter(prepared)
    next(running), next(running)
    accelerator.save_state(tmp_path)
    rest = rows(running) + rows(prepared)
    accelerator.load_state(tmp_path)
    assert rows(prepared) + rows(prepared) == rest
    assert len(rest) == 3 + 5


def test_among_ranks_a_loader_of_one_shard_is_refused(
    accelerator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fmnist_torch.loader as module

    monkeypatch.setattr(module, "in_a_group", lambda: True)
    monkeypatch.setattr(module.distributed, "get_world_size", lambda: 2)
    with pytest.raises(OptionError, match=r'expects each rank .* Try: shard="auto"'):
        accelerator.prepare(loader())
    shared = loader(shard=(1, 2))
    assert accelerator.prepare(shared) is shared
