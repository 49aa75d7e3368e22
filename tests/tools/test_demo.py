"""`fmnist demo`, on a few synthetic examples."""

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from fmnist_core import Adapter, BatchPlan, Dataset, synthetic
from fmnist_core.catalog import GARMENTS
from fmnist_core.records import Description
from fmnist_core.source import Source
from fmnist_core.tools import demo
from fmnist_core.tools.cli import main
from fmnist_core.tools.demo import Outcome, run_framework
from fmnist_core.tools.demo_worker import FRAMEWORKS, BatchReport, TrainReport
from fmnist_core.tools.progress import ProgressLine

NUM_TRAIN, NUM_TEST = 1500, 300
"""Neither is a multiple of the batch size."""

TRAINED = [name for name, framework in FRAMEWORKS.items() if framework.trainer]


def garments(split: str, count: int) -> Dataset:
    source = Source(*synthetic.draw_examples(split, np.arange(count)))
    return Dataset.from_source(source, Description("synthetic", split, GARMENTS))


@pytest.fixture(scope="module")
def splits() -> tuple[Dataset, Dataset]:
    return garments("train", NUM_TRAIN), garments("test", NUM_TEST)


class Recorder(ProgressLine):
    """Records the announced size of each activity, and how much of it was done."""

    def __init__(self) -> None:
        super().__init__(Console(file=StringIO()))
        self.totals: dict[str, int | None] = {}
        self.done: dict[str, int] = {}

    def begin(self, text: str, total: int | None = None) -> None:
        self.now = text
        self.totals[text] = total

    def advance(self, amount: int) -> None:
        self.done[self.now] = self.done.get(self.now, 0) + amount


@pytest.fixture(scope="module")
def progress() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def outcomes(
    splits: tuple[Dataset, Dataset], progress: Recorder, adapters: list[Adapter]
) -> dict[str, Outcome]:
    """All frameworks, run as the command runs them."""
    names = [adapter.name for adapter in adapters if adapter.name in FRAMEWORKS]
    return {name: run_framework(name, *splits, progress) for name in names}


def expected_digest(train: Dataset) -> str:
    """Hash two epochs straight from the plan, with no adapter."""
    plan = BatchPlan(len(train), 128, shuffle=True, seed=0)
    digest = hashlib.sha256()
    for epoch in range(2):
        for step in range(len(plan)):
            rows = plan.indices(epoch, step)
            digest.update((train.images[rows].astype(np.float32) / np.float32(255)).tobytes())
            digest.update(train.labels[rows].astype(np.int32).tobytes())
            digest.update(rows.tobytes())
    return digest.hexdigest()


def test_every_framework_completes(outcomes: dict[str, Outcome]) -> None:
    assert {name: outcome.failure for name, outcome in outcomes.items()} == dict.fromkeys(
        FRAMEWORKS
    )
    assert all(outcome.complete for outcome in outcomes.values())


def test_every_digest_is_the_plans(
    outcomes: dict[str, Outcome], splits: tuple[Dataset, Dataset]
) -> None:
    digests = {
        name: outcome.batches.digest for name, outcome in outcomes.items() if outcome.batches
    }
    assert digests == dict.fromkeys(FRAMEWORKS, expected_digest(splits[0]))


def test_batches_are_described_as_the_framework_has_them(outcomes: dict[str, Outcome]) -> None:
    def row(name: str) -> tuple[str, str, str]:
        batches = outcomes[name].batches
        assert batches is not None
        assert batches.rate > 0
        return batches.loader, batches.images, batches.labels

    assert row("numpy") == ("Batches", "float32 (128, 28, 28)", "int32 (128,)")
    assert row("torch") == ("DataLoader", "float32 (128, 1, 28, 28)", "int64 (128,)")
    assert row("tensorflow") == ("tf.data.Dataset", "float32 (128, 28, 28, 1)", "int32 (128,)")
    assert row("jax") == ("Batches", "float32 (128, 28, 28, 1)", "int32 (128,)")


