"""The programs of docs/examples run and train, all on the same batches."""

import hashlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fmnist_core as fm
from fmnist_core import transforms
from tests.helpers.programs import PROJECT, environment, helper

EXAMPLES = PROJECT / "docs" / "examples"
LIMIT, BATCH_SIZE, EPOCHS = 640, 32, 2
SMALL = ["--name", "synthetic", f"--limit={LIMIT}", f"--batch-size={BATCH_SIZE}"]


def need(*modules: str) -> None:
    """Skip if a package is missing, unless everything must be installed."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing and not os.environ.get("CI") == "true":
        pytest.skip(f"not installed: {', '.join(missing)}")


def run(
    command: Sequence[str | Path], cwd: Path | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def reference(**options: Any) -> Any:
    """Return the batches that the examples train on, from the numpy adapter."""
    train, _ = fm.load("synthetic", "train").take(LIMIT).split(0.9, seed=0, stratify=True)
    return train.to("numpy", batch_size=BATCH_SIZE, shuffle=True, seed=0, **options)


def mirrored(program: str, output: Path) -> list[str | Path]:
    """Return the arguments of `mirrored_example` for one of the programs."""
    options = [*SMALL, f"--epochs={EPOCHS}", "--output", output]
    return [output / "predicted", EXAMPLES / program, *options]


def check(process: subprocess.CompletedProcess[str], output: Path) -> None:
    """Check what an example printed and wrote."""
    assert process.returncode == 0, process.stderr[-3000:]
    sha = hashlib.sha256()
    for array in itertools.chain.from_iterable(reference()):
        sha.update(array)
    assert f"epoch 0 is {sha.hexdigest()}" in process.stdout
    history = json.loads((output / "history.json").read_text())
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert len(history[name]) == EPOCHS
        assert np.isfinite(history[name]).all()
    assert history["accuracy"][-1] > 0.4
    assert np.sum(history["confusion"]) == LIMIT
    assert history["test_accuracy"] == np.trace(history["confusion"]) / LIMIT
    for name in ("curves.svg", "confusion.svg"):
        assert (output / name).read_text().rstrip().endswith("</svg>")
    images, mirror_images = np.split(np.array(json.loads((output / "predicted").read_text())), 2)
    np.testing.assert_array_equal(images, mirror_images)  # judged by the scores of both


@pytest.mark.parametrize("backend", ["torch", "tensorflow", "jax"])
def test_keras_trains_on_exactly_the_plan(backend: str, tmp_path: Path) -> None:
    need("matplotlib", "keras", backend)
    watched = [*helper("watched_keras"), tmp_path / "means"]
    program = [*mirrored("keras_convnet.py", tmp_path), "--backend", backend]
    check(run([*watched, *program], KERAS_BACKEND=backend), tmp_path)

    expected: list[float] = []
    batches = reference(fields=("label",))
    for _ in range(EPOCHS):
        labels = [label for (label,) in batches]
        expected += [np.concatenate(labels[: step + 1]).mean() for step in range(len(labels))]
    means = json.loads((tmp_path / "means").read_text())
    np.testing.assert_allclose(means, expected, rtol=1e-4)


def test_the_page_shows_what_the_runs_gave() -> None:
    page = (EXAMPLES / "index.md").read_text(encoding="utf-8")
    runs = [json.loads(path.read_text()) for path in (EXAMPLES / "results").rglob("*.json")]
    assert len(runs) == 8
    for run in runs:
        assert f"| {run['title']} | {run['test_accuracy']:.2%} | {len(run['loss'])} |" in page


def test_a_missing_package_is_named() -> None:
    program = EXAMPLES / "torch_resnet.py"
    start = f"import runpy, sys; sys.path.insert(0, {str(EXAMPLES)!r}); "
    code = f"{start} sys.modules['matplotlib'] = None; runpy.run_path({str(program)!r})"
    process = run(["-c", code])
    assert process.returncode == 1
    assert "needs 'matplotlib'" in process.stderr
    assert "pip install" in process.stderr
    assert "Traceback" not in process.stderr


def test_an_epoch_as_one_compiled_call(tmp_path: Path) -> None:
    need("jax", "optax", "matplotlib")
    done = run([EXAMPLES / "jax_one_call.py", *SMALL, "--epochs=8", "--output", tmp_path])
    assert done.returncode == 0, done.stderr[-3000:]
    history = json.loads((tmp_path / "history.json").read_text())
    assert len(history["loss"]) == 8
    assert history["loss"][-1] < history["loss"][0] / 2
    assert history["test_accuracy"] > 0.5


def test_the_sheet_of_transforms_shows_each_that_draws(tmp_path: Path) -> None:
    need("matplotlib")
    program = PROJECT / "docs" / "transforms" / "sheet.py"
    text = program.read_text(encoding="utf-8")
    drawing = [
        name
        for name in transforms.__all__
        if getattr(getattr(transforms, name), "streams", 0) and name not in ("Mix", "Transform")
    ]
    assert len(drawing) == 13
    assert [name for name in drawing if f'"{name}(' not in text] == []
    output = tmp_path / "sheet.png"
    subprocess.run([sys.executable, program, output], check=True, env=environment())
    with Image.open(output) as image, Image.open(program.with_suffix(".png")) as shown:
        assert image.size == shown.size
