"""Load a verified Dataset by name, or open a Dataset of IDX files."""

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, TypedDict, Unpack, overload

from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Constant
from fmnist_core.errors import (
    DataMismatchError,
    DiskFullError,
    FileAccessError,
    FmnistError,
    OptionError,
    brief,
    check_flag,
)
from fmnist_core.files import as_path, expanded
from fmnist_core.records import DatasetInfo, Description
from fmnist_core.registry import find_dataset
from fmnist_core.source import FileStamp, Source, SourceFiles
from fmnist_core.storage import store
from fmnist_core.storage.folders import find_in_folder, is_below
from fmnist_core.storage.locks import temporary_folder
from fmnist_core.storage.obtain import FileProgress, ensure_files

Orientation = Literal["upright", "file"]


class LoadOptions(TypedDict, total=False):
    """The options of `load`, for its typed forms."""

    root: str | os.PathLike[str] | None
    orientation: Orientation
    zero_based: bool
    without: str | Iterable[str]
    source_url: str | None
    verify: bool
    report: FileProgress | None


@overload
def load(name: str, split: str = "train", **options: Unpack[LoadOptions]) -> Dataset: ...
@overload
def load(
    name: str, split: tuple[str, ...], **options: Unpack[LoadOptions]
) -> tuple[Dataset, ...]: ...
def load(
    name: str,
    split: str | tuple[str, ...] = "train",
    *,
    root: str | os.PathLike[str] | None = None,
    orientation: Orientation = "upright",
    zero_based: bool = False,
    without: str | Iterable[str] = (),
    source_url: str | None = None,
    verify: bool = False,
    report: FileProgress | None = None,
) -> Dataset | tuple[Dataset, ...]:
    """Return one split of a known dataset, or several, verified to be genuine.

    The files come from the store, from raw files that another library left on this machine, or from
    a mirror, which fills the store. Raw files are mapped read-only.

    Parameters
    ----------
    name : str
        A name of the catalog, such as "fashion-mnist", "emnist-letters" or "synthetic".
    split : {"train", "test"}, or tuple of str
        QMNIST has "nist" too. A tuple gives a tuple of datasets.
    root : path, optional
        A folder with the dataset's IDX files, which are read in place; nothing is downloaded. They
        may be raw, .gz or .xz, have their usual or dotted names (``t10k-images.idx3-ubyte``), and
        be in the folder itself, where torchvision puts them, or in folders of their names, as
        Kaggle unpacks them. Or a file or folder of another format (docs/formats.md), whose
        examples are put into the original order by their content and kept in memory.
    orientation : {"upright", "file"}
        "upright" transposes EMNIST's images, which are published transposed; "file" keeps them.
        Other datasets are already upright.
    zero_based : bool
        Whether labels that begin with 1 in the file (EMNIST's letters) begin with 0 instead. By
        default they are as in the file, and class 0 is "N/A".
    without : str or sequence of str
        Lists of rows to leave out, by name, such as "near-duplicates": see `Dataset.without`.
    source_url : str, optional
        A mirror to use instead of the catalog's: http, https, file, or any address fsspec opens.
    verify : bool
        Whether to hash the store's files again, even if their size and time have not changed.
    report : callable, optional
        Called during downloads with a file's name, the bytes done, and the total bytes or None.

    Raises
    ------
    UnknownDatasetError
        If no catalog has that name or split.
    FetchError
        If no mirror serves a file; the message says what each did.
    FileAccessError
        If a file is missing under `root` or cannot be read.
    IdxError
        If a file under `root` is damaged; the message says how.
    DataMismatchError
        If a file under `root` is complete but its payload's SHA-256 is not the catalog's, or a copy
        in another format is another revision or has other examples.
    FrameworkMissingError
        If a package is missing that reads such a copy.
    """
    if isinstance(split, tuple | list):
        options = LoadOptions(
            root=root,
            orientation=orientation,
            zero_based=zero_based,
            without=without,
            source_url=source_url,
            verify=verify,
            report=report,
        )
        return tuple(load(name, one, **options) for one in split)
    info = find_dataset(name)
    upright = _is_upright(orientation)
    check_flag("zero_based", zero_based)
    lists = _list_names(without)
    if lists:
        from fmnist_core import quality

        quality.find_lists(lists, info.name, info.released)  # before anything is downloaded
    description = _description(info, split, zero_based)
    first_label = info.first_label if zero_based else 0
    if root is not None:
        source = _in_place(expanded(as_path(root)), info, split, upright, first_label)
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
    except DiskFullError:
        raise  # another disk would fill up too
    except FileAccessError as error:
        source = _without_store(bring, error)
    return Dataset.from_source(source, description).without(*lists)


