"""`make bench OPTIONS=--start`: from the start of a process to its first batch.

Each program is a whole process. In every round each runs once, one after another; what counts is
how much longer it takes than the bare import of its framework in the same round.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from rich.table import Table

import fmnist_core as fm
from fmnist_core import Dataset, write_idx
from tests.bench.report import interval, machine, shown, spread

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

AT_THE_END = """
import time
print(time.process_time(), flush=True)
"""


@dataclass(frozen=True)
class Program:
    """A program, what it is compared with, and how many milliseconds more we want at most."""

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
    """Milliseconds of one program in each round: by the clock, and of the processor."""

    clock: list[float]
    processor: list[float]


Measured = dict[str, Timed]


def programs() -> dict[str, Program]:
    """Return the programs that can run here, each bare import before what is compared with it."""
    there = {name: statement for name, statement in IMPORTS.items() if find_spec(name)}
    chosen: dict[str, Program] = {}
    for framework, statement in there.items():
        chosen[statement] = Program(statement, framework)
        for name, program in PROGRAMS.items():
            if program.above == framework and all(map(find_spec, program.needs)):
                chosen[name] = program
    return chosen


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


def run(program: Program, name: str, environment: Mapping[str, str]) -> tuple[float, float]:
    """Return the milliseconds of one process up to its first batch: by the clock, and of work."""
    text = program.text.replace("NAME", repr(name)).replace("ADAPTER", repr(program.above))
    text = text.replace("FOLDER", repr(environment["TORCHVISION_ROOT"]))
    whole = f"{IMPORTS[program.above]}\n{text}\n{AT_THE_END}"
    begun = perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", whole], stdout=subprocess.PIPE, env=environment, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    seconds = perf_counter() - begun
    process.communicate()
    if process.returncode:
        raise RuntimeError(f"a program ended with {process.returncode}:\n{whole}")
    return 1000 * seconds, 1000 * float(line)


def measure(root: str | None, rounds: int, advance: Callable[[str], None]) -> Measured:
    """Run every program once to warm up, then in rounds; `advance` hears what is being run."""
    chosen = programs()
    measured: Measured = {name: Timed([], []) for name in chosen}
    with prepared(root) as (data, environment):
        for turn in range(rounds + 1):
            for name, program in chosen.items():
                advance(name)
                clock, processor = run(program, data, environment)
                if turn:
                    measured[name].clock.append(clock)
                    measured[name].processor.append(processor)
    return measured


def more(measured: Measured, name: str, kind: str = "clock") -> list[float]:
    """Return by how many milliseconds a program took longer than its bare import, by round."""
    bare = measured[IMPORTS[programs()[name].above]]
    return [
        whole - alone
        for whole, alone in zip(getattr(measured[name], kind), getattr(bare, kind), strict=True)
    ]


def _ratios(measured: Measured, name: str, program: Program) -> list[float]:
    """Return the time of a program with a target over its bare import's, by round, or nothing."""
    bare = measured[IMPORTS[program.above]].clock
    pairs = zip(measured[name].clock, bare, strict=True)
    return [] if program.at_most is None else [whole / alone for whole, alone in pairs]


def verdict(limit: float | None, values: list[float]) -> str:
    """Return "yes" or "no" if the whole interval of the median says so, else "undecided"."""
    if limit is None:
        return ""
    low, high = interval(values)
    return "yes" if high <= limit else "no" if low > limit else "undecided"


def table(measured: Measured) -> Table:
    """Return the table of a whole measurement."""
    result = Table("program", "median ms", "more ms", "interval", "more of work", "target", "met")
    for name, program in programs().items():
        middle = spread(measured[name].clock)[0]
        if name == IMPORTS[program.above]:
            result.add_section()
            result.add_row(name, middle)
            continue
        clock = more(measured, name)
        target = "" if program.at_most is None else f"at most {program.at_most:g}"
        result.add_row(
            name,
            middle,
            shown(median(clock)),
            " to ".join(map(shown, interval(clock))),
            shown(median(more(measured, name, "processor"))),
            target,
            verdict(program.at_most, clock),
        )
    return result


def as_json(data: str, measured: Measured) -> dict[str, Any]:
    """Return everything that was measured, as `report.as_json` does.

    The ratios are those of whole processes, as what is left above an import may be nothing.
    """
    return {
        "data": data,
        "examples": 60_000,
        "machine": machine(),
        "milliseconds": {name: vars(timed) for name, timed in measured.items()},
        "bars": [
            {
                "ratio": f"{name} / {IMPORTS[program.above]}",
                "at_least": False,
                "median": median(ratios),
                "interval": interval(ratios),
                "met": verdict(program.at_most, more(measured, name)),
            }
            for name, program in programs().items()
            if (ratios := _ratios(measured, name, program))
        ],
    }
