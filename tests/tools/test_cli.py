"""The command line: help, version, and readable errors."""

import subprocess
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import fmnist_core
from fmnist_core import FmnistError
from fmnist_core.tools.cli import PlainErrors, main

FRAMEWORKS = {"torch", "tensorflow", "keras", "jax"}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def run_command(command: click.Command) -> Result:
    """Run one command in a group like ours."""
    group = PlainErrors()
    group.add_command(command, "it")
    return CliRunner().invoke(group, ["it"])


def test_help_names_every_command() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for name, command in main.commands.items():
        assert f"\n  {name} " in result.stdout
        assert command.help


def test_help_of_demo_names_its_option() -> None:
    assert "--root DIRECTORY" in run("demo", "--help").stdout


def test_version_is_the_distributions() -> None:
    assert run("--version").stdout == f"fmnist, version {fmnist_core.__version__}\n"
    assert fmnist_core.__version__ == version("fmnist")


@pytest.mark.parametrize(
    "arguments",
    [("unknown",), ("demo", "--unknown"), ("demo", "--root", "/no/such/folder")],
    ids=["command", "option", "folder"],
)
def test_wrong_usage_is_exit_status_2(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


def test_an_error_is_one_line_and_exit_status_1() -> None:
    @click.command()
    def it() -> None:
        raise FmnistError('no such thing. Try: pip install "fmnist[torch]"')

    result = run_command(it)
    assert result.exit_code == 1
    assert result.stderr == 'Error: no such thing. Try: pip install "fmnist[torch]"\n'
    assert result.stdout == ""


def test_a_bug_keeps_its_traceback() -> None:
    @click.command()
    def it() -> None:
        raise ZeroDivisionError

    assert isinstance(run_command(it).exception, ZeroDivisionError)


def test_a_warning_is_one_line() -> None:
    @click.command()
    def it() -> None:
        warnings.simplefilter("always")
        warnings.warn("the store is full", stacklevel=1)

    result = run_command(it)
    assert (result.exit_code, result.stderr) == (0, "Warning: the store is full\n")


def test_missing_data_are_one_line(tmp_path: Path) -> None:
    result = run("demo", "--root", str(tmp_path))
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "train-images-idx3-ubyte" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_imports_nothing_heavy(argument: str) -> None:
    script = (
        "import sys; from fmnist_core.tools.cli import main; "
        f"main([{argument!r}], standalone_mode=False); print(*sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    modules = set(done.stderr.split())
    assert "fmnist_core.tools.cli" in modules
    assert not modules & (FRAMEWORKS | {"rich", "multiprocessing"})
