"""Folders of pictures, one for each class: ``train/Ankle_boot/00000.png``.

A class's name is changed to one that is safe for a folder; classes.json next to the splits has
both, in the order of the labels. A picture's name is its place in the split, which keeps the order.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_core.errors import DataMismatchError, FileAccessError
from fmnist_core.files import open_regular, read_json
from fmnist_core.formats.pictures import decoded, encoded, stacked
from fmnist_core.formats.rows import Rows, check_size, split_in
from fmnist_core.formats.split import Split
from fmnist_core.formats.target import write_blocks, write_text

CLASSES = "classes.json"
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm")
_MAX_JSON = 1 << 20
_LARGEST = 1 << 24


def safe_names(classes: Sequence[str]) -> list[str]:
    """Return a folder name for each class: ASCII letters, digits, "-" and "_", all different.

    Examples
    --------
    >>> safe_names(["T-shirt/top", "Ankle boot"])
    ['T-shirt_top', 'Ankle_boot']
    """
    names = [re.sub(r"[^A-Za-z0-9-]+", "_", name).strip("_") or "class" for name in classes]
    folded = [name.lower() for name in names]  # macOS and Windows ignore case
    width = len(str(len(names)))
    return [
        name if folded.count(name.lower()) == 1 else f"{label:0{width}}_{name}"
        for label, name in enumerate(names)
    ]


def write(splits: Sequence[Split], folder: Path) -> None:
    """Write a folder for each split, and in it one for each class."""
    classes = splits[0].dataset.classes
    names = safe_names(classes)
    for split in splits:
        places = [folder / split.name / name for name in names]
        for place in places:
            place.mkdir(parents=True)
        number, width = 0, max(5, len(str(len(split) - 1)))
        for images, labels in split.blocks():
            for image, label in zip(images, labels, strict=True):
                write_blocks(places[label] / f"{number:0{width}}.png", [encoded(image)])
                number += 1
    mapping = [
        {"label": label, "class": one, "folder": other}
        for label, (one, other) in enumerate(zip(classes, names, strict=True))
    ]
    write_text(folder / CLASSES, json.dumps(mapping, indent=1, ensure_ascii=False) + "\n")


def is_tree(folder: Path) -> bool:
    """Whether a folder has pictures in folders of classes, or in those of its splits.

    A single folder of pictures is no class: it may hold a program's figures.
    """
    return any(
        sum(bool(pictures_in(each)) for each in places) > 1
        for places in _split_folders(folder).values()
    )


def read(folder: Path) -> Iterator[Rows]:
    """Yield the splits of a folder of pictures, each in the order of the numbers in their names.

    If the names have no numbers, the order is that of the folders, then of the names.
    """
    class_names = _classes(folder)
    for split, places in _split_folders(folder).items():
        members = [
            (path, label) for label, place in enumerate(places) for path in pictures_in(place)
        ]
        members.sort(key=lambda member: _number(member[0]))
        paths = [path for path, _ in members]
        images, nbytes = [], 0
        for path in paths:
            with open_regular(path) as file:
                images.append(decoded(file.read(_LARGEST), str(path)))
            nbytes += images[-1].nbytes
            check_size(nbytes, str(folder))
        stack = stacked(images, list(map(str, paths)))
        names = tuple(class_names.get(place.name, place.name) for place in places)
        yield Rows(stack, np.array([label for _, label in members]), split_in(split), names)


def _split_folders(folder: Path) -> dict[str, list[Path]]:
    """Return the folders of classes by the name of their split, or "" where there are no splits."""
    inside = _folders(folder)
    if any(pictures_in(place) for place in inside):
        return {"": inside}
    nested = {place.name: _folders(place) for place in inside}
    return {
        name: places for name, places in nested.items() if any(pictures_in(each) for each in places)
    }


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")


def class_folders(folder: Path) -> list[Path]:
    """Return the folders of a folder's classes, by name.

    Raises
    ------
    FileAccessError
        If it is missing, or has no folders of pictures.
    """
    try:
        by_split = _split_folders(folder)
    except OSError as error:
        raise FileAccessError(f"{folder}: cannot be read ({error.strerror})") from error
    if "" in by_split:
        return by_split[""]
    problem = f"{folder}: expected a folder of pictures ({', '.join(PICTURES)}) for each class"
    if by_split:
        raise FileAccessError(
            f"{problem}, found them in {', '.join(by_split)}. Try: {folder / next(iter(by_split))}"
        )
    raise FileAccessError(f"{problem}, found none")


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures in a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)


def _number(path: Path) -> int:
    """Return the number that a picture's name ends with, or 0."""
    match = re.search(r"(\d+)$", path.stem)
    return int(match[1][-18:]) if match else 0


def _classes(folder: Path) -> dict[str, str]:
    """Return the names of classes by the names of their folders, from classes.json."""
    mapping = folder / CLASSES
    if not mapping.is_file():
        return {}
    rows: Any = read_json(mapping, _MAX_JSON)
    try:
        return {str(row["folder"]): str(row["class"]) for row in rows}
    except (KeyError, TypeError) as error:
        raise DataMismatchError(f"{mapping}: expected the class and the folder of each") from error
