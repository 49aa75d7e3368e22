"""What JAX's users expect beyond the conformance checks."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fmnist_core import Dataset, OptionError
from fmnist_core.order import index_shuffle, whole_order
from fmnist_core.testing import CHECKS, assert_batches, made_dataset, wanted_batches
from fmnist_core.transforms import RandomHorizontalFlip

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
    (result,) = (int(total(image, label)) for image, label in loader)
    made = made_dataset()
    assert result == int(made.images.sum()) + int(made.labels.sum())


def test_later_batches_do_not_overwrite_earlier_ones() -> None:
    batches = list(fmnist_jax.batches(made_dataset(), batch_size=5, fields=("index",)))
    assert np.concatenate([np.asarray(index) for (index,) in batches]).tolist() == (
        made_dataset().indices.tolist()
    )


def test_types_that_jax_would_narrow_raise() -> None:
    wide = Dataset(np.zeros((3, 2, 2)), np.zeros(3, np.uint8))
    with pytest.raises(OptionError, match="jax_enable_x64"):
        fmnist_jax.batches(wide, batch_size=1, dtype="float64", scale="raw")


def test_x64_keeps_all_bits() -> None:
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
def test_batches_are_the_same_inside_and_outside_jit(options: dict[str, Any]) -> None:
    dataset = made_dataset()
    fields = ("image", "label", "weight", "index")
    data = fmnist_jax.resident(dataset, fields=fields, **options)
    inside = jax.jit(lambda data, epoch, step: data.batch(epoch, step))
    for epoch in (0, 3, 2**32 - 1):
        actual = [inside(data, np.uint32(epoch), step) for step in range(len(data.plan))]
        assert np.array_equal(data.batch(epoch, 0)[-1], actual[0][-1])
        expected = wanted_batches(
            fmnist_jax.ADAPTER, dataset, data.plan, data.encoding, epoch=epoch
        )
        assert_batches(fmnist_jax.ADAPTER, actual, expected, fields, f"{options}, epoch {epoch}")
        order = data.order(epoch)
        ordered = [data.batch(epoch, step, order) for step in range(len(data.plan))]
        assert_batches(fmnist_jax.ADAPTER, ordered, expected, fields, f"{options}, by its order")


@pytest.mark.parametrize("n", [1, 2, 60_000, 65_536, 65_537, 70_000])
def test_the_order_inside_jit_is_the_written_order(n: int) -> None:
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
        order = data.order(epoch)

        def step(total: Any, number: Any) -> tuple[Any, Any]:
            image, label = data.batch(epoch, number, order)
            return total + image.sum(), label

        return jax.lax.scan(step, 0.0, np.arange(len(data.plan)))

    total, labels = totals(data, 4)
    assert total == made_dataset(20).images.sum()
    order = whole_order(20, 0, 4)
    assert labels.ravel().tolist() == made_dataset(20).labels[order].tolist()


@pytest.mark.parametrize(
    ("epoch", "step", "message"),
    [(0, 30, "step"), (0, -1, "step"), (0, np.int64(1000), "step"), (-1, 0, "epoch")],
)
def test_a_batch_that_does_not_exist_raises(epoch: Any, step: Any, message: str) -> None:
    data = fmnist_jax.resident(made_dataset(20), batch_size=5, shuffle=True)
    for way in (data.batch, jax.jit(data.batch, static_argnums=(0, 1))):
        with pytest.raises(OptionError, match=message):
            way(epoch, step)
    with pytest.raises(OptionError, match=message):
        data.batch(jax.numpy.asarray(epoch), jax.numpy.asarray(step))
    if message == "epoch":
        with pytest.raises(OptionError, match=message):
            data.order(epoch)


@pytest.mark.parametrize("wrong", [np.float32(1), np.zeros(5, np.int32)], ids=["float", "several"])
def test_traced_numbers_of_wrong_types_raise(wrong: Any) -> None:
    data = fmnist_jax.resident(made_dataset(20), batch_size=5, shuffle=True)
    functions: dict[str, Callable[[Any], Any]] = {
        "epoch": lambda number: data.batch(number, 0),
        "step": lambda number: data.batch(0, number),
        "seed": lambda number: data.order(0, seed=number),
    }
    for name, function in functions.items():
        with pytest.raises(OptionError, match=f"{name} must be a whole number"):
            jax.jit(function)(wrong)


def test_seeds_are_checked_and_keys_raise() -> None:
    data = fmnist_jax.resident(made_dataset(20), batch_size=5, shuffle=True)
    assert data.order(0, seed=jax.numpy.int32(7)).tolist() == whole_order(20, 7, 0).tolist()
    for wrong in (jax.numpy.int32(-1), jax.random.key(0)):
        with pytest.raises(OptionError, match="seed must be"):
            data.order(0, seed=wrong)


def test_an_order_of_other_examples_is_refused() -> None:
    data = fmnist_jax.resident(made_dataset(20), batch_size=5, shuffle=True)
    with pytest.raises(
        OptionError, match=r"of shape \(20,\), found shape \(5,\)\. Try: data\.order"
    ):
        data.batch(0, 0, data.order(0)[:5])


def test_orders_of_many_seeds_at_once() -> None:
    data = fmnist_jax.resident(made_dataset(), batch_size=23, shuffle=True, fields="index")
    seeds = np.array([0, 7, 2**31 - 1], np.int32)
    orders = jax.vmap(lambda seed: data.order(3, seed=seed))(seeds)
    assert orders.tolist() == [whole_order(23, int(seed), 3).tolist() for seed in seeds]
    batches = jax.vmap(lambda seed: data.batch(3, 0, data.order(3, seed=seed)))(seeds)
    assert batches.tolist() == [made_dataset().indices[order].tolist() for order in orders]
    assert data.order(3, seed=2**40 + 7).tolist() == whole_order(23, 2**40 + 7, 3).tolist()
    with jax.enable_x64(True):
        wide = jax.jit(lambda seed: data.order(3, seed=seed))(np.uint64(2**63 + 5))
    assert wide.tolist() == whole_order(23, 2**63 + 5, 3).tolist()
    with pytest.raises(OptionError, match="seed"):
        data.order(3, seed=-1)
    flipped = fmnist_jax.resident(made_dataset(), batch_size=23, transform=RandomHorizontalFlip())
    with pytest.raises(OptionError, match="transforms are drawn by the plan's seed"):
        flipped.order(3, seed=1)


def test_reprs_are_short() -> None:
    data = fmnist_jax.resident(made_dataset(20), batch_size=5)
    assert repr(data) == "<Resident of 20 images (5, 4): 4 batches of 5 in an epoch>"
    assert repr(fmnist_jax.batches(made_dataset(), batch_size=5, epoch=3)) == (
        "<JaxBatches of <Dataset: 23 of 49 examples, uint8 images (5, 4), 7 classes>: "
        "5 batches of 5 in epoch 3>"
    )
    assert repr(fmnist_jax.batches(made_dataset(), batch_size=5, device="cpu")).startswith(
        "<DeviceBatches of "
    )


def test_plans_that_cannot_be_compiled_raise() -> None:
    with pytest.raises(OptionError, match='remainder="drop"'):
        fmnist_jax.resident(made_dataset(), batch_size=5)
    wide = Dataset(np.zeros((3, 2, 2), np.float32), np.zeros(3, np.uint8))
    with pytest.raises(OptionError, match="expected uint8"):
        fmnist_jax.resident(wide, batch_size=3, scale="raw")
    with pytest.raises(OptionError, match="0 examples"):
        fmnist_jax.resident(made_dataset().take(0), batch_size=3)


# -- on a device, and over a mesh ----------------------------------------------------------------

EVERYTHING = ("image", "label", "weight", "index", "extended")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance_on_a_device(check: Callable[[Any], None]) -> None:
    check(OnDevice())


class OnDevice(fmnist_jax.JaxAdapter):
    """The adapter with its data on the device."""

    def loader(self, *data: Any, epoch: int = 0, start: int = 0) -> Any:
        return super().loader(*data, epoch=epoch, start=start, device=jax.devices()[0])


def test_a_device_compiles_once_for_whole_batches_and_once_for_the_last() -> None:
    from fmnist_jax.device import some_batches

    # 11 batches and an example: calls that return 8 batches, 3 batches, and the example.
    dataset = made_dataset(67)
    loader = fmnist_jax.batches(dataset, batch_size=6, shuffle=True, device="cpu")
    before = some_batches._cache_size()
    for _ in range(2):
        assert len(list(loader)) == 12
    loader.load_state_dict(loader.plan.state(3, 2))
    assert len(list(loader)) == 10
    assert some_batches._cache_size() - before == 2


@pytest.mark.parametrize("options", PLANS, ids=str)
def test_arithmetic_on_the_device_is_the_table(options: dict[str, Any]) -> None:
    fields = ("image", "label", "weight")
    data = fmnist_jax.resident(made_dataset(), fields=fields, **options)
    assert data.by_arithmetic
    for way in (data, replace(data, by_arithmetic=False)):
        passed = jax.jit(lambda data: data.batch(3, 0))(way)
        closed_over = jax.jit(way.batch)(3, 0)
        for one, other in zip(passed, closed_over, strict=True):
            assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
        expected = wanted_batches(
            fmnist_jax.ADAPTER, made_dataset(), data.plan, data.encoding, epoch=3
        )
        assert np.asarray(passed[0]).tobytes() == expected[0][0].tobytes()


def test_a_device_with_other_bits_uses_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    import fmnist_jax.device as module

    def multiplied(pixels: Any, encoding: Any) -> Any:
        return pixels.astype(np.float32) * np.float32(1 / 255)

    monkeypatch.setattr(module, "_encoded", multiplied)
    data = fmnist_jax.resident(made_dataset(), batch_size=23)
    assert not data.by_arithmetic
    expected = wanted_batches(fmnist_jax.ADAPTER, made_dataset(), data.plan, data.encoding)
    assert_batches(fmnist_jax.ADAPTER, [data.batch(0, 0)], expected, data.plan.fields, "table")


@pytest.mark.parametrize("make", [fmnist_jax.batches, fmnist_jax.resident])
def test_a_device_may_be_named_by_its_platform(make: Callable[..., Any]) -> None:
    made = make(made_dataset(), batch_size=23, device="cpu")
    image = next(iter(made))[0] if make is fmnist_jax.batches else made.batch(0, 0)[0]
    assert image.devices() == {jax.devices("cpu")[0]}
    for wrong in ("abacus", 3, jax.sharding.PartitionSpec("data")):
        with pytest.raises(OptionError, match=r"Try: "):
            make(made_dataset(), batch_size=23, device=wrong)


def test_a_resident_follows_a_plans_options() -> None:
    data = fmnist_jax.resident(made_dataset(), batch_size=23, shard="auto", labels="one_hot")
    assert data.plan.shard == (0, 1)
    assert data.batch(0, 0)[1].shape == (23, 7)


def test_device_and_sharding_exclude_each_other() -> None:
    mesh = jax.sharding.Mesh(jax.devices()[:1], ("data",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    with pytest.raises(OptionError, match="one of them"):
        fmnist_jax.batches(made_dataset(), batch_size=4, device=jax.devices()[0], sharding=sharding)
    with pytest.raises(OptionError, match=r"expected shard .*\(0, 1\), found \(0, 2\)"):
        fmnist_jax.batches(made_dataset(), batch_size=4, shard=(0, 2), sharding=sharding)


OVER_A_MESH = """
import jax, numpy as np
import fmnist_jax
from fmnist_core import OptionError
from fmnist_core.testing import assert_batches, made_dataset, wanted_batches
from jax.sharding import Mesh, NamedSharding, PartitionSpec

