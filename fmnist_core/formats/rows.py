"""Examples as a file of another format holds them: what every reader returns."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import DataMismatchError, printable
from fmnist_core.formats.pictures import decoded, stacked

MAX_NBYTES = 1 << 30
"""Most bytes of pixels that are read from a file; the largest payload here has 547 MB."""

_PAIRS = (("images", "labels"), ("image", "label"), ("data", "labels"), ("x", "y"), ("X", "y"))
"""Words for images and for labels in the names of arrays."""


class Rows(NamedTuple):
    """Examples in the order of their file.

    Attributes
    ----------
    images : uint8 (n, height, width)
    labels : int64 (n,)
    split : str
        "train" or "test" if names say so, else "".
    classes : tuple of str
        Name of each label if the file names them, else ().
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    split: str = ""
    classes: tuple[str, ...] = ()


def split_in(name: str) -> str:
    """Return the split that a name means: "train", "test" or "".

    Examples
    --------
    >>> split_in("fashion-mnist_test.csv"), split_in("t10k-images"), split_in("all.csv")
    ('test', 'test', '')
    """
    word = name.lower()
    if "train" in word:
        return "train"
    return "test" if "test" in word or "t10k" in word else ""


def relabelled(rows: Rows, classes: Sequence[str], where: str) -> Rows:
    """Return examples with the labels of a dataset, matched by the names of their classes.

    Case, punctuation, spaces and a plural "s" do not matter: Hugging Face has "T - shirt / top",
    KotlinDL "Ankle boots". A part of a name with a slash is enough: MLDatasets.jl has "T-Shirt". A
    name may also be the label.

    Raises
    ------
    DataMismatchError
        If a name belongs to no class.
    """
    if not rows.classes:
        return rows
    labels = {_plain(part): label for label, name in enumerate(classes) for part in name.split("/")}
    labels |= {str(label): label for label in range(len(classes))}
    labels |= {_plain(name): label for label, name in enumerate(classes)}
    unknown = [name for name in rows.classes if _plain(name) not in labels]
    if unknown:
        raise DataMismatchError(
            f"{where}: expected the names of classes ({', '.join(classes)}), found "
            f"{printable(unknown[0])!r:.80}"
        )
    table = np.array([labels[_plain(name)] for name in rows.classes], np.int64)
    if rows.labels.size and not 0 <= rows.labels.min() <= rows.labels.max() < len(table):
        raise DataMismatchError(f"{where}: expected labels of {len(table)} named classes")
    return rows._replace(labels=table[rows.labels], classes=())


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower()).removesuffix("s") or name


def check_size(nbytes: int, where: str) -> None:
    """Raise DataMismatchError for more bytes than may be read into memory."""
    if nbytes > MAX_NBYTES:
        raise DataMismatchError(
            f"{where}: expected at most {MAX_NBYTES:,} bytes of examples, found {nbytes:,}"
        )


def rows_of_pictures(pictures: Iterable[tuple[bytes, int]], where: str, split: str = "") -> Rows:
    """Return examples from picture files, as bytes, and their labels.

    Raises
    ------
    DataMismatchError
        If there is none, one cannot be read, or their sizes differ; the row is named.
    """
    images, labels, names, nbytes = [], [], [], 0
    for number, (data, label) in enumerate(pictures):
        names.append(f"{where}, row {number}")
        images.append(decoded(data, names[-1]))
        labels.append(label)
        nbytes += images[-1].nbytes
        check_size(nbytes, where)
    if not images:
        raise DataMismatchError(f"{where}: expected examples, found none")
    return Rows(stacked(images, names), np.array(labels, np.int64), split)


def as_images(array: NDArray[Any], where: str) -> NDArray[np.uint8]:
    """Return images as uint8 (n, height, width), also from flat rows or with a channel axis.

    Raises
    ------
    DataMismatchError
        If they are not grey images of whole numbers from 0 to 255.
    """
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    elif array.ndim == 4 and array.shape[1] == 1:
        array = array[:, 0]
    elif array.ndim == 2:
        side = round(array.shape[1] ** 0.5)
        if side * side == array.shape[1]:
            array = array.reshape(-1, side, side)
    if array.ndim != 3 or array.dtype.kind not in "iuf":
        raise DataMismatchError(
            f"{where}: expected grey images, found {array.dtype} of shape {array.shape}"
        )
    if array.dtype != np.uint8:
        whole = array.astype(np.uint8)
        wrong = np.flatnonzero((whole != array).any(axis=(1, 2)))
        if wrong.size:
            raise DataMismatchError(
                f"{where}: expected whole numbers from 0 to 255, found others in row {wrong[0]}"
            )
        array = whole
    return array


def as_labels(array: NDArray[Any], count: int, where: str) -> NDArray[np.int64]:
    """Return labels as int64 (n,), also from a column, one-hot rows or text.

    Raises
    ------
    DataMismatchError
        If they are not one whole number for each of `count` images.
    """
    if array.ndim == 2 and 1 in array.shape:
        array = array.reshape(-1)
    elif array.ndim == 2 and (np.count_nonzero(array, axis=1) == 1).all():
        array = array.argmax(axis=1)
    try:
        labels = array.astype(np.int64)
        is_whole = array.dtype.kind in "USO" or bool((labels == array).all())
    except (TypeError, ValueError):
        is_whole = False
    if not is_whole or labels.shape != (count,):
        raise DataMismatchError(
            f"{where}: expected a whole number as the label of each of {count} images, found "
            f"{array.dtype} of shape {array.shape}"
        )
    return labels


def paired(arrays: Mapping[str, Any], where: str) -> Iterator[Rows]:
    """Yield the splits among named arrays: images and labels whose names differ in that word.

    ``x_train`` goes with ``y_train``, ``train_images`` with ``train_labels``, ``test/images`` with
    ``test/labels``.
    """
    for name in arrays:
        for one, other in _PAIRS:
            partner = name.replace(one, other)
            if partner != name and partner in arrays:
                array, labels = np.asarray(arrays[name]), np.asarray(arrays[partner])
                if array.ndim == 3 and array.shape[-1] == labels.size != len(array):
                    array = np.moveaxis(array, -1, 0)  # as MATLAB and Julia have them
                images = as_images(array, f"{where}, {name}")
                numbers = as_labels(labels, len(images), f"{where}, {partner}")
                yield Rows(images, numbers, split_in(name))
                break
