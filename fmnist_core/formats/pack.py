"""`pack`: write a folder of pictures as IDX files like MNIST's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.dataset import Dataset
from fmnist_core.errors import DataMismatchError, FileAccessError, OptionError, brief, check_seed
from fmnist_core.formats import idx
from fmnist_core.formats.folders import CLASSES, class_folders, pictures_in
from fmnist_core.formats.pictures import deep_mode
from fmnist_core.formats.split import Split
from fmnist_core.formats.target import check_free, placed, write_text
from fmnist_core.order import whole_order
from fmnist_core.transforms import Resize

Report = Callable[[str, int, int], None]


def pack(
    folder: Path,
    path: Path,
    *,
    size: int = 28,
    test: float = 0.1,
    seed: int = 0,
    force: bool = False,
    report: Report | None = None,
) -> tuple[Dataset, ...]:
    """Write IDX files from a folder that has a folder of pictures for each class.

    Every picture is converted to grey (ITU-R 601 luma, transparent pixels black) and resized to a
    square by `Resize`. Labels follow the sorted names of the folders, which classes.json keeps.
    The examples, sorted by class and name, are put into the written order of `seed`; the last part
    of it is the split "test".

    Parameters
    ----------
    folder, path : Path
    size : int
        Pixels a side.
    test : float
        Part of the examples for "test"; with 0 there is no test split.
    seed : int
    force : bool
        As of `export`.
    report : callable, optional
        Called with "pictures", the pictures done, and the pictures in all.

    Returns
    -------
    tuple of Dataset
        The written splits: train, and test if there is one.

    Raises
    ------
    FileAccessError
        If the folder has no folders of pictures.
    DataMismatchError
        If a picture cannot be read; it is named, and nothing is written.
    OptionError
        If an option's value is not allowed, or `path` exists.
    """
    if isinstance(test, bool) or not isinstance(test, int | float) or not 0 <= test < 1:
        raise OptionError(f"test must be a number from 0 to less than 1, not {brief(test)}")
    resize, seed = Resize(size), check_seed(seed)
    check_free(path, force=force)
    places = class_folders(folder)
    members = [(file, label) for label, place in enumerate(places) for file in pictures_in(place)]
    images = np.empty((len(members), size, size), np.uint8)
    for number, (file, _) in enumerate(members):
        images[number] = resize.apply_numpy(_grey(file)[None], {})[0]
        if report:
            report("pictures", number + 1, len(members))
    names = [place.name for place in places]
    labels = np.array([label for _, label in members], np.min_scalar_type(len(names) - 1))
    whole = Dataset(images, labels, classes=names).select(whole_order(len(members), seed, 0))
    datasets = _cut(whole, test)
    with placed(path, force=force) as place:
        idx.write([Split(name, part) for name, part in datasets.items()], place)
        write_text(place / CLASSES, json.dumps(names, indent=1, ensure_ascii=False) + "\n")
    return tuple(datasets.values())


def _cut(whole: Dataset, test: float) -> dict[str, Dataset]:
    count = round(len(whole) * test)
    if not test:
        return {"train": whole}
    if not 0 < count < len(whole):
        raise OptionError(f"expected examples for both splits, found {len(whole)} and test={test}")
    return {"train": whole[: len(whole) - count], "test": whole[len(whole) - count :]}


def _grey(path: Path) -> NDArray[np.uint8]:
    """Return a picture as uint8 (height, width), turned upright by its EXIF data."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as picture:
            if mode := deep_mode(picture):  # there is no single conversion to 8 bits
                raise DataMismatchError(
                    f"{path}: expected a picture of 8 bits a channel, found mode {mode}"
                )
            upright: Any = ImageOps.exif_transpose(picture)
            if upright.has_transparency_data:
                black = Image.new("RGBA", upright.size, (0, 0, 0, 255))
                upright = Image.alpha_composite(black, upright.convert("RGBA"))
            return np.array(upright.convert("L"))
    except (DataMismatchError, MemoryError):
        raise
    except OSError as error:
        if error.errno is not None:  # this machine's own
            reason = error.strerror or str(error)
            raise FileAccessError(f"{path}: cannot be read ({reason})") from error
        raise _unreadable(path, error) from error
    except Exception as error:  # a damaged picture can make Pillow raise anything
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataMismatchError:
    reason = str(error).replace(repr(str(path)), "it").partition("\n")[0]
    return DataMismatchError(
        f"{path}: the picture cannot be read ({reason:.80}). Try: remove it, or get it again"
    )