assert len(jax.devices()) == 8
fields = ("image", "label", "weight", "index", "extended")
dataset = made_dataset()
for axes, spec in (((8,), PartitionSpec("data")), ((4, 2), PartitionSpec("data"))):
    mesh = Mesh(np.array(jax.devices()).reshape(axes), ("data", "model")[: len(axes)])
    sharding = NamedSharding(mesh, spec)
    loader = fmnist_jax.batches(
        dataset, batch_size=8, shuffle=True, remainder="pad", fields=fields, sharding=sharding
    )
    for epoch in (0, 1):
        found = list(loader)
        for batch in found:
            assert all(array.sharding == sharding for array in batch)
            assert len(batch[0].addressable_shards) == 8
        wanted = wanted_batches(
            fmnist_jax.ADAPTER, dataset, loader.plan, loader.encoding, epoch=epoch
        )
        assert_batches(fmnist_jax.ADAPTER, found, wanted, fields, str(axes))
for options in ({"batch_size": 7}, {"batch_size": 8}, {"batch_size": 4}):
    try:
        fmnist_jax.batches(dataset, sharding=sharding, **options)
    except OptionError as error:
        assert "cannot be laid out" in str(error)
    else:
        raise AssertionError(options)
# A state after which the last batch cannot be divided: at once, not at the end of the epoch.
whole = made_dataset(24)
loader = fmnist_jax.batches(whole, batch_size=8, sharding=sharding)
state = fmnist_jax.batches(whole, batch_size=2).state_dict()
try:
    loader.load_state_dict({**state, "examples": 2})
