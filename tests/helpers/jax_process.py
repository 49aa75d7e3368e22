"""One process of two with four devices each: global arrays, an exact evaluation, disagreement."""

import os

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import fmnist_jax
from fmnist_core import Dataset, FmnistError
from fmnist_core.batch import Batches
from tests.helpers import jobs

# After the imports: none of them may have asked for the devices already.
jax.distributed.initialize(
    os.environ["COORDINATOR"], int(os.environ["PROCESSES"]), int(os.environ["PROCESS"])
)

PROCESSES = jax.process_count()
mesh = Mesh(np.array(jax.devices()), ("data",))
sharding = NamedSharding(mesh, PartitionSpec("data"))


def loader(dataset: Dataset, remainder: str, **options: object) -> Batches[object]:
    return fmnist_jax.batches(
        dataset,
        batch_size=jobs.GLOBAL_BATCH // PROCESSES,
        shard="auto",
        shuffle=True,
        remainder=remainder,
        **{"sharding": sharding, "seed": jobs.SEED, **jobs.WHOLE_NUMBERS, **options},
    )


@jax.jit
def everywhere(array: jax.Array) -> jax.Array:
    return jax.lax.with_sharding_constraint(array, NamedSharding(mesh, PartitionSpec()))


@jax.jit
def count_right(image: jax.Array, label: jax.Array, weight: jax.Array, _: jax.Array) -> jax.Array:
    right = (image @ jobs.classifier()).argmax(axis=1) == label
    return jax.numpy.stack([(right * weight).sum(), weight.sum()]).astype(int)


def refusal(dataset: Dataset, **options: object) -> str:
    """Return the error of a loader whose options differ between processes, or ""."""
    try:
        next(iter(loader(dataset, "drop", **options)))
    except FmnistError as error:
        return str(error)
    return ""


me = jax.process_index()
findings = {"shard": fmnist_jax.ADAPTER.shard({}), "devices": len(jax.devices())}
for remainder in ("drop", "pad"):
    batches = loader(jobs.train(), remainder)
    findings[remainder] = [
        [
            [everywhere(array).tolist() for array in (index, weight)]
            for _, _, weight, index in batches
        ]
        for _ in range(2)
    ]
counts = [np.asarray(count_right(*batch)) for batch in loader(jobs.test(), "pad")]
findings["evaluated"] = np.sum(counts, axis=0).tolist()
train = jobs.train()
if me == 1:  # in one process alone, neither waits for the other
    alone = loader(train, "drop")
    iter(alone)
    assert len(alone.peek()) == len(jobs.WHOLE_NUMBERS["fields"])
findings["epoch"] = refusal(train, epoch=me)
findings["seed"] = refusal(train, seed=me)
findings["examples"] = refusal(train, start=jobs.GLOBAL_BATCH * me)
findings["digest"] = refusal(train.select(np.arange(1000)[::-1]) if me else train)
# Meshes on which the devices of a process do not hold its shard, and one of its own devices alone.
square = Mesh(np.array(jax.devices()).reshape(PROCESSES, -1), ("model", "data"))
for name, layout in (
    ("replicated", NamedSharding(mesh, PartitionSpec())),
    ("rows among processes", NamedSharding(square, PartitionSpec("data"))),
    ("other order", Mesh(np.array(jax.devices())[::-1], ("data",))),
):
    findings[name] = refusal(train, sharding=layout)
few = loader(train.take(5), "pad")
findings["few"] = [everywhere(weight).tolist() for _, _, weight, _ in few]
own = Mesh(np.array(jax.local_devices()), ("data",))
findings["own mesh"] = [
    np.asarray(index).tolist() for _, _, _, index in loader(train, "drop", sharding=own)
]
jobs.report(findings)
