"""Arrow files, also called Feather V2: pixels as they are, and labels.

The column ``image`` is Arrow's tensor of fixed shape, which readers that do not know it read as a
list of 784 numbers. The classes are in the schema's metadata.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_core.errors import DataMismatchError
from fmnist_core.formats.rows import Rows, as_images, as_labels, check_size, split_in
from fmnist_core.formats.split import Split
from fmnist_core.formats.table import check_installed
from fmnist_core.idx.zips import foreign


def write(splits: Sequence[Split], folder: Path) -> None:
    """Write ``train.arrow`` and the like."""
    import pyarrow as pa

    folder.mkdir()
    for split in splits:
        kind: Any = pa.fixed_shape_tensor(pa.uint8(), split.dataset.image_shape)
        schema = pa.schema([("image", kind), ("label", pa.uint8())])
        schema = schema.with_metadata({"classes": json.dumps(split.dataset.classes)})
        with (
            (folder / f"{split.name}.arrow").open("xb") as file,
            pa.ipc.new_file(file, schema) as writer,
        ):
            for images, labels in split.blocks():
                tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(images))
                columns = [tensors, pa.array(labels, pa.uint8())]
                writer.write_batch(pa.record_batch(columns, schema=schema))


def read(path: Path) -> Iterator[Rows]:
    """Yield the examples of an Arrow file with a column of tensors or lists, and labels."""
    check_installed("pyarrow", "reading Arrow")
    import pyarrow as pa

    with foreign(str(path)), pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as file:
        names = file.schema.names
        if not {"image", "label"} <= set(names):
            raise DataMismatchError(f"{path}: expected columns image and label, found {names}")
        table = file.read_all()
        check_size(table.nbytes, str(path))
        column: Any = table["image"].combine_chunks()
        shape = getattr(column.type, "shape", None)
        storage = getattr(column, "storage", column)
        flat = storage.flatten().to_numpy(zero_copy_only=False)
        metadata = file.schema.metadata or {}
        classes = tuple(json.loads(metadata.get(b"classes", b"[]")))
        pixels = flat.reshape(len(table), *(shape or (-1,))).copy()
        labels = table["label"].to_numpy()
    images = as_images(pixels, str(path))
    yield Rows(images, as_labels(labels, len(images), str(path)), split_in(path.name), classes)
