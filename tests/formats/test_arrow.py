"""Arrow files: read back by pandas as Feather, and as they come in."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pyarrow as pa

from fmnist_core import Dataset
from fmnist_core.catalog import GARMENTS
from fmnist_core.formats import arrow
from fmnist_core.formats.rows import relabelled
from tests.helpers.payloads import assert_same


def test_arrow_is_read_back_by_pandas(
    splits: tuple[Dataset, Dataset], exported: Callable[[str], Path]
) -> None:
    frame = pandas.read_feather(exported("arrow") / "test.arrow")
    images = np.stack(frame["image"].to_list()).reshape(-1, 28, 28)
    assert_same(splits[1], images, frame["label"].to_numpy())


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
