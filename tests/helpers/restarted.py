"""One rank of a small training whose bits depend neither on kills nor on the number of ranks.

python -m tests.helpers.restarted FRAMEWORK FOLDER STEP: kills itself after that step.

A batch has four parts, whatever the number of ranks. Gradients are computed by part, and every rank
adds all of them in the order of the batch. (A mean over each rank's examples would be rounded
differently with another number of ranks.)
"""

import atexit
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fmnist_core as fm
from fmnist_core.files import written_whole
from fmnist_core.tools.weights import glorot_uniform
from fmnist_core.transforms import RandomCrop, RandomHorizontalFlip

PARTS, PART = 4, 8
EXAMPLES, EPOCHS = 320, 2
STEPS = EXAMPLES * EPOCHS // (PARTS * PART)
RATE, MOMENTUM, SAVE_EVERY = 0.05, 0.9, 3
SHAPES = ((3, 3, 1, 4), (28 * 28 * 4, 10))
SIZES = [int(np.prod(shape)) for shape in SHAPES]

Vector = NDArray[np.float32]
Gradient = Callable[[Vector, Any, Any], Vector]
Gather = Callable[[Vector], Vector]


def with_torch(rank: int, ranks: int, port: str) -> tuple[Gradient, Gather]:
    """Return functions in torch: the gradient of a part, and the gradients of all ranks."""
    import torch
    from torch import distributed
    from torch.nn.functional import conv2d, cross_entropy, relu

    torch.set_num_threads(1)
    address = f"tcp://127.0.0.1:{port}"
    distributed.init_process_group("gloo", address, rank=rank, world_size=ranks)
    # A thread of gloo may be the last to hold an array of numpy. If it frees the array while Python
    # ends, Python stops the thread, and that aborts the process (8 of 1,400 times).
    atexit.register(distributed.destroy_process_group)

    def gradient(weights: Vector, images: Any, labels: Any) -> Vector:
        flat = torch.from_numpy(weights).requires_grad_()
        kernel, dense = flat.split(SIZES)
        kernel = kernel.reshape(SHAPES[0]).permute(3, 2, 0, 1)
        features = relu(conv2d(images, kernel, padding=1)).flatten(1)
        cross_entropy(features @ dense.reshape(SHAPES[1]), labels).backward()
        return flat.grad.numpy()  # type: ignore[union-attr]

    def gather(rows: Vector) -> Vector:
        gathered = [torch.empty(rows.shape) for _ in range(ranks)]
        distributed.all_gather(gathered, torch.from_numpy(rows))
        return torch.cat(gathered).numpy()

    return gradient, gather


def with_jax(rank: int, ranks: int, port: str) -> tuple[Gradient, Gather]:
    """Return the same in JAX."""
    import jax
    import jax.numpy as jnp
    from jax.experimental import multihost_utils

    jax.distributed.initialize(f"127.0.0.1:{port}", ranks, rank)

    @jax.jit
    def loss(weights: Any, images: Any, labels: Any) -> Any:
        kernel, dense = jnp.split(weights, [SIZES[0]])
        features = jax.lax.conv_general_dilated(
            images,
            kernel.reshape(SHAPES[0]),
            (1, 1),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        scores = jax.nn.relu(features).reshape(len(images), -1) @ dense.reshape(SHAPES[1])
        return -jax.nn.log_softmax(scores)[jnp.arange(len(labels)), labels].mean()

    by_weights = jax.jit(jax.grad(loss))

    def gradient(weights: Vector, images: Any, labels: Any) -> Vector:
        return np.asarray(by_weights(weights, images, labels))

    def gather(rows: Vector) -> Vector:
        return np.asarray(multihost_utils.process_allgather(rows)).reshape(-1, rows.shape[1])

    return gradient, gather


def main(framework: str, folder: Path, die_at: int) -> None:
    """Train from the saved state."""
    rank, ranks, port = (os.environ[name] for name in ("RANK_HERE", "RANKS", "PORT"))
    make = {"torch": with_torch, "jax": with_jax}[framework]
    gradient, gather = make(int(rank), int(ranks), port)
    loader: Any = (
        fm.load("synthetic", "train")
        .take(EXAMPLES)
        .to(
            framework,
            batch_size=PARTS * PART // int(ranks),
            shuffle=True,
            shard=(int(rank), int(ranks)),
            transform=(RandomCrop(28, padding=4), RandomHorizontalFlip()),
        )
    )
    weights = np.concatenate([glorot_uniform(s, layer).ravel() for layer, s in enumerate(SHAPES)])
    velocity, step, path = np.zeros_like(weights), 0, folder / "saved.npz"
    if path.exists():
        with np.load(path) as saved:
            weights, velocity, step = saved["weights"], saved["velocity"], int(saved["step"])
            loader.load_state_dict(json.loads(str(saved["position"])))
    for _ in range(loader.state_dict()["epoch"], EPOCHS):
        for images, labels in loader:
            rows = [
                gradient(weights, images[at : at + PART], labels[at : at + PART])
                for at in range(0, len(labels), PART)
            ]
            total = np.zeros_like(weights)
            for row in gather(np.stack(rows)):  # in the order of the batch, not of the ranks
                total += row
            velocity = np.float32(MOMENTUM) * velocity + total / np.float32(PARTS)
            weights = weights - np.float32(RATE) * velocity
            step += 1
            if rank == "0" and (step % SAVE_EVERY == 0 or step == STEPS):
                position = json.dumps(loader.state_dict())
                with written_whole(path) as file:
                    np.savez(file, weights=weights, velocity=velocity, step=step, position=position)
            if step == die_at:
                gather(total[None])  # after it all ranks have come so far, and rank 0 has saved
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
