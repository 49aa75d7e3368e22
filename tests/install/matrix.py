"""`make matrix`: the wheel on every installed Python, and with the lowest versions promised.

Builds the sdist and from it the wheel, once. Then each environment gets the wheel and its
frameworks, takes a batch from every adapter, and runs the core's tests and the conformance checks.
The tests lie apart from the clone, so that they import what is installed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic

PROJECT = Path(__file__).parents[2]
PLACE = PROJECT / ".matrix"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LOWEST = "lowest"
"""The environment with the lowest version of whatever pyproject.toml names, on the first Python."""

EXTRAS = {
    "tensorflow-cpu": "tensorflow",
    "jax": "jax",
    "keras": "keras",
    "ray": "ray",
    "benchmark": None,
}
"""Extras to install, where they can be, and the adapters that they are for."""

TOOLS = ("pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "idx2numpy", "trustme")

ELSEWHERE = (
    "adapters",  # a framework's own users expect more than the checks: on one Python
    "bench",
    "compat",
    "distributed",
    "formats",  # beside the libraries that read each
    "faults",  # minutes of killed processes and slow servers
    "install",
    "transforms",  # beside the libraries of every framework
    "tools/test_benchmark.py",
    "tools/test_demo.py",
    "test_bench.py",
    "test_bench_data.py",
    "test_bench_device.py",
    "test_bench_large.py",
    "test_bench_start.py",
    "test_checks_bite.py",
    "test_costs.py",
    "test_docs.py",
    "test_embedding.py",  # beside scikit-learn and umap-learn
    "test_example_programs.py",
    "test_face.py",
    "test_house.py",  # of the sources, which are not there
    "test_in_a_browser.py",  # of the docs, as the next ones
    "test_languages.py",
    "test_notebook.py",
    "test_peers.py",
    "test_porting.py",
    "test_recipe.py",
    "test_recipes.py",
)
"""Tests that need every framework, the clone or much time; `make test` runs them."""

SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


class Failed(Exception):
    """A step of an environment failed; its output has been printed."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make matrix", description=__doc__)
    parser.add_argument("names", nargs="*", default=[*PYTHONS, LOWEST], metavar="PYTHON")
    parser.add_argument(
        "--torch", action="store_true", help="torch too, which on Linux brings gigabytes of CUDA"
    )
    options = parser.parse_args()
    extras = {**EXTRAS, **({"torch": "torch"} if options.torch else {})}
    wheel, tests = build()
    outcomes = {name: tried(name, wheel, tests, extras) for name in options.names}
    print(*(f"{name:<8} {outcome}" for name, outcome in outcomes.items()), sep="\n")
    return int("failed" in outcomes.values())


def build() -> tuple[Path, Path]:
    """Return the wheel, built from the sdist, and the sdist's tests without its packages."""
    shutil.rmtree(PLACE / "dist", ignore_errors=True)
    shutil.rmtree(PLACE / "sdist", ignore_errors=True)
    uv("build", "--out-dir", PLACE / "dist", PROJECT)
    (sdist,) = (PLACE / "dist").glob("*.tar.gz")
    (wheel,) = (PLACE / "dist").glob("*.whl")
    with tarfile.open(sdist) as archive:
        archive.extractall(PLACE / "sdist", filter="data")
    (unpacked,) = (PLACE / "sdist").iterdir()
    for packages in ("fmnist_core", "adapters"):
        shutil.rmtree(unpacked / packages)
    return wheel, unpacked


def tried(name: str, wheel: Path, tests: Path, extras: dict[str, str | None]) -> str:
    """Run one environment; return its result."""
    version = PYTHONS[0] if name == LOWEST else name
    interpreter = find_python(version)
    if interpreter is None:
        return f"not tried: no Python {version} found"
    print(f"== {name}: {interpreter}", flush=True)
    begin = monotonic()
    try:
        python = environment(name, interpreter)
        adapters = installed(name, python, wheel, extras)
        check(name, python, tests, adapters)
    except Failed:
        return "failed"
    return f"passed in {monotonic() - begin:.0f} s, with {', '.join(adapters)}"


