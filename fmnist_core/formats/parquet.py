"""A folder like those of datasets on the Hugging Face Hub: Parquet with pictures, and a README.md.

The column ``image`` is ``struct<bytes: binary, path: string>`` of PNG, ``label`` an int64 that the
schema's metadata and the README call a ClassLabel. croissant.json describes the same columns in
Croissant's terms.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_core.dataset import Dataset
from fmnist_core.errors import DataMismatchError, brief
from fmnist_core.formats import croissant
from fmnist_core.formats.pictures import encoded
from fmnist_core.formats.rows import Rows, as_labels, check_size, rows_of_pictures, split_in
from fmnist_core.formats.split import Split
from fmnist_core.formats.table import check_installed
from fmnist_core.formats.target import write_text
from fmnist_core.idx.zips import foreign

METADATA = b"huggingface"

BATCH = 64
"""Rows that are unpacked at once: a dictionary may give one large value to all of them."""


def write(splits: Sequence[Split], folder: Path) -> None:
    """Write ``data/train-00000-of-00001.parquet`` and the like, README.md and croissant.json."""
    (folder / "data").mkdir(parents=True)
    files = {split.name: f"data/{split.name}-00000-of-00001.parquet" for split in splits}
    for split in splits:
        _write_split(split, folder / files[split.name])
    write_text(
        folder / "README.md", _card(splits, {name: folder / path for name, path in files.items()})
    )
    metadata = croissant.described(splits, folder, files)
    write_text(folder / "croissant.json", json.dumps(metadata, indent=1) + "\n")


def _write_split(split: Split, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", picture), ("label", pa.int64())])
    schema = schema.with_metadata({METADATA: json.dumps(_features(split.dataset))})
    # Python opens the file, so that a full disk raises an OSError with its number.
    with path.open("xb") as file, pq.ParquetWriter(file, schema, compression="none") as writer:
        for images, labels in split.blocks():
            pictures = [{"bytes": encoded(image), "path": None} for image in images]
            columns = [pa.array(pictures, picture), pa.array(labels.astype(np.int64))]
            writer.write_table(pa.table(columns, schema=schema))


def _features(dataset: Dataset) -> dict[str, Any]:
    """Return the schema's description of its columns, in the form that `datasets` reads."""
    label = {"names": list(dataset.classes), "_type": "ClassLabel"}
    return {"info": {"features": {"image": {"_type": "Image"}, "label": label}}}


def _card(splits: Sequence[Split], files: Mapping[str, Path]) -> str:
    """Return the README.md, whose front matter tells the Hub the features, splits and files."""
    dataset = splits[0].dataset
    names = "".join(
        f"          '{label}': {json.dumps(name, ensure_ascii=False)}\n"
        for label, name in enumerate(dataset.classes)
    )
    config = (dataset.name or "default").replace("-", "_")
    counts = "".join(
        f"  - name: {split.name}\n    num_bytes: {files[split.name].stat().st_size}\n"
        f"    num_examples: {len(split)}\n"
        for split in splits
    )
    patterns = "".join(f"  - split: {s.name}\n    path: data/{s.name}-*\n" for s in splits)
    about = f"\n# {dataset.info.title}\n\n{dataset.info.homepage}\n" if dataset.name else ""
    licence = f"\nLicence: {dataset.info.licence}\n" if dataset.name else ""
    cite = f"\n```bibtex\n{dataset.info.citation}\n```\n" if dataset.name else ""
    return f"""\
---
task_categories:
- image-classification
dataset_info:
- config_name: {config}
  features:
  - name: image
    dtype: image
  - name: label
    dtype:
      class_label:
        names:
{names}  splits:
{counts}configs:
- config_name: {config}
  data_files:
{patterns}---
{about}{licence}{cite}"""


def read(path: Path) -> Iterator[Rows]:
    """Yield the examples of a Parquet file with columns of pictures and labels."""
    check_installed("pyarrow", "reading Parquet")
    import pyarrow.parquet as pq

    with foreign(str(path)), pq.ParquetFile(path) as file:
        image, label = picture_columns(file.schema_arrow.names, str(path))
        batches = file.iter_batches(BATCH, columns=[image, label])
        yield picture_rows(path, batches, image, label, file.schema_arrow.metadata or {})


def picture_rows(
    path: Path, batches: Iterable[Any], image: str, label: str, metadata: Mapping[bytes, bytes]
) -> Rows:
    """Return the examples of Arrow's batches, in columns of pictures and labels.

    Raises
    ------
    DataMismatchError
        If they are not, or would take too much memory.
    """
    pictures: list[bytes] = []
    labels: list[Any] = []
    nbytes = 0
    for batch in batches:
        nbytes += batch.nbytes
        check_size(nbytes, str(path))
        pictures += (_picture(cell, f"{path}, {image}") for cell in batch.column(image).to_pylist())
        labels += batch.column(label).to_pylist()
    numbers, classes = _numbered(labels, _class_names(metadata, label))
    checked = as_labels(numbers, len(pictures), str(path))
    rows = rows_of_pictures(zip(pictures, checked, strict=True), str(path), split_in(path.name))
    return rows._replace(classes=classes)


def _picture(cell: Any, where: str) -> bytes:
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(data, bytes):
        raise DataMismatchError(f"{where}: expected a column of pictures, found {brief(data)}")
    return data


def picture_columns(names: Sequence[str], where: str) -> tuple[str, str]:
    """Return which columns hold the pictures and the labels."""
    image = next((name for name in ("image", "img") if name in names), None)
    label = next((name for name in ("label", "labels", "fine_label") if name in names), None)
    if image is None or label is None:
        raise DataMismatchError(f"{where}: expected columns image and label, found {brief(names)}")
    return image, label


def _class_names(metadata: Mapping[bytes, bytes], label: str) -> tuple[str, ...]:
    try:
        features = json.loads(metadata[METADATA])["info"]["features"]
        return tuple(map(str, features[label]["names"]))
    except (KeyError, RecursionError, TypeError, ValueError):
        return ()


def _numbered(labels: list[Any], classes: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
    """Return labels as numbers, and their names; text labels are themselves the names."""
    if labels and all(isinstance(label, str) for label in labels):
        names, numbers = np.unique(labels, return_inverse=True)
        return numbers, tuple(map(str, names))
    return np.asarray(labels), classes
