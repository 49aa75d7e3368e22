"""Mutated files, given to every reader: by hypothesis, and by atheris if installed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers import fuzzing

ALL = os.environ.get("FMNIST_FAULTS") == "all"
RUNS = 5000 if ALL else 400


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw an intact file with some bytes changed, removed, inserted, repeated or cut off."""
    content = bytearray(draw(st.sampled_from(fuzzing.SEEDS)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(content)))
        size = draw(st.integers(0, 8))
        match draw(st.sampled_from(["change", "insert", "remove", "repeat", "cut", "extreme"])):
            case "change":
                content[at : at + size] = draw(st.binary(min_size=size, max_size=size))
            case "insert":
                content[at:at] = draw(st.binary(max_size=40))
            case "remove":
                del content[at : at + size]
            case "repeat":
                content[at:at] = content[at : at + size] * draw(st.integers(1, 300))
            case "cut":
                del content[at:]
            case "extreme":
                byte = draw(
                    st.sampled_from([b"\0", b"\xff", b"\x7f", b"\x80", b"[", b"9", b"\x1b"])
                )
                content[at : at + size] = byte * size
    return bytes(content)


@pytest.mark.timeout(1800)
@settings(max_examples=RUNS, suppress_health_check=list(HealthCheck))
@given(mutated() | st.binary(max_size=200))
def test_hypothesis_finds_nothing(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FMNIST_HOME", str(folder / "store"))
        patch.setenv("FMNIST_OFFLINE", "1")
        (folder / "work").mkdir()
        fuzzing.enter(content, folder / "work")


def test_every_entry_point_accepts_an_intact_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rejecting everything would prove nothing: for each seed there is a reader that accepts it."""
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "store"))
    path = tmp_path / "x"
    for door, seed in (("parse_idx", 0), ("read_idx", 1), ("open_array", 2), ("read_idx", 3)):
        path.write_bytes(fuzzing.SEEDS[seed])
        assert getattr(fuzzing.DOORS[door](path), "shape", None) or door == "open_array"
    for door, seed in (("state", 6), ("fingerprint", 7)):
        path.write_bytes(fuzzing.SEEDS[seed])
        fuzzing.DOORS[door](path)


@pytest.mark.timeout(1800)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris not installed")
def test_atheris_finds_nothing(tmp_path: Path) -> None:
    runs = 5000 if ALL else 200
    options = [f"-runs={runs}", "-max_len=4096", "-seed=1", "-rss_limit_mb=2048", "-timeout=20"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.fuzzing", str(tmp_path), *options],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"Done {runs} runs" in done.stderr
