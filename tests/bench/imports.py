"""Measure what `import fmnist_core` costs beyond `import numpy`, with compiled bytecode.

python tests/bench/imports.py

The statements take turns, each in a process of its own.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from time import perf_counter

ROUNDS = 21
STATEMENTS = ("import numpy", "import numpy, fmnist_core")


def milliseconds(statement: str, environment: dict[str, str]) -> float:
    """Return how long a new process takes for one statement, its start and end included."""
    begin = perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, env=environment)
    return 1000 * (perf_counter() - begin)


def main() -> None:
    """Print the median and the spread of the difference within a round."""
    with tempfile.TemporaryDirectory() as bytecode:
        # As an installed package has it; a first import that compiles is not what users wait for.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        milliseconds(STATEMENTS[-1], environment)
        rounds = [[milliseconds(one, environment) for one in STATEMENTS] for _ in range(ROUNDS)]
    more = sorted(both - numpy for numpy, both in rounds)
    quarter = ROUNDS // 4
    print(
        f"import fmnist_core takes {statistics.median(more):.0f} ms beyond import numpy "
        f"({statistics.median(numpy for numpy, _ in rounds):.0f} ms); the middle half of "
        f"{ROUNDS} rounds lies from {more[quarter]:.0f} to {more[-1 - quarter]:.0f} ms"
    )


if __name__ == "__main__":
    main()
