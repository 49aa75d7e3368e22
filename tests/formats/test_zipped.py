"""CSV tables in a zip file, as Kaggle's archive.zip has them."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from fmnist_core import DataMismatchError, Dataset, load
from fmnist_core.formats import zipped
from fmnist_core.formats.incoming import kind_of
from fmnist_core.tools.cli import main
from tests.helpers.payloads import assert_same


@pytest.fixture
def archive(exported: Callable[[str], Path], tmp_path: Path) -> Path:
    """Both splits as CSV, in one zip file."""
    folder = exported("csv")
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for table in sorted(folder.iterdir()):
            file.write(table, f"data/{table.name}")
        file.writestr("README.txt", "two tables\n")
    return path


def test_both_tables_come_in(splits: tuple[Dataset, Dataset], archive: Path) -> None:
    kind = kind_of(archive)
    assert kind is not None
    assert kind.kind == "zipped CSV"
    found = {rows.split: rows for rows in zipped.read(archive)}
    for dataset in splits:
        rows = found[dataset.split_name]
        assert_same(dataset, rows.images, rows.labels)


def test_a_whole_split_is_loaded_and_identified(tmp_path: Path) -> None:
    test = load("synthetic", "test")
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        rows = [
            [int(label), *image.ravel()]
            for image, label in zip(test.images, test.labels, strict=True)
        ]
        file.writestr("test.CSV", "".join(f"{','.join(map(str, row))}\n" for row in rows))
        file.writestr("ReadMe", "a table\n")
    found = load("synthetic", "test", root=path)
    assert_same(test, found.images, found.labels)
    result = CliRunner().invoke(main, ["identify", str(path)])
    assert result.exit_code == 0
    assert "test in the original order, as zipped CSV" in result.stdout
    assert len(result.stdout.splitlines()) == 1


def test_idx_files_beside_tables_are_identified_too(archive: Path, fashion_root: Path) -> None:
    with zipfile.ZipFile(archive, "a") as file:
        file.write(next(fashion_root.glob("t10k-labels*")), "t10k-labels-idx1-ubyte.gz")
    result = CliRunner().invoke(main, ["identify", str(archive)])
    assert "t10k-labels-idx1-ubyte.gz: Fashion-MNIST" in result.stdout
    assert "zipped CSV with" in result.stdout


def test_a_damaged_row_is_named_with_its_member(archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("more_train.csv", "1,2,3,4,5\n1,2,3,4,256\n")
    with pytest.raises(
        DataMismatchError, match=r"archive.zip!more_train.csv: .* '256' in line 2, column 5"
    ):
        list(zipped.read(archive))


def test_text_without_an_end_is_not_read_on(tmp_path: Path) -> None:
    """Two tables of 30 MB in a zip file of 60 KB: the limit holds for both together."""
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("a.csv", "b.csv"):
            with file.open(name, "w") as member:
                for _ in range(30):
                    member.write((b"7," * 500 + b"7\n") * 1000)
    read = zipped.read(path)
    with pytest.raises(DataMismatchError, match="32 times as long as the zip file"):
        list(read)


def test_a_line_without_an_end_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "line.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.csv", b"7," * (1 << 22))
    with pytest.raises(DataMismatchError, match="lines of at most"):
        list(zipped.read(path))
