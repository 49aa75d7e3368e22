"""The measurement of whole processes runs each program, and holds it to its bare import."""

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
    monkeypatch.setattr(start, "IMPORTS", {"numpy": "import numpy"})
    monkeypatch.setattr(start, "PROGRAMS", PROGRAMS)
    seen: list[str] = []
    measured = start.measure(None, 1, seen.append)
    assert seen == 2 * ["import numpy", *PROGRAMS]
    for timed in measured.values():
        assert timed.clock[0] > 0
        assert timed.processor[0] > 0
    assert start.more(measured, "numpy, first batch") == [
        measured["numpy, first batch"].clock[0] - measured["import numpy"].clock[0]
    ]


def test_a_program_that_fails_is_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "IMPORTS", {"numpy": "import numpy"})
    broken = start.Program("raise SystemExit(3)", "numpy")
    with pytest.raises(RuntimeError, match="ended with 3"):
        start.run(broken, "synthetic", {"TORCHVISION_ROOT": ""})


def test_differences_are_held_to_their_targets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(start, "IMPORTS", {"numpy": "import numpy"})
    monkeypatch.setattr(start, "PROGRAMS", PROGRAMS)
    measured = {
        "import numpy": start.Timed([100, 110, 120], [90, 90, 90]),
        "import fmnist_core": start.Timed([101, 112, 123], [91, 91, 91]),
        "numpy, first batch": start.Timed([150, 190, 185], [95, 96, 97]),
    }
    assert start.more(measured, "numpy, first batch") == [50, 80, 65]
    console = Console(width=100, record=True)
    with console.capture() as shown:
        console.print(start.table(measured))
    (first,) = (line for line in shown.get().splitlines() if "numpy, first batch" in line)
    assert [cell.strip() for cell in first.strip("│").split("│")] == [
        *("numpy, first batch", "185", "65.0", "50.0 to 80.0", "6.00", "at most 60", "undecided")
    ]
    content = start.as_json("synthetic", measured)
    assert [bar["met"] for bar in content["bars"]] == ["yes", "undecided"]
    assert history.add(tmp_path / "history.jsonl", content) == []
    assert json.loads((tmp_path / "history.jsonl").read_text())["bars"][0]["at_least"] is False
