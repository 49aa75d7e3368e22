"""The rows of the measurement: what gives an epoch, which of them are ours, and what each needs.

A row is a function ``row(train, setting)`` in a module of its framework. It prepares whatever is
prepared once, outside the time that is measured, and returns a function: each call of that is one
shuffled epoch, an iterable of (image, label) batches. Every example comes once an epoch.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from fmnist_core import Dataset
from fmnist_core.transforms import parse

Kind = Literal["ours", "peer", "floor"]
Framework = Literal["numpy", "torch", "tensorflow", "jax"]
Batches = Iterable[tuple[Any, ...]]


@dataclass(frozen=True)
class Setting:
    """What every row is asked for alike."""

    batch_size: int = 128
    dtype: Literal["float32", "uint8"] = "float32"
    transform: str = ""

    @property
    def encoded(self) -> bool:
        """Whether pixels become float32 from 0 to 1; else they stay uint8."""
        return self.dtype == "float32"

    @property
    def options(self) -> dict[str, Any]:
        """The same, in the words of `Dataset.to`."""
        scale = "unit" if self.encoded else "raw"
        return {
            "batch_size": self.batch_size,
            "shuffle": True,
            "dtype": self.dtype,
            "scale": scale,
            "transform": parse(self.transform) if self.transform else (),
        }


@dataclass(frozen=True)
class Row:
    """One way to an epoch.

    Attributes
    ----------
    place : str
        ``module:function`` in this folder; imported where it runs, with its framework.
    needs : tuple of str
        Modules without which the row is skipped.
    cheap : bool
        Whether it also takes part in the tables by batch size.
    rounds : int, optional
        Most rounds it takes part in, if an epoch takes many seconds.
    transform : str
        What becomes of the images, as `fmnist_core.transforms.parse` reads it.
    """

    kind: Kind
    framework: Framework
    place: str
    needs: tuple[str, ...]
    cheap: bool = False
    rounds: int | None = None
    transform: str = ""

    @property
    def missing(self) -> str | None:
        """Why the row cannot run here, if it cannot."""
        absent = [name for name in self.needs if find_spec(name) is None]
        return f"{' and '.join(absent)} not installed" if absent else None

    def epochs(self, train: Dataset, setting: Setting) -> Callable[[], Batches]:
        """Prepare, and return the function whose every call is an epoch."""
        module, function = self.place.split(":")
        prepare = getattr(import_module(f"tests.bench.{module}"), function)
        epochs: Callable[[], Batches] = prepare(train, replace(setting, transform=self.transform))
        return epochs


def run(batches: Batches) -> None:
    """Take a whole epoch, to the last batch ready on its device."""
    last = deque(batches, maxlen=1).pop()
    for array in last:
        if hasattr(array, "block_until_ready"):  # JAX hands out what is still being made
            array.block_until_ready()


TORCH, TENSORFLOW, JAX = ("torch",), ("tensorflow",), ("jax",)


def _in_graph() -> dict[str, Row]:
    """Return the rows of TensorFlow where Python does not iterate."""
    pipelines: dict[str, tuple[Kind, str]] = {
        "tensorflow": ("ours", "ours"),
        "Keras arrays": ("peer", "slices"),
        "floor: tf constant": ("floor", "floor"),
    }
    places = {"tf.function": "function", "fit": "fit", "fit by 64": "fit_at_once"}
    return {
        f"{name}, {where}": Row(
            kind, "tensorflow", f"peers_in_graph:{function}_in_{place}", TENSORFLOW
        )
        for where, place in places.items()
        for name, (kind, function) in pipelines.items()
    }


ROWS: dict[str, Row] = {
    "numpy": Row("ours", "numpy", "peers_numpy:ours", (), cheap=True),
    "floor: numpy": Row("floor", "numpy", "peers_numpy:floor", (), cheap=True),
    "torch": Row("ours", "torch", "peers_torch:ours", TORCH, cheap=True),
    "torch-map": Row("ours", "torch", "peers_torch:ours_mapped", TORCH, cheap=True),
    "torch-map, at once": Row("ours", "torch", "peers_torch:ours_mapped_at_once", TORCH),
    "TensorDataset": Row("peer", "torch", "peers_torch:tensor_dataset", TORCH, cheap=True),
    "torchvision": Row("peer", "torch", "peers_torchvision:plain", (*TORCH, "torchvision")),
    "torchvision, 2 workers": Row(
        "peer", "torch", "peers_torchvision:two_workers", (*TORCH, "torchvision")
    ),
    "Hugging Face": Row(
        "peer", "torch", "peers_huggingface:images", (*TORCH, "datasets"), rounds=3
    ),
    "tensorflow": Row("ours", "tensorflow", "peers_tensorflow:ours", TENSORFLOW, cheap=True),
    "Keras arrays": Row(
        "peer", "tensorflow", "peers_tensorflow:batch_then_map", TENSORFLOW, cheap=True
    ),
    "Keras arrays, map first": Row(
        "peer", "tensorflow", "peers_tensorflow:map_then_batch", TENSORFLOW
    ),
    "TFDS": Row(
        "peer",
        "tensorflow",
        "peers_tfds:cached",
        (*TENSORFLOW, "tensorflow_datasets", "importlib_resources"),
    ),
    "floor: tf constant": Row(
        "floor", "tensorflow", "peers_tensorflow:floor", TENSORFLOW, cheap=True
    ),
    **_in_graph(),
    "jax": Row("ours", "jax", "peers_jax:ours", JAX, cheap=True),
    "jax-scan": Row("ours", "jax", "peers_jax:ours_scanned", JAX, cheap=True),
    "hand-written": Row("peer", "jax", "peers_jax:hand_written", JAX, cheap=True),
    "jax-dataloader": Row(
        "peer", "jax", "peers_jax_dataloader:arrays", (*JAX, "jax_dataloader"), cheap=True
    ),
    "Grain": Row("peer", "jax", "peers_grain:plain", (*JAX, "grain")),
    "Grain, prefetched": Row("peer", "jax", "peers_grain:prefetched", (*JAX, "grain")),
    "floor: jax device_put": Row("floor", "jax", "peers_jax:floor", JAX, cheap=True),
}

CROP_FLIP = "RandomCrop(28, padding=4), RandomHorizontalFlip()"
CHAINED = (
    "numpy",
    "torch",
    "torchvision",
    "torchvision, 2 workers",
    "tensorflow",
    "jax",
    "jax-scan",
)
CHAINS = {
    "crop + flip": CROP_FLIP,
    "crop + flip + erase": f"{CROP_FLIP}, RandomErasing()",
    "affine": "RandomAffine(10, (0.1, 0.1), (0.9, 1.1))",
}


def _augmented() -> dict[str, Row]:
    """Return the rows of transforms: ours, and what others offer for the same."""
    rows = {
        f"{name}, {chain}": replace(ROWS[name], transform=text)
        for chain, text in CHAINS.items()
        for name in CHAINED
    }
    peers: tuple[tuple[str, Framework, str, tuple[str, ...]], ...] = (
        ("tf.image", "tensorflow", "peers_tensorflow:image_each", TENSORFLOW),
        ("Keras layers", "tensorflow", "peers_tensorflow:keras_layers", TENSORFLOW),
        ("augmax", "jax", "peers_augmented:by_augmax", (*JAX, "augmax", "dm_pix")),
        ("dm_pix", "jax", "peers_augmented:by_dm_pix", (*JAX, "augmax", "dm_pix")),
    )
    for name, framework, place, needs in peers:
        rows[f"{name}, crop + flip"] = Row("peer", framework, place, needs, transform=CROP_FLIP)
    slow = ("torchvision", "tf.image")
    return {
        name: replace(row, cheap=False, rounds=3 if name.startswith(slow) else None)
        for name, row in rows.items()
    }


ROWS |= _augmented()
