"""Old code: run as it was written, in a folder as it expects it."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.helpers.old_code import RunOld, made_arrays, write_pair


@pytest.fixture
def run_old(monkeypatch: pytest.MonkeyPatch) -> RunOld:
    """Return a function that runs old code, the modules that it imports replaced by name."""

    def run(code: str, modules: dict[str, ModuleType]) -> dict[str, Any]:
        for name, module in modules.items():
            parents = name.split(".")[:-1]
            for end in range(1, len(parents) + 1):
                parent = ".".join(parents[:end])
                monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
            monkeypatch.setitem(sys.modules, name, module)
        names: dict[str, Any] = {}
        exec(compile(code, "<old code>", "exec"), names)
        return names

    return run


@pytest.fixture
def data_fashion(tmp_path: Path, fashion_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder data/fashion of the working folder, with the genuine files."""
    folder = tmp_path / "data" / "fashion"
    folder.parent.mkdir()
    folder.symlink_to(fashion_root.resolve(), target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def empty_machine(tmp_path: Path, fashion_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, nothing in the store, and a mirror on the disk."""
    for name in ("work", "home", "keras"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("FMNIST_MIRROR", fashion_root.resolve().as_uri())
    monkeypatch.delenv("FMNIST_OFFLINE", raising=False)
    return tmp_path / "work"


@pytest.fixture
def small_folder(tmp_path: Path) -> Path:
    """Folder with 50 train and 20 test images."""
    folder = tmp_path / "made"
    folder.mkdir()
    write_pair(folder, "train", *made_arrays(50))
    write_pair(folder, "t10k", *made_arrays(20, first=100))
    return folder