except OptionError as error:
    assert "a batch of 6 cannot be laid out" in str(error), error
else:
    raise AssertionError("a state was accepted")
assert len(list(loader)) == 3
loader.load_state_dict({**state, "examples": 8})
assert len(list(loader)) == 2
everywhere = Mesh(np.array(jax.devices()), ("data",))
square = Mesh(np.array(jax.devices()).reshape(4, 2), ("data", "rows"))
across = NamedSharding(square, PartitionSpec("data", None, "rows", None))


def sharded(sharding, **more):
    options = {"batch_size": 8, "remainder": "drop", "fields": ("image", "label"), **more}
    return fmnist_jax.batches(dataset, sharding=sharding, **options)


# A mesh of one axis divides the batch; a spec, over the mesh in use, also where it is longer than a
# field's rank, of which it then takes as many entries as there are axes.
with jax.set_mesh(everywhere):
    of_spec = sharded(PartitionSpec("data"))
    fmnist_jax.resident(dataset, batch_size=8, remainder="drop").batch(0, 0)
    for make in (
        lambda: sharded(PartitionSpec("rows")),
        lambda: fmnist_jax.batches(dataset, batch_size=8, device="cpu"),
        lambda: fmnist_jax.resident(dataset, batch_size=23, device="cpu"),
    ):
        try:
            make()
        except OptionError as error:
            assert "in use" in str(error), error
        else:
            raise AssertionError("made")
