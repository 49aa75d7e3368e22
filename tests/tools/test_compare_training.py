"""Traces of a training, and `fmnist compare-training` on them."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import fmnist_core as fm
from fmnist_core import Adapter, DataMismatchError, Dataset, OptionError
from fmnist_core.tools.cli import main
from fmnist_core.traces import Trace

FIELDS = ("image", "label", "index")
OPTIONS = {"batch_size": 8, "shuffle": True, "seed": 3, "fields": FIELDS}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def traced(tiny: Dataset) -> Callable[..., Trace]:
    """Return a function that traces two epochs of three steps; `loss` gives the value of each."""

    def trace(
        path: str,
        loss: Callable[[int], Any] = lambda step: 2.0,
        adapter: str = "numpy",
        **options: Any,
    ) -> Trace:
        loader = tiny.to(adapter, **{**OPTIONS, **options})
        recorded = Trace(loader)
        for epoch in range(2):
            for step, _ in enumerate(recorded.watch(loader)):
                recorded.note(loss=loss(3 * epoch + step))
        recorded.save(path)
        return recorded

    return trace


def compare(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["compare-training", *arguments])


def test_the_same_in_another_framework(traced: Callable[..., Trace], adapter: Adapter) -> None:
    traced("a.json")
    traced("b.json", lambda step: 2.0 + 1e-5 * step, adapter.name, layout="NHWC")
    result = compare("a.json", "b.json")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "The same data in 6 steps.",
        "All values agree.",
        "largest difference   step 0  first 10  all 6",
        "loss                  0e+00     2e-05  2e-05",
    ]
    assert compare("a.json", "b.json", "--tolerance", "1e-5").exit_code == 1


def test_the_first_step_that_parts_is_named(traced: Callable[..., Trace]) -> None:
    traced("a.json")
    traced("b.json", lambda step: 2.0 if step < 4 else 3.0)
    result = compare("a.json", "b.json")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1] == (
        "They diverge at step 4, in epoch 1: loss is 2 in a.json, 3 in b.json."
    )
    report = json.loads(compare("a.json", "b.json", "--json").stdout)
    assert report["parting"] == {
        "step": 4,
        "epoch": 1,
        "name": "loss",
        "values": [2, 3],
        "agreeing": [],
    }
    assert report["differences"]["loss"] == pytest.approx([0, 0, 0, 0, 1 / 3, 1 / 3])


def test_values_of_a_step_are_compared_in_the_order_of_the_computation(tiny: Dataset) -> None:
    for path, layers in (("a.json", (1.0, 2.0, 3.0)), ("b.json", (1.0, 2.5, 4.0))):
        loader = tiny.to("numpy", **OPTIONS)
        trace = Trace(loader)
        next(iter(trace.watch(loader)))
        trace.note(zoom=layers[0], middle=layers[1], end=layers[2], **{path: 0})
        trace.save(path)
    result = compare("a.json", "b.json")
    assert result.stdout.splitlines()[:5] == [
        "The same data in 1 step.",
        "They diverge at step 0, in epoch 0: middle is 2 in a.json, 2.5 in b.json.",
        "  Equal in that step: zoom",
        "  missing from a.json: b.json",
        "  missing from b.json: a.json",
    ]


def test_other_data_are_no_fault_of_the_model(traced: Callable[..., Trace]) -> None:
    traced("a.json")
    traced("b.json", lambda step: 3.0, seed=4)
    result = compare("a.json", "b.json")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "The same data in 0 steps.",
        "Step 0 has other data, so nothing is compared from there on.",
        "  seed: 3 in a.json, 4 in b.json",
    ]


def test_one_example_that_changes_its_place_is_noticed(tiny: Dataset) -> None:
    """The digest of a step is its share of the fingerprint, so it depends on positions."""
    digests = []
    for swapped in (False, True):
        loader = tiny.to("numpy", **OPTIONS)
        batches = [[array.copy() for array in batch] for batch in tiny.to("numpy", **OPTIONS)]
        if swapped:
            for array in batches[1]:
                array[[0, 1]] = array[[1, 0]]
        trace = Trace(loader)
        for _ in trace.watch([tuple(batch) for batch in batches]):
            pass
        digests.append([step.data for step in trace.steps])
    whole = fm.fingerprint(tiny.to("numpy", **OPTIONS)).digests[0]
    assert f"{sum(int(one, 16) for one in digests[0]) % 2**256:064x}" == whole
    assert [one == other for one, other in zip(*digests, strict=True)] == [True, False, True]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_array_of_any_framework_is_its_norm(adapter: Adapter, tiny: Dataset, dtype: str) -> None:
    loader = tiny.to(adapter.name, **OPTIONS, dtype=dtype)
    trace = Trace(loader)
    image, label, _ = next(iter(trace.watch(loader)))
    trace.note(image=image, label=label[0], plain=[3, 4])
    images, labels, _ = next(iter(tiny.to("numpy", **OPTIONS, dtype=dtype)))
    norm = math.sqrt(np.square(images.astype(np.float64)).sum())
    expected = {"image": pytest.approx(norm, rel=1e-12), "label": labels[0], "plain": 5}
    assert trace.steps[0].values == expected


def test_a_nan_parts_from_a_number_only(traced: Callable[..., Trace]) -> None:
    traced("a.json", lambda step: math.nan if step else 1.0)
    traced("b.json", lambda step: math.nan if step > 1 else 1.0)
    assert compare("a.json", "a.json").exit_code == 0
    assert "They diverge at step 1" in compare("a.json", "b.json").stdout
    result = json.loads(compare("a.json", "b.json", "--json").stdout, parse_constant=pytest.fail)
    assert result["parting"]["values"] == [None, 1.0]
    assert result["differences"]["loss"][:2] == [0.0, None]


def test_a_long_trace_is_read_back(traced: Callable[..., Trace], folder: Path) -> None:
    trace = traced("a.json")
    trace.steps *= 1000
    for number, step in enumerate(trace.steps):
        trace.steps[number] = replace(step, values={f"value {n}": 0.1 * n for n in range(30)})
    trace.save("a.json")
    assert Trace.load("a.json").steps == trace.steps


def test_a_step_is_of_the_epoch_that_was_read(tiny: Dataset) -> None:
    """Also where the loader was set back to an epoch before the last."""
    loader = tiny.to("numpy", **OPTIONS)
    trace = Trace(loader)
    for _ in range(2):
        list(trace.watch(loader))
    forward = [step.data for step in trace.steps]
    again = tiny.to("numpy", **OPTIONS, epoch=0)
    other = Trace(again)
    again.load_state_dict(tiny.to("numpy", **OPTIONS, epoch=1).state_dict())
    list(other.watch(again))
    again.load_state_dict(tiny.to("numpy", **OPTIONS).state_dict())
    list(other.watch(again))
    assert [step.epoch for step in other.steps] == [1, 1, 1, 0, 0, 0]
    assert [step.data for step in other.steps] == forward[3:] + forward[:3]


def test_settings_of_others_are_printed_safely(traced: Callable[..., Trace], folder: Path) -> None:
    traced("a.json")
    traced("b.json", seed=4)
    content = json.loads((folder / "b.json").read_text())
    content["settings"]["seed"] = "\x1b[2J"
    (folder / "b\x1b[2J.json").write_text(json.dumps(content))
    result = compare("a.json", "b\x1b[2J.json")
    assert "other data" in result.stdout
    assert "\x1b" not in result.stdout


def test_what_cannot_be_noted(tiny: Dataset) -> None:
    loader = tiny.to("numpy", **OPTIONS)
    trace = Trace(loader)
    with pytest.raises(OptionError, match=r"no batch was watched yet. Try: for batch"):
        trace.note(loss=1)
    next(iter(trace.watch(loader)))
    trace.note(loss=1)
    with pytest.raises(OptionError, match="'loss' was already recorded in step 0"):
        trace.note(loss=2)
    with pytest.raises(OptionError, match="expected numbers as name, found 'text'"):
        trace.note(name="text")
    with pytest.raises(OptionError, match="lack label and index"):
        Trace(tiny.to("numpy", batch_size=8, fields=("image",)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "expected a trace of version 1"),
        ('{"trace": 2}', "expected a trace of version 1"),
        ('{"trace": 1}', "expected settings and steps"),
        ('{"trace": 1, "settings": {}, "steps": [3]}', "step 0: expected epoch, data and values"),
        ("{", "expected JSON"),
    ],
)
def test_a_file_that_is_not_a_trace(content: str, message: str, folder: Path) -> None:
    (folder / "a.json").write_text(content)
    with pytest.raises(DataMismatchError, match=message):
        Trace.load("a.json")
    result = compare("a.json", "a.json")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1


def test_no_name_in_common(tiny: Dataset) -> None:
    for path, name in (("a.json", "loss"), ("b.json", "cost")):
        loader = tiny.to("numpy", **OPTIONS)
        trace = Trace(loader)
        next(iter(trace.watch(loader)))
        trace.note(**{name: 1.0})
        trace.save(path)
    assert "found loss and cost. Try: " in compare("a.json", "b.json").stderr
