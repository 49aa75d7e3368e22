"""`fmnist benchmark`: scikit-learn's own figures, whole files, and errors that lose no result."""

import csv
import os
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner
from click.testing import Result as Outcome

from fmnist_core import Dataset, FmnistError, FrameworkMissingError, OptionError, synthetic
from fmnist_core.tools import benchmark
from fmnist_core.tools import benchmark_report as report
from fmnist_core.tools.benchmark import Examples, scaled
from fmnist_core.tools.benchmark_entries import ENTRIES, Entry, chosen, own
from fmnist_core.tools.benchmark_report import Result
from fmnist_core.tools.cli import main

pytest.importorskip("sklearn")

FILES = ["benchmark.csv", "benchmark.md", "benchmark.svg"]
CHEAP = ("gaussian-nb", "extra-tree", "decision-tree")

MODELS = """
import warnings
import numpy as np

class Zero:
    def fit(self, pixels, labels):
        warnings.warn("this model\\nknows one answer")
    def predict(self, pixels):
        return np.zeros(len(pixels), int)

class Scorer:
    def fit(self, pixels, labels):
        assert not hasattr(self, "predict")
    def score(self, pixels, labels):
        return 0.25

class Bad:
    def fit(self, pixels, labels):
        raise MemoryError("no room")

class Interrupted:
    def fit(self, pixels, labels):
        raise KeyboardInterrupt

class Column(Zero):
    def predict(self, pixels):
        return np.zeros((len(pixels), 1), int)

number = 3
"""


@pytest.fixture(scope="module")
def splits() -> dict[str, Dataset]:
    """Four hundred garments to train on, and two hundred."""
    return {
        split: Dataset(*synthetic.draw_examples(split, slice(count)))
        for split, count in (("train", 400), ("test", 200))
    }


