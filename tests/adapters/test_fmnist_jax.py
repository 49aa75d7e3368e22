"""What JAX's users expect beyond the conformance checks."""

from typing import Any

import numpy as np
import pytest

from fmnist_core import Dataset, OptionError
from fmnist_core.order import whole_order
from fmnist_core.testing import assert_batches, made_dataset, wanted_batches

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


PLANS = [
    {"batch_size": 23, "shuffle": True, "seed": 7},
    {"batch_size": 5, "shuffle": True, "remainder": "drop", "scale": "standard"},
    {"batch_size": 4, "shuffle": True, "remainder": "pad", "shard": (1, 3), "labels": "one_hot"},
    {"batch_size": 6, "remainder": "drop", "dtype": "bfloat16", "layout": "NCHW"},
    {"batch_size": 7, "shuffle": True, "remainder": "drop", "dtype": "uint8", "scale": "raw"},
    {"batch_size": 9, "remainder": "pad", "layout": "flat", "dtype": "float16"},
]


@pytest.mark.parametrize("options", PLANS, ids=str)
def test_batches_inside_jit_are_those_outside(options: dict[str, Any]) -> None:
    dataset = made_dataset()
    fields = ("image", "label", "weight", "index")
    data = fmnist_jax.resident(dataset, fields=fields, **options)
    inside = jax.jit(lambda data, epoch, step: data.batch(epoch, step))
    for epoch in (0, 3, 2**32 - 1):
        found = [inside(data, np.uint32(epoch), step) for step in range(len(data.plan))]
        assert np.array_equal(data.batch(epoch, 0)[-1], found[0][-1])
        wanted = wanted_batches(fmnist_jax.ADAPTER, dataset, data.plan, data.encoding, epoch=epoch)
        assert_batches(fmnist_jax.ADAPTER, found, wanted, fields, f"{options}, epoch {epoch}")


@pytest.mark.parametrize("n", [1, 2, 60_000, 65_536, 65_537, 70_000])
def test_the_order_inside_jit_is_the_written_one(n: int) -> None:
    dataset = Dataset(np.zeros((n, 1, 1), np.uint8), np.zeros(n, np.uint8))
    data = fmnist_jax.resident(
        dataset, batch_size=n, shuffle=True, seed=2**40 + 7, fields=("index",)
    )
    (index,) = jax.jit(data.batch)(12, 0)
    assert np.array_equal(index, whole_order(n, 2**40 + 7, 12))


def test_an_epoch_is_one_compiled_call() -> None:
    data = fmnist_jax.resident(
        made_dataset(20), batch_size=5, shuffle=True, scale="raw", fields=("image", "label")
    )

    @jax.jit
    def totals(data: Any, epoch: int) -> Any:
        def step(total: Any, number: Any) -> tuple[Any, Any]:
            image, label = data.batch(epoch, number)
            return total + image.sum(), label

        return jax.lax.scan(step, 0.0, np.arange(len(data.plan)))

    total, labels = totals(data, 4)
    assert total == made_dataset(20).images.sum()
    order = whole_order(20, 0, 4)
    assert labels.ravel().tolist() == made_dataset(20).labels[order].tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 5}, 'remainder="drop"'),
        ({"batch_size": 23, "start": 3}, "arguments of Resident.batch"),
    ],
)
def test_what_cannot_be_compiled_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        fmnist_jax.resident(made_dataset(), **options)
    wide = Dataset(np.zeros((3, 2, 2), np.float32), np.zeros(3, np.uint8))
    with pytest.raises(OptionError, match="expected uint8"):
        fmnist_jax.resident(wide, batch_size=3, scale="raw")
    with pytest.raises(OptionError, match="0 examples"):
        fmnist_jax.resident(made_dataset().take(0), batch_size=3)
