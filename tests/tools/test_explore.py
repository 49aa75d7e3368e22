"""`fmnist explore`: what it writes, and what it refuses before anything is written."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import fmnist_core as fm
from fmnist_core.tools.cli import main
from tests.helpers.pages import Page

pytest.importorskip("sklearn", reason="needs scikit-learn")


def run(output: Path, *options: str, name: str = "synthetic") -> tuple[int, str]:
    result = CliRunner().invoke(main, ["explore", name, "-o", str(output), *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def few() -> list[str]:
    """Options for a small page: one class of the test split."""
    return ["--split", "test", "--classes", "Ankle boot,3"]


def test_a_page_is_written(tmp_path: Path, few: list[str]) -> None:
    output = tmp_path / "explore.html"
    code, printed = run(output, *few)
    assert code == 0
    size = output.stat().st_size / 1e6
    assert f"Wrote {output}: 2,000 examples, {size:.1f} MB. Open it in a browser\n" in printed
    html, test = Page(output.read_bytes()), fm.load("synthetic", "test")
    boots = test.select(np.isin(test.labels, [3, 9]))
    assert html.part("pixels") == boots.images.tobytes()
    assert html.part("labels") == boots.labels.tobytes()
    assert np.array_equal(np.frombuffer(html.part("places"), "<i4"), boots.indices)
    assert html.about["layouts"] == ["PCA"]
    from fmnist_core.embedding import embed
    from fmnist_core.explorer.coordinates import fitted

    assert html.part("coordinates") == fitted(embed(boots.images)).tobytes()


def test_ones_own_map_and_predictions(tmp_path: Path, few: list[str]) -> None:
    rng, test = np.random.default_rng(0), fm.load("synthetic", "test")
    rows = test.indices[np.isin(test.labels, [3, 9])]
    np.save(tmp_path / "mine.npy", rng.normal(size=(2000, 2)))
    lines = "".join(f"{row},{rng.integers(10)}\n" for row in rows)
    (tmp_path / "mine.csv").write_text(f"index,predicted\n{lines}")
    mine = ["--coordinates", str(tmp_path / "mine.npy"), "--scores", str(tmp_path / "mine.csv")]
    output = tmp_path / "explore.html"
    assert run(output, *few, *mine, "--light")[0] == 0
    html = Page(output.read_bytes())
    assert html.about["layouts"] == ["mine.npy"]
    assert (html.about["greys"], html.about["scores"]) == (16, {"hasScore": False})
    assert len(html.part("predicted")) == 4 * 2000
    assert run(output, *few, *mine, "--method", "pca", "--force")[0] == 0
    assert Page(output.read_bytes()).about["layouts"] == ["mine.npy", "PCA"]


def test_a_name_that_is_not_utf_8(tmp_path: Path, few: list[str]) -> None:
    name = tmp_path / "caf\udce9.npy"
    try:
        np.save(name, np.random.default_rng(0).normal(size=(2000, 2)))
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system takes no such names")
    output = tmp_path / "explore.html"
    assert run(output, *few, "--coordinates", str(name))[0] == 0
    assert Page(output.read_bytes()).about["layouts"] == ["caf\\udce9.npy"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--split", "val"], "synthetic has the splits train, test; found 'val'"),
        (["--classes", "Hat"], "Hat"),
        (["--classes", ""], "''"),
        (["--coordinates", "none.npy", "--split", "test"], "none.npy: cannot be read"),
        (["--scores", "none.csv", "--split", "test"], "none.csv: cannot be read"),
        (["--method", "mds"], "'mds' is not one of 'pca', 'tsne', 'umap'"),
    ],
)
def test_what_is_not_there_is_refused(tmp_path: Path, options: list[str], message: str) -> None:
    code, printed = run(tmp_path / "explore.html", *options)
    assert code != 0
    assert message in printed
    assert not list(tmp_path.iterdir())


def test_an_unknown_dataset_is_refused(tmp_path: Path) -> None:
    code, printed = run(tmp_path / "explore.html", name="fashion")
    assert (code, list(tmp_path.iterdir())) == (1, [])
    assert "fashion-mnist" in printed


def test_a_missing_library_is_named_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fmnist_core import embedding

    monkeypatch.setattr(embedding, "find_spec", lambda name: None)
    code, printed = run(tmp_path / "explore.html", name="no-dataset")
    assert (code, list(tmp_path.iterdir())) == (1, [])
    assert 'Try: pip install "fmnist[pictures]"' in printed


def test_a_file_that_is_there_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    output = tmp_path / "explore.html"
    output.write_bytes(b"mine")
    code, printed = run(output, name="no-dataset")
    assert (code, output.read_bytes()) == (1, b"mine")
    assert "Try: --force" in printed
