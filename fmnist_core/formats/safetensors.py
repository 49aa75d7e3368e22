"""safetensors: the length of a JSON header, the header, and the bytes of every array.

The arrays are ``train_images``, ``train_labels`` and so on; the metadata has the classes as JSON.
"""

import json
from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_core.errors import DataMismatchError, OptionError
from fmnist_core.files import open_regular
from fmnist_core.formats.rows import Rows, check_size, paired
from fmnist_core.formats.split import Split
from fmnist_core.idx.zips import foreign

_NAMES = {
    "uint8": "U8",
    "int8": "I8",
    "int16": "I16",
    "uint16": "U16",
    "int32": "I32",
    "int64": "I64",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
}
_MAX_HEADER = 1 << 20


def write(splits: Sequence[Split], path: Path) -> None:
    """Write one file with every split."""
    header: dict[str, Any] = {
        "__metadata__": {"classes": json.dumps(splits[0].dataset.classes), "format": "np"}
    }
    end = 0
    for split in splits:
        kinds = [("images", split.dataset.image_dtype, split.shape)]
        kinds += [("labels", split.label_dtype, (len(split),))]
        for kind, dtype, shape in kinds:
            if dtype.name not in _NAMES:
                raise OptionError(f"safetensors holds {', '.join(_NAMES)}, found {dtype}")
            begin, end = end, end + prod(shape) * dtype.itemsize
            header[f"{split.name}_{kind}"] = {
                "dtype": _NAMES[dtype.name],
                "shape": list(shape),
                "data_offsets": [begin, end],
            }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("xb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for split in splits:
            for block in split.image_blocks():
                file.write(block)
            file.write(split.labels.tobytes())


def is_safetensors(head: bytes) -> bool:
    """Whether a file's first bytes are those of a safetensors file."""
    return head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= _MAX_HEADER


def read(path: Path) -> Iterator[Rows]:
    """Yield the splits of a safetensors file."""
    types = {short: np.dtype(name).newbyteorder("<") for name, short in _NAMES.items()}
    arrays = {}
    with open_regular(path) as file, foreign(str(path)):
        size = int.from_bytes(file.read(8), "little")
        check_size(size, str(path))
        header = json.loads(file.read(size))
        header.pop("__metadata__", None)
        spans = (one["data_offsets"] for one in header.values())
        check_size(sum(abs(end - begin) for begin, end in spans), str(path))
        for name, one in header.items():
            begin, end = one["data_offsets"]
            dtype = types.get(one["dtype"])
            nbytes = -1 if dtype is None else prod(one["shape"]) * dtype.itemsize
            if dtype is None or not 0 <= begin <= end or end - begin != nbytes:
                raise DataMismatchError(f"{path}: expected arrays of numbers, found {name!r:.80}")
            file.seek(8 + size + begin)
            arrays[name] = np.frombuffer(file.read(end - begin), dtype).reshape(one["shape"])
    yield from paired(arrays, str(path))