for loader in (sharded(everywhere), of_spec, sharded(across)):
    found = list(loader)
    wanted = wanted_batches(fmnist_jax.ADAPTER, dataset, loader.plan, loader.encoding)
    assert_batches(fmnist_jax.ADAPTER, found, wanted, loader.plan.fields, str(loader))
    assert len(found[0][0].addressable_shards) == 8
assert [array.sharding.spec for array in found[0]] == [across.spec, PartitionSpec("data")]
assert found[0][0].addressable_shards[0].data.shape == (2, 5, 2, 1)
refused = [
    (PartitionSpec("data"), "no mesh is set"),
    (square, "does not say which of them"),
    ("data", "expected a Sharding"),
    (NamedSharding(square, PartitionSpec(None, "rows")), "cannot be laid out"),
]
for sharding, message in refused:
    try:
        sharded(sharding)
    except OptionError as error:
        assert message in str(error), error
    else:
        raise AssertionError(sharding)
# Not on the default device, and where another one is the default.
third, fifth = jax.devices()[3], jax.devices()[5]
options = {"batch_size": 8, "shuffle": True, "remainder": "drop"}
data = fmnist_jax.resident(dataset, device=third, **options)
assert data.images.devices() == {third}
loader = fmnist_jax.batches(dataset, device=third, **options)
with jax.default_device(fifth):
    others = fmnist_jax.batches(dataset, **options), fmnist_jax.resident(dataset, **options)
    placed = [(fifth, list(others[0])), (fifth, [others[1].batch(0, step) for step in (0, 1)])]
placed += [(third, list(loader)), (third, [data.batch(0, step) for step in (0, 1)])]
wanted = list(wanted_batches(fmnist_jax.ADAPTER, dataset, loader.plan, loader.encoding))
for place, found in placed:
    assert all(array.devices() == {place} for batch in found for array in batch), place
    assert_batches(fmnist_jax.ADAPTER, found, wanted, loader.plan.fields, str(place))
replicated = NamedSharding(everywhere, PartitionSpec())
data = fmnist_jax.resident(dataset, device=replicated, **options)
assert data.images.sharding == replicated
found = [jax.jit(data.batch)(0, step) for step in (0, 1)]
assert_batches(fmnist_jax.ADAPTER, found, wanted, loader.plan.fields, "replicated")
print("laid out")
"""


def test_global_arrays_over_eight_devices() -> None:
    environment = {
        **os.environ,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
        "JAX_PLATFORMS": "cpu",
    }
    done = subprocess.run(
        [sys.executable, "-c", OVER_A_MESH], env=environment, capture_output=True, text=True
    )
    assert done.stdout == "laid out\n", done.stderr


@pytest.mark.parametrize("n", [2**30 - 1, 2**30, 2**30 + 1, 1_500_000_000, 2**31 - 1])
def test_the_order_of_a_billion_examples_is_the_written_order(n: int) -> None:
    """From 2**30 on, a block of the cipher has 32 bits."""
    positions = np.concatenate([np.arange(500), n - 1 - np.arange(500), [n // 2]])
    key = fmnist_jax.order.keys(3, 2)
    rows = jax.jit(lambda places: fmnist_jax.order.shuffled(places, n, key))(
        positions.astype(np.int32)
    )
    assert rows.dtype == np.int32
    assert np.array_equal(rows, index_shuffle(positions, n, 3, 2))
