"""From a name, or from files, to a Dataset whose bytes are what they should be."""

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

from fmnist_core import quality
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Constant
from fmnist_core.errors import FileAccessError, OptionError
from fmnist_core.files import as_path, expanded
from fmnist_core.records import DatasetInfo, Description, FileInfo
from fmnist_core.registry import find_dataset
from fmnist_core.source import FileStamp, Source, SourceFiles
from fmnist_core.storage import store
from fmnist_core.storage.obtain import (
    FileProgress,
    Found,
    ensure_files,
    files_of,
    find_genuine,
    local_folders,
)

Orientation = Literal["upright", "file"]


def load(
    name: str,
    split: str = "train",
    *,
    root: str | os.PathLike[str] | None = None,
    orientation: Orientation = "upright",
    zero_based: bool = False,
    exclude: str | Iterable[str] = (),
    source_url: str | None = None,
    verify: bool = False,
    report: FileProgress | None = None,
) -> Dataset:
    """Return one split of a known dataset, verified to be the genuine one.

    It comes from the store; from raw files that another library left on this machine; or from a
    mirror, into the store. Raw files are mapped read-only.

    Parameters
    ----------
    name : str
        A name of the catalog, such as "fashion-mnist", "emnist-letters" or "synthetic".
    split : {"train", "test"}
        QMNIST has "nist" too.
    root : path, optional
        A folder with the dataset's IDX files, read in place and nothing fetched: raw, .gz or .xz,
        under their usual names or with dots (``t10k-images.idx3-ubyte``), also where torchvision
        puts them under it.
    orientation : {"upright", "file"}
        EMNIST's images lie on their side in the file; by default they are made to stand. Other
        datasets are upright as they are.
    zero_based : bool
        Whether labels that begin with 1 in the file (EMNIST's letters) shall begin with 0. By
        default they are as in the file, and class 0 is "N/A".
    exclude : str or sequence of str
        Lists of rows to leave out, by name, such as "near-duplicates": see `Dataset.without`.
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
    FileAccessError
        If a file is missing under `root` or cannot be read.
    IdxError
        If a file under `root` is damaged; the message says how.
    DataMismatchError
        If a file under `root` is whole but its payload's SHA-256 is not the catalog's.
    """
    info = find_dataset(name)
    upright = _is_upright(orientation)
    if not isinstance(zero_based, bool):
        raise OptionError(f"zero_based must be True or False, not {zero_based!r}")
    lists = _list_names(exclude)
    quality.find_lists(lists, info.name, info.released)  # before anything is fetched
    description = _description(info, split, zero_based)
    first_label = info.first_label if zero_based else 0
    if root is not None:
        found = _under_root(expanded(as_path(root)), info, split)
        images, labels = (FileStamp.of(path, member) for path, member in found)
        source = SourceFiles(images, labels, upright and info.transposed, first_label).open()
        return Dataset.from_source(source, description).without(*lists)

    def bring(place: Path) -> Source:
        files = ensure_files(
            info,
            split,
            place,
            upright=upright,
            source_url=source_url,
            verify=verify,
            report=report,
        )
        images, labels = map(FileStamp.of, files)
        return SourceFiles(images, labels, first_label=first_label).open()

    try:
        source = bring(store.folder(info))
    except FileAccessError as error:
        source = _without_store(bring, error)
    return Dataset.from_source(source, description).without(*lists)


def open_idx(
    images_path: str | os.PathLike[str],
    labels_path: str | os.PathLike[str],
    *,
    classes: Sequence[str] | None = None,
    mean: Constant | None = None,
    std: Constant | None = None,
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
    FileAccessError, IdxError
        If a file cannot be read or is damaged.
    DataMismatchError
        If images and labels do not go together.
    """
    images, labels = map(FileStamp.of, map(as_path, (images_path, labels_path)))
    source = SourceFiles(images, labels).open()
    return Dataset.from_source(source, source.described(classes, mean, std))


def _is_upright(orientation: object) -> bool:
    if orientation not in ("upright", "file"):
        raise OptionError(f'orientation must be "upright" or "file", not {orientation!r}')
    return orientation == "upright"


def _list_names(exclude: str | Iterable[str]) -> tuple[str, ...]:
    if isinstance(exclude, str):
        return (exclude,)
    if not isinstance(exclude, Iterable):
        raise OptionError(
            f"exclude must be the name of a list of rows, or several, not {exclude!r}"
        )
    return tuple(exclude)


def _description(info: DatasetInfo, split: str, zero_based: bool) -> Description:
    info.split(split)
    unused = () if zero_based else ("N/A",) * info.first_label
    sums = info.splits["train"].sums if "train" in info.splits else None
    mean, std = (sums.mean, sums.std) if sums else (None, None)
    return Description(info.name, split, unused + info.classes, mean, std)


def _under_root(root: Path, info: DatasetInfo, split: str) -> tuple[Found, Found]:
    found = []
    for file in files_of(info, split, upright=False):
        place = find_genuine(local_folders(info, root), info, file)
        if place is None:
            raise FileAccessError(
                f"{root}: expected {_names(file)}, of {info.title}; found no such file. "
                f"Try: load({info.name!r}) to fetch it, or root=FOLDER with the folder that has it"
            )
        found.append(place)
    return found[0], found[1]


def _names(file: FileInfo) -> str:
    if file.payload.sha256:
        return f"{file.name}, raw or .gz"
    return f"{file.packed_name}, as it is published"


def _without_store(bring: Callable[[Path], Source], error: FileAccessError) -> Source:
    """Return the data, read into memory, where the store cannot be written."""
    import tempfile

    try:
        temporary = tempfile.TemporaryDirectory(prefix="fmnist-")
    except OSError as no_folder:
        raise error from no_folder
    with temporary as folder:
        source = bring(Path(folder)).in_memory()
    warnings.warn(f"{error}; the data are kept in memory", stacklevel=3)
    return source
