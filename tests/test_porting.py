"""docs/porting.md: each fault of a port is found, at the step and the value that the page says."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from fmnist_core.tools.cli import main
from tests.test_example_programs import EXAMPLES, PROJECT, need, run

FOUND = {
    "epsilon": (0, "bn"),
    "momentum": (0, "running_mean"),
    "flatten": (0, "dense"),
    "padding": (0, "conv2"),
    "velocity": (2, "conv2"),
}


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the trace of the reference, and of each port."""
    need("torch", "keras")
    folder = tmp_path_factory.mktemp("porting")
    for program in ("porting_torch.py", "porting_keras.py"):
        done = run([EXAMPLES / program], cwd=folder, KERAS_BACKEND="torch")
        assert done.returncode == 0, done.stderr[-3000:]
    return folder / "traces"


def compared(traces: Path, fault: str) -> tuple[int, str]:
    paths = [str(traces / "torch.json"), str(traces / f"{fault}.json")]
    result = CliRunner().invoke(main, ["compare-training", *paths])
    return result.exit_code, result.stdout


def test_the_right_port_agrees(traces: Path) -> None:
    status, output = compared(traces, "none")
    assert status == 0, output
    assert "The same data in 10 steps.\nAll values agree." in output


@pytest.mark.parametrize("fault", FOUND)
def test_a_fault_is_located(traces: Path, fault: str) -> None:
    step, name = FOUND[fault]
    status, output = compared(traces, fault)
    assert status == 1
    assert f"They diverge at step {step}, in epoch 0: {name} is " in output
    page = (PROJECT / "docs" / "porting.md").read_text(encoding="utf-8")
    shown = re.search(rf"diverge at step (\d+), in epoch 0: (\w+) is .*{fault}\.json", page)
    assert shown, f"docs/porting.md does not show {fault}"
    assert (int(shown[1]), shown[2]) == (step, name)
