"""The script for accelerators runs here on the processor, and sees bits that differ."""

import io
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from fmnist_core import Dataset
from tests.bench import device, speed
from tests.bench.places import Place

torch = pytest.importorskip("torch")
places = pytest.importorskip("tests.bench.places")


@pytest.fixture
def garments() -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (300, 28, 28), np.uint8)
    return Dataset(images, (np.arange(300) % 10).astype(np.uint8), classes=10, mean=0.3, std=0.4)


def test_every_dtype_scale_and_transform_is_compared() -> None:
    options = [options for _, options in device.settings()]
    kinds = {(one["dtype"], one["scale"]) for one in options}
    assert kinds == {
        *itertools.product(("float32", "float16", "bfloat16"), ("unit", "standard", "raw")),
        ("uint8", "raw"),
    }
    chains = [one.get("transform", ()) for one in options]
    names = {
        type(each).__name__
        for chain in chains
        for each in (chain if isinstance(chain, tuple) else (chain,))
    }
    from fmnist_core.transforms.parsing import KNOWN

    assert names == set(KNOWN)


# torchvision, datasets and compilers of others warn as they like.
@pytest.mark.filterwarnings("ignore")
def test_it_runs_on_the_processor(garments: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    few = list(device.settings())[::5]
    monkeypatch.setattr(device, "settings", lambda: iter(few))
    monkeypatch.setattr(places, "find_spec", lambda name: None if name == "torchvision" else True)
    printed = io.StringIO()
    results = device.run("cpu", garments, 1, Console(file=printed, width=100))
    assert set(results) == {"torch", "jax"}
    for name, one in results.items():
        assert one["other_bits"] == []
        assert {row.name for row in device.ROWS} < set(one["milliseconds"])
        assert all(len(times) == 1 for times in one["milliseconds"].values())
        assert f"{name} on cpu" in printed.getvalue()
    assert "trained, by hand" in results["torch"]["milliseconds"]
    assert "inside one lax.scan, 128" in results["jax"]["milliseconds"]
    assert f"none, of {len(few)} settings" in printed.getvalue()


class Off(places.TorchPlace):  # type: ignore[misc, name-defined]
    """A device whose division has another last bit, as one has that multiplies by an inverse."""

    def loader(self, train: Dataset, **options: Any) -> Any:
        for image, label in super().loader(train, **options):
            if image.dtype == torch.float32 and options["scale"] == "unit":
                image = (image * 255) * torch.tensor(1 / 255, dtype=torch.float32)
            yield image, label


def test_other_bits_are_seen(garments: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    few = list(device.settings())[:3]
    monkeypatch.setattr(device, "settings", lambda: iter(few))
    place: Callable[[str], Place] = Off
    assert list(device.differing(place("cpu"), garments)) == ["float32, unit"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is an accelerator")
def test_without_an_accelerator_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    speed.main(["--device"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "no accelerator found by torch or JAX, so nothing was measured" in printed
    assert "--device cpu" in printed
