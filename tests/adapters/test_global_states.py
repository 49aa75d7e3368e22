"""The law holds for any settings that a program has made in its framework."""

import subprocess
import sys

import pytest

from tests.helpers.programs import environment, helper

STATES = {
    "tensorflow": ["numpy behaviour, determinism", "safe types", "eager functions"],
    "jax": ["64 bits", "strict types and ranks, bfloat16"],
    "keras": ["float16, channels first, mixed precision"],
}
"""Settings that can be made together share a process."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("adapter", "state"), [(name, state) for name, states in STATES.items() for state in states]
)
def test_the_checks_hold_under(adapter: str, state: str) -> None:
    pytest.importorskip(adapter)
    done = subprocess.run(
        [sys.executable, *helper("global_states"), adapter, state],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.stdout.endswith("held\n"), done.stderr[-3000:]
