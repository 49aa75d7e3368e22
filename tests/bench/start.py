"""`make bench OPTIONS=--start`: from the bare import of a framework to the first batch.

Each program is a process of its own. In every round each runs once, one after another. A process
reads the clock before its framework's bare import, after it, and once it has its first batch: what
counts is the time after the import, which varies less than imports do from process to process.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

import fmnist_core as fm
from fmnist_core import Dataset, write_idx
from tests.bench.report import interval, machine, shown

IMPORTS = {
    "numpy": "import numpy",
    "torch": "import torch",
    "tensorflow": "import tensorflow",
    "jax": "import jax",
}

FIRST_BATCH = """
import fmnist_core as fm
train = fm.load(NAME, "train")
image, label = next(iter(train.to(ADAPTER, batch_size=128, shuffle=True)))
"""

TORCHVISION = """
from tests.helpers.torchvision_here import make_importable
make_importable()  # where torch is not the build for CUDA
import torchvision
from torch.utils.data import DataLoader
train = torchvision.datasets.FashionMNIST(FOLDER, transform=torchvision.transforms.ToTensor())
image, label = next(iter(DataLoader(train, batch_size=128, shuffle=True)))
"""

KERAS = """
import tensorflow as tf
(images, labels), _ = tf.keras.datasets.fashion_mnist.load_data()
train = tf.data.Dataset.from_tensor_slices((images[..., None], labels)).shuffle(60_000).batch(128)
image, label = next(iter(train.map(lambda image, label: (tf.cast(image, tf.float32) / 255, label))))
"""

TENSORFLOW_ITSELF = """
import tensorflow as tf
numbers = tf.data.Dataset.range(2).map(lambda number: number + 1).prefetch(1)
next(iter(numbers))
"""

JAX_ITSELF = """
import jax, numpy
jax.device_put(numpy.zeros((128, 28, 28, 1), numpy.float32)).block_until_ready()
"""

END = """
if hasattr(image, "block_until_ready"):
    image.block_until_ready()
"""

TIMED = """
from time import perf_counter, process_time
def now(): return 1000 * perf_counter(), 1000 * process_time()
begin = now()
{bare}
middle = now()
{text}
end = now()
import json
print(json.dumps([[later - sooner for sooner, later in zip(begin, middle)],
                  [later - sooner for sooner, later in zip(middle, end)]]))
"""


@dataclass(frozen=True)
class Program:
    """A program, the framework it begins with, and after how many milliseconds it is to end."""

    text: str
    above: str
    at_most: float | None = None
    needs: tuple[str, ...] = ()


PROGRAMS = {
    "import fmnist_core": Program("import fmnist_core", "numpy", 40),
    "from fmnist_core import *": Program("from fmnist_core import *", "numpy", 40),
    "numpy, first batch": Program(FIRST_BATCH, "numpy", 60),
    "torch, first batch": Program(FIRST_BATCH, "torch", 80),
    "torchvision, first batch": Program(TORCHVISION, "torch", None, ("torchvision",)),
    "tensorflow, first batch": Program(FIRST_BATCH + END, "tensorflow", 150),
    "tf.data of two numbers": Program(TENSORFLOW_ITSELF, "tensorflow"),
    "Keras's arrays, first batch": Program(KERAS, "tensorflow"),
    "jax, first batch": Program(FIRST_BATCH + END, "jax"),
    "device_put of one batch": Program(JAX_ITSELF, "jax"),
}


@dataclass
class Timed:
    """Milliseconds in each round: by the clock, and of the processor."""

    clock: list[float]
    processor: list[float]


@dataclass
class Measured:
    """What one program took for its framework's bare import, and after it."""

    bare: Timed
    more: Timed

    @classmethod
    def nothing(cls) -> "Measured":
        """Return a measurement before its first round."""
        return cls(Timed([], []), Timed([], []))

    def add(self, milliseconds: Sequence[Sequence[float]]) -> None:
        """Add a round: clock and processor of the import, and of what follows."""
        for timed, (clock, processor) in zip((self.bare, self.more), milliseconds, strict=True):
            timed.clock.append(clock)
            timed.processor.append(processor)

    def ratios(self) -> list[float]:
        """Return the time of import and rest over the import's, by round."""
        pairs = zip(self.bare.clock, self.more.clock, strict=True)
        return [(bare + more) / bare for bare, more in pairs]


def programs() -> dict[str, Program]:
    """Return the programs that can run here."""
    there = [framework for framework in IMPORTS if find_spec(framework)]
    return {
        name: program
        for name, program in PROGRAMS.items()
        if program.above in there and all(map(find_spec, program.needs))
    }


