"""Arrow files, also called Feather V2: pixels as they are, and labels.

Hugging Face's `datasets` keeps Arrow streams on disk, with pictures instead of pixels; they are
read too.

The column ``image`` is Arrow's tensor of fixed shape, which readers that do not know it read as a
list of 784 numbers. The classes are in the schema's metadata.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_core.formats.parquet import picture_columns, picture_rows
from fmnist_core.formats.rows import Rows, as_images, as_labels, check_size, split_in
from fmnist_core.formats.split import Split
from fmnist_core.formats.table import check_installed
from fmnist_core.idx.zips import foreign

STREAM = b"\xff\xff\xff\xff"
"""How each message of a stream begins."""


def write(splits: Sequence[Split], folder: Path) -> None:
    """Write ``train.arrow`` and the like."""
    import pyarrow as pa

    folder.mkdir()
    for split in splits:
        kind: Any = pa.fixed_shape_tensor(pa.uint8(), split.dataset.image_shape)
        number: Any = pa.from_numpy_dtype(split.label_dtype)
        schema = pa.schema([("image", kind), ("label", number)])
        schema = schema.with_metadata({"classes": json.dumps(split.dataset.classes)})
        with (
            (folder / f"{split.name}.arrow").open("xb") as file,
            pa.ipc.new_file(file, schema) as writer,
        ):
            for images, labels in split.blocks():
                tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(images))
                columns = [tensors, pa.array(labels, number)]
                writer.write_batch(pa.record_batch(columns, schema=schema))


def _unpacked_nbytes(message: Any) -> int:
    """Return the bytes of a message's buffers when they are unpacked.

    pyarrow allocates what a packed buffer claims in its first 8 bytes, so this adds them up first.
    The message's description is a FlatBuffer (Apache Arrow, format/Message.fbs).
    """
    described = message.metadata.to_pybytes()

    def number(form: str, place: int) -> int:
        value: int = struct.unpack_from(form, described, place)[0]
        return value

    def field(table: int, index: int) -> int:
        """Return the place of a table's field, or 0 if the table does not have it."""
        fields = table - number("<i", table)
        known = 4 + 2 * index < number("<H", fields)
        offset = number("<H", fields + 4 + 2 * index) if known else 0
        return table + offset if offset else 0

    def follow(place: int) -> int:
        return place + number("<I", place)

    batch = follow(field(follow(0), 2))
    if message.type == "dictionary":
        batch = follow(field(batch, 1))
    elif message.type != "record batch":
        return 0
    if not field(batch, 3):
        return int(message.body.size)
    buffers = follow(field(batch, 2))
    body = memoryview(message.body)
    each = range(buffers + 4, buffers + 4 + 16 * number("<I", buffers), 16)
    places = [number("<q", buffer) for buffer in each if number("<q", buffer + 8)]
    claims: list[int] = [struct.unpack_from("<q", body, place)[0] for place in places]
    return len(body) + sum(max(claim, 0) for claim in claims)


def read(path: Path) -> Iterator[Rows]:
    """Yield the examples of an Arrow file or stream: tensors, lists or pictures, and labels."""
    check_installed("pyarrow", "reading Arrow")
    import pyarrow as pa

    with foreign(str(path)), pa.memory_map(str(path)) as mapped:
        content = mapped.read_buffer()
        # After its first 8 bytes, an Arrow file is a stream of messages.
        stream = content if content.slice(0, 4).to_pybytes() == STREAM else content.slice(8)
        reader = pa.ipc.open_stream(stream)
        image, label = picture_columns(reader.schema.names, str(path))
        messages = pa.ipc.MessageReader.open_stream(stream)
        check_size(sum(map(_unpacked_nbytes, messages)), str(path))
        if not hasattr(reader.schema.field(image).type, "value_type"):
            yield picture_rows(path, reader, image, label, reader.schema.metadata or {})
            return
        table = reader.read_all()
        column: Any = table[image].combine_chunks()
        shape = getattr(column.type, "shape", None)
        storage = getattr(column, "storage", column)
        flat = storage.flatten().to_numpy(zero_copy_only=False)
        metadata = reader.schema.metadata or {}
        classes = tuple(map(str, json.loads(metadata.get(b"classes", b"[]"))))
        pixels = flat.reshape(len(table), *(shape or (-1,))).copy()
        labels = table[label].to_numpy()
    images = as_images(pixels, str(path))
    yield Rows(images, as_labels(labels, len(images), str(path)), split_in(path.name), classes)
