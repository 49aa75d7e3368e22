"""The recipe of torch_resnet.py, flax_resnet.py and keras_resnet.py: all but the framework's code.

A ResNet of under a million parameters with written first weights, on batches that are cropped,
flipped and erased equally in every framework; stochastic gradient descent with Nesterov's momentum
and a learning rate that falls to 0 along a cosine. A run is saved every few steps, and the same
command resumes it. No framework is imported here.
"""

import io
import json
import math
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import common
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from fmnist_core import Dataset
from fmnist_core.files import write_whole
from fmnist_core.tools.weights import glorot_uniform
from fmnist_core.transforms import RandomCrop, RandomErasing, RandomHorizontalFlip

STEM = 24
"""Channels of the first convolution, which sees 28 x 28 pixels."""
BLOCKS = ((48, True), (48, False), (96, True), (96, False))
"""Channels of each residual block, and whether 2 x 2 max pooling comes before it."""
BATCH_NORM = {"momentum": 0.9, "epsilon": 1e-5}
"""As Keras and flax name them; torch's momentum is 1 minus this one."""

EPOCHS = 16
LEARNING_RATE = 0.1
MOMENTUM = 0.9
DECAY = 5e-4
"""The share of each weight that is added to its gradient."""

TRANSFORM = (
    RandomCrop(28, padding=2),
    RandomHorizontalFlip(),
    RandomErasing(scale=(0.02, 0.15)),
)
LAYOUTS = {"torch": "NCHW", "jax": "NHWC", "numpy": "NHWC"}
"""Axes of the images, by adapter."""
EVALUATED = 500
"""Images in a batch of validation or test."""

Arrays = list[NDArray[Any]]


class Learner(Protocol):
    """A net and its optimizer, in some framework."""

    def step(self, images: Any, labels: Any) -> tuple[float, int]:
        """Take a step; return the mean loss before it, and the number of correct predictions."""

    def scores(self, images: Any) -> NDArray[np.float32]:
        """Return the scores of each class: (batch, classes)."""

    def arrays(self) -> Arrays:
        """Return all that the next step depends on: weights, statistics, velocities."""

    def restore(self, arrays: Arrays) -> None:
        """Continue from what `arrays` returned."""


