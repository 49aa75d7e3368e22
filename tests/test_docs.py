"""The documentation's examples run and print what the pages say."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fmnist_core
from fmnist_core import Dataset

PROJECT = Path(__file__).parent.parent
DOCS = PROJECT / "docs"
PAGES = [PROJECT / "README.md", *sorted(DOCS.rglob("*.md"))]


def code_blocks(page: Path, language: str = r"\w+") -> list[str]:
    """Return the fenced blocks of a page, without their fences."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


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


def programs(page: Path) -> list[str]:
    """Return the Python blocks of a page that are complete programs: they begin with an import."""
    return [code for code in code_blocks(page, "python") if re.match("import |from ", code)]


@pytest.mark.parametrize("page", [page for page in PAGES if programs(page)], ids=lambda p: p.stem)
def test_programs_run_and_print_what_their_comments_say(page: Path, tmp_path: Path) -> None:
    """Each in a namespace of its own, on "synthetic", which needs no network."""
    promised = []
    for number, code in enumerate(programs(page)):
        offline = code.replace('"fashion-mnist"', '"synthetic"')
        (tmp_path / f"program_{number:02}.py").write_text(offline)
        promised += re.findall(r"^print\(.*\)  # (.*)$", code, re.M)
    run_all = "import runpy, sys\nfor path in sys.argv[1:]: runpy.run_path(path)\n"
    paths = sorted(map(str, tmp_path.glob("program_*.py")))
    printed = iter(run_well(sys.executable, "-c", run_all, *paths, cwd=tmp_path).splitlines())
    assert all(line in printed for line in promised), promised  # in this order


def test_no_placeholder_is_left() -> None:
    for page in PAGES:
        assert not re.search("PLACEHOLDER|TODO|XXX", page.read_text(encoding="utf-8")), page.name


def test_pages_have_examples() -> None:
    with_examples = {page.stem for page in PAGES if ">>>" in page.read_text(encoding="utf-8")}
    assert with_examples >= {"options", "selecting", "resume", "order", "idx", "fingerprint"}
    assert {page.stem for page in PAGES if programs(page)} >= {"README", "recipes"}
    assert (
        len(programs(PROJECT / "README.md")) == 4
    )  # a training loop for each framework; augmentation


def test_the_plugin_of_the_docs_installs_and_conforms(tmp_path: Path) -> None:
    files = {
        match[1]: block
        for block in code_blocks(DOCS / "adapters.md")
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
    output = run_well(*pytest_here, str(source), PYTHONPATH=search_path(installed))
    assert re.search(r"^\d{2} passed", output, re.M), output


def run_well(*command: str, cwd: Path | None = None, **environment: str) -> str:
    """Run a command that must succeed; return what it prints."""
    run = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, **environment},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def search_path(folder: Path) -> str:
    """Return a PYTHONPATH that begins with a folder."""
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_every_public_name_has_a_row_in_the_api_pages() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (DOCS / "api").glob("*.md"))
    rows = "\n".join(line for line in pages.splitlines() if line.startswith("|"))
    names = [*fmnist_core.__all__, *(name for name in vars(Dataset) if name[0] != "_")]
    internal = {
        "derived",
        "described",
        "from_source",
        "original_rows",
        "released",
        "resolved",
    }  # for adapters
    missing = [n for n in names if n not in internal and not re.search(rf"`[^`]*\b{n}\b", rows)]
    assert not missing


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    run_well(sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(DOCS), str(tmp_path))


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