@pytest.mark.parametrize("name", TRAINED)
def test_training_learns_and_counts_each_test_image_once(
    name: str, outcomes: dict[str, Outcome]
) -> None:
    training = outcomes[name].training
    assert training is not None
    right = training.accuracy * NUM_TEST
    assert right == pytest.approx(round(right), abs=1e-3)
    assert 0.1 < training.accuracy <= 1, "better than guessing, after twelve steps"
    assert min(training.losses[-3:]) < training.losses[0] - 0.03
    assert training.seconds > 0


def test_all_frameworks_train_alike_from_the_first_step(outcomes: dict[str, Outcome]) -> None:
    curves = [training.losses for name in TRAINED if (training := outcomes[name].training)]
    assert [len(losses) for losses in curves] == [12, 12, 12]
    first, close, most = demo.loss_differences(list(outcomes.values())) or (1, 1, 1)
    assert first < 1e-6
    assert first <= close <= most < 1e-2
    accuracies = [training.accuracy for name in TRAINED if (training := outcomes[name].training)]
    assert max(accuracies) - min(accuracies) < 0.03


def test_other_first_weights_are_noticed(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["torch"].training
    moved = [loss * 1.001 for loss in outcomes["torch"].training.losses]
    wrong = replace(outcomes["torch"], training=replace(outcomes["torch"].training, losses=moved))
    first, *_ = demo.loss_differences([*outcomes.values(), wrong]) or (0, 0, 0)
    assert first > 9e-4


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_progress_reports_all_examples(
    name: str, outcomes: dict[str, Outcome], progress: Recorder
) -> None:
    expected = {
        f"{name}: hashing two shuffled epochs": 2 * NUM_TRAIN,
        f"{name}: timing epochs": 4 * NUM_TRAIN,
    }
    if name in TRAINED:
        expected[f"{name}: training one epoch"] = NUM_TRAIN + NUM_TEST
    of_this = {text: done for text, done in progress.done.items() if text.startswith(name)}
    assert of_this == expected
    assert expected.items() <= progress.totals.items()


Run = Callable[[], Result]


@pytest.fixture
def run_demo(splits: tuple[Dataset, Dataset], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs `fmnist demo` on the few examples."""
    monkeypatch.setattr(demo, "load_splits", lambda *_: splits)
    return lambda: CliRunner().invoke(main, ["demo"])


def plant_digests(monkeypatch: pytest.MonkeyPatch, **digests: str) -> None:
    """Make the frameworks report these digests, without running them."""

    def outcome(name: str, *_: object) -> Outcome:
        batches = BatchReport("Loader", "float32 (128,)", "int32 (128,)", digests[name], 1e6)
        return Outcome(name, batches, TrainReport([2.0, 1.0], 0.875, 1.0))

    monkeypatch.setattr(demo, "run_framework", outcome)


def test_agreement_is_exit_status_0(run_demo: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    plant_digests(monkeypatch, **dict.fromkeys(FRAMEWORKS, "ab" * 32))
    result = run_demo()
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "fmnist demo: Synthetic garments, 1,500 train and 300 test images"
    assert "The same bits from numpy, torch, tensorflow, jax:" in lines
    assert "ab" * 32 in lines
    assert "87.50%" in result.stdout
    assert max(map(len, lines)) <= 100


def test_output_holds_every_loss_and_is_not_replaced(
    splits: tuple[Dataset, Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "load_splits", lambda *_: splits)
    plant_digests(monkeypatch, **dict.fromkeys(FRAMEWORKS, "ab" * 32))
    path = tmp_path / "demo.json"
    assert CliRunner().invoke(main, ["demo", "-o", str(path)]).exit_code == 0
    report = json.loads(path.read_text())
    assert list(report) == list(FRAMEWORKS)
    assert report["jax"][1]["losses"] == [2.0, 1.0]
    refused = CliRunner().invoke(main, ["demo", "-o", str(path)])
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert CliRunner().invoke(main, ["demo", "-o", str(path), "--force"]).exit_code == 0
    assert CliRunner().invoke(main, ["demo", "-o", os.devnull]).exit_code == 0
    assert CliRunner().invoke(main, ["demo", "-o", str(tmp_path / "new" / "x")]).exit_code == 0


def test_disagreement_is_exit_status_1(run_demo: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = dict.fromkeys(FRAMEWORKS, "ab" * 32) | {"torch": "cd" * 32}
    plant_digests(monkeypatch, **digests)
    result = run_demo()
    assert result.exit_code == 1
    assert "numpy, tensorflow, jax gave abab" in result.stderr
    assert "torch gave cdcd" in result.stderr
    assert "Try: " in result.stderr
    assert "The same bits" not in result.stdout


def test_frameworks_that_break_down_are_rows_of_their_own(
    run_demo: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = 'raise ModuleNotFoundError("No module named \'torch\'", name="torch")'
    (tmp_path / "torch.py").write_text(missing)
    crash = "import os; os.write(2, b'out of luck\\n'); os.abort()"
    (tmp_path / "tensorflow.py").write_text(crash)
    (tmp_path / "jax.py").write_text('raise RuntimeError("wrong wheel\\nand more")')
    # A child process looks where its parent does.
    monkeypatch.syspath_prepend(tmp_path)

    result = run_demo()
    assert result.exit_code == 1
    torch, tensorflow, jax = result.stderr.splitlines()
    assert torch.endswith('Try: pip install "fmnist[torch]"')
    assert "SIGABRT, after saying 'out of luck'" in tensorflow
    assert 'python -c "import tensorflow"' in tensorflow
    assert "jax: RuntimeError: wrong wheel. Try: " in jax
    states = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
    rows = [[word.strip() for word in line] for line in states if len(line) == 2]
    for row in (["torch", "not available"], ["tensorflow", "crashed"], ["jax", "failed"]):
        assert rows.count(row) == 2, "once in each table"
    assert "The same bits" not in result.stdout


@pytest.mark.parametrize(("number", "name"), [(6, "SIGABRT"), (40, "signal 40")])
def test_a_signal_without_a_name_is_a_number(tmp_path: Path, number: int, name: str) -> None:
    failure = demo._crash("torch", -number, tmp_path / "log")
    assert failure.reason.startswith(f"the process was stopped by {name}. ")


def test_an_interrupt_ends_the_process_before_its_folder_goes(
    splits: tuple[Dataset, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Windows removes no folder in which a process has a file open.
    def interrupt(*_: object) -> Outcome:
        raise KeyboardInterrupt

    alive_at_removal: list[int] = []
    remove = demo.tempfile.TemporaryDirectory.cleanup

    def cleanup(folder: Any) -> None:
        alive_at_removal.append(len(multiprocessing.active_children()))
        remove(folder)

    monkeypatch.setattr(demo, "_updated", interrupt)
    monkeypatch.setattr(demo.tempfile.TemporaryDirectory, "cleanup", cleanup)
    with pytest.raises(KeyboardInterrupt):
        run_framework("numpy", *splits, Recorder())
    assert alive_at_removal == [0]


def test_the_progress_line_says_what_is_happening_now() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=100)
    with ProgressLine(console) as line:
        line.begin("torch[cpu]: training", 10)
        line.advance(5)
        line.finish("torch: training")
    output = console.file
    assert isinstance(output, StringIO)
    assert "torch[cpu]: training" in output.getvalue()
    assert output.getvalue().endswith("\x1b[2K"), "the line is gone"


def test_without_a_terminal_each_step_done_is_a_line() -> None:
    console = Console(file=StringIO())
    with ProgressLine(console) as line:
        line.begin("torch: training", 10)
        line.advance(10)
        line.finish("torch: training")
    output = console.file
    assert isinstance(output, StringIO)
    assert output.getvalue() == "  torch: training (0 s)\n"