def weight_shapes(num_classes: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each layer's weights: (height, width, in, out), or (in, out)."""
    shapes: dict[str, tuple[int, ...]] = {"stem": (3, 3, 1, STEM)}
    inputs = STEM
    for number, (outputs, _) in enumerate(BLOCKS, start=1):
        shapes[f"block{number}.conv1"] = (3, 3, inputs, outputs)
        shapes[f"block{number}.conv2"] = (3, 3, outputs, outputs)
        if inputs != outputs:
            shapes[f"block{number}.shortcut"] = (1, 1, inputs, outputs)
        inputs = outputs
    return {**shapes, "dense": (inputs, num_classes)}


def first_weights(num_classes: int) -> dict[str, NDArray[np.float32]]:
    """Return the first weights by layer; biases begin at 0, the scales of normalisation at 1."""
    shapes = weight_shapes(num_classes)
    return {
        name: glorot_uniform(shape, layer, common.SEED)
        for layer, (name, shape) in enumerate(shapes.items())
    }


def rate(step: int, steps: int) -> float:
    """Return the learning rate of a step, counted from 0."""
    return LEARNING_RATE * (1 + math.cos(math.pi * step / steps)) / 2


def parser(description: str) -> ArgumentParser:
    """Return the arguments of the recipe."""
    recipe_parser = common.parser(description)
    recipe_parser.set_defaults(epochs=EPOCHS)
    recipe_parser.add_argument(
        "--save-every", type=int, default=100, help="steps between two saves"
    )
    return recipe_parser


def run(title: str, adapter: str, args: Namespace, make: Callable[[int, int], Learner]) -> None:
    """Train, or resume training, and test once at the end.

    Parameters
    ----------
    title : str
        Name of the run.
    adapter : str
        Adapter whose batches it gets.
    args : Namespace
        Of `parser`.
    make : callable
        Returns a learner, given the number of classes and of all steps.
    """
    train, val, test = common.data(args)
    loader = train.to(
        adapter,
        batch_size=args.batch_size,
        shuffle=True,
        seed=common.SEED,
        remainder="drop",
        transform=TRANSFORM,
        **encoding(adapter),
    )
    steps = len(loader)
    if not steps:
        sys.exit(f"expected at least {args.batch_size} images to train on, found {len(train)}")
    learner = make(len(train.classes), args.epochs * steps)
    args.output.mkdir(parents=True, exist_ok=True)
    checkpoint = Checkpoint(args.output / "checkpoint.npz", title, args)
    past = checkpoint.load(learner, loader)
    for epoch in range(len(past.loss), args.epochs):
        for images, labels in track(loader, f"epoch {epoch + 1}", transient=True):
            loss, right = learner.step(images, labels)
            past.note_step(loss, right)
            # After an epoch's last batch, the loader is at the start of the next.
            if len(past.losses) % args.save_every == 0 and loader.state_dict()["epoch"] == epoch:
                checkpoint.save(learner, loader, past)
        losses, rights = past.losses[-steps:], past.rights[-steps:]
        accuracy = sum(rights) / (steps * args.batch_size)
        past.add(float(np.mean(losses)), accuracy, *evaluate(scores(learner, adapter, val), val))
        checkpoint.save(learner, loader, past)
    predicted = scores(learner, adapter, test).argmax(axis=1)
    past.finish(test, predicted, args.output)


def encoding(adapter: str) -> dict[str, Any]:
    """Return the options of every loader of a run."""
    return {"scale": "standard", "layout": LAYOUTS[adapter]}


def scores(learner: Learner, adapter: str, dataset: Dataset) -> NDArray[np.float32]:
    """Return the scores of all images: (n, classes)."""
    batches = dataset.to(adapter, batch_size=EVALUATED, fields="image", **encoding(adapter))
    return np.concatenate([learner.scores(images) for images in batches])


def evaluate(scores: NDArray[np.float32], dataset: Dataset) -> tuple[float, float]:
    """Return the mean loss and the accuracy."""
    wide = scores.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    log_probabilities = wide - np.log(np.exp(wide).sum(axis=1, keepdims=True))
    right = scores.argmax(axis=1) == dataset.labels
    return -float(log_probabilities[np.arange(len(wide)), dataset.labels].mean()), right.mean()


class Checkpoint:
    """A file with all that a run needs to continue, written completely or not at all."""

    def __init__(self, path: Path, title: str, args: Namespace) -> None:
        self.path, self.title = path, title
        self.settings = {"title": title, "epochs": args.epochs, "batch_size": args.batch_size}

    def save(self, learner: Learner, loader: Any, run: common.Run) -> None:
        """Write the learner, the loader's position and the results so far."""
        run.stop_clock()
        record = {"settings": self.settings, "position": loader.state_dict(), "run": asdict(run)}
        file = io.BytesIO()
        np.savez(file, *learner.arrays(), record=json.dumps(record))
        write_whole(self.path, [file.getbuffer()])

    def load(self, learner: Learner, loader: Any) -> common.Run:
        """Restore learner and loader, if they were saved, and return the run."""
        if not self.path.exists():
            return common.Run(self.title)
        with np.load(self.path) as file:
            record = json.loads(str(file["record"]))
            if record["settings"] != self.settings:
                raise SystemExit(
                    f"{self.path} has the settings {record['settings']}, this run has "
                    f"{self.settings}. "
                    "Try: another --output"
                )
            learner.restore([file[f"arr_{number}"] for number in range(len(file.files) - 1)])
        loader.load_state_dict(record["position"])
        run = common.Run(**record["run"])
        print(f"continues after step {len(run.losses)}")
        return run


def assigned(target: Sequence[Any], arrays: Arrays, assign: Callable[[Any, Any], Any]) -> None:
    """Assign each array to its target; there must be as many."""
    for one, array in zip(target, arrays, strict=True):
        assign(one, array)
