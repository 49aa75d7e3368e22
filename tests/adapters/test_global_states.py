"""The law holds for any settings that a program has made in its framework."""

import subprocess
import sys

import pytest

from tests.helpers.programs import environment, helper

STATES = {
    "tensorflow": [
        "numpy behaviour",
        "numpy behaviour, safe types",
        "eager functions",
        "determinism",
    ],
    "jax": [
        "jax_enable_x64",
        "jax_default_matmul_precision",
        "jax_numpy_dtype_promotion",
        "jax_numpy_rank_promotion",
    ],
    "keras": ["floatx", "channels first", "mixed precision"],
}


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
