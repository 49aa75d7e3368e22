"""The frameworks that keep a dataset on a device, and what one does with its batches there."""

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np

from fmnist_core import Dataset
from tests.bench.rows import Setting

READY: dict[str, Any] = {"shuffle": True, "dtype": "float32", "scale": "unit"}
Ways = dict[str, Callable[[], None]]


class Place(Protocol):
    """A framework on a device."""

    name: str
    title: str

    def loader(self, train: Dataset, **options: Any) -> Any:
        """Return a loader whose data are on the device."""

    def wait(self, last: Any) -> None:
        """Wait until the device has nothing to do; `last` is what was asked of it last."""

    def held(self) -> int | None:
        """Return the bytes that arrays hold on the device, if the framework knows."""

    def step(self) -> Callable[[Any], Any]:
        """Return a compiled function of a batch, as a training step is."""

    def ways(self, train: Dataset) -> Ways:
        """Return further ways to an epoch: those of others, and with training."""


class TorchPlace:
    """torch on a device."""

    name = "torch"

    def __init__(self, kind: str) -> None:
        import torch

        self.torch, self.device = torch, torch.device(kind)
        self.is_cuda = self.device.type == "cuda"
        self.title = torch.cuda.get_device_name(self.device) if self.is_cuda else kind

    def loader(self, train: Dataset, **options: Any) -> Any:
        return train.to("torch", device=self.device, **options)

    def wait(self, last: Any) -> None:
        if self.is_cuda:
            self.torch.cuda.synchronize(self.device)

    def held(self) -> int | None:
        return self.torch.cuda.memory_allocated(self.device) if self.is_cuda else None

    def step(self) -> Callable[[Any], Any]:
        # The mode records CUDA graphs; without CUDA the graph is traced, but nothing is compiled.
        how = {"mode": "reduce-overhead"} if self.is_cuda else {"backend": "aot_eager"}
        compiled: Any = self.torch.compile(lambda x, y: (x.flatten(1).sum(1) * y).sum(), **how)
        return lambda batch: compiled(*batch).clone()  # the next call reuses a graph's memory

    def ways(self, train: Dataset) -> Ways:
        ours = self.loader(train, batch_size=128, **READY)
        hand = _ByHand(self.torch, train, self.device)
        ways = {"by hand, batches of 128": self._taken(hand)}
        loaders = {"ours": ours, "by hand": hand}
        if find_spec("torchvision"):
            from tests.bench import peers_torchvision

            loaders["torchvision, 2 workers"] = peers_torchvision.two_workers(train, Setting())()
        return ways | {f"trained, {name}": self._trained(one) for name, one in loaders.items()}

    def _taken(self, loader: Any) -> Callable[[], None]:
        def epoch() -> None:
            for _ in loader:
                pass
            self.wait(None)

        return epoch

    def _trained(self, loader: Any) -> Callable[[], None]:
        """Return an epoch that trains a net of one hidden layer."""
        nn, device = self.torch.nn, self.device
        layers = nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)
        net = nn.Sequential(*layers).to(device)
        optimizer = self.torch.optim.SGD(net.parameters(), 0.1)

        def epoch() -> None:
            for image, label in loader:
                loss = nn.functional.cross_entropy(net(image.to(device)), label.to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            self.wait(None)

        return epoch


class _ByHand:
    """The images on the device and a permutation of them, as one writes it by hand."""

    def __init__(self, torch: Any, train: Dataset, device: Any) -> None:
        self.torch, self.device = torch, device
        self.images = torch.from_numpy(train.images.copy()).to(device).unsqueeze(1)
        self.labels = torch.from_numpy(train.labels.astype(np.int64)).to(device)

    def __iter__(self) -> Iterator[Any]:
        for rows in self.torch.randperm(len(self.images), device=self.device).split(128):
            yield self.images[rows].float() / 255, self.labels[rows]


class JaxPlace:
    """JAX on a device."""

    name = "jax"

    def __init__(self, kind: str) -> None:
        import jax

        self.jax, self.device = jax, jax.devices(kind)[0]
        self.title = self.device.device_kind

    def loader(self, train: Dataset, **options: Any) -> Any:
        return train.to("jax", device=self.device, **options)

    def wait(self, last: Any) -> None:
        self.jax.block_until_ready(last)

    def held(self) -> int | None:
        known = self.device.memory_stats()
        return known and known.get("bytes_in_use")

    def step(self) -> Callable[[Any], Any]:
        compiled = self.jax.jit(lambda x, y: (x.reshape(len(x), -1).sum(1) * y).sum())
        return lambda batch: compiled(*batch)

    def ways(self, train: Dataset) -> Ways:
        from tests.bench.peers_jax import ours_scanned

        with self.jax.default_device(self.device):
            scanned = ours_scanned(train, Setting())
        return {"inside one lax.scan, 128": lambda: self.wait(list(scanned()))}


def places(kind: str) -> Iterator[Place]:
    """Yield each framework that has a device of a kind: "auto" for an accelerator, or "cpu"."""
    # JAX would take most of the memory for itself, and its use could not be seen.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if find_spec("torch"):
        import torch

        if kind == "cpu" or torch.cuda.is_available():
            yield TorchPlace("cpu" if kind == "cpu" else "cuda")
    if find_spec("jax"):
        import jax

        if kind == "cpu" or jax.default_backend() != "cpu":
            yield JaxPlace("cpu" if kind == "cpu" else jax.default_backend())
