"""The house rules that a reader relies on: imports point one way, and docs cover everything."""

import ast
import inspect
import re
import sys
from pathlib import Path

import pytest

import fmnist_core
from fmnist_core import Dataset, hookspecs

PROJECT = Path(__file__).parent.parent
CORE = PROJECT / "fmnist_core"

# Data flows down this list; a room imports only rooms above it.
ROOMS = [
    "errors",
    "llvm",
    "on_demand",
    "records",
    "files",
    "idx",
    "catalog",
    "order",
    "synthetic",
    "storage",
    "selection",
    "state",
    "agreement",
    "plan",
    "transforms",
    "encoding",
    "hookspecs",
    "entry_points",
    "registry",
    "quality",
    "source",
    "rows",
    "partition",
    "choosing",
    "picture",
    "planning",
    "dataset",
    "joined",
    "embedding",
    "figures",
    "explorer",
    "formats",
    "loading",
    "compat",
    "provenance",
    "epochs",
    "batch",
    "epoch_fingerprint",
    "fingerprints",
    "traces",
    "testing",
]
AT_IMPORT = {"numpy", "pluggy", "fmnist_core"}


def imports(path: Path, *, anywhere: bool) -> set[str]:
    """Return the modules that a file imports, at its top level or anywhere."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if anywhere else iter(tree.body)
    modules = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
            if node.module == "fmnist_core":
                modules |= {f"fmnist_core.{alias.name}" for alias in node.names}
    return modules


def files_of(room: str) -> list[Path]:
    """Return the files of a module or a package."""
    return sorted((CORE / room).glob("*.py")) or [CORE / f"{room}.py"]


def test_every_room_is_listed() -> None:
    modules = {path.stem for path in CORE.glob("[!_]*.py")}
    packages = {path.parent.name for path in CORE.glob("*/__init__.py")} - {"tools"}
    assert sorted(ROOMS) == sorted(modules | packages)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_up_the_house(room: str) -> None:
    above = {*ROOMS[: ROOMS.index(room)], room}
    ours = {
        name.split(".")[1]
        for path in files_of(room)
        for name in imports(path, anywhere=True)
        if name.startswith("fmnist_core.")
    }
    assert ours <= above


@pytest.mark.parametrize("room", ROOMS)
def test_the_core_imports_only_numpy_and_pluggy_at_its_top(room: str) -> None:
    imported = [imports(path, anywhere=False) for path in files_of(room)]
    names = {name.split(".")[0] for name in set().union(*imported)}
    assert names - set(sys.stdlib_module_names) <= AT_IMPORT


def test_adapters_is_a_folder_not_a_package() -> None:
    assert not (PROJECT / "adapters" / "__init__.py").exists()


ADAPTER_FILES = sorted((PROJECT / "adapters").glob("*/*.py"))


@pytest.mark.parametrize("path", ADAPTER_FILES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_an_adapter_imports_its_framework_and_the_core(path: Path) -> None:
    package = path.parent.name
    framework = package.removeprefix("fmnist_")
    names = {name.split(".")[0] for name in imports(path, anywhere=True)}
    # Ray Data requires fsspec; the drop-in for torchvision is its dataset where it is installed.
    beside = {"ray": {"fsspec"}, "torch": {"torchvision"}}.get(framework, set())
    allowed = {"numpy", "fmnist_core", package, framework, *beside}
    assert names - set(sys.stdlib_module_names) <= allowed


@pytest.mark.parametrize("package", sorted((PROJECT / "adapters").iterdir()), ids=lambda p: p.name)
def test_an_adapter_is_a_typed_package(package: Path) -> None:
    assert (package / "__init__.py").is_file()
    assert (package / "py.typed").is_file()


PLUGIN_FILES = sorted((PROJECT / "plugins").glob("*/*/*.py"))


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: path.stem)
def test_a_plugin_imports_only_what_the_docs_offer(path: Path) -> None:
    page = (PROJECT / "docs" / "adapters.md").read_text(encoding="utf-8")
    offered = {
        module: set(re.findall(r"`(\w+)`", names))
        for module, names in re.findall(r"^\| `(fmnist_core[\w.]*)` \| (.*?) \|", page, re.M)
    }
    offered["fmnist_core"] = {*fmnist_core.__all__, "testing"}
    assert "Assembler" in offered["fmnist_core.batch"]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fmnist_core"):
            taken = {alias.name for alias in node.names}
            assert taken <= offered.get(node.module or "", set()), f"{path.name}: {node.module}"


def test_public_names_are_sorted_and_documented() -> None:
    assert sorted(fmnist_core.__all__) == fmnist_core.__all__
    for name in fmnist_core.__all__:
        assert inspect.getdoc(getattr(fmnist_core, name)), name


def test_loader_options_are_those_of_dataset_to() -> None:
    parameters = set(inspect.signature(Dataset.to).parameters)
    options = parameters - {"self", "adapter", "batch_size", "framework_options"}
    assert set(hookspecs.LoaderOptions.__annotations__) == options


def test_every_hook_and_protocol_member_is_in_the_docs() -> None:
    page = (PROJECT / "docs" / "adapters.md").read_text(encoding="utf-8")
    hooks = [name for name in vars(hookspecs) if name.startswith("fmnist_")]
    assert hooks
    for name in [*hooks, "name", "layout", "label_dtype", "writable", "loader", "to_numpy"]:
        assert f"`{name}" in page, f"{name} is not in docs/adapters.md"