def find_python(version: str) -> Path | None:
    """Return an interpreter of a version: on the path, of pyenv, or of uv."""
    for candidate in candidates(version):
        program = "import sys; print('%d.%d' % sys.version_info[:2], sys.prefix == sys.base_prefix)"
        answer = subprocess.run(
            [candidate, "-c", program], capture_output=True, text=True, check=False
        )
        # pyenv puts a stand-in on the path for each version, of which only the chosen one runs.
        if answer.stdout.split() == [version, "True"]:
            return candidate
    return None


def candidates(version: str) -> Iterator[Path]:
    if on_path := shutil.which(f"python{version}"):
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted((pyenv / "versions").glob(f"{version}.*/bin/python"))
    find = ["python", "find", "--managed-python", "--no-python-downloads", version]
    answer = subprocess.run([uv_command(), *find], capture_output=True, text=True, check=False)
    if answer.returncode == 0:
        yield Path(answer.stdout.strip())


def environment(name: str, interpreter: Path) -> Path:
    """Make an empty environment; return its Python."""
    folder = PLACE / name
    uv("venv", "--clear", "--python", interpreter, folder)
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def installed(name: str, python: Path, wheel: Path, extras: dict[str, str | None]) -> list[str]:
    """Install the wheel with the extras that there are for this Python; return the adapters."""
    adapters = ["numpy"]
    available = []
    for extra, adapter in extras.items():
        expected = requirements(name, python, [extra])
        if resolves(python, expected):
            available.append(extra)
            adapters += [adapter] if adapter else []
        else:
            print(f"{name}: no wheels for the extra {extra!r}", flush=True)
    expected = requirements(name, python, available)
    # The lowest versions are promised for what users install, not for the tools of the tests.
    uv("pip", "install", "--python", python, wheel, *TOOLS, *expected)
    return adapters


def requirements(name: str, python: Path, extras: Sequence[str]) -> list[str]:
    """Return what to install beside the wheel, for the extras and for the lowest versions."""
    optional = SETTINGS["project"]["optional-dependencies"]
    if name != LOWEST:
        return [requirement for extra in extras for requirement in optional[extra]]
    named = [option for extra in extras for option in ("--extra", extra)]
    lowest = ("--resolution", "lowest-direct", "--python", python, "--no-header", "--no-annotate")
    return uv("pip", "compile", *lowest, *named, PROJECT / "pyproject.toml").split()


def resolves(python: Path, requirements: Sequence[str]) -> bool:
    """Whether all requirements have wheels for this Python."""
    command = ["pip", "install", "--python", python, "--dry-run", "--only-binary", ":all:"]
    answer = subprocess.run(
        [uv_command(), *map(str, command), *requirements], capture_output=True, check=False
    )
    return answer.returncode == 0


def check(name: str, python: Path, tests: Path, adapters: Sequence[str]) -> None:
    """Take a batch from every adapter, then run the tests."""
    work = PLACE / "work"
    work.mkdir(exist_ok=True)
    program = tests / "tests" / "install" / "one_batch.py"
    for adapter in adapters:
        run(python, program, adapter, python.parents[1], cwd=work)
    ignored = [f"--ignore=tests/{path}" for path in ELSEWHERE]
    asked = [f"--adapter={adapter}" for adapter in adapters if adapter != "ray"]
    # Old releases call what their own dependencies have deprecated since.
    forgiven = ["-W", "ignore::DeprecationWarning"] if name == LOWEST else []
    quiet = (
        "-q",
        "-n",
        "auto",
        "--dist",
        "loadfile",
        "-m",
        "not slow and not alone",
        "-p",
        "no:cacheprovider",
    )
    run(python, "-m", "pytest", "tests", *quiet, *ignored, *asked, *forgiven, cwd=tests)


def uv(*arguments: str | Path) -> str:
    return run(uv_command(), *arguments, quiet=True)


def uv_command() -> str:
    from uv import find_uv_bin

    return find_uv_bin()


def run(*command: str | Path, cwd: Path = PROJECT, quiet: bool = False) -> str:
    """Run a command; return what it prints, which is also shown unless that is to be quiet."""
    data = os.environ.get("FMNIST_TEST_DATA", PROJECT.parent / "shared" / "data")
    environment = {**os.environ, "FMNIST_TEST_DATA": str(Path(data).absolute())}
    environment.pop("PYTHONPATH", None)
    finished = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE if quiet else None,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise Failed
    return finished.stdout or ""


if __name__ == "__main__":
    sys.exit(main())
