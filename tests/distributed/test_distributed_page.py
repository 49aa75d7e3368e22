"""docs/distributed.md: its programs run, on two processes each, and print what the page says."""

import json
import re
from pathlib import Path

import pytest

from tests.helpers.programs import free_port, run_together
from tests.helpers.torchrun import torchrun

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "distributed.md").read_text(encoding="utf-8")
PRINTED = re.compile(r"^(.+): (\d+) of (\d+) test images right$", re.M)


def program(folder: Path, name: str) -> str:
    """Write a program of the page into a folder; return its path."""
    (source,) = re.findall(rf"^```python\n# file: {name}\n(.*?)^```$", PAGE, re.M | re.S)
    (folder / name).write_text(source)
    return str(folder / name)


def assert_printed(output: str, titles: list[str]) -> None:
    """Check the lines with these titles; processors round a training differently, but not more."""
    actual = {title: (int(right), total) for title, right, total in PRINTED.findall(output)}
    promised = {title: (int(right), total) for title, right, total in PRINTED.findall(PAGE)}
    assert list(actual) == titles, output
    for title in titles:
        assert actual[title][1] == promised[title][1] == "10000"
        assert abs(actual[title][0] - promised[title][0]) < 100


def test_torch(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    code, output = torchrun([program(tmp_path, "train.py")], 2)
    assert code == 0, output
    assert_printed(output, ["epoch 0", "epoch 1"])


def test_jax(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    coordinator = f"127.0.0.1:{free_port()}"
    arguments = [[coordinator, "2", str(process)] for process in range(2)]
    environments = [{"JAX_PLATFORMS": "cpu"}] * 2
    ended = run_together([program(tmp_path, "train_jax.py")], arguments, environments)
    output = "".join(words for _, words in ended)
    assert [code for code, _ in ended] == [0, 0], output
    assert_printed(output, ["JAX"])


def test_tensorflow(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    cluster = {"worker": [f"127.0.0.1:{free_port()}" for _ in range(2)]}
    tasks = [{"type": "worker", "index": index} for index in range(2)]
    environments = [
        {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task}), "CUDA_VISIBLE_DEVICES": "-1"}
        for task in tasks
    ]
    ended = run_together([program(tmp_path, "train_tensorflow.py")], [[], []], environments)
    output = "".join(words for _, words in ended)
    assert [code for code, _ in ended] == [0, 0], output
    assert_printed(output, ["TensorFlow"])
