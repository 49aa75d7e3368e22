"""Functions with the names that older code calls, so that only its import line changes.

`load_mnist` replaces the function of the dataset's repository, `read_data_sets` that of TensorFlow
1's tutorials, `load_data` that of Keras. docs/compat.md lists what is the same and what differs.
"""

import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fmnist_core.dataset import Dataset
from fmnist_core.errors import (
    DataMismatchError,
    FileAccessError,
    OptionError,
    check_range,
    check_seed,
    printable,
)
from fmnist_core.files import as_path, expanded
from fmnist_core.loading import load, open_idx
from fmnist_core.order import whole_order
from fmnist_core.storage.obtain import file_in, spellings

NUM_CLASSES = 10
"""Columns of one-hot labels; TensorFlow 1 always had ten."""

Arrays = tuple[NDArray[np.uint8], NDArray[np.uint8]]

_KINDS = ("train", "t10k")
_NAMES = ("images-idx3-ubyte", "labels-idx1-ubyte")


def load_mnist(path: str | os.PathLike[str], kind: str = "train") -> Arrays:
    """Return the images and labels of a folder, as Fashion-MNIST's mnist_reader does.

    The folder may hold any dataset of uint8 images: the files must be complete, but are not
    compared with the catalog.

    Parameters
    ----------
    path : path
        Folder with ``{kind}-images-idx3-ubyte.gz`` and ``{kind}-labels-idx1-ubyte.gz``; without
        these, raw or .xz files, or dotted names (``train-images.idx3-ubyte``).
    kind : {"train", "t10k"}

    Returns
    -------
    images : uint8 (n, height * width)
    labels : uint8 (n,)
        Both writable, unlike those of mnist_reader.

    Raises
    ------
    OptionError
        If `kind` is not one of the two.
    FileAccessError
        If the folder has no such file, or it cannot be read.
    IdxError
        If a file is damaged; the message says how.
    DataMismatchError
        If images and labels do not go together, or are not uint8.
    """
    if kind not in _KINDS:
        raise OptionError(
            f"kind must be 'train' or 't10k' (the files' word for test), not {kind!r}"
        )
    dataset = _read(expanded(as_path(path)), kind)
    return _flat(dataset.images).copy(), dataset.labels.copy()


