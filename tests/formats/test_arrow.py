"""Arrow files: read back by pandas as Feather, and read from others."""

from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pandas
import pyarrow as pa
import pytest
from pyarrow import feather

from fmnist_core import DataMismatchError, Dataset, export
from fmnist_core.catalog import GARMENTS
from fmnist_core.formats import arrow
from fmnist_core.formats.incoming import find, read_all
from fmnist_core.formats.rows import relabelled
from tests.helpers.payloads import assert_same


def test_arrow_is_read_back_by_pandas(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]
) -> None:
    frame = pandas.read_feather(exported("arrow") / "test.arrow")
    images = np.stack(frame["image"].to_list()).reshape(-1, 28, 28)
    assert_same(splits[1], images, frame["label"].to_numpy())


def test_what_datasets_keeps_on_disk_is_read(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path], tmp_path: Path
) -> None:
    """Streams of Arrow messages with pictures, in folders of the splits, or in a cache."""
    folder = str(exported("parquet"))
    loaded = datasets.load_dataset(folder, cache_dir=str(tmp_path / "cache"))
    cached = next((tmp_path / "cache").rglob("*train.arrow")).parent
    loaded.save_to_disk(tmp_path / "saved", num_shards={"train": 3, "test": 1})
    for place in (tmp_path / "saved", cached):
        parts = {rows.split: rows for rows in read_all(find(place))}
        for dataset in splits:
            rows = relabelled(parts[dataset.split_name], GARMENTS, "here")
            assert_same(dataset, rows.images, rows.labels)


def test_white_pixels_are_no_stream(tmp_path: Path) -> None:
    (tmp_path / "white").write_bytes(b"\xff" * 5000)
    assert find(tmp_path / "white") == []


def test_arrow_is_read(splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]) -> None:
    (rows,) = arrow.read(exported("arrow") / "train.arrow")
    assert rows.split == "train"
    rows = relabelled(rows, GARMENTS, "here")
    assert_same(splits[0], rows.images, rows.labels)


def test_lists_of_numbers_are_read(splits: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    flat = splits[1].images.reshape(-1, 784).tolist()
    table = pa.table({"image": flat, "label": splits[1].labels})
    with (
        pa.OSFile(str(tmp_path / "x.feather"), "wb") as file,
        pa.ipc.new_file(file, table.schema) as writer,
    ):
        writer.write_table(table)
    (rows,) = arrow.read(tmp_path / "x.feather")
    assert_same(splits[1], rows.images, rows.labels)


@pytest.mark.parametrize("compression", ["lz4", "zstd", "uncompressed"])
def test_packed_files_are_read(
    splits: tuple[Dataset, Dataset], tmp_path: Path, compression: str
) -> None:
    table = pa.table(
        {
            "image": splits[0].images.reshape(-1, 784).tolist(),
            "label": pa.array(splits[0].labels).dictionary_encode(),
        }
    )
    feather.write_feather(table, tmp_path / "x", compression=compression, chunksize=70)
    (rows,) = arrow.read(tmp_path / "x")
    assert_same(splits[0], rows.images, rows.labels)


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_packed_file_is_refused_by_what_it_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str
) -> None:
    """It is refused before pyarrow allocates the memory."""
    monkeypatch.setattr("fmnist_core.formats.rows.MAX_NBYTES", 1 << 22)
    pixels = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(784 * 20_000, np.uint8)), 784)
    table = pa.table({"image": pixels, "label": np.zeros(20_000, np.uint8)})
    feather.write_feather(table, tmp_path / "x", compression=compression)
    assert (tmp_path / "x").stat().st_size < 1 << 20
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    try:
        message = "at most 4,194,304 bytes of examples, found 15,"
        with pytest.raises(DataMismatchError, match=message):
            list(arrow.read(tmp_path / "x"))
    finally:
        pa.set_memory_pool(usual)
    assert pool.max_memory() < 1 << 22


def test_classes_that_are_numbers_become_names(tmp_path: Path) -> None:
    table = pa.table({"image": [[0] * 784], "label": [0]})
    feather.write_feather(
        table.replace_schema_metadata({"classes": "[0, 1]"}), tmp_path / "x.arrow"
    )
    (rows,) = arrow.read(tmp_path / "x.arrow")
    assert rows.classes == ("0", "1")


def test_more_than_256_classes_are_written(tmp_path: Path) -> None:
    many = Dataset(np.zeros((300, 2, 2), np.uint8), np.arange(300))
    export(many, tmp_path / "out", format="arrow")
    (rows,) = arrow.read(next((tmp_path / "out").iterdir()))
    assert rows.labels.tolist() == list(range(300))
