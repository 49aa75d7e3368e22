"""Fashion-MNIST and every dataset in MNIST's IDX format, as the same batches in every framework."""

from typing import TYPE_CHECKING

from fmnist_core import on_demand

if TYPE_CHECKING:
    from fmnist_core import transforms
    from fmnist_core.batch import peek
    from fmnist_core.dataset import Dataset
    from fmnist_core.encoding import Encoding
    from fmnist_core.errors import (
        AdapterConflictError,
        AdapterInvalidError,
        AdapterNotFoundError,
        DataMismatchError,
        FetchError,
        FileAccessError,
        FmnistError,
        FrameworkMissingError,
        IdxError,
        OptionError,
        RowOutsideError,
        UnknownDatasetError,
    )
    from fmnist_core.fingerprints import Fingerprint, fingerprint
    from fmnist_core.formats.export import export
    from fmnist_core.hookspecs import Adapter, hookimpl
    from fmnist_core.idx.format import map_idx, parse_idx, read_idx, write_idx
    from fmnist_core.joined import concat
    from fmnist_core.loading import load, open_idx
    from fmnist_core.order import index_shuffle
    from fmnist_core.plan import BatchPlan
    from fmnist_core.records import DatasetInfo
    from fmnist_core.registry import available_adapters, get_adapter

__version__ = "0.1.0"

__all__ = [
    "Adapter",
    "AdapterConflictError",
    "AdapterInvalidError",
    "AdapterNotFoundError",
    "BatchPlan",
    "DataMismatchError",
    "Dataset",
    "DatasetInfo",
    "Encoding",
    "FetchError",
    "FileAccessError",
    "Fingerprint",
    "FmnistError",
    "FrameworkMissingError",
    "IdxError",
    "OptionError",
    "RowOutsideError",
    "UnknownDatasetError",
    "available_adapters",
    "concat",
    "export",
    "fingerprint",
    "get_adapter",
    "hookimpl",
    "index_shuffle",
    "load",
    "map_idx",
    "open_idx",
    "parse_idx",
    "peek",
    "read_idx",
    "transforms",
    "write_idx",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand.names(
        __name__,
        {
            "transforms": "",
            "batch": "peek",
            "dataset": "Dataset",
            "encoding": "Encoding",
            "errors": (
                "AdapterConflictError AdapterInvalidError AdapterNotFoundError "
                "DataMismatchError FetchError FileAccessError FmnistError "
                "FrameworkMissingError IdxError OptionError RowOutsideError "
                "UnknownDatasetError"
            ),
            "fingerprints": "Fingerprint fingerprint",
            "formats.export": "export",
            "hookspecs": "Adapter hookimpl",
            "idx.format": "map_idx parse_idx read_idx write_idx",
            "joined": "concat",
            "loading": "load open_idx",
            "order": "index_shuffle",
            "plan": "BatchPlan",
            "records": "DatasetInfo",
            "registry": "available_adapters get_adapter",
        },
    )