class DataSet:
    """One of the sets that `read_data_sets` returns; `next_batch` never ends.

    Parameters
    ----------
    images : array (n, height, width, 1)
    labels : array (n,) or (n, 10)
    dtype : {float32, uint8}
        float32 is x * (1 / 255), uint8 is x; also as a string or a TensorFlow dtype.
    reshape : bool
        Whether images become (n, height * width).
    seed : int, optional
        Seed of the written order; None is 0.

    Raises
    ------
    OptionError
        If `dtype` or `seed` is not allowed.
    DataMismatchError
        If there is not one label for each image.
    """

    def __init__(
        self,
        images: NDArray[Any],
        labels: NDArray[Any],
        *,
        dtype: object = np.float32,
        reshape: bool = True,
        seed: int | None = None,
    ) -> None:
        if len(images) != len(labels):
            raise DataMismatchError(
                f"expected one label for each of {len(images)} images, found {len(labels)}"
            )
        self._images = _pixels(_flat(images) if reshape else images, _pixel_dtype(dtype))
        self._labels = labels.copy()
        self._seed = check_seed(0 if seed is None else seed)
        self._order = np.arange(len(images))
        self._epochs_completed = 0
        self._place = 0

    @property
    def images(self) -> NDArray[Any]:
        """All images in file order, even when batches are shuffled."""
        return self._images

    @property
    def labels(self) -> NDArray[Any]:
        """All labels in file order."""
        return self._labels

    @property
    def num_examples(self) -> int:
        """Number of examples."""
        return len(self._images)

    @property
    def epochs_completed(self) -> int:
        """Number of completed epochs; an epoch completes when a batch reaches into the next one."""
        return self._epochs_completed

    def next_batch(
        self, batch_size: int, fake_data: bool = False, shuffle: bool = True
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the next examples: fresh images and labels.

        A batch at the end of an epoch continues into the next one, so all batches have the same
        size and every epoch has each example once.

        Parameters
        ----------
        batch_size : int
            1 to n.
        fake_data : bool
            Ignored; `read_data_sets` has decided it.
        shuffle : bool
            Whether an epoch that begins in this batch gets a new order, the written order
            (docs/order.md) of this seed and epoch; otherwise the order stays as it is.

        Raises
        ------
        OptionError
            If the set has fewer examples.
        """
        if self.num_examples == 0:
            raise OptionError("this set is empty, so it has no next batch")
        rows = self._next_rows(check_range("batch_size", batch_size, 1, self.num_examples), shuffle)
        return self._images[rows], self._labels[rows]

    def _next_rows(self, count: int, shuffle: bool) -> NDArray[np.int64]:
        if shuffle and self._epochs_completed == self._place == 0:
            self._shuffle()
        rest = self._order[self._place : self._place + count]
        self._place += len(rest)
        if len(rest) == count:
            return rest
        self._epochs_completed += 1
        if shuffle:
            self._shuffle()
        self._place = count - len(rest)
        return np.concatenate([rest, self._order[: self._place]])

    def _shuffle(self) -> None:
        self._order = whole_order(self.num_examples, self._seed, self._epochs_completed)


class Datasets(NamedTuple):
    """The three sets that `read_data_sets` returns."""

    train: DataSet
    validation: DataSet
    test: DataSet


def read_data_sets(
    train_dir: str | os.PathLike[str],
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: object = np.float32,
    reshape: bool = True,
    validation_size: int = 5000,
    seed: int | None = None,
    source_url: str | None = None,
    *,
    name: str = "fashion-mnist",
) -> Datasets:
    """Return train, validation and test sets, as in TensorFlow 1's tutorials.

    Batches follow fmnist's written order, the same on every machine. TensorFlow 1 shuffled with
    numpy's global generator; that order is not available here.

    Parameters
    ----------
    train_dir : path
        Folder with IDX files of any dataset, named as for `load_mnist`. If it has none of them,
        the data are those of ``load(name)``: verified, and kept in the store, not in this folder.
    fake_data : bool
        Whether to use the built-in dataset "synthetic" instead; it needs no files.
    one_hot : bool
        Whether labels are float64 (n, 10) instead of uint8 (n,).
    dtype : {float32, uint8}
        float32 is x * (1 / 255), which differs from x / 255 in the last bit of some values; uint8
        is x. Also as a string or a TensorFlow dtype.
    reshape : bool
        Whether images are (n, height * width) instead of (n, height, width, 1).
    validation_size : int
        How many examples at the beginning of the train split form the validation set.
    seed : int, optional
        Seed of the written order; None is 0.
    source_url : str, optional
        Where to fetch from, as for `load`.
    name : str
        Dataset to load if the folder has no files. TensorFlow 1 used "mnist".

    Raises
    ------
    OptionError
        If an option's value is not allowed.
    FileAccessError
        If the folder has only some of the four files, or a file cannot be read.
    IdxError, DataMismatchError
        If a file is damaged, or is not what it should be.
    UnknownDatasetError, FetchError
        As `load`.
    """
    _pixel_dtype(dtype)  # raises before anything is downloaded
    train, test = _splits(expanded(as_path(train_dir)), fake_data, name, source_url)
    num_validation = check_range("validation_size", validation_size, 0, len(train))
    make = partial(_data_set, one_hot, dtype=dtype, reshape=reshape, seed=seed)
    return Datasets(make(train[num_validation:]), make(train[:num_validation]), make(test))


def load_data(
    name: str = "fashion-mnist", *, root: str | os.PathLike[str] | None = None
) -> tuple[Arrays, Arrays]:
    """Return (x_train, y_train), (x_test, y_test), as keras.datasets.fashion_mnist does.

    Parameters
    ----------
    name, root
        As for `load`; the errors are those of `load` too.

    Returns
    -------
    pair of (images, labels)
        uint8 (n, height, width) and uint8 (n,), of QMNIST int32; writable.
    """
    train, test = load(name, "train", root=root), load(name, "test", root=root)
    return (train.images.copy(), train.labels.copy()), (test.images.copy(), test.labels.copy())


def _read(folder: Path, kind: str) -> Dataset:
    """Return the unverified dataset of a folder's two files of one kind."""
    dataset = open_idx(*(_file(folder, f"{kind}-{name}") for name in _NAMES))
    types = dataset.image_dtype.name, dataset.labels.dtype.name
    if types != ("uint8", "uint8") or len(dataset.image_shape) != 2:
        raise DataMismatchError(
            f"{printable(folder)}: expected uint8 images (n, height, width) and uint8 "
            f"labels, found {dataset} "
            f"and {dataset.labels.dtype} labels. Try: open_idx(images_path, labels_path)"
        )
    return dataset


def _file(folder: Path, name: str) -> Path:
    path = _find(folder, name)
    if path is None:
        raise FileAccessError(
            f"{printable(folder)}: expected {name}.gz, or raw, .xz or with a dot; found "
            "no such file. "
            'Try: load_data() to fetch Fashion-MNIST, or "fmnist fetch fashion-mnist"'
        )
    return path


def _find(folder: Path, name: str) -> Path | None:
    # First the one name that older code read, so that it reads the same file here.
    paths = (file_in(folder, spelling) for spelling in (f"{name}.gz", *spellings(name)))
    # A folder may bear a file's name, and a link may lead nowhere, which is said when it is read.
    return next((path for path in paths if os.path.lexists(path) and not path.is_dir()), None)


def _splits(
    folder: Path, fake_data: bool, name: str, source_url: str | None
) -> tuple[Dataset, Dataset]:
    if fake_data:
        return load("synthetic", "train"), load("synthetic", "test")
    # One file is enough: fetching the others could pair one dataset's train with another's test.
    if any(_find(folder, f"{kind}-{rest}") for kind in _KINDS for rest in _NAMES):
        return _read(folder, "train"), _read(folder, "t10k")
    return load(name, "train", source_url=source_url), load(name, "test", source_url=source_url)


def _data_set(one_hot: bool, dataset: Dataset, **options: Any) -> DataSet:
    labels = _one_hot(dataset.labels) if one_hot else dataset.labels
    return DataSet(dataset.images[..., np.newaxis], labels, **options)


def _one_hot(labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    if labels.size and labels.max() >= NUM_CLASSES:
        raise DataMismatchError(
            f"one_hot=True is for labels from 0 to {NUM_CLASSES - 1}, found {labels.max()}. "
            'Try: open_idx(images_path, labels_path).to("numpy", labels="one_hot", ...)'
        )
    rows: NDArray[np.float64] = np.eye(NUM_CLASSES)[labels]
    return rows


def _flat(images: NDArray[Any]) -> NDArray[Any]:
    return images.reshape(len(images), int(np.prod(images.shape[1:])))


def _pixels(images: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return fresh pixels; float32 by the same multiplication as in TensorFlow 1."""
    pixels = images.astype(dtype)
    if dtype == np.float32:
        np.multiply(pixels, np.float32(1 / 255), out=pixels)
    return pixels


def _pixel_dtype(dtype: object) -> np.dtype[Any]:
    """Return float32 or uint8, given as numpy's type, a string or TensorFlow's type."""
    numpy_type: Any = getattr(dtype, "as_numpy_dtype", dtype)
    with suppress(TypeError, ValueError):
        named: np.dtype[Any] = np.dtype(numpy_type)
        if named in (np.float32, np.uint8):
            return named
    raise OptionError(f"dtype must be float32 or uint8, not {dtype!r}")
