"""What users install: the wheel that pip builds from the sdist, in an environment of its own."""

import email.message
import email.parser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
ADAPTERS = SETTINGS["project"]["entry-points"]["fmnist"]
SOURCES = {
    **{path.relative_to(PROJECT): path for path in (PROJECT / "fmnist_core").rglob("*")},
    **{path.relative_to(PROJECT / "adapters"): path for path in (PROJECT / "adapters").rglob("*")},
}
"""The files that are to be installed, and what is in their folders, by where it is installed."""

pytestmark = pytest.mark.skipif(not find_spec("hatchling"), reason="needs hatchling")


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command away from the clone; return what it prints."""
    hidden = ("PYTHONPATH", "MYPYPATH")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    finished = subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def pip(*arguments: str | Path, cwd: Path) -> None:
    # Neither an index nor an environment for the build: the tests need no network.
    offline = ("--no-index", "--no-deps", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", *arguments, *offline, cwd=cwd)


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=PROJECT)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="session")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-build-isolation", "-w", folder, sdist, cwd=folder)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="session")
def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.parser.BytesParser().parsebytes(archive.read(name))


def environment_beside_this_one(folder: Path) -> Path:
    """Make an environment that borrows what is installed here, except fmnist; return its Python."""
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    site_packages = Path(
        run(python, "-c", "import site; print(site.getsitepackages()[-1])", cwd=folder).strip()
    )
    # Python reads .pth files of its own folder only, so not the one of an editable fmnist here.
    borrowed = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (site_packages / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    return python


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with the wheel installed."""
    python = environment_beside_this_one(tmp_path_factory.mktemp("environment"))
    pip("--python", python, "install", wheel, cwd=wheel.parent)
    return python


def is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def test_the_sdist_holds_what_is_built_and_tested(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {Path(*Path(name).parts[1:]) for name in archive.getnames()}
    folders = ("fmnist_core", "adapters", "tests", "docs")
    expected = {
        path.relative_to(PROJECT) for folder in folders for path in (PROJECT / folder).rglob("*.py")
    }
    assert expected <= names
    assert {Path(name) for name in ("LICENSE", "README.md", "Makefile", "hatch_build.py")} <= names


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {Path(name) for name in archive.namelist()}
    installed = {path for path in names if not path.parts[0].endswith(".dist-info")}
    assert installed == {where for where, path in SOURCES.items() if is_source(path)}
    packages = {path.parts[0] for path in installed}
    assert packages == {"fmnist_core", *ADAPTERS.values()}
    assert {Path(package, "py.typed") for package in packages} <= installed


@pytest.mark.slow
@pytest.mark.parametrize("name", ADAPTERS)
def test_one_batch_of_each_adapter(name: str, python: Path, tmp_path: Path) -> None:
    framework = ADAPTERS[name].removeprefix("fmnist_")
    if not find_spec(framework):
        pytest.skip(f"needs {framework}")
    program = HERE / "one_batch.py"
    assert run(python, program, name, python.parents[1], cwd=tmp_path).startswith(name)


def test_the_command_is_installed(
    python: Path, tmp_path: Path, metadata: email.message.Message
) -> None:
    output = run(python.with_name("fmnist"), "--version", cwd=tmp_path)
    assert output == f"fmnist, version {metadata['Version']}\n"


# -- types ---------------------------------------------------------------------------------------

needs_typed_frameworks = pytest.mark.skipif(
    not (find_spec("torch") and find_spec("jax")), reason="needs torch and jax"
)


def users_code(folder: Path) -> Path:
    """Copy the user's program to a folder: inside the clone, checkers would read the clone."""
    return Path(shutil.copy(HERE / "user_code.py", folder))


@needs_typed_frameworks
@pytest.mark.skipif(not find_spec("mypy"), reason="needs mypy")
def test_users_code_is_clean_under_mypy(python: Path, tmp_path: Path) -> None:
    # Kept between runs: the first takes a minute to read torch.
    cache = PROJECT / ".mypy_cache" / "installed"
    options = (
        "--strict",
        "--config-file=",
        f"--python-executable={python}",
        f"--cache-dir={cache}",
    )
    run(sys.executable, "-m", "mypy", *options, users_code(tmp_path), cwd=tmp_path)


@needs_typed_frameworks
@pytest.mark.skipif(not find_spec("basedpyright"), reason="needs basedpyright")
def test_users_code_is_clean_under_pyright(python: Path, tmp_path: Path) -> None:
    # Not "strict", in which a function that takes a jax.Device is at fault: pyright cannot see it.
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    users_code(tmp_path)
    run(sys.executable, "-m", "basedpyright", "--pythonpath", python, cwd=tmp_path)


# -- metadata ------------------------------------------------------------------------------------


def test_links_of_the_package_page_are_absolute(metadata: email.message.Message) -> None:
    page = metadata.get_payload()
    assert isinstance(page, str)
    targets = re.findall(r"\]\(([^)]+)\)", page)
    assert len(targets) == len(re.findall(r"\]\(([^)]+)\)", (PROJECT / "README.md").read_text()))
    assert [target for target in targets if not re.match("https?://|#", target)] == []
    assert any(re.search("/raw/main/docs/.*[.]png$", target) for target in targets)


def test_the_projects_address_is_written_once() -> None:
    address = re.escape(SETTINGS["project"]["urls"]["Source"])
    named = [
        path.name
        for path in PROJECT.iterdir()
        if path.is_file() and re.search(address, path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert named == ["pyproject.toml"]


MACHINES = [
    ("linux", "x86_64"),
    ("linux", "aarch64"),
    ("darwin", "arm64"),
    ("win32", "AMD64"),
]


@pytest.mark.parametrize(("system", "processor"), MACHINES)
@pytest.mark.parametrize("extra", ["tensorflow-cpu", "dev", "bench"])
def test_tensorflow_fits_the_machine(
    metadata: email.message.Message, extra: str, system: str, processor: str
) -> None:
    machine = {"sys_platform": system, "platform_machine": processor, "extra": extra}
    expected = [
        requirement.name
        for requirement in map(Requirement, metadata.get_all("Requires-Dist", []))
        if requirement.name in ("tensorflow", "tensorflow-cpu")
        and requirement.marker is not None
        and requirement.marker.evaluate(machine)
    ]
    has_wheels = system != "darwin" and processor in ("x86_64", "AMD64")
    assert expected == ["tensorflow-cpu" if has_wheels else "tensorflow"]


# -- editable ------------------------------------------------------------------------------------


@pytest.mark.skipif(not find_spec("editables"), reason="needs editables")
def test_an_editable_install_exposes_the_packages_only(sdist: Path, tmp_path: Path) -> None:
    python = environment_beside_this_one(tmp_path / "environment")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (clone,) = tmp_path.glob("fmnist-*")
    pip("--python", python, "install", "--no-build-isolation", "-e", clone, cwd=tmp_path)
    (clone / "fmnist_core" / "edited.py").write_text("print('edited')")
    script = """
from importlib.util import find_spec
import fmnist_core.edited
for name in ("fmnist_core", "fmnist_numpy", "adapters", "tests", "docs", "hatch_build"):
    spec = find_spec(name)
    print(name, spec and spec.origin)
"""
    edited, core, numpy, *others = run(python, "-c", script, cwd=tmp_path).splitlines()
    assert edited == "edited"
    assert core.endswith(str(clone / "fmnist_core" / "__init__.py"))
    assert numpy.endswith(str(clone / "adapters" / "fmnist_numpy" / "__init__.py"))
    assert not [line for line in others if str(clone) in line]
