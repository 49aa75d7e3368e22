"""The measurement of large data runs through every adapter; small data stand in for them."""

import pytest

import fmnist_core as fm
from tests.bench import large


def test_every_adapter_has_its_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(large, "INFIMNIST", 1000)
    monkeypatch.setattr(large, "ROUNDS", 1)
    monkeypatch.setattr(large, "STEPS", 2)
    large.main([])
    printed = capsys.readouterr().out
    for name in set(fm.available_adapters()) - {"ray"}:
        assert f"{name}, 60,000 images" in printed
        assert f"{name}, 1,000 images" in printed
    assert "indices, 1,000,000,000" in printed
