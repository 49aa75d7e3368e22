"""The documentation's examples run and print what the pages say."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]


def code_blocks(page: Path) -> list[str]:
    """Return the fenced blocks of a page, without their fences."""
    return re.findall(r"^```\w+\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_print_what_they_say(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if page.stem == "ray":  # which forks, as a process that has used JAX must not
        command = [sys.executable, "-m", "doctest", "-o", "NORMALIZE_WHITESPACE", str(page)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout
        return
    source = "\n".join(block for block in code_blocks(page) if ">>>" in block)
    test = doctest.DocTestParser().get_doctest(source, {}, page.name, str(page), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)


def test_nothing_waits_to_be_filled_in() -> None:
    for page in PAGES:
        assert not re.search("PLACEHOLDER|TODO|XXX", page.read_text(encoding="utf-8")), page.name


def test_pages_have_examples() -> None:
    with_examples = {page.stem for page in PAGES if ">>>" in page.read_text(encoding="utf-8")}
    assert with_examples >= {"README", "order", "resume", "idx", "fingerprint"}


def test_the_plugin_of_the_docs_installs_and_conforms(tmp_path: Path) -> None:
    files = {
        match[1]: block
        for block in code_blocks(PROJECT / "docs" / "adapters.md")
        if (match := re.match(r"# file: (\S+)\n", block))
    }
    assert set(files) == {"fmnist_dict.py", "pyproject.toml", "test_fmnist_dict.py"}
    source, installed = tmp_path / "source", tmp_path / "installed"
    source.mkdir()
    for name, content in files.items():
        (source / name).write_text(content)
    # Into a folder of its own: the environment of the tests stays as it is.
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation"]
    run_well(*pip, "--no-deps", "--target", str(installed), str(source))
    (source / "fmnist_dict.py").unlink()
    pytest_here = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    said = run_well(*pytest_here, str(source), PYTHONPATH=search_path(installed))
    assert re.search(r"^\d{2} passed", said, re.M), said


def run_well(*command: str, **environment: str) -> str:
    """Run a command that must succeed; return what it prints."""
    run = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def search_path(folder: Path) -> str:
    """Return a PYTHONPATH that begins with a folder."""
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
