"""The conformance checks: does an adapter yield, to the bit, what the plan and encoding say?

For our adapters and for anyone's. A test file of a plugin's own is four lines::

    import pytest
    from fmnist_core.testing import CHECKS

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_conformance(check):
        check(my_adapter)

The checks need neither pytest nor a network; the data are made here. What a batch must hold is
taken from the specification (`BatchPlan.indices`, `Encoding.table`), not from another adapter.
"""

import copy
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from fmnist_core.batch import resolve
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding, LabelKind, Layout, Scale
from fmnist_core.errors import FmnistError
from fmnist_core.hookspecs import Adapter
from fmnist_core.plan import BatchPlan, Field, Remainder

ALL_FIELDS: tuple[Field, ...] = ("image", "label", "weight", "index")
"""What every dataset has; "extended" only some have."""

_LAYOUTS: dict[str | None, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "NHW": lambda images: images[..., 0],
    "NHWC": lambda images: images,
    "NCHW": lambda images: np.moveaxis(images, -1, 1),
    "flat": lambda images: images.reshape(len(images), -1),
}
"""How images of shape (batch, height, width, channels) are arranged."""


def made_dataset(num_examples: int = 23) -> Dataset:
    """Return a small dataset with every trap in it.

    All 256 pixel values occur; images are not square; rows are neither contiguous nor ascending
    in the original file, so row and index differ.
    """
    whole = 2 * num_examples + 3
    pixels = (np.arange(whole * 20) * 37 + np.arange(whole * 20) // 256) % 256
    images = pixels.astype(np.uint8).reshape(whole, 5, 4)
    labels = (np.arange(whole) ** 2 % 7).astype(np.uint8)
    extended = (np.arange(whole * 8, dtype=np.int32) * 104_729 - 2**30).reshape(whole, 8)
    dataset = Dataset(
        images,
        labels,
        classes=[*"abcdefg"],
        mean=0.2860405969887955,
        std=0.35302424,
        extended=extended,
    )
    return dataset.select(np.arange(whole - 2, 0, -2)[:num_examples])


def wanted_batches(
    adapter: Adapter,
    dataset: Dataset,
    plan: BatchPlan,
    encoding: Encoding = Encoding(),  # noqa: B008, it is immutable
    *,
    epoch: int = 0,
    start: int = 0,
) -> list[tuple[NDArray[Any], ...]]:
    """Return the batches of one epoch as the specification says they are."""
    filled = resolve(encoding, dataset, plan.fields, adapter)
    return [
        _wanted_batch(adapter, dataset, plan, filled, epoch, step, start)
        for step in range(plan.num_steps(start))
    ]


def _wanted_batch(
    adapter: Adapter,
    dataset: Dataset,
    plan: BatchPlan,
    encoding: Encoding,
    epoch: int,
    step: int,
    start: int,
) -> tuple[NDArray[Any], ...]:
    rows = plan.indices(epoch, step, start)
    images, labels = dataset.images[rows], dataset.labels[rows]
    if images.dtype == np.uint8 and encoding.layout is not None:
        pixels = _wanted_pixels(images, encoding)
    else:
        pixels = images.astype(encoding.dtype)
        if encoding.layout == "flat":
            pixels = pixels.reshape(len(rows), -1)
        elif encoding.layout is not None:
            pixels = _LAYOUTS[encoding.layout](pixels.reshape(*images.shape[:3], -1))
    if encoding.labels == "one_hot":
        classes: NDArray[Any] = np.eye(len(dataset.classes), dtype=np.float32)[labels]
    else:
        classes = labels.astype(adapter.label_dtype)
    made = {
        "image": pixels,
        "label": classes,
        "weight": plan.weights(step, start),
        "index": dataset.indices[rows],
    }
    if dataset.extended is not None:
        made["extended"] = dataset.extended[rows].astype(np.int32)
    return tuple(made[field] for field in plan.fields)


def _wanted_pixels(images: NDArray[np.uint8], encoding: Encoding) -> NDArray[Any]:
    """Look pixels up in the table, channel by channel, and arrange them."""
    channels_last = images.reshape(*images.shape[:3], -1)
    if encoding.channels == 3 and channels_last.shape[-1] == 1:
        channels_last = np.repeat(channels_last, 3, axis=-1)
    channels = range(channels_last.shape[-1])
    tables = [encoding.table[:, c] if encoding.is_per_channel else encoding.table for c in channels]
    looked_up = [table[channels_last[..., c]] for c, table in enumerate(tables)]
    return np.ascontiguousarray(_LAYOUTS[encoding.layout](np.stack(looked_up, axis=-1)))


def assert_batches(
    adapter: Adapter,
    found: Iterable[Any],
    wanted: list[tuple[NDArray[Any], ...]],
    fields: tuple[Field, ...],
    where: str,
) -> None:
    """Raise AssertionError unless the batches are the wanted ones, to the bit."""
    arrays = [adapter.to_numpy(batch) for batch in found]
    assert len(arrays) == len(wanted), (
        f"{adapter.name}, {where}: expected {len(wanted)} batches, found {len(arrays)}"
    )
    for step, (got, want) in enumerate(zip(arrays, wanted, strict=True)):
        _assert_batch(got, want, fields, f"{adapter.name}, {where}, step {step}")


def _assert_batch(
    found: tuple[NDArray[Any], ...],
    wanted: tuple[NDArray[Any], ...],
    fields: tuple[Field, ...],
    where: str,
) -> None:
    assert isinstance(found, tuple), f"{where}: to_numpy gave a {type(found).__name__}, no tuple"
    assert len(found) == len(fields), f"{where}: {len(found)} arrays for the fields {fields}"
    for field, got, want in zip(fields, found, wanted, strict=True):
        at = f"{where}, {field}"
        if field == "index":
            # JAX has no int64 unless it is asked to.
            assert got.dtype.kind == "i", f"{at}: expected int64 or int32, found {got.dtype}"
            got = got.astype(np.int64)
        assert got.dtype == want.dtype, f"{at}: expected {want.dtype}, found {got.dtype}"
        assert got.shape == want.shape, f"{at}: expected shape {want.shape}, found {got.shape}"
        if got.tobytes() != want.tobytes():
            place = np.argwhere(got != want)
            raise AssertionError(
                f"{at}: the bits differ, first at {tuple(map(int, place[0])) if len(place) else 0}:"
                f"\nexpected {want.ravel()[:8]} ...\nfound    {got.ravel()[:8]} ..."
            )


def _check_epochs(
    adapter: Adapter,
    dataset: Dataset,
    plan: BatchPlan,
    encoding: Encoding = Encoding(),  # noqa: B008, it is immutable
    *,
    epoch: int = 0,
    start: int = 0,
    epochs: int = 1,
    where: str = "",
) -> None:
    """Check some consecutive epochs of one loader."""
    loader = adapter.loader(dataset, plan, encoding, epoch=epoch, start=start)
    for n in range(epochs):
        first = start if n == 0 else 0
        wanted = wanted_batches(adapter, dataset, plan, encoding, epoch=epoch + n, start=first)
        at = f"{where or plan}, epoch {epoch + n}, start {first}"
        assert_batches(adapter, loader, wanted, plan.fields, at)


def check_interface(adapter: Adapter) -> None:
    """The adapter has the attributes of the protocol, with values that mean something."""
    assert isinstance(adapter, Adapter), f"{adapter!r} lacks a part of fmnist_core.Adapter"
    assert adapter.name
    assert isinstance(adapter.name, str)
    assert adapter.layout in _LAYOUTS, f"layout {adapter.layout!r}"
    assert adapter.label_dtype in ("int32", "int64"), f"label_dtype {adapter.label_dtype!r}"
    assert isinstance(adapter.writable, bool)


def check_order(adapter: Adapter) -> None:
    """Batches hold the examples that the plan names, shuffled or not, for any seed."""
    dataset = made_dataset()
    for batch_size, shuffle, seed in [(4, False, 0), (4, True, 0), (23, True, 7), (50, True, 1)]:
        plan = BatchPlan(23, batch_size, shuffle, seed, fields=("image", "label", "index"))
        _check_epochs(adapter, dataset, plan)


def check_extreme_seeds(adapter: Adapter) -> None:
    """The largest seeds and epochs give their own order."""
    dataset = made_dataset()
    for seed, epoch in [(2**64 - 1, 0), (2**40 + 7, 12), (0, 2**32 - 1), (2**32, 2**31)]:
        plan = BatchPlan(23, 10, True, seed, fields=("index",))
        _check_epochs(adapter, dataset, plan, epoch=epoch)


def check_large_orders(adapter: Adapter) -> None:
    """The order is right where the cipher's block changes its size."""
    for n in (2**16, 2**16 + 1, 70_000):
        images, labels = np.zeros((n, 1, 1), np.uint8), np.zeros(n, np.uint8)
        plan = BatchPlan(n, 10_000, True, 1, fields=("index",))
        _check_epochs(adapter, Dataset(images, labels), plan)


def check_epochs(adapter: Adapter) -> None:
    """The n-th iteration is epoch `epoch` + n, and each epoch has its own order."""
    plan = BatchPlan(23, 5, True, 3, fields=("image", "index"))
    for epoch in (0, 5):
        _check_epochs(adapter, made_dataset(), plan, epoch=epoch, epochs=3)


def check_every_start(adapter: Adapter) -> None:
    """An epoch can be resumed after any number of examples; the next is whole again."""
    dataset = made_dataset(9)
    plan = BatchPlan(9, 4, True, 7, fields=("image", "label", "index"))
    for start in range(10):
        _check_epochs(adapter, dataset, plan, epoch=1, start=start, epochs=2)


def check_remainders_and_shards(adapter: Adapter) -> None:
    """Every shard gets its part of each global batch, whatever becomes of the last one."""
    dataset = made_dataset()
    for count, remainder in itertools.product((1, 2, 3), get_args(Remainder)):
        for index in range(count):
            plan = BatchPlan(23, 3, True, 5, remainder, (index, count), ALL_FIELDS)
            _check_epochs(adapter, dataset, plan, epochs=2)


def check_resumed_shards(adapter: Adapter) -> None:
    """A start that is no whole number of batches goes on exactly, on several shards."""
    dataset = made_dataset()
    for start, remainder in itertools.product((5, 12, 23), get_args(Remainder)):
        for index in range(2):
            plan = BatchPlan(23, 4, True, 5, remainder, (index, 2), ALL_FIELDS)
            if remainder != "keep" or (23 - start) % 8 != 1:
                _check_epochs(adapter, dataset, plan, start=start, epochs=2)


def check_state(adapter: Adapter) -> None:
    """A position saved after any batch is gone on from under another batch size, or is refused.

    A loader without `state_dict` is for its users to count: `BatchPlan.state` and `position`.
    """
    dataset = made_dataset()
    plan = BatchPlan(23, 4, True, 7, fields=("index",))
    other = BatchPlan(23, 5, True, 7, fields=("index",))
    whole, after = (dataset.indices[np.concatenate([*plan.epoch(epoch)])] for epoch in (1, 2))
    for steps in range(len(plan) + 1):
        state = json.loads(json.dumps(_state_after(adapter, dataset, plan, steps)))
        found = [adapter.to_numpy(batch)[0] for batch in _resumed(adapter, dataset, other, state)]
        rest = np.concatenate([whole[:0], *found])
        wanted = after if steps == len(plan) else whole[4 * steps :]
        assert np.array_equal(rest, wanted), (
            f"{adapter.name}: resumed after {steps} batches of 4, in batches of 5: "
            f"expected {wanted}, found {rest}"
        )
    ours = _state_after(adapter, dataset, plan, 2)
    changes: list[dict[str, object]] = [
        {"digest": "0" * 64},
        {"seed": 8},
        {"shuffle": False},
        {"order": 2},
        {"examples": 24},
        {"examples": True},
        {"examples": 8.0},
        {"epoch": -1},
    ]
    for wrong in [*({**ours, **change} for change in changes), None, {}, [1, 2], "state"]:
        refusal = _refusal(partial(_resumed, adapter, dataset, plan, wrong))
        assert refusal, f"{adapter.name}: the state {wrong!r}: no error was raised"


def _state_after(adapter: Adapter, dataset: Dataset, plan: BatchPlan, steps: int) -> Any:
    """Return the state after some batches of epoch 1."""
    loader: Any = adapter.loader(dataset, plan, Encoding(), epoch=1)
    received = list(itertools.islice(loader, steps))
    if hasattr(loader, "state_dict"):
        return loader.state_dict()
    return plan.state(1, len(received), digest=dataset.digest)


def _resumed(adapter: Adapter, dataset: Dataset, plan: BatchPlan, state: Any) -> Iterable[Any]:
    loader: Any = adapter.loader(dataset, plan, Encoding())
    if hasattr(loader, "load_state_dict"):
        loader.load_state_dict(state)
        return loader  # type: ignore[no-any-return]
    epoch, start = plan.position(state, digest=dataset.digest)
    return adapter.loader(dataset, plan, Encoding(), epoch=epoch, start=start)


def check_overfull_pad(adapter: Adapter) -> None:
    """A global batch larger than the data is filled by going round them again."""
    plan = BatchPlan(3, 4, True, 1, "pad", (1, 2), ALL_FIELDS)
    _check_epochs(adapter, made_dataset(3), plan)


def check_tiny_datasets(adapter: Adapter) -> None:
    """No example gives no batch; one example gives one."""
    for n in (0, 1):
        plan = BatchPlan(n, 4, True, fields=ALL_FIELDS)
        _check_epochs(adapter, made_dataset(23).take(n), plan, epochs=2)


def check_fields(adapter: Adapter) -> None:
    """A batch holds the fields that were asked for, in that order, as a tuple."""
    dataset = made_dataset()
    choices: list[tuple[Field, ...]] = [
        ("image",),
        ("label", "image"),
        ("image", "label", "weight"),
        ("weight", "index", "label", "image"),
    ]
    for fields in choices:
        _check_epochs(adapter, dataset, BatchPlan(23, 8, fields=fields))


def check_extended(adapter: Adapter) -> None:
    """Extended labels are those of their images; of a dataset without any they are refused."""
    dataset = made_dataset()
    plan = BatchPlan(23, 8, True, 3, fields=("image", "extended", "index"))
    _check_epochs(adapter, dataset, plan, epochs=2)
    without = Dataset(dataset.images, dataset.labels)
    refusal = _refusal(lambda: adapter.loader(without, plan, Encoding()))
    assert refusal, f"{adapter.name}: extended labels that a dataset has not: no error was raised"


def check_pixels(adapter: Adapter) -> None:
    """Every dtype and scale gives the bits of the pixel table, for all 256 pixels."""
    dataset = made_dataset()
    for scale in get_args(Scale):
        for dtype in ("float32", "float16", "bfloat16", *(("uint8",) if scale == "raw" else ())):
            encoding = Encoding(dtype, scale)
            where = f"dtype={dtype!r}, scale={scale!r}"
            _check_epochs(adapter, dataset, BatchPlan(23, 23), encoding, where=where)


def check_layouts_and_labels(adapter: Adapter) -> None:
    """Every layout and kind of label has the right axes, types and values."""
    dataset = made_dataset()
    for layout, kind in itertools.product((None, *get_args(Layout)), get_args(LabelKind)):
        encoding = Encoding(layout=layout, labels=kind)
        where = f"layout={layout!r}, labels={kind!r}"
        _check_epochs(adapter, dataset, BatchPlan(23, 9), encoding, where=where)


def check_colour_images(adapter: Adapter) -> None:
    """Images with a last axis of 1, 3 or 4 channels reach every layout, each with its constants."""
    means, stds = (0.29, 0.31, 0.33, 0.35), (0.39, 0.41, 0.43, 0.45)
    for channels in (1, 3, 4):
        pixels = (np.arange(9 * 5 * 4 * channels) * 37 % 256).astype(np.uint8)
        dataset = Dataset(
            pixels.reshape(9, 5, 4, channels),
            np.arange(9) % 3,
            mean=means[:channels],
            std=stds[:channels],
        )
        layouts = [None, "NHWC", "NCHW", "flat", *(["NHW"] if channels == 1 else [])]
        for layout, scale in itertools.product(layouts, ("unit", "standard", "raw")):
            encoding = Encoding(scale=scale, layout=layout)  # type: ignore[arg-type]
            where = f"{channels} channels, layout={layout!r}, scale={scale!r}"
            _check_epochs(adapter, dataset, BatchPlan(9, 4), encoding, where=where)


def check_channels(adapter: Adapter) -> None:
    """``channels=3`` repeats a grey channel; mean and std may differ between the three."""
    dataset, mean, std = made_dataset(), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    for layout in (None, "NHWC", "NCHW", "flat"):
        for scale in get_args(Scale):
            encoding = Encoding("float32", scale, layout, mean=mean, std=std, channels=3)
            where = f"channels=3, layout={layout!r}, scale={scale!r}"
            if layout is not None or adapter.layout != "NHW":
                _check_epochs(adapter, dataset, BatchPlan(23, 9), encoding, where=where)


def check_batch_forms(adapter: Adapter) -> None:
    """Fields as a mapping give dictionaries, and as a single name bare arrays."""
    dataset = made_dataset()
    forms: list[Any] = [{"pixel_values": "image", "labels": "label"}, {"b": "label"}, "image"]
    for fields in forms:
        plan = BatchPlan(23, 8, True, 3, fields=fields)
        wanted = wanted_batches(adapter, dataset, plan)
        found = []
        for batch in adapter.loader(dataset, plan, Encoding()):
            if plan.keys:
                assert isinstance(batch, Mapping), f"{adapter.name}: {fields}: no mapping"
                assert set(batch) == set(plan.keys), f"{adapter.name}: {fields}: {list(batch)}"
            else:
                assert not isinstance(batch, Mapping | tuple | list), (
                    f"{adapter.name}: {fields}: a {type(batch).__name__}, expected a bare array"
                )
            found.append(plan.unpack(batch))
        assert_batches(adapter, found, wanted, plan.fields, f"fields={fields!r}")


def check_other_habits(adapter: Adapter) -> None:
    """A subclass that has other habits gets its own layout and label type, not its parent's."""
    for layout, label_dtype in (
        ("NHWC", "int32"),
        ("NCHW", adapter.label_dtype),
        ("flat", "int32"),
    ):
        changed = copy.copy(adapter)
        changed.layout = layout  # type: ignore[assignment]
        changed.label_dtype = label_dtype  # type: ignore[assignment]
        where = f"layout {layout}, label_dtype {label_dtype}"
        _check_epochs(changed, made_dataset(), BatchPlan(23, 8), where=where)


def check_other_types(adapter: Adapter) -> None:
    """Images that are not uint8 pass with scale="raw", in native byte order and their own shape."""
    for dtype, shape in [("int8", (3, 2)), ("int16", (6,)), (">i4", (3, 2)), (">f4", (1, 2, 3))]:
        values = np.arange(-30, 30).astype(dtype).reshape(10, *shape)
        name = np.dtype(dtype).newbyteorder("=").name
        dataset = Dataset(values, np.arange(10, dtype=np.int32) % 3)
        for target in {name, "float32"} - ({"float32"} if name == "int32" else set()):
            encoding = Encoding(target, "raw")
            _check_epochs(adapter, dataset, BatchPlan(10, 4), encoding, where=f"{name}->{target}")


def check_length(adapter: Adapter) -> None:
    """len() is the number of batches of the next iteration, or is refused; it is never wrong."""
    dataset = made_dataset()
    for start, remainder in itertools.product((0, 11), get_args(Remainder)):
        plan = BatchPlan(23, 5, remainder=remainder, fields=ALL_FIELDS)
        loader: Any = adapter.loader(dataset, plan, Encoding(), start=start)
        for n in range(2):
            try:
                said = len(loader)
            except TypeError:
                assert start, f"{adapter.name}: len() is refused though no start is given"
                continue
            finally:
                found = sum(1 for _ in loader)
            wanted = plan.num_steps(start if n == 0 else 0)
            assert said == found == wanted, (
                f"{adapter.name}, start {start}, iteration {n}: len() says {said}, "
                f"there were {found} batches, expected {wanted}"
            )


def check_abandoned_iteration(adapter: Adapter) -> None:
    """An iteration that is thrown away half read counts as its epoch; the next is whole."""
    dataset, plan = made_dataset(), BatchPlan(23, 5, True, 2, fields=("image", "index"))
    loader = adapter.loader(dataset, plan, Encoding())
    for _ in range(2):
        next(iter(loader))
    wanted = wanted_batches(adapter, dataset, plan, epoch=2)
    assert_batches(adapter, loader, wanted, plan.fields, "after two abandoned iterations")


def check_unused_iterator(adapter: Adapter) -> None:
    """An iterator from which no batch is taken costs no epoch."""
    dataset, plan = made_dataset(), BatchPlan(23, 5, True, 2, fields=("image", "index"))
    loader = adapter.loader(dataset, plan, Encoding())
    unused = [iter(loader) for _ in range(2)]
    assert_batches(
        adapter, loader, wanted_batches(adapter, dataset, plan), plan.fields, "after unused iter()"
    )
    assert len(unused) == 2


def check_two_iterators(adapter: Adapter) -> None:
    """Two iterations at once do not disturb each other."""
    dataset, plan = made_dataset(), BatchPlan(23, 5, True, 2, fields=("image", "index"))
    loader = adapter.loader(dataset, plan, Encoding())
    iterators: list[Iterator[Any]] = []
    found: list[list[Any]] = [[], []]
    for n in range(2):
        iterators.append(iter(loader))
        found[n].append(next(iterators[n]))
    for _ in range(len(plan)):
        for n in range(2):
            found[n] += itertools.islice(iterators[n], 1)
    for n in range(2):
        wanted = wanted_batches(adapter, dataset, plan, epoch=n)
        assert_batches(adapter, found[n], wanted, plan.fields, f"iterator {n} of two at once")


def check_fresh_batches(adapter: Adapter) -> None:
    """A batch is the caller's own: writing into it changes neither the data nor other batches."""
    for dtype, encoding in (("float32", Encoding()), ("uint8", Encoding("uint8", "raw"))):
        made = made_dataset(8)
        # Contiguous, so that a careless adapter could hand out slices of the data themselves.
        dataset = Dataset(made.images, made.labels)
        plan = BatchPlan(8, 4, fields=ALL_FIELDS)
        before = _content(dataset)
        loader = adapter.loader(dataset, plan, encoding)
        batches = [adapter.to_numpy(batch) for batch in loader]
        copies = [tuple(array.copy() for array in batch) for batch in batches]
        for field, array in zip(plan.fields, batches[0], strict=True):
            at = f"{adapter.name}, dtype={dtype!r}, {field}"
            assert array.flags.c_contiguous, f"{at}: the batch is not C-contiguous"
            if adapter.writable:
                assert array.flags.writeable, f"{at}: the batch cannot be written"
                array[...] = 1 - array
        for array, kept in zip(batches[1], copies[1], strict=True):
            assert array.tobytes() == kept.tobytes(), f"{adapter.name}: two batches share memory"
        assert _content(dataset) == before, f"{adapter.name}: a batch is an alias of the data"
        wanted = wanted_batches(adapter, dataset, plan, encoding, epoch=1)
        assert_batches(adapter, loader, wanted, plan.fields, "after a batch was written into")


def check_source_unchanged(adapter: Adapter) -> None:
    """Reading leaves the dataset's arrays as they were, and read-only."""
    dataset = made_dataset()
    before = _content(dataset)
    for scale in get_args(Scale):
        for _ in adapter.loader(dataset, BatchPlan(23, 4, True), Encoding(scale=scale)):
            assert _content(dataset) == before, f"{adapter.name}: the dataset's arrays were changed"
    assert not dataset.take(1).images.flags.writeable, f"{adapter.name}: they became writable"


def check_errors(adapter: Adapter) -> None:
    """What cannot be honoured is refused with an error of ours when the loader is made."""
    plan = BatchPlan(23, 4, shard=(1, 3), fields=ALL_FIELDS)
    refused: list[tuple[str, Callable[[], object]]] = [
        ("start beyond the epoch", lambda: _loader(adapter, plan, start=24)),
        ("negative start", lambda: _loader(adapter, plan, start=-1)),
        ("a start that leaves a shard nothing", lambda: _loader(adapter, plan, start=22)),
        ("negative epoch", lambda: _loader(adapter, plan, epoch=-1)),
        ("epoch beyond 32 bits", lambda: _loader(adapter, plan, epoch=2**32)),
        ("float images with scale unit", lambda: _loader(adapter, plan, images=np.float32)),
        ("a plan of other data", lambda: _loader(adapter, BatchPlan(24, 4))),
        ("unknown option", lambda: made_dataset().to(adapter, batch_size=4, no_such_option=1)),
    ]
    for what, attempt in refused:
        message = _refusal(attempt)
        assert message is not None, f"{adapter.name}: {what}: no error was raised"
        assert message, f"{adapter.name}: {what}: the error says nothing"


def _refusal(attempt: Callable[[], object]) -> str | None:
    """Return what an error of ours says, or None if there is none."""
    try:
        attempt()
    except FmnistError as error:
        return str(error)
    return None


def _loader(
    adapter: Adapter,
    plan: BatchPlan,
    *,
    epoch: int = 0,
    start: int = 0,
    images: type[np.generic] = np.uint8,
) -> object:
    dataset = made_dataset()
    dataset = Dataset(dataset.images.astype(images), dataset.labels)
    return adapter.loader(dataset, plan, Encoding(), epoch=epoch, start=start)


def _content(dataset: Dataset) -> str:
    content = hashlib.sha256(dataset.images.tobytes())
    content.update(dataset.labels.tobytes())
    content.update(dataset.indices.tobytes())
    return content.hexdigest()


CHECKS: tuple[Callable[[Adapter], None], ...] = (
    check_interface,
    check_order,
    check_extreme_seeds,
    check_large_orders,
    check_epochs,
    check_every_start,
    check_remainders_and_shards,
    check_resumed_shards,
    check_state,
    check_overfull_pad,
    check_tiny_datasets,
    check_fields,
    check_extended,
    check_pixels,
    check_layouts_and_labels,
    check_colour_images,
    check_channels,
    check_batch_forms,
    check_other_habits,
    check_other_types,
    check_length,
    check_abandoned_iteration,
    check_unused_iterator,
    check_two_iterators,
    check_fresh_batches,
    check_source_unchanged,
    check_errors,
)
"""Every check; each takes an adapter and raises AssertionError with what is wrong."""
