"""The formats by name: what is written, what reads it, and which package it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

from fmnist_core.errors import FrameworkMissingError, OptionError, brief


@dataclass(frozen=True)
class Format:
    """A format to export to.

    Attributes
    ----------
    name : str
        Its name in `export`.
    written : str
        What is then at the target.
    read_by : str
        What opens it.
    module : str
        Its module in this package, with a function of the name `function`.
    function : str
    needs : str
        A package beyond fmnist's own requirements, which the extra `formats` brings, or "".
    any_images : bool
        Whether it holds images of every type and shape, not only grey uint8 ones.
    """

    name: str
    written: str
    read_by: str
    module: str
    function: str = "write"
    needs: str = ""
    any_images: bool = False

    def load(self) -> Any:
        """Return the function that writes it; it takes splits and a path.

        Raises
        ------
        FrameworkMissingError
            If a package that it needs is not installed.
        """
        check_installed(self.needs, f"the format {self.name!r}")
        return getattr(import_module(f"fmnist_core.formats.{self.module}"), self.function)


def check_installed(package: str, what: str) -> None:
    """Raise FrameworkMissingError unless a package can be imported; "" always can."""
    if package and find_spec(package) is None:
        raise FrameworkMissingError(
            f'{what} needs {package}, which is not installed. Try: pip install "fmnist[formats]"'
        )


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        each.name: each
        for each in (
            Format("idx", "a folder of raw IDX files", "every IDX reader", "idx", any_images=True),
            Format(
                "idx-gz",
                "a folder of IDX files, .gz",
                "mnist_reader, Keras, torchvision",
                "idx",
                "write_gz",
                any_images=True,
            ),
            Format(
                "npz",
                "a file with x_train, y_train, x_test, y_test",
                "numpy, Keras's users",
                "npz",
                any_images=True,
            ),
            Format(
                "csv",
                "a folder of CSV files: label, pixel1, ... pixel784",
                "pandas, Kaggle's notebooks",
                "csv",
            ),
            Format(
                "png",
                "a folder of PNG pictures: split/class/00000.png",
                "torchvision's ImageFolder, Keras, DL4J",
                "folders",
            ),
            Format(
                "parquet",
                "a folder as on the Hugging Face Hub: Parquet, README.md, croissant.json",
                "datasets.load_dataset, pandas, mlcroissant",
                "parquet",
                needs="pyarrow",
            ),
            Format(
                "arrow",
                "a folder of Arrow files (Feather V2)",
                "pyarrow, pandas, polars",
                "arrow",
                needs="pyarrow",
            ),
            Format(
                "tfrecord",
                "a folder of TFRecord files: tf.train.Example of image, a PNG, and label",
                "tf.data.TFRecordDataset",
                "tfrecord",
            ),
            Format(
                "tfds",
                "a folder as TensorFlow Datasets prepares it",
                "tfds.builder_from_directory, tfds.load",
                "tfds",
            ),
            Format(
                "array-record",
                "a folder as TensorFlow Datasets prepares it, with ArrayRecord files",
                "tfds.data_source, Grain",
                "tfds",
                "write_array_record",
                needs="array_record",
            ),
            Format(
                "webdataset",
                "a folder of tar shards: 00000.png, 00000.cls, ...",
                "webdataset, clip-benchmark",
                "webdataset",
            ),
            Format(
                "tfjs",
                "a folder of sprites: a PNG with an image in each row, and one-hot labels",
                "TensorFlow.js tutorials",
                "sprite",
            ),
            Format(
                "projector",
                "a folder with vectors and labels as TSV and a square sprite, for each split",
                "TensorBoard's Embedding Projector",
                "projector",
            ),
            Format(
                "mat",
                "a file with train_images (28, 28, n), train_labels, ...",
                "MATLAB, Octave, scipy.io.loadmat",
                "mat",
            ),
            Format(
                "safetensors",
                "a file with train_images, train_labels, ...",
                "safetensors of every framework",
                "safetensors",
                any_images=True,
            ),
            Format(
                "hdf5",
                "a file with train/images, train/labels, ...",
                "h5py, every HDF5 reader",
                "hdf5",
                needs="h5py",
                any_images=True,
            ),
            Format(
                "arff",
                "a file with a row for each example, as on OpenML",
                "Weka, scipy.io.arff",
                "arff",
            ),
        )
    }
)
"""Every format by its name."""


def find_format(name: object) -> Format:
    """Return a format by its name.

    Raises
    ------
    OptionError
        If there is none; close names are proposed.
    """
    if isinstance(name, str) and name in FORMATS:
        return FORMATS[name]
    from difflib import get_close_matches

    word = name.lower().lstrip(".").replace("_", "-") if isinstance(name, str) else ""
    close = [other for other in FORMATS if word and (word in other or other in word)]
    close = close or get_close_matches(word, FORMATS, n=3)
    meant = f". Did you mean {' or '.join(close[:3])}?" if close else ""
    raise OptionError(f"expected a format ({', '.join(FORMATS)}), found {brief(name)}{meant}")
