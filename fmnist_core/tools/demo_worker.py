"""What each child process of `fmnist demo` does: measure the batches of one framework, and train.

Nothing here imports a framework before `work` does so in the child.
"""

import hashlib
import os
import pkgutil
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.dataset import Dataset
from fmnist_core.errors import FmnistError
from fmnist_core.registry import get_adapter
from fmnist_core.tools.recipe import BATCH_SIZE, SEED

HASHED_EPOCHS = 2
TIMED_EPOCHS = 3


@dataclass(frozen=True)
class Framework:
    """One row of the demo.

    Attributes
    ----------
    loader_name, loader_class : str
        The class of the adapter's loader, as the framework's users call it, and its import path.
    trainer, training : str
        Module with a function `train`, and how that trains; "" for none.
    """

    loader_name: str
    loader_class: str
    trainer: str = ""
    training: str = ""


FRAMEWORKS = {
    "numpy": Framework("Batches", "fmnist_core.batch:Batches"),
    "torch": Framework(
        "DataLoader", "torch.utils.data:DataLoader", "fmnist_core.tools.train_torch", "a plain loop"
    ),
    "tensorflow": Framework(
        "tf.data.Dataset",
        "tensorflow:data.Dataset",
        "fmnist_core.tools.train_tensorflow",
        "Keras model.fit",
    ),
    "jax": Framework(
        "Batches", "fmnist_core.batch:Batches", "fmnist_core.tools.train_jax", "a jitted step"
    ),
}
"""By the name of the adapter."""


@dataclass(frozen=True)
class Activity:
    """The child begins an activity over `total` examples."""

    text: str
    total: int


@dataclass(frozen=True)
class Advance:
    """The child has finished this many further examples."""

    examples: int


@dataclass(frozen=True)
class BatchReport:
    """The batches of one framework: loader, first batch, SHA-256, best examples per second."""

    loader: str
    images: str
    labels: str
    digest: str
    rate: float


@dataclass(frozen=True)
class TrainReport:
    """How one framework trained: the loss of each step, test accuracy, and seconds for both."""

    losses: list[float]
    accuracy: float
    seconds: float


@dataclass(frozen=True)
class Failure:
    """Why there is no report: a state in a word or two, and the whole reason."""

    state: str
    reason: str


Message = Activity | Advance | BatchReport | TrainReport | Failure
Send = Callable[[Message], None]


def work(send: Send, name: str, train: Dataset, test: Dataset, log_path: str) -> None:
    """Send the reports of one framework; the body of a child process.

    Whatever a framework writes to stderr goes to the log instead: every one writes something.
    """
    with open(log_path, "wb") as log:
        os.dup2(log.fileno(), 2)
    # So that torch's threads do not spin where others need the processor too.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        send(measure_batches(send, name, train))
        if FRAMEWORKS[name].trainer:
            send(measure_training(send, name, train, test))
    except FmnistError as error:
        send(Failure("not available", str(error)))
    except Exception as error:
        traceback.print_exc()
        summary = str(error).partition("\n")[0]
        send(Failure("failed", f"{type(error).__name__}: {summary}. {hint(name)}"))


def hint(name: str) -> str:
    """Return what to type when a framework broke down."""
    return f'Try: python -c "import {name}", to see whether it works by itself'


def measure_batches(send: Send, name: str, train: Dataset) -> BatchReport:
    """Hash two shuffled epochs, and time some more."""
    adapter = get_adapter(name)
    send(Activity("hashing two shuffled epochs", HASHED_EPOCHS * len(train)))
    loader = train.to(
        adapter, batch_size=BATCH_SIZE, shuffle=True, seed=SEED, fields=("image", "label", "index")
    )
    digest = hashlib.sha256()
    first: list[str] = []
    for _ in range(HASHED_EPOCHS):
        for batch in loader:
            arrays = adapter.to_numpy(batch)
            first = first or [f"{array.dtype} {array.shape}" for array in arrays]
            add_batch(digest, *arrays)
            send(Advance(len(arrays[0])))
    framework = FRAMEWORKS[name]
    as_named = isinstance(loader, pkgutil.resolve_name(framework.loader_class))
    return BatchReport(
        loader=framework.loader_name if as_named else type(loader).__name__,
        images=first[0],
        labels=first[1],
        digest=digest.hexdigest(),
        rate=best_rate(send, name, train),
    )


def add_batch(
    digest: "hashlib._Hash", images: NDArray[Any], labels: NDArray[Any], indices: NDArray[Any]
) -> None:
    """Hash one batch: images as they are, labels as int32, indices as int64.

    With one channel the bytes are the same in every layout. torch has int64 labels, and JAX holds
    indices as int32.
    """
    digest.update(images.tobytes())
    digest.update(labels.astype(np.int32).tobytes())
    digest.update(indices.astype(np.int64).tobytes())


def best_rate(send: Send, name: str, train: Dataset) -> float:
    """Return examples per second of iteration alone, best of several epochs after a warm-up."""
    send(Activity("timing epochs", (1 + TIMED_EPOCHS) * len(train)))
    adapter = get_adapter(name)
    loader = train.to(adapter, batch_size=BATCH_SIZE, shuffle=True, seed=SEED, epoch=HASHED_EPOCHS)
    seconds = []
    for _ in range(1 + TIMED_EPOCHS):
        begin = perf_counter()
        last = deque(loader, maxlen=1)
        # Read a value: the framework may still be computing the batch.
        adapter.to_numpy(last.pop())
        seconds.append(perf_counter() - begin)
        send(Advance(len(train)))
    return len(train) / min(seconds[1:])


def measure_training(send: Send, name: str, train: Dataset, test: Dataset) -> TrainReport:
    """Train for one epoch and test."""
    trainer = import_module(FRAMEWORKS[name].trainer)
    send(Activity("training one epoch", len(train) + len(test)))
    begin = perf_counter()
    trained = trainer.train(train, test, lambda examples: send(Advance(examples)))
    return TrainReport(trained.losses, trained.accuracy, perf_counter() - begin)