@contextmanager
def prepared(root: str | None) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the data's name and an environment in which every program finds them on the disk."""
    name = "fashion-mnist" if root else "synthetic"
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **os.environ,
            **({"FMNIST_HOME": f"{home}/store"} if root else {}),
            "KERAS_HOME": f"{home}/keras",
            "TORCHVISION_ROOT": f"{home}/torchvision",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        # Compiled modules, as an installed package has them, are not what users wait for.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        source = f", source_url={Path(root).resolve().as_uri()!r}" if root else ""
        fill = f"import fmnist_core as fm; fm.load({name!r}, ('train', 'test'){source})"
        subprocess.run([sys.executable, "-c", fill], check=True, env=environment)
        train = fm.load(name, root=root) if root else fm.load(name)
        _write(train, {program.text for program in programs().values()}, Path(home))
        yield name, environment


def _write(train: Dataset, texts: set[str], home: Path) -> None:
    """Write the files of torchvision and of Keras; their test files are never looked into."""
    folders = {
        TORCHVISION: (home / "torchvision/FashionMNIST/raw", ""),
        KERAS: (home / "keras/datasets/fashion-mnist", ".gz"),
    }
    for folder, suffix in (folders[text] for text in folders if text in texts):
        folder.mkdir(parents=True)
        for split, part in (("train", train), ("t10k", train[:10_000])):
            write_idx(folder / f"{split}-images-idx3-ubyte{suffix}", part.images)
            write_idx(folder / f"{split}-labels-idx1-ubyte{suffix}", part.labels)


def run(program: Program, name: str, environment: Mapping[str, str]) -> list[list[float]]:
    """Return milliseconds by the clock and of the processor, of the bare import and of the rest."""
    text = program.text.replace("NAME", repr(name)).replace("ADAPTER", repr(program.above))
    text = text.replace("FOLDER", repr(environment["TORCHVISION_ROOT"]))
    whole = TIMED.format(bare=IMPORTS[program.above], text=text)
    process = subprocess.run(
        [sys.executable, "-c", whole], stdout=subprocess.PIPE, env=environment, text=True
    )
    if process.returncode:
        raise RuntimeError(f"a program ended with {process.returncode}:\n{whole}")
    milliseconds: list[list[float]] = json.loads(process.stdout.splitlines()[-1])
    return milliseconds


def measure(root: str | None, rounds: int, advance: Callable[[str], None]) -> dict[str, Measured]:
    """Run every program once to warm up, then in rounds; `advance` hears what is being run."""
    chosen = programs()
    measured = {name: Measured.nothing() for name in chosen}
    with prepared(root) as (data, environment):
        for turn in range(rounds + 1):
            for name, program in chosen.items():
                advance(name)
                milliseconds = run(program, data, environment)
                if turn:
                    measured[name].add(milliseconds)
    return measured


def verdict(limit: float | None, values: list[float]) -> str:
    """Return "yes" or "no" if the whole interval of the median says so, else "undecided"."""
    if limit is None:
        return ""
    low, high = interval(values)
    return "yes" if high <= limit else "no" if low > limit else "undecided"


def table(measured: Mapping[str, Measured]) -> Table:
    """Return the table of a whole measurement."""
    result = Table("program", "ms", "interval", "of the processor", "import", "target", "met")
    above = ""
    for name, program in programs().items():
        if program.above != above:
            result.add_section()
        above, more = program.above, measured[name].more
        result.add_row(
            name,
            shown(median(more.clock)),
            " to ".join(map(shown, interval(more.clock))),
            shown(median(more.processor)),
            shown(median(measured[name].bare.clock)),
            "" if program.at_most is None else f"at most {program.at_most:g}",
            verdict(program.at_most, more.clock),
        )
    return result


def as_json(data: str, measured: Mapping[str, Measured]) -> dict[str, Any]:
    """Return everything that was measured, as `report.as_json` does.

    The ratios are those of import and rest to the import, as the rest may be next to nothing.
    """
    return {
        "data": data,
        "examples": 60_000,
        "machine": machine(),
        "milliseconds": {name: asdict(one) for name, one in measured.items()},
        "bars": [
            {
                "ratio": f"{name} / {IMPORTS[program.above]}",
                "at_least": False,
                "median": median(measured[name].ratios()),
                "interval": interval(measured[name].ratios()),
                "met": verdict(program.at_most, measured[name].more.clock),
            }
            for name, program in programs().items()
            if program.at_most is not None
        ],
    }
