"""From a name, or from files, to a Dataset whose bytes are what they should be."""

import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from fmnist_core import store
from fmnist_core.dataset import Dataset, Description, own_description
from fmnist_core.errors import FileUnreadableError
from fmnist_core.files import as_path
from fmnist_core.idx import read_idx
from fmnist_core.obtain import Report, find_genuine, local_folders, obtain
from fmnist_core.records import DatasetInfo
from fmnist_core.registry import find_dataset
from fmnist_core.source import Source


def load(
    name: str,
    split: str = "train",
    *,
    root: str | os.PathLike[str] | None = None,
    source_url: str | None = None,
    verify: bool = False,
    report: Report | None = None,
) -> Dataset:
    """Return one split of a known dataset, verified to be the genuine one.

    It comes from the store; from raw files that another library left on this machine; or from a
    mirror, into the store. Raw files are mapped read-only.

    Parameters
    ----------
    name : str
        A name of the catalog, such as "fashion-mnist", "mnist" or "synthetic".
    split : {"train", "test"}
    root : path, optional
        A folder with the dataset's IDX files, read in place and nothing fetched: raw, .gz or .xz,
        under their usual names or with dots (``t10k-images.idx3-ubyte``), also where torchvision
        puts them under it.
    source_url : str, optional
        The mirror to fetch from instead of the catalog's: http, https, file, or what fsspec opens.
    verify : bool
        Hash what is in the store again, even where it has not been touched.
    report : callable, optional
        Told of downloads: called with a file's name, bytes done, and bytes in all or None.

    Raises
    ------
    UnknownDatasetError
        If no catalog has that name or split.
    FetchError
        If no mirror gives a file; the message says what each did.
    FileUnreadableError
        If a file is missing under `root` or cannot be read.
    IdxError
        If a file under `root` is damaged; the message says how.
    DataMismatchError
        If a file under `root` is whole but its payload's SHA-256 is not the catalog's.
    """
    info = find_dataset(name)
    info.split(split)
    sums = info.splits["train"].sums if "train" in info.splits else None
    mean, std = (sums.mean, sums.std) if sums else (None, None)
    description = Description(name, split, info.classes, mean, std)
    if root is not None:
        files = _under_root(as_path(root).expanduser(), info, split)
        return Dataset.from_source(Source.from_files(*files), description)
    bring = partial(obtain, info, split, source_url=source_url, verify=verify, report=report)
    try:
        source = Source.from_files(*bring(store.folder(info)))
    except FileUnreadableError as error:
        source = _without_store(bring, error)
    return Dataset.from_source(source, description)


def open_idx(
    images_path: str | os.PathLike[str],
    labels_path: str | os.PathLike[str],
    *,
    classes: Sequence[str] | None = None,
    mean: float | None = None,
    std: float | None = None,
) -> Dataset:
    """Return a Dataset of anyone's IDX files: raw (mapped), gzip or xz, judged by content.

    Parameters
    ----------
    images_path, labels_path : path
    classes : sequence of str, optional
        Name of each label; by default the labels themselves.
    mean, std : float, optional
        Of x / 255 over the train split, for ``scale="standard"``.

    Raises
    ------
    FileUnreadableError, IdxError
        If a file cannot be read or is damaged.
    DataMismatchError
        If images and labels do not go together.
    """
    source = Source.from_files(as_path(images_path), as_path(labels_path))
    return Dataset.from_source(source, own_description(source, classes, mean, std))


def _under_root(root: Path, info: DatasetInfo, split: str) -> tuple[Path, Path]:
    found = []
    for file in (info.split(split).images, info.split(split).labels):
        path = find_genuine(local_folders(info, root), info, file)
        if path is None:
            raise FileUnreadableError(
                f"{root}: expected {file.name}, raw or .gz, of {info.title}; found no such file. "
                f"Try: load({info.name!r}) to fetch it, or root=FOLDER with the folder that has it"
            )
        found.append(path)
    return found[0], found[1]


def _without_store(
    bring: Callable[[Path], tuple[Path, Path]], error: FileUnreadableError
) -> Source:
    """Return the data, read into memory, where the store cannot be written."""
    try:
        temporary = tempfile.TemporaryDirectory(prefix="fmnist-")
    except OSError as no_folder:
        raise error from no_folder
    with temporary as folder:
        images, labels = bring(Path(folder))
        source = Source(read_idx(images), read_idx(labels))
    warnings.warn(f"{error}; the data are kept in memory", stacklevel=3)
    return source
