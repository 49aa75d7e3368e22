"""The measurement of what data cost runs every script, on the genuine files."""

from pathlib import Path

import pytest

from tests.bench import data


def test_every_figure_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fashion_root: Path
) -> None:
    monkeypatch.setattr(data, "ROUNDS", 1)
    data.main(["--root", str(fashion_root)])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert len(rows) == 5
    for row in rows:
        median = float(row.split("│")[2])
        assert median > 0, row
