"""The folder of the Hugging Face Hub: read back by datasets and pandas, and through Croissant."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import mlcroissant
import numpy as np
import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from fmnist_core import DataMismatchError, Dataset
from fmnist_core.catalog import GARMENTS
from fmnist_core.formats import parquet
from fmnist_core.formats.incoming import find, read_all
from fmnist_core.formats.rows import relabelled
from tests.helpers.payloads import assert_same


def test_parquet_is_read_back_by_datasets(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path], tmp_path_factory: Any
) -> None:
    folder, cache = str(exported("parquet")), str(tmp_path_factory.mktemp("hub"))
    declared = datasets.load_dataset_builder(folder, cache_dir=cache).info.splits
    assert {name: split.num_examples for name, split in declared.items()} == {
        each.split_name: len(each) for each in splits
    }
    loaded = datasets.load_dataset(folder, cache_dir=cache)
    assert set(loaded) == {"train", "test"}
    for dataset in splits:
        split = loaded[dataset.split_name]
        assert split.features["image"] == datasets.Image()
        assert split.features["label"] == datasets.ClassLabel(names=list(GARMENTS))
        assert_same(dataset, np.stack([np.asarray(p) for p in split["image"]]), split["label"])


def test_parquet_has_the_columns_of_the_hub(exported: Callable[[str], Path]) -> None:
    path = exported("parquet") / "data" / "test-00000-of-00001.parquet"
    schema = pq.read_schema(path)
    assert str(schema.field("image").type) == "struct<bytes: binary, path: string>"
    assert str(schema.field("label").type) == "int64"
    first = pandas.read_parquet(path)["image"][0]
    assert Image.open(io.BytesIO(first["bytes"])).size == (28, 28)


# Of what mlcroissant asks of rdflib and pandas.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_croissant_leads_to_the_examples(
    splits: tuple[Dataset, Dataset],
    exported: Callable[[str], Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    metadata = mlcroissant.Dataset(jsonld=exported("parquet") / "croissant.json")
    assert not metadata.metadata.ctx.issues.errors
    assert "not standard" not in caplog.text
    for dataset in splits:
        name = dataset.split_name
        records = list(metadata.records(name))
        images = np.stack([np.asarray(record[f"{name}/image"]) for record in records])
        assert_same(dataset, images, np.array([record[f"{name}/label"] for record in records]))


def test_parquet_is_read(splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]) -> None:
    folder = exported("parquet") / "data"
    for dataset in splits:
        (rows,) = parquet.read(folder / f"{dataset.split_name}-00000-of-00001.parquet")
        assert rows.split == dataset.split_name
        rows = relabelled(rows, GARMENTS, "here")
        assert_same(dataset, rows.images, rows.labels)


def test_the_folder_gives_the_split(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path], tmp_path: Path
) -> None:
    """As in the Hub's own conversions: train/0000.parquet and test/0000.parquet."""
    data = exported("parquet") / "data"
    for name in ("train", "test"):
        (tmp_path / "hub" / name).mkdir(parents=True)
        (data / f"{name}-00000-of-00001.parquet").rename(tmp_path / "hub" / name / "0000.parquet")
    parts = {rows.split: rows for rows in read_all(find(tmp_path / "hub"))}
    for dataset in splits:
        rows = relabelled(parts[dataset.split_name], GARMENTS, "here")
        assert_same(dataset, rows.images, rows.labels)


def png(size: tuple[int, int] = (28, 28)) -> bytes:
    file = io.BytesIO()
    Image.new("L", size).save(file, "PNG")
    return file.getvalue()


def test_the_hubs_names_of_classes_are_known(tmp_path: Path) -> None:
    """zalando-datasets/fashion_mnist has "T - shirt / top"; others have the names for labels."""
    for first in ("T - shirt / top", "T-Shirt", "Top"):
        names = [first, *GARMENTS[1:9], "Ankle boots"]
        table = pa.table({"image": [{"bytes": png()}] * 10, "label": names})
        pq.write_table(table, tmp_path / "test.parquet")
        (rows,) = parquet.read(tmp_path / "test.parquet")
        assert relabelled(rows, GARMENTS, "here").labels.tolist() == list(range(10))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"image": [b"no picture"], "label": [1]}, "row 0: the picture cannot be read"),
        ({"image": [png(), png((27, 28))], "label": [1, 2]}, "row 1: expected a picture of 28"),
        ({"image": [3], "label": [1]}, "image: expected a column of pictures, found 3"),
        ({"image": [png()], "label": [None]}, "expected a whole number as the label"),
        ({"picture": [png()], "label": [1]}, "expected columns image and label"),
        ({f"pixel{n}": [0] for n in range(784)}, "and label, found .{10,200}$"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, columns: Any, expected: str) -> None:
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    with pytest.raises(DataMismatchError, match=expected):
        list(parquet.read(tmp_path / "x.parquet"))


def test_damaged_parquet_raises_our_error(exported: Callable[[str], Path]) -> None:
    path = exported("parquet") / "data" / "test-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="is damaged"):
        list(parquet.read(path))


def test_an_unknown_class_name_raises(tmp_path: Path) -> None:
    table = pa.table({"image": [png()], "label": ["Hat"]})
    pq.write_table(table, tmp_path / "x.parquet")
    (rows,) = parquet.read(tmp_path / "x.parquet")
    with pytest.raises(DataMismatchError, match="'Hat'"):
        relabelled(rows, GARMENTS, "here")


def test_one_large_value_of_many_rows_is_refused_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dictionary holds it once; in Python it would be there once for each row."""
    monkeypatch.setattr("fmnist_core.formats.rows.MAX_NBYTES", 1 << 22)
    pictures = pa.array([bytes(1 << 20)] * 200)
    pq.write_table(pa.table({"image": pictures, "label": [0] * 200}), tmp_path / "x.parquet")
    assert (tmp_path / "x.parquet").stat().st_size < 1 << 21
    with pytest.raises(DataMismatchError, match="at most 4,194,304 bytes of examples"):
        list(parquet.read(tmp_path / "x.parquet"))


def test_deep_metadata_is_no_names(tmp_path: Path) -> None:
    deep = '{"a":' * 100_000
    table = pa.table({"image": [png()], "label": [3]}).replace_schema_metadata(
        {"huggingface": deep}
    )
    pq.write_table(table, tmp_path / "x.parquet")
    (rows,) = parquet.read(tmp_path / "x.parquet")
    assert rows.classes == ()


def test_shards_of_different_text_labels_are_joined_by_name(tmp_path: Path) -> None:
    for number, names in enumerate((["Coat", "Bag"], ["Dress", "Bag"])):
        table = pa.table({"image": [png(), png()], "label": names})
        pq.write_table(table, tmp_path / f"train-{number}.parquet")
    (rows,) = read_all(find(tmp_path))
    assert [rows.classes[label] for label in rows.labels] == ["Coat", "Bag", "Dress", "Bag"]
