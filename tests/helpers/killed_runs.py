"""Runs that are killed within a step, then continue in another way; all processes are real.

Writes into a file, as JSON, what each schedule of its arguments consumed. It is a separate process
because its ranks are forked from a server that has imported torch, so that a rank starts at once.
"""

import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

import fmnist_core as fm
from tests.helpers.programs import free_port

COUNT, EPOCHS, SEED = 1000, 2, 9
PATIENCE = 120
"""Time limit, in seconds, for steps that should take one or two."""

Leg = dict[str, Any]
"""How many ranks, their batch size, their worker processes, and where they are killed."""


def schedule_of(seed: int) -> dict[str, Any]:
    """Return two legs under torch that are killed, and the framework that reads the rest."""
    draw = random.Random(seed)
    legs = [
        {
            "ranks": draw.randint(1, 3),
            "size": draw.randint(3, 9),
            "workers": draw.choice([0, 2]),
            "steps": draw.randint(1, 8),
            "milliseconds": draw.uniform(0, 20),
            "victim": draw.randint(0, 2),
        }
        for _ in range(2)
    ]
    rest = ("numpy", "jax", "numpy", "jax", "numpy", "tensorflow")[seed % 6]  # from light to heavy
    return {"seed": seed, "legs": legs, "rest": rest, "size": draw.randint(10, 40)}


def data() -> fm.Dataset:
    return fm.Dataset(np.zeros((COUNT, 1, 1), np.uint8), np.zeros(COUNT, np.uint8))


def options(size: int) -> dict[str, Any]:
    ours = {"shuffle": True, "seed": SEED, "remainder": "pad", "fields": ("index", "weight")}
    return {"batch_size": size, **ours}


def read(path: Path) -> dict[str, Any]:
    """Return the saved state and every example consumed until then."""
    return json.loads(path.read_text()) if path.exists() else {"state": None, "consumed": []}


def save(path: Path, saved: dict[str, Any]) -> None:
    """Save both in one file, completely or not at all."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(saved))
    os.replace(new, path)


def torch_rank(path: Path, leg: Leg, rank: int, port: int) -> None:
    """Consume the epochs from the saved state; rank 0 saves after each step."""
    from torch import distributed

    address = f"tcp://127.0.0.1:{port}"
    distributed.init_process_group("gloo", address, rank=rank, world_size=leg["ranks"])
    more = {"multiprocessing_context": "fork"} if leg["workers"] else {}
    loader = data().to(
        "torch", **options(leg["size"]), shard="auto", num_workers=leg["workers"], **more
    )
    saved = read(path)
    if saved["state"]:
        loader.load_state_dict(saved["state"])
    while loader.state_dict()["epoch"] < EPOCHS:
        for index, weight in loader:
            shares: list[Any] = [None] * leg["ranks"]
            distributed.all_gather_object(shares, index[weight == 1].tolist())
            if rank == 0:
                saved["consumed"] += sum(shares, [])  # noqa: RUF017, three of them
                saved["state"] = loader.state_dict()
                save(path, saved)


def other_framework(path: Path, name: str, size: int) -> None:
    """Consume the rest of the epochs under another framework."""
    dataset, saved = data(), read(path)
    adapter = fm.get_adapter(name)
    plan = fm.BatchPlan(COUNT, **options(size))
    epoch, start = plan.position(saved["state"], digest=dataset.digest)
    loader = dataset.to(name, **options(size), epoch=epoch, start=start)
    if name != "tensorflow":  # whose pipeline is told where to begin instead
        loader = dataset.to(name, **options(size))
        loader.load_state_dict(saved["state"])
    for _ in range(epoch, EPOCHS):
        for batch in loader:
            index, weight = adapter.to_numpy(batch)
            saved["consumed"] += index[weight == 1].tolist()
    save(path, saved)


def kill_in_the_middle(ranks: list[BaseProcess], path: Path, leg: Leg) -> list[int | None]:
    """Kill a rank some moment after some step, then, as a launcher does, those that are left."""
    before, until = len(read(path)["consumed"]), time.monotonic() + PATIENCE
    awaited = before + leg["steps"] * leg["ranks"] * leg["size"]
    while len(read(path)["consumed"]) < awaited and all(rank.is_alive() for rank in ranks):
        assert time.monotonic() < until, "no step within the time limit"
        time.sleep(0.001)
    time.sleep(leg["milliseconds"] / 1000)
    victim = ranks[leg["victim"] % len(ranks)]
    for rank in [victim, *ranks]:
        if rank.pid is not None and rank.is_alive():
            os.kill(rank.pid, signal.SIGKILL)
        rank.join(PATIENCE)
    return [rank.exitcode for rank in ranks]


def run(schedule: dict[str, Any]) -> dict[str, Any]:
    """Return how the ranks of each leg ended, what was saved after it, and what was consumed."""
    context = multiprocessing.get_context("forkserver")
    exits, positions = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "saved.json"
        for leg in schedule["legs"]:
            port = free_port()
            ranks: list[BaseProcess] = [
                context.Process(target=torch_rank, args=(path, leg, rank, port))
                for rank in range(leg["ranks"])
            ]
            for rank in ranks:
                rank.start()
            exits.append(kill_in_the_middle(ranks, path, leg))
            positions.append(len(read(path)["consumed"]))
        rest = context.Process(
            target=other_framework, args=(path, schedule["rest"], schedule["size"])
        )
        rest.start()
        rest.join(PATIENCE)
        return {
            "exits": exits,
            "rest": rest.exitcode,
            "positions": positions,
            "consumed": read(path)["consumed"],
        }


if __name__ == "__main__":
    multiprocessing.set_forkserver_preload(["torch.distributed", "fmnist_torch"])
    runs = []
    for seed in sys.argv[2:]:
        print("schedule", schedule_of(int(seed)), flush=True)
        runs.append(run(schedule_of(int(seed))))
    Path(sys.argv[1]).write_text(json.dumps(runs))
