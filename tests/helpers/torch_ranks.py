"""One rank of a torchrun job: DDP training, exact evaluation, and disagreements."""

import gc
import hashlib
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.distributed.distributed_c10d import _get_default_store
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

import fmnist_torch
from fmnist_core import Dataset, FmnistError
from tests.helpers import jobs

LIMIT = timedelta(seconds=60)


def loader(dataset: Dataset, **options: Any) -> fmnist_torch.PlanLoader:
    ranks = distributed.get_world_size()
    usual = {"batch_size": jobs.GLOBAL_BATCH // ranks, "shard": "auto", "seed": jobs.SEED}
    return fmnist_torch.data_loader(dataset, **{**usual, **jobs.WHOLE_NUMBERS, **options})


def from_all(value: Any) -> list[Any]:
    values: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(values, value)
    return values


def train() -> dict[str, Any]:
    """Train a net for two epochs; return a digest of each global batch, and the weights."""
    torch.manual_seed(0)
    net = torch.nn.Linear(784, 10)
    model = DistributedDataParallel(net)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    digests = []
    batches = loader(jobs.train(), shuffle=True, remainder="drop")
    for _ in range(2):
        for image, label, weight, index in batches:
            optimizer.zero_grad()
            cross_entropy(model(image), label).backward()
            optimizer.step()
            arrays = [tensor.numpy().tobytes() for tensor in (image, label, weight, index)]
            joined = b"".join(b"".join(field) for field in zip(*from_all(arrays), strict=True))
            digests.append(hashlib.sha256(joined).hexdigest())
    return {"digests": digests, "weights": net.weight.flatten().tolist()}


def evaluate() -> dict[str, Any]:
    """Count the correct test images, each once, although all ranks read equally many."""
    classifier = torch.from_numpy(jobs.classifier())
    confusion = torch.zeros(10, 10, dtype=torch.int64)
    times_seen = torch.zeros(10_000, dtype=torch.int64)
    steps = 0
    for image, label, weight, index in loader(jobs.test(), remainder="pad"):
        guess, counts = (image @ classifier).argmax(dim=1), weight.long()
        confusion.index_put_((label, guess), counts, accumulate=True)
        times_seen.index_put_((index,), counts, accumulate=True)
        steps += 1
    distributed.all_reduce(confusion)
    distributed.all_reduce(times_seen)
    seen = times_seen.unique().tolist()
    return {"confusion": confusion.tolist(), "times_seen": seen, "steps": from_all(steps)}


def refusal(dataset: Dataset, **options: Any) -> str:
    """Return the error of a loader whose options differ between ranks, or ""."""
    try:
        next(iter(loader(dataset, shuffle=True, **{"remainder": "drop", **options})))
    except FmnistError as error:
        return str(error)
    return ""


def disagree() -> dict[str, str]:
    """Return the errors that this rank raises where the ranks disagree."""
    me, ranks = distributed.get_rank(), distributed.get_world_size()
    last, data = me == ranks - 1, jobs.train()
    errors = {
        "seed": refusal(data, seed=int(last)),
        "digest": refusal(data.select(range(999, -1, -1)) if last else data),
        "num_examples": refusal(data.take(999) if last else data),
        "examples": refusal(data, start=12 * last),
        "batch_size": refusal(data, batch_size=12 + last),
        "encoding": refusal(data, dtype="float16" if last else "float32"),
        "too many shards": refusal(data, shard=(me, ranks + 1)),
        "agree again": refusal(data),
        "alone": refusal(data, shard=(0, 1)) if last else "",
    }
    if ranks > 2:
        errors["shard"] = refusal(data, shard=(0, 2) if last else "auto")
    distributed.barrier()
    # As init_process_group(timeout=...) would, which ranks that start slowly need themselves.
    _get_default_store().set_timeout(timedelta(seconds=3))
    errors["silent"] = refusal(data, shard=(0, 1) if last else "auto")
    return errors


def main(folder: Path) -> None:
    distributed.init_process_group("gloo", timeout=LIMIT)
    me, ranks = distributed.get_rank(), distributed.get_world_size()
    report: dict[str, Any] = {"shard": fmnist_torch.ADAPTER.shard({})}
    report |= {"trained": train(), "evaluated": evaluate()}
    if ranks > 1:
        report["errors"] = disagree()
    (folder / f"{me}.json").write_text(json.dumps(report))
    gc.collect()  # or torch may abort: docs/distributed.md says why
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
