"""Keras's door: its users' code, unchanged, and the arrays that Keras itself gives."""

import gzip
import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fmnist_core import FileAccessError, UnknownDatasetError, compat
from tests.helpers.old_code import RunOld

GUIDE = """
from tensorflow import keras
fashion_mnist = keras.datasets.fashion_mnist
(train_images, train_labels), (test_images, test_labels) = fashion_mnist.load_data()
train_images = train_images / 255.0
test_images = test_images / 255.0
"""

LINES = """
from keras.datasets import fashion_mnist
(x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
x_train = x_train.reshape(60000, 784).astype('float32')
y_test[y_test == 9] = 0
"""

# Keras takes the files that lie where it would put them.
KERAS = """
import hashlib, keras
for pair in keras.datasets.fashion_mnist.load_data():
    for array in pair:
        print(array.dtype, array.shape, hashlib.sha256(array.tobytes()).hexdigest())
"""


def as_modules(door: ModuleType) -> dict[str, ModuleType]:
    """Return modules by which ``tensorflow.keras.datasets.fashion_mnist`` is a door of ours."""
    keras, datasets = ModuleType("tensorflow.keras"), ModuleType("tensorflow.keras.datasets")
    keras.datasets, datasets.fashion_mnist = datasets, door  # type: ignore[attr-defined]
    return {"tensorflow.keras": keras, "keras.datasets.fashion_mnist": door}


def test_the_lines_of_the_guide(run_old: RunOld, empty_machine: Path, fashion_root: Path) -> None:
    idx2numpy = pytest.importorskip("idx2numpy")
    names = run_old(GUIDE, as_modules(compat))
    for split, kind in (("train", "train"), ("test", "t10k")):
        files = (f"{kind}-images-idx3-ubyte.gz", f"{kind}-labels-idx1-ubyte.gz")
        images, labels = (_by(idx2numpy, fashion_root / file) for file in files)
        np.testing.assert_array_equal(names[f"{split}_images"], images / 255.0)
        np.testing.assert_array_equal(names[f"{split}_labels"], labels)


def _by(idx2numpy: ModuleType, path: Path) -> np.ndarray:
    with gzip.open(path) as file:
        return idx2numpy.convert_from_file(file)


def test_users_lines(run_old: RunOld, empty_machine: Path) -> None:
    names = run_old(LINES, as_modules(compat))
    assert names["x_train"].shape == (60_000, 784)
    assert (names["y_test"] == 0).sum() == 2000


def test_the_arrays_are_those_of_keras(tmp_path: Path, fashion_root: Path) -> None:
    if importlib.util.find_spec("keras") is None:
        pytest.skip("keras is not installed")
    place = tmp_path / "datasets" / "fashion-mnist"
    place.mkdir(parents=True)
    for path in fashion_root.glob("*.gz"):
        (place / path.name).symlink_to(path.resolve())
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run(
        [sys.executable, "-c", KERAS], capture_output=True, text=True, check=True, env=environment
    )
    ours = [
        f"{array.dtype} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}"
        for pair in compat.load_data(root=fashion_root)
        for array in pair
    ]
    assert run.stdout.splitlines()[-4:] == ours


def test_arrays_are_the_users_own(fashion_root: Path) -> None:
    for pair in compat.load_data(root=fashion_root):
        for array in pair:
            assert array.flags.writeable
            array[:] = 0
    assert compat.load_data(root=fashion_root)[1][1].max() == 9


def test_other_datasets_by_name() -> None:
    (images, labels), (test_images, _) = compat.load_data("synthetic")
    assert (images.shape, labels.shape, test_images.shape) == (
        (60_000, 28, 28),
        (60_000,),
        (10_000, 28, 28),
    )


def test_invalid_arguments_raise(small_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownDatasetError):
        compat.load_data("fashion_mnits")
    with pytest.raises(FileAccessError, match="found no such folder"):
        compat.load_data(root=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="expected Fashion-MNIST"):
        compat.load_data(root=small_folder)