@pytest.fixture
def small(splits: dict[str, Dataset], monkeypatch: pytest.MonkeyPatch) -> tuple[Examples, Examples]:
    """The same, scaled; and `load` gives them under any name."""
    monkeypatch.setattr(benchmark, "load", lambda name, split, root: splits[split])
    return scaled(splits["train"], splits["test"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a user's module `models_of_mine`."""
    (tmp_path / "models_of_mine.py").write_text(MODELS)
    (tmp_path / "broken_of_mine.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("models_of_mine", "broken_of_mine"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def run(*arguments: object) -> Outcome:
    return CliRunner().invoke(main, ["benchmark", *map(str, arguments)])


def only(*names: str) -> list[str]:
    return [word for name in names for word in ("--only", name)]


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "benchmark.csv").open(newline="") as file:
        return {row["classifier"]: row for row in csv.DictReader(file)}


def test_pixels_are_scaled_over_the_train_split(
    splits: dict[str, Dataset], small: tuple[Examples, Examples]
) -> None:
    train, test = (splits[name].images.reshape(-1, 784).astype(float) for name in splits)
    deviation = np.where(train.std(0) == 0, 1, train.std(0))
    for (actual, labels), expected, split in zip(small, (train, test), splits, strict=True):
        np.testing.assert_allclose(actual, (expected - train.mean(0)) / deviation, atol=1e-9)
        np.testing.assert_array_equal(labels, splits[split].labels)


# scikit-learn's own classes, by hand, and the words of the published table.
def oracles() -> dict[str, object]:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import Perceptron, SGDClassifier
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    return {
        "gaussian-nb": GaussianNB(),
        "sgd": SGDClassifier(max_iter=5, tol=None, random_state=0),
        "perceptron": Perceptron(penalty="l1", max_iter=5, tol=None, random_state=0),
        "decision-tree": DecisionTreeClassifier(
            criterion="entropy", max_depth=10, splitter="best", random_state=0
        ),
        "random-forest": RandomForestClassifier(
            n_estimators=100, criterion="entropy", max_depth=100, random_state=0
        ),
        "k-nn": KNeighborsClassifier(weights="distance", n_neighbors=5, p=1),
        "svc": SVC(C=10, kernel="rbf", gamma=1 / 784),
    }


def test_accuracy_is_scikit_learns(small: tuple[Examples, Examples]) -> None:
    train, test = small
    for name, oracle in oracles().items():
        (entry,) = chosen([name])
        result = benchmark.run(entry, train, test)
        assert result.accuracy == oracle.fit(*train).score(*test), name  # type: ignore[attr-defined]
        assert result.notes == ()
        assert result.fit_seconds > 0
        assert result.predict_seconds > 0


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_entry_learns_and_repeats(entry: Entry, small: tuple[Examples, Examples]) -> None:
    (pixels, labels), test = small
    first, again = (benchmark.run(entry, (pixels[:100], labels[:100]), test) for _ in range(2))
    assert first.accuracy == again.accuracy > 0.4
    assert all(note.startswith("ConvergenceWarning: ") for note in first.notes)


def test_real_images_from_the_command_line(fashion_root: Path, tmp_path: Path) -> None:
    options = ("--root", fashion_root, "--train-size", 1000, "--output", tmp_path)
    result = run(*only(*CHEAP), *options)
    assert result.exit_code == 0, result.output
    assert "fashion-mnist: 1,000 training and 10,000 test examples" in result.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    by_name = rows(tmp_path)
    assert [*by_name] == [*CHEAP]
    assert by_name["decision-tree"]["published"] == "0.798"
    assert all(0.5 < float(row["accuracy"]) < 0.9 for row in by_name.values())
    page = (tmp_path / "benchmark.md").read_text()
    accuracy = float(by_name["decision-tree"]["accuracy"])
    assert f"| decision-tree | {accuracy:.4f} | 0.798 | {accuracy - 0.798:+.4f} |" in page
    assert f"{accuracy:.4f}" in result.stdout
    picture = (tmp_path / "benchmark.svg").read_text()
    assert ElementTree.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
    words = [*CHEAP, "published", "accuracy on the test split"]
    assert all(f"<!-- {word} -->" in picture for word in words)


def test_the_list_names_all_and_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    result = run("--list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == [e.name for e in ENTRIES]
    assert "max_depth=10" in result.stdout


def test_what_is_chosen_runs_cheapest_first() -> None:
    assert [entry.name for entry in chosen(["svc", "sgd", "svc"])] == ["sgd", "svc"]
    assert chosen([]) == [*ENTRIES]
    assert len({entry.name for entry in ENTRIES}) == 12


def test_an_unknown_name_lists_the_known_ones() -> None:
    result = run("--only", "resnet")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "found resnet" in result.stderr
    assert all(entry.name in result.stderr for entry in ENTRIES)


@pytest.mark.parametrize("package", ["sklearn", "matplotlib"])
def test_a_missing_package_is_named_with_its_extra(
    package: str, small: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(FrameworkMissingError, match=package):
        benchmark.check_installed(package)
    result = run(*only("gaussian-nb"), "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert f"needs '{package}'" in result.stderr
    assert 'pip install "fmnist[benchmark]"' in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("small")
def test_without_output_matplotlib_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(*only("gaussian-nb")).exit_code == 0


@pytest.mark.usefixtures("small")
def test_files_that_exist_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "benchmark.csv").write_text("mine")
    result = run(*only("gaussian-nb"), "--output", tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"found {tmp_path / 'benchmark.csv'}. Try: --force" in result.stderr
    assert (tmp_path / "benchmark.csv").read_text() == "mine"
    assert run(*only("gaussian-nb"), "--output", tmp_path, "--force").exit_code == 0
    assert [*rows(tmp_path)] == ["gaussian-nb"]


@pytest.mark.usefixtures("small")
def test_a_folder_that_cannot_be_made_raises_first(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run(*only("gaussian-nb"), "--output", tmp_path / "file" / "folder")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "cannot be made" in result.stderr


@pytest.mark.usefixtures("small")
def test_a_full_disk_leaves_no_half_file_and_the_table_is_printed(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 10, hard))
    try:
        result = run(*only("gaussian-nb"), "--output", tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert result.exit_code == 1
    assert "benchmark.svg: cannot be written" in result.stderr
    assert "gaussian-nb" in result.stdout
    assert sorted(os.listdir(tmp_path)) == ["benchmark.csv", "benchmark.md"]


@pytest.mark.usefixtures("small")
def test_a_users_model_joins(folder: Path) -> None:
    models = ["--model", "models_of_mine:Zero", "--model", "models_of_mine:Scorer"]
    result = run(*only("gaussian-nb"), *models, "--output", "out")
    assert result.exit_code == 0, result.output
    by_name = rows(folder / "out")
    assert [*by_name] == ["gaussian-nb", "models_of_mine:Zero", "models_of_mine:Scorer"]
    labels = synthetic.draw_examples("test", slice(200))[1]
    assert float(by_name["models_of_mine:Zero"]["accuracy"]) == np.mean(labels == 0)
    assert float(by_name["models_of_mine:Scorer"]["accuracy"]) == 0.25
    assert by_name["models_of_mine:Zero"]["published"] == ""
    assert by_name["models_of_mine:Zero"]["warnings"] == "UserWarning: this model"
    assert "models_of_mine:Zero (1)" in result.stdout
    assert "(1) UserWarning: this model\n" in result.stdout


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("model", "words"),
    [("Bad", "MemoryError: no room"), ("Column", "expected (200,) labels of predict")],
)
def test_a_model_that_fails_is_named_and_the_rest_is_kept(
    folder: Path, model: str, words: str
) -> None:
    models = ["--model", f"models_of_mine:{model}", "--model", "models_of_mine:Zero"]
    result = run(*only("gaussian-nb"), *models, "--output", "out")
    assert result.exit_code == 1
    assert f"models_of_mine:{model} failed: " in result.stderr
    assert words in result.stderr
    assert [*rows(folder / "out")] == ["gaussian-nb", "models_of_mine:Zero"]


@pytest.mark.usefixtures("small")
def test_an_interruption_keeps_what_was_measured(folder: Path) -> None:
    result = run(*only("gaussian-nb"), "--model", "models_of_mine:Interrupted", "--output", "out")
    assert result.exit_code == 130
    assert [*rows(folder / "out")] == ["gaussian-nb"]


@pytest.mark.usefixtures("small")
def test_published_figures_stand_beside_fashion_mnist_only(tmp_path: Path) -> None:
    result = run(*only("gaussian-nb"), "--name", "mnist", "--output", tmp_path)
    assert result.exit_code == 0, result.output
    assert rows(tmp_path)["gaussian-nb"]["published"] == ""
    assert "0.511" not in result.stdout


def test_the_page_has_the_recorded_figures() -> None:
    docs = Path(__file__).parents[2] / "docs"
    page = (docs / "benchmark.md").read_text(encoding="utf-8")
    by_name = rows(docs / "benchmark")
    assert [*by_name] == [entry.name for entry in ENTRIES]
    for entry in ENTRIES:
        row = by_name[entry.name]
        assert (row["settings"], float(row["published"])) == (entry.settings, entry.published)
        seconds = (float(row["fit_s"]), float(row["predict_s"]))
        result = Result(entry, float(row["accuracy"]), *seconds, tuple(row["warnings"].split("; ")))
        table = report.as_markdown("", [result]).splitlines()
        cells = table[4].partition(" | ")[2]
        assert re.search(rf"^\| {entry.name}( \(\d\))? \| {re.escape(cells)}$", page, re.M)
        assert all(note in page for note in result.notes)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("spec", "kind", "words"),
    [
        ("models_of_mine", OptionError, "PACKAGE.MODULE:CALLABLE"),
        (":Zero", OptionError, "PACKAGE.MODULE:CALLABLE"),
        ("no_such_module:Zero", OptionError, "no module named 'no_such_module'"),
        ("models_of_mine:None_such", OptionError, "no attribute 'None_such'"),
        ("models_of_mine:number", OptionError, "something to call, found 3"),
        ("broken_of_mine:Zero", FmnistError, "ZeroDivisionError"),
    ],
)
def test_a_path_that_leads_to_no_model_is_an_error(
    spec: str, kind: type[FmnistError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        own(spec)