def _in_place(root: Path, info: DatasetInfo, split: str, upright: bool, first: int) -> Source:
    """Return a split's data from IDX files in a folder, or from what other formats hold there."""
    try:
        both = find_in_folder(root, info, split)
    except FileAccessError as not_there:
        return _copy_in_place(root, info, split, not_there)
    images, labels = (FileStamp.of(path, member) for path, member in both)
    return SourceFiles(images, labels, upright and info.transposed, first).open()


def _copy_in_place(root: Path, info: DatasetInfo, split: str, not_there: FileAccessError) -> Source:
    """Return a split's data from a copy in another format, or raise `not_there` if there is none.

    Files that are no examples may lie beside it. If nothing there is a copy, but there are IDX
    files below the folder, `not_there` says so and is raised too.
    """
    from fmnist_core.formats import folders, incoming, recovery

    files = incoming.find(root) if recovery.is_recoverable(info) else []
    if not files:
        raise not_there
    problems: list[FmnistError] = []
    # Folders of pictures may be a program's figures, beside the files of a copy.
    beside = incoming.files_in(root) if files[0].read is folders.read else []
    for candidates in (files, beside):
        parts, unread = incoming.read_some(candidates)
        try:
            if parts:
                return Source(*recovery.recovered(info, split, parts, str(root)))
        except DataMismatchError as error:
            left_out = f". Left out: {unread}" if unread else ""
            problems.insert(0, DataMismatchError(f"{error}{left_out}"))
        problems += [unread] if unread else []
    if is_below(root, info, split):
        raise not_there from problems[0]
    raise problems[0]


def open_idx(
    images_path: str | os.PathLike[str],
    labels_path: str | os.PathLike[str],
    *,
    classes: Sequence[str] | int | None = None,
    orientation: Orientation = "file",
    zero_based: bool = False,
    mean: Constant | None = None,
    std: Constant | None = None,
) -> Dataset:
    """Return a Dataset of your own IDX files: raw (mapped), gzip or xz, recognised by content.

    Parameters
    ----------
    images_path, labels_path : path
    classes : sequence of str or int, optional
        Name of each label, or the number of classes. By default, classes are numbered up to the
        largest label; pass this if train and test files may differ in it.
    orientation : {"file", "upright"}
        "upright" transposes each image, which EMNIST's files need.
    zero_based : bool
        Whether to subtract 1 from each label, for files whose labels begin with 1, such as EMNIST's
        letters.
    mean, std : float, or one for each channel, optional
        Mean and standard deviation of x / 255 over the train split, for ``scale="standard"``.

    Raises
    ------
    OptionError
        If an option's value is not allowed.
    FileAccessError, IdxError
        If a file cannot be read or is damaged.
    DataMismatchError
        If images and labels do not match, or a label is 0 although they should begin with 1.
    """
    transposed = _is_upright(orientation)
    check_flag("zero_based", zero_based)
    paths = as_path(images_path), as_path(labels_path)
    images, labels = map(FileStamp.of, paths)
    source = SourceFiles(images, labels, transposed, first_label=int(zero_based)).open()
    return Dataset.from_source(source, source.described(classes, mean, std))


def _is_upright(orientation: object) -> bool:
    if orientation not in ("upright", "file"):
        raise OptionError(f'orientation must be "upright" or "file", not {brief(orientation)}')
    return orientation == "upright"


def _list_names(without: str | Iterable[str]) -> tuple[str, ...]:
    if isinstance(without, str):
        return (without,)
    if not isinstance(without, Iterable):
        raise OptionError(
            f"without must be the name of a list of rows, or several, not {brief(without)}"
        )
    return tuple(without)


def _description(info: DatasetInfo, split: str, zero_based: bool) -> Description:
    info.split(split)
    unused = () if zero_based else ("N/A",) * info.first_label
    sums = info.splits["train"].sums if "train" in info.splits else None
    mean, std = (sums.mean, sums.std) if sums else (None, None)
    return Description(info.name, split, unused + info.classes, mean, std)


def _without_store(bring: Callable[[Path], Source], error: FileAccessError) -> Source:
    """Return the data, read into memory, because the store cannot be written."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(temporary_folder())
        except OSError as no_folder:
            raise error from no_folder
        source = bring(folder).in_memory()
    warnings.warn(f"{error}; the data are kept in memory", stacklevel=3)
    return source
