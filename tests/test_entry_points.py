"""An entry point read at a glance is the one that `importlib.metadata` finds, or none."""

import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from fmnist_core.entry_points import only_value

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that leaves a package's entry points on the path, as pip does."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def installed(text: str, package: str = "plug", kind: str = "dist-info") -> None:
        info = tmp_path / f"{package}-1.0.{kind}"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\n")
        (info / "entry_points.txt").write_text(text)

    return installed


def test_every_installed_entry_point_is_the_standard_librarys() -> None:
    """Of all groups on this machine, so that other tools' ways to write them are among them."""
    for group in entry_points().groups:
        for name in entry_points(group=group).names:
            values = [offer.value for offer in entry_points(group=group, name=name)]
            value = only_value(group, name)
            assert value is None or values == [value]
            if group == "fmnist":
                assert value is not None, name


@pytest.mark.parametrize("kind", ["dist-info", "egg-info"])
def test_one_is_found_among_other_groups(install: Install, kind: str) -> None:
    install(
        "[fmnist.catalog]\nmine = wrong\n\n[fmnist]\n# mine = wrong\nother=wrong\n"
        " mine  =  plug.inner \n\n[console_scripts]\nmine = wrong\n",
        kind=kind,
    )
    assert only_value("fmnist", "mine") == "plug.inner"
    assert [one.value for one in entry_points(group="fmnist", name="mine")] == ["plug.inner"]


@pytest.mark.parametrize(
    "text",
    [
        "[fmnist]\nother = plug\n",
        "[fmnist.catalog]\nmine = plug\n",
        "[fmnist]\nmine = plug:adapter\n",
        "[fmnist]\nmine = plug [extra]\n",
        "[fmnist]\nmine = \n",
    ],
)
def test_what_takes_a_closer_look_is_left_to_it(install: Install, text: str) -> None:
    install(text)
    assert only_value("fmnist", "mine") is None


def test_one_name_of_two_packages_takes_a_closer_look(install: Install) -> None:
    install("[fmnist]\nmine = plug\n")
    assert only_value("fmnist", "mine") == "plug"
    install("[fmnist]\nmine = plug\n", package="second")
    assert only_value("fmnist", "mine") is None


def test_what_is_no_folder_or_no_text_is_passed_over(install: Install, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as packed:
        packed.writestr("plug-1.0.dist-info/entry_points.txt", "[fmnist]\nmine = packed\n")
    sys.path += [str(tmp_path / "packed.zip"), str(tmp_path / "missing")]
    install("[fmnist]\nmine = plug\n")
    (tmp_path / "odd-1.0.dist-info").mkdir()
    (tmp_path / "odd-1.0.dist-info" / "entry_points.txt").write_bytes(b"[fmnist]\nmine = \xff\n")
    assert only_value("fmnist", "mine") == "plug"
