"""The recipe of docs/examples: one curve in every framework, and the same bits after any kill."""

import json
import random
import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.programs import helper
from tests.test_example_programs import EXAMPLES, need, run

pytestmark = pytest.mark.slow

SIZES = ["--name", "synthetic", "--limit=160", "--batch-size=16", "--epochs=2"]
STEPS = 18
"""Of both epochs: a tenth of the 160 is held out, and the rest makes 9 batches of 16."""

ONE_THREAD = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}
RUNS = {
    "torch": ("torch_resnet.py", ["torch"], []),
    "flax": ("flax_resnet.py", ["jax", "flax", "optax"], []),
    "keras-torch": ("keras_resnet.py", ["keras", "torch"], ["--backend=torch"]),
    "keras-tensorflow": ("keras_resnet.py", ["keras", "tensorflow"], ["--backend=tensorflow"]),
    "keras-jax": ("keras_resnet.py", ["keras", "jax"], ["--backend=jax"]),
}


def command(name: str, output: Path) -> list[str | Path]:
    program, needed, options = RUNS[name]
    need("matplotlib", *needed)
    return [EXAMPLES / program, *SIZES, *options, "--save-every=4", "--output", output]


Whole = Callable[[str], Path]


@pytest.fixture(scope="module", autouse=True)
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let JAX keep what it compiles: nine tenths of a short run are compilation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Return a function that returns the folder of an uninterrupted run."""

    @cache
    def folder(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        done = run(command(name, folder), **ONE_THREAD)
        assert done.returncode == 0, done.stderr[-3000:]
        return folder

    return folder


def history(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "history.json").read_text())
    return content


@pytest.mark.parametrize("name", RUNS)
def test_each_trains_and_tests(whole: Whole, name: str) -> None:
    actual = history(whole(name))
    assert len(actual["losses"]) == len(actual["rights"]) == STEPS
    assert len(actual["val_accuracy"]) == 2
    assert np.isfinite(actual["losses"]).all()
    assert min(actual["losses"]) < actual["losses"][0] - 0.5
    assert np.sum(actual["confusion"]) == 160


@pytest.mark.parametrize("name", RUNS)
def test_the_first_steps_are_those_of_torch(whole: Whole, name: str) -> None:
    """Rounding grows tenfold from step to step while the learning rate is high."""
    ours, theirs = history(whole(name))["losses"], history(whole("torch"))["losses"]
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-3)


@pytest.mark.parametrize("name", ["torch", "flax"])
def test_killed_three_times_it_ends_with_the_same_bits(
    whole: Whole, name: str, tmp_path: Path
) -> None:
    steps = sorted(random.Random(name).sample(range(1, STEPS), 3))
    for step in steps:
        killed = run([*helper("killed_example"), str(step), *command(name, tmp_path)], **ONE_THREAD)
        assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
    done = run(command(name, tmp_path), **ONE_THREAD)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "continues after step" in done.stdout
    assert history(tmp_path)["losses"] == history(whole(name))["losses"]
    with (
        np.load(tmp_path / "checkpoint.npz") as ours,
        np.load(whole(name) / "checkpoint.npz") as theirs,
    ):
        assert ours.files == theirs.files
        for array in ours.files:
            if array != "record":  # which has the minutes
                assert ours[array].tobytes() == theirs[array].tobytes(), array


def test_a_checkpoint_of_another_run_is_refused(whole: Whole) -> None:
    again = [*command("torch", whole("torch")), "--epochs=3"]
    refused = run(again, **ONE_THREAD)
    assert refused.returncode == 1
    assert "Try: another --output" in refused.stderr
    assert "Traceback" not in refused.stderr
