"""What JAX's users expect beyond the conformance checks."""

import numpy as np
import pytest

from fmnist_core import Dataset, OptionError
from fmnist_core.testing import made_dataset

jax = pytest.importorskip("jax")
fmnist_jax = pytest.importorskip("fmnist_jax")


def test_batches_are_arrays_on_the_default_device() -> None:
    image, label = next(iter(fmnist_jax.batches(made_dataset(), batch_size=5, shuffle=True)))
    assert isinstance(image, jax.Array)
    assert image.devices() == {jax.devices()[0]}
    assert (image.shape, image.dtype) == ((5, 5, 4, 1), np.float32)
    assert (label.shape, label.dtype) == ((5,), np.int32)


def test_the_default_device_is_obeyed() -> None:
    with jax.default_device(jax.devices("cpu")[0]):
        (image,) = next(iter(fmnist_jax.batches(made_dataset(), batch_size=5, fields=("image",))))
    assert image.devices() == {jax.devices("cpu")[0]}


def test_batches_go_into_jit() -> None:
    total = jax.jit(lambda image, label: image.sum() + label.sum())
    loader = fmnist_jax.batches(made_dataset(), batch_size=23, scale="raw", dtype="uint8")
    (found,) = (int(total(image, label)) for image, label in loader)
    made = made_dataset()
    assert found == int(made.images.sum()) + int(made.labels.sum())


def test_batches_stay_when_later_ones_come() -> None:
    batches = list(fmnist_jax.batches(made_dataset(), batch_size=5, fields=("index",)))
    assert np.concatenate([np.asarray(index) for (index,) in batches]).tolist() == (
        made_dataset().indices.tolist()
    )


def test_what_jax_would_narrow_in_silence_is_refused() -> None:
    wide = Dataset(np.zeros((3, 2, 2)), np.zeros(3, np.uint8))
    with pytest.raises(OptionError, match="jax_enable_x64"):
        fmnist_jax.batches(wide, batch_size=1, dtype="float64", scale="raw")


def test_with_x64_nothing_is_narrowed() -> None:
    wide = Dataset(np.full((3, 2, 2), 1 / 3), np.zeros(3, np.uint8))
    with jax.enable_x64(True):
        loader = fmnist_jax.batches(
            wide, batch_size=3, dtype="float64", scale="raw", fields=("image", "index")
        )
        ((image, index),) = loader
    assert image.dtype == np.float64
    assert np.asarray(image).tobytes() == wide.images.tobytes()
    assert index.dtype == np.int64
