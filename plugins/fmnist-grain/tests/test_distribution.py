"""The wheel installs, and `Dataset.to` finds the adapter by its name."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent

USE = """
import fmnist_grain
from fmnist_core import available_adapters
from fmnist_core.testing import made_dataset
assert "grain" in available_adapters()
loader = made_dataset().to("grain", batch_size=4)
print(type(loader).__name__, len(loader), fmnist_grain.__file__)
"""


def test_the_wheel_installs_and_is_found_by_name(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation"]
    run(*pip, "--no-deps", "--target", str(tmp_path), str(PROJECT))
    output = run(sys.executable, "-c", USE, search=tmp_path, cwd=tmp_path)
    assert output.split()[:2] == ["PlanIterDataset", "6"]
    assert Path(output.split()[2]).is_relative_to(tmp_path)
    assert (tmp_path / "fmnist_grain" / "py.typed").is_file()
    (metadata,) = tmp_path.glob("fmnist_grain-*.dist-info")
    assert (metadata / "licenses" / "LICENSE").is_file()


def run(*command: str, search: Path | None = None, cwd: Path | None = None) -> str:
    """Run a command that must succeed; return what it prints."""
    paths = [str(search or ""), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=cwd
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
