"""The measurement of first batches runs each program, and counts what follows its bare import."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench import history, start

PROGRAMS = {
    "import fmnist_core": start.PROGRAMS["import fmnist_core"],
    "numpy, first batch": start.PROGRAMS["numpy, first batch"],
}


def test_processes_are_run_up_to_their_first_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "PROGRAMS", PROGRAMS)
    seen: list[str] = []
    measured = start.measure(None, 1, seen.append)
    assert seen == 2 * [*PROGRAMS]
    for one in measured.values():
        for timed in (one.bare, one.more):
            assert timed.clock[0] > 0
            assert timed.processor[0] > 0


def test_what_counts_comes_after_the_bare_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "IMPORTS", {"numpy": "import time; time.sleep(0.2)"})
    program = start.Program("for number in range(1_000_000): pass", "numpy")
    (bare, bare_work), (more, more_work) = start.run(program, "", {"TORCHVISION_ROOT": ""})
    assert bare >= 200 > bare_work
    assert more > 0
    assert more_work > bare_work


def test_a_program_that_fails_is_no_measurement() -> None:
    broken = start.Program("raise SystemExit(3)", "numpy")
    with pytest.raises(RuntimeError, match="ended with 3"):
        start.run(broken, "synthetic", {"TORCHVISION_ROOT": ""})


def test_times_are_held_to_their_targets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(start, "PROGRAMS", PROGRAMS)
    imports = start.Timed([100, 110, 120], [90, 90, 90])
    measured = {
        "import fmnist_core": start.Measured(imports, start.Timed([1, 2, 3], [1, 1, 1])),
        "numpy, first batch": start.Measured(imports, start.Timed([50, 80, 65], [5, 6, 7])),
    }
    console = Console(width=100, record=True)
    with console.capture() as shown:
        console.print(start.table(measured))
    (first,) = (line for line in shown.get().splitlines() if "numpy, first batch" in line)
    assert [cell.strip() for cell in first.strip("│").split("│")] == [
        *("numpy, first batch", "65.0", "50.0 to 80.0", "6.00", "110", "at most 60", "undecided")
    ]
    content = start.as_json("synthetic", measured)
    assert [bar["met"] for bar in content["bars"]] == ["yes", "undecided"]
    assert content["bars"][1]["interval"] == (1.5, 1 + 80 / 110)
    assert history.add(tmp_path / "history.jsonl", content) == []
    assert json.loads((tmp_path / "history.jsonl").read_text())["bars"][0]["at_least"] is False
