"""What the examples share: the net's sizes, arguments, data, and the record of a training.

The net: four 3 x 3 convolutions, each followed by batch normalisation and ReLU, three of them with
2 x 2 max pooling before that; a hidden layer; a layer to the classes; dropout before each of the
two. About half of the training images, drawn anew in every epoch, are mirrored; a test image is
classified by the mean of its scores and its mirror image's. Adam, with a learning rate that falls
to zero along a cosine. No framework is imported here.
"""

import hashlib
import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fmnist_core as fm

CONVOLUTIONS = ((32, True), (64, False), (64, True), (128, True))
"""Channels of each, and whether 2 x 2 max pooling comes after it."""
HIDDEN = 128
DROPOUT = 0.4
LEARNING_RATE = 3e-3
SEED = 0
"""Seed of the order of the examples and of the first weights."""
VALIDATION_SHARE = 0.1


def parser(description: str) -> ArgumentParser:
    """Return a parser of the arguments that every example takes."""
    parser = ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--name", default="fashion-mnist", help='or "synthetic", "mnist"')
    parser.add_argument("--root", type=Path, help="folder of the files; else they are fetched")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--limit", type=int, help="only so many examples of each split, to try out")
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder of results")
    return parser


def data(args: Namespace) -> tuple[fm.Dataset, fm.Dataset, fm.Dataset]:
    """Return the examples to train on, to validate with, and to test on, once."""
    train, test = (fm.load(args.name, split, root=args.root) for split in ("train", "test"))
    if args.limit:
        train, test = (part.take(min(args.limit, len(part))) for part in (train, test))
    train, val = train.split(1 - VALIDATION_SHARE, seed=SEED, stratify=True)
    return train, val, test


def digest(batches: Iterable[tuple[Any, Any]]) -> str:
    """Return the SHA-256 of an epoch's images and labels, from any framework."""
    sha = hashlib.sha256()
    for images, labels in batches:
        sha.update(np.ascontiguousarray(images))
        sha.update(np.asarray(labels, dtype=np.int32))  # torch's are int64
    return sha.hexdigest()


@contextmanager
def extra_needed() -> Iterator[None]:
    """Say what to install if an import in this block fails."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SystemExit(
            f"This example needs {error.name!r}, which is not installed. "
            'Try: pip install ".[all,examples]" in a clone of fmnist'
        ) from error


with extra_needed():  # now, not after the training
    from pictures import draw_confusion, draw_curves


@dataclass
class Run:
    """The record of a training, epoch by epoch."""

    title: str
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    test_accuracy: float = 0.0
    minutes: float = 0.0
    processor_minutes: float = 0.0
    confusion: list[list[int]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    rights: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = perf_counter(), process_time()

    def stop_clock(self) -> None:
        """Add the time since the last stop."""
        now = perf_counter(), process_time()
        self.minutes += (now[0] - self._began[0]) / 60
        self.processor_minutes += (now[1] - self._began[1]) / 60
        self._began = now

    def note_step(self, loss: float, right: int) -> None:
        """Record the loss of a step, and the number of correct predictions."""
        self.losses.append(loss)
        self.rights.append(right)

    def add(self, loss: float, accuracy: float, val_loss: float, val_accuracy: float) -> None:
        """Record an epoch, and print it."""
        self.loss.append(float(loss))
        self.accuracy.append(float(accuracy))
        self.val_loss.append(float(val_loss))
        self.val_accuracy.append(float(val_accuracy))
        print(
            f"epoch {len(self.loss)}: loss {loss:.4f}, accuracy {accuracy:.2%}, "
            f"validation loss {val_loss:.4f}, accuracy {val_accuracy:.2%}"
        )

    def finish(self, test: fm.Dataset, predicted: NDArray[Any], output: Path) -> None:
        """Compare predictions with the test labels; print, write and draw the results."""
        if len(predicted) != len(test):
            raise ValueError(f"{len(predicted)} predictions for {len(test)} test images")
        confusion = np.zeros((len(test.classes), len(test.classes)), dtype=int)
        np.add.at(confusion, (test.labels, predicted), 1)
        self.stop_clock()
        self.test_accuracy = float(confusion.trace() / confusion.sum())
        self.confusion = confusion.tolist()
        print(
            f"{self.title}: test accuracy {self.test_accuracy:.2%}, {self.minutes:.1f} minutes, "
            f"{self.processor_minutes:.1f} processor minutes"
        )

        output.mkdir(parents=True, exist_ok=True)
        (output / "history.json").write_text(json.dumps(asdict(self)) + "\n")
        draw_curves([asdict(self)], output / "curves.svg")
        draw_confusion(asdict(self), test.classes, output / "confusion.svg")
        print(f"history.json, curves.svg and confusion.svg are in {output}")
