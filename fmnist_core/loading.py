"""From a name, or from files, to a Dataset whose bytes are what they should be."""

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from fmnist_core import store, synthetic
from fmnist_core.catalog import SYNTHETIC
from fmnist_core.dataset import Dataset, Description, own_description
from fmnist_core.errors import DataMismatchError, FileUnreadableError, FmnistError, IdxError
from fmnist_core.identify import identify
from fmnist_core.idx import write_idx
from fmnist_core.records import DatasetInfo, FileInfo
from fmnist_core.registry import find_dataset
from fmnist_core.source import Source, payload_digest


def load(name: str, split: str = "train", *, root: str | os.PathLike[str] | None = None) -> Dataset:
    """Return one split of a known dataset, verified to be the genuine one.

    Raw files are mapped read-only; packed ones are unpacked into memory.

    Parameters
    ----------
    name : str
        A name of the catalog, such as "fashion-mnist", "mnist" or "synthetic".
    split : {"train", "test"}
    root : path, optional
        A folder with the dataset's IDX files, read in place: raw, .gz or .xz, under their usual
        names or with dots (``t10k-images.idx3-ubyte``). By default the store's.

    Raises
    ------
    UnknownDatasetError
        If no catalog has that name or split.
    FileUnreadableError
        If a file is missing or cannot be read.
    IdxError
        If a file is damaged; the message says how.
    DataMismatchError
        If a file is whole but its payload's SHA-256 is not the catalog's.
    """
    info = find_dataset(name)
    split_info = info.split(split)
    sums = info.split("train").sums
    mean, std = (sums.mean, sums.std) if sums else (None, None)
    description = Description(name, split, info.classes, mean, std)
    if root is not None:
        place = Path(root).expanduser()
    elif info is SYNTHETIC:
        return _load_synthetic(info, split, description)
    else:
        place = store.folder(name)
    files = [_genuine_file(place, info, file) for file in (split_info.images, split_info.labels)]
    return Dataset.from_source(Source.from_files(*files), description)


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
    source = Source.from_files(Path(images_path), Path(labels_path))
    return Dataset.from_source(source, own_description(source, classes, mean, std))


def _genuine_file(place: Path, info: DatasetInfo, file: FileInfo) -> Path:
    """Return the first file of a folder that holds the payload; say what the others hold."""
    wrong: FmnistError | None = None
    for path in _candidates(place, file.name):
        try:
            _check_genuine(path, info, file)
            return path
        except FmnistError as error:
            if not isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
                wrong = wrong or error
    if wrong is not None:
        raise wrong
    raise FileUnreadableError(
        f"{place}: expected {file.name}, raw or .gz, of {info.title}; found no such file. "
        f"Try: load({info.name!r}, root=FOLDER) with the folder that has it"
    )


def _candidates(place: Path, name: str) -> Iterator[Path]:
    dotted = name.replace("-idx", ".idx")
    for suffix in ("", ".gz", ".xz"):
        yield place / f"{name}{suffix}"
        yield place / f"{dotted}{suffix}"


def _check_genuine(path: Path, info: DatasetInfo, file: FileInfo) -> None:
    with suppress(IdxError):  # identify says it better
        if payload_digest(path) == file.payload.sha256:
            return
    found = identify(path)[0]
    kind = IdxError if found.verdict in ("damaged", "foreign") else DataMismatchError
    digest = f" (SHA-256 {found.digest})" if found.digest else ""
    raise kind(
        f"{path}: expected {info.title} {file.name} (SHA-256 {file.payload.sha256}), found "
        f"{found.found}{digest}. "
        f"{found.advice or 'Or use it as it is: open_idx(images_path, labels_path)'}"
    )


def _load_synthetic(info: DatasetInfo, split: str, description: Description) -> Dataset:
    """Draw the built-in dataset where it is not in the store yet; keep it there if possible."""
    split_info = info.split(split)
    files = (split_info.images, split_info.labels)
    try:
        with store.locked(info.name) as place:
            paths = [place / file.name for file in files]
            if not all(path.exists() for path in paths):
                for path, array in zip(paths, synthetic.draw(split), strict=True):
                    write_idx(path, array)
    except FileUnreadableError as error:
        warnings.warn(f"{error}; the data are kept in memory", stacklevel=3)
        return Dataset.from_source(Source(*synthetic.draw(split)), description)
    for path, file in zip(paths, files, strict=True):
        _check_genuine(path, info, file)
    return Dataset.from_source(Source.from_files(*paths), description)
