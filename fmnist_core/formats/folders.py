"""Folders of pictures, one for each class: ``train/Ankle_boot/00000.png``.

A class's name becomes a safe one for a folder; classes.json beside the splits has both, in the
order of the labels. A picture's name is its place in the split, so that the order can be had back.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fmnist_core.errors import DataMismatchError
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
    """Return a folder's name for each class: ASCII letters, digits, "-" and "_", all different.

    Examples
    --------
    >>> safe_names(["T-shirt/top", "Ankle boot"])
    ['T-shirt_top', 'Ankle_boot']
    """
    names = [re.sub(r"[^A-Za-z0-9-]+", "_", name).strip("_") or "class" for name in classes]
    folded = [name.lower() for name in names]  # as macOS and Windows tell names apart
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
    """Whether a folder has pictures in folders of its own, or in those of its splits."""
    return bool(_split_folders(folder))


def read(folder: Path, classes: Sequence[str] = ()) -> Iterator[Rows]:
    """Yield the splits of a folder of pictures, each in the order of the pictures' names.

    A class is known by the folder's name: that of classes.json, the class's own or a safe one, or
    the label. Where names are no numbers, the order is that of classes, then of names.
    """
    known = _labels(folder, classes)
    for split, class_folders in _split_folders(folder).items():
        paths, labels = [], []
        for place in class_folders:
            label = known.get(place.name.lower())
            if label is None:
                raise DataMismatchError(
                    f"{place}: expected the name of a class ({', '.join(classes) or 'a number'})"
                )
            members = _pictures(place)
            paths += members
            labels += [label] * len(members)
        order = sorted(range(len(paths)), key=lambda n: _number(paths[n]))
        images = []
        for n in order:
            with open_regular(paths[n]) as file:
                images.append(decoded(file.read(_LARGEST), str(paths[n])))
                check_size(images[0].nbytes * len(images), str(folder))
        names = [str(paths[n]) for n in order]
        yield Rows(stacked(images, names), np.array(labels)[order], split_in(split))


def _split_folders(folder: Path) -> dict[str, list[Path]]:
    """Return the folders of classes by the name of their split, or "" where there are no splits."""
    inside = _folders(folder)
    if any(_pictures(place) for place in inside):
        return {"": inside}
    nested = {place.name: _folders(place) for place in inside}
    return {
        name: places for name, places in nested.items() if any(_pictures(each) for each in places)
    }


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)


def _number(path: Path) -> int:
    """Return the number that a picture's name ends with, or 0."""
    match = re.search(r"(\d+)$", path.stem)
    return int(match[1][-18:]) if match else 0


def _labels(folder: Path, classes: Sequence[str]) -> dict[str, int]:
    """Return the labels by what their folders may be called, in lower case."""
    known = {str(label): label for label in range(max(len(classes), 1000))}
    for names in (classes, safe_names(classes)):
        known |= {name.lower(): label for label, name in enumerate(names)}
    mapping = folder / CLASSES
    if mapping.is_file():
        rows = read_json(mapping, _MAX_JSON)
        try:
            known |= {str(row["folder"]).lower(): int(row["label"]) for row in rows}  # type: ignore
        except (KeyError, TypeError, ValueError) as error:
            raise DataMismatchError(f"{mapping}: expected label and folder of classes") from error
    return known
