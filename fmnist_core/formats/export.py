"""`export`: write a dataset in a format that another program reads."""

import os
import re
from collections.abc import Mapping

import numpy as np

from fmnist_core.dataset import Dataset
from fmnist_core.errors import OptionError, brief, check_flag
from fmnist_core.files import as_path, expanded
from fmnist_core.formats.split import Progress, Split
from fmnist_core.formats.table import find_format
from fmnist_core.formats.target import placed

Exported = Dataset | list[Dataset] | tuple[Dataset, ...] | Mapping[str, Dataset]


def export(
    dataset: Exported,
    path: str | os.PathLike[str],
    *,
    format: str,
    force: bool = False,
    report: Progress | None = None,
) -> None:
    """Write a dataset in another format; every pixel and label keeps its value and its order.

    Parameters
    ----------
    dataset : Dataset, list or tuple of Dataset, or mapping of str to Dataset
        Several are the splits of one dataset, such as ``load(name, ("train", "test"))``. A mapping
        names them; otherwise each has the name of its split, or "train" if it has none.
    path : path
        The file or folder to write. It appears when it is complete.
    format : str
        Such as "parquet"; docs/formats.md lists them.
    force : bool
        Whether to replace what is there: a file, or a folder in which every file has the name of a
        new one.
    report : callable, optional
        Called with a split's name, the examples done, and the examples in all.

    Raises
    ------
    OptionError
        If there is no such format, it cannot hold such images, or `path` exists.
    FrameworkMissingError
        If a package that the format needs is not installed.
    FileAccessError
        If the target cannot be written; nothing is left behind.

    Examples
    --------
    >>> fm.export(fm.load("fashion-mnist"), "train.npz", format="npz")  # doctest: +SKIP
    """
    chosen = find_format(format)
    check_flag("force", force)
    splits = [Split(name, each, report) for name, each in _named(dataset).items()]
    for split in splits:
        _check(split, chosen.name, any_images=chosen.any_images)
    write = chosen.load()
    with placed(expanded(as_path(path)), force=force) as place:
        write(splits, place)


def _named(dataset: Exported) -> dict[str, Dataset]:
    if isinstance(dataset, Mapping):
        pairs = list(dataset.items())
    else:
        datasets = dataset if isinstance(dataset, list | tuple) else [dataset]
        pairs = [(getattr(each, "split_name", "") or "train", each) for each in datasets]
    if not pairs or not all(isinstance(each, Dataset) for _, each in pairs):
        raise OptionError(f"expected a Dataset, or several, to export, found {brief(dataset)}")
    named = {re.sub(r"\W", "_", str(name)): each for name, each in pairs}
    if len(named) < len(pairs):
        raise OptionError(
            f"expected splits of different names, found {', '.join(name for name, _ in pairs)}. "
            'Try: a mapping, such as {"train": train, "val": val}'
        )
    if len({(each.image_shape, each.image_dtype, each.classes) for each in named.values()}) > 1:
        raise OptionError("expected splits with the same kind of images and the same classes")
    return named


def _check(split: Split, format: str, *, any_images: bool) -> None:
    if not len(split):
        raise OptionError(f"expected at least one example to export, found none in {split.name!r}")
    dataset = split.dataset
    if not any_images and (dataset.image_dtype != np.uint8 or len(dataset.image_shape) != 2):
        raise OptionError(
            f"the format {format!r} holds grey uint8 images, found {dataset!r}. "
            'Try: format="idx" or "npz", which hold any'
        )
