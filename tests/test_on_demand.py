"""Names that are imported on demand are those that type checkers see, and nothing comes before."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from fmnist_core import on_demand

PACKAGES = ("fmnist_core", "fmnist_core.transforms")


def seen_by_checkers(package: str) -> dict[str, object]:
    """Return what the imports under ``if TYPE_CHECKING`` of a package stand for."""
    tree = ast.parse(Path(str(import_module(package).__file__)).read_text(encoding="utf-8"))
    (block,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    values = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            is_module = node.module == package
            home = import_module(f"{package}.{alias.name}" if is_module else str(node.module))
            values[alias.name] = home if is_module else getattr(home, alias.name)
    return values


@pytest.mark.parametrize("package", PACKAGES)
def test_names_are_what_checkers_see(package: str) -> None:
    module = import_module(package)
    assert sorted(seen_by_checkers(package)) == sorted(module.__all__)
    for name, wanted in seen_by_checkers(package).items():
        assert getattr(module, name) is wanted, name
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_that_is_not_there_is_missed(package: str) -> None:
    with pytest.raises(AttributeError, match=f"'{package}' has no attribute 'no_such_name'"):
        import_module(package).no_such_name  # noqa: B018


def test_a_name_is_the_same_whatever_was_imported_before() -> None:
    """A module becomes an attribute of its package: none may have the name of something else."""
    for package in PACKAGES:
        folder = Path(str(import_module(package).__file__)).parent
        for name, value in seen_by_checkers(package).items():
            is_beside = (folder / f"{name}.py").exists() or (folder / name).is_dir()
            assert is_beside == (value is sys.modules.get(f"{package}.{name}"))


def modules_after(statement: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}; import sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


def test_importing_the_core_imports_nothing_more() -> None:
    came = modules_after("import fmnist_core") - modules_after("import typing, importlib")
    assert came == {"fmnist_core", "fmnist_core.on_demand"}


def test_a_first_batch_does_without_what_takes_long_to_import() -> None:
    came = modules_after(
        "import fmnist_core as fm, numpy; "
        "data = fm.Dataset(numpy.zeros((9, 28, 28), 'uint8'), numpy.zeros(9, 'uint8')); "
        "next(iter(data.to('numpy', batch_size=3, shuffle=True)))"
    )
    assert "fmnist_numpy" in came
    came -= modules_after("import numpy")
    slow = {"hashlib", "importlib.metadata", "email", "socket", "fractions", "html", "plistlib"}
    assert not came & slow
    assert not came & {f"fmnist_core.{one}" for one in ("picture", "quality", "synthetic")}
    assert not came & {f"fmnist_core.transforms.{one}" for one in ("warps", "masks", "tables")}


def test_both_functions_are_of_the_table() -> None:
    get, names = on_demand.names("json", {"decoder": "JSONDecoder", "encoder": ""})
    assert get("JSONDecoder") is import_module("json.decoder").JSONDecoder
    assert get("encoder") is import_module("json.encoder")
    assert {"JSONDecoder", "decoder", "encoder"} <= set(names())
