"""The batches of the specification, and a comparison with them bit for bit."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.batch import VIEWS, resolve
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding
from fmnist_core.errors import FmnistError
from fmnist_core.hookspecs import Adapter
from fmnist_core.plan import BatchPlan, Field
from fmnist_core.transforms.ops import NumpyOps

ALL_FIELDS: tuple[Field, ...] = ("image", "label", "weight", "index")
"""What every dataset has; "extended" only some have."""

# Not `NUMPY` itself, for which transforms have faster ways.
_PLAIN = NumpyOps()

LAYOUTS: dict[str | None, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "NHW": lambda images: images[..., 0],
    "NHWC": lambda images: images,
    "NCHW": lambda images: np.moveaxis(images, -1, 1),
    "flat": lambda images: images.reshape(len(images), -1),
}
"""How images of shape (batch, height, width, channels) are arranged."""


def made_dataset(num_examples: int = 23) -> Dataset:
    """Return a small dataset that contains every trap.

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
    """Return the batches of one epoch according to the specification."""
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
    values: dict[str, NDArray[Any]] = {
        "weight": plan.weights(step, start),
        "index": dataset.indices[rows],
        "label": _wanted_labels(dataset, rows, encoding),
    }
    if dataset.extended is not None:
        values["extended"] = dataset.extended[rows].astype(np.int32)
    for view, field in enumerate(VIEWS):
        if not encoding.transform:
            images = dataset.images[rows]
        else:
            images, labels = _transformed(dataset, plan, encoding, epoch, step, start, view)
            if encoding.transform.mix and not view:
                values["label"] = labels
        values[field] = _wanted_images(images, encoding)
    return tuple(values[field] for field in plan.fields)


def _wanted_labels(dataset: Dataset, rows: NDArray[np.int64], encoding: Encoding) -> NDArray[Any]:
    labels = dataset.labels[rows]
    if encoding.labels == "one_hot":
        one_hot: NDArray[Any] = np.eye(len(dataset.classes), dtype=np.float32)[labels]
        return one_hot
    return labels.astype(encoding.label_dtype or "int32")


def _transformed(
    dataset: Dataset,
    plan: BatchPlan,
    encoding: Encoding,
    epoch: int,
    step: int,
    start: int,
    view: int,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return transformed images and labels, each example computed alone with plain arithmetic."""

    def gather(positions: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
        rows = plan.rows_at(positions, epoch)
        return np.array(dataset.images[rows]), _wanted_labels(dataset, rows, encoding)

    shape = encoding.transform.shape(dataset.image_shape)
    pairs = [
        encoding.transform.batch(
            _PLAIN, gather, position, n=plan.num_examples, seed=plan.seed, epoch=epoch, view=view
        )
        for position in (plan.positions(step, start) % plan.num_examples).reshape(-1, 1)
    ]
    images = [image for image, _ in pairs]
    return (
        np.concatenate(images or [np.zeros((0, *shape), np.uint8)]),
        np.concatenate([label for _, label in pairs] or [np.zeros(0, np.float32)]),
    )


def _wanted_images(images: NDArray[Any], encoding: Encoding) -> NDArray[Any]:
    if images.dtype == np.uint8 and encoding.layout is not None:
        return _wanted_pixels(images, encoding)
    pixels = images.astype(encoding.dtype)
    if encoding.layout == "flat":
        return pixels.reshape(len(images), -1)
    if encoding.layout is not None:
        return LAYOUTS[encoding.layout](pixels.reshape(*images.shape[:3], -1))
    return pixels


def _wanted_pixels(images: NDArray[np.uint8], encoding: Encoding) -> NDArray[Any]:
    """Look pixels up in the table, channel by channel, and arrange them."""
    channels_last = images.reshape(*images.shape[:3], -1)
    if encoding.channels == 3 and channels_last.shape[-1] == 1:
        channels_last = np.repeat(channels_last, 3, axis=-1)
    channels = range(channels_last.shape[-1])
    tables = [encoding.table[:, c] if encoding.is_per_channel else encoding.table for c in channels]
    looked_up = [table[channels_last[..., c]] for c, table in enumerate(tables)]
    return np.ascontiguousarray(LAYOUTS[encoding.layout](np.stack(looked_up, axis=-1)))


def assert_batches(
    adapter: Adapter,
    batches: Iterable[Any],
    expected: list[tuple[NDArray[Any], ...]],
    fields: tuple[Field, ...],
    where: str,
) -> None:
    """Raise AssertionError unless the batches equal the expected ones bit for bit."""
    arrays = [adapter.to_numpy(batch) for batch in batches]
    assert len(arrays) == len(expected), (
        f"{adapter.name}, {where}: expected {len(expected)} batches, found {len(arrays)}"
    )
    for step, (got, want) in enumerate(zip(arrays, expected, strict=True)):
        _assert_batch(got, want, fields, f"{adapter.name}, {where}, step {step}")


def _assert_batch(
    arrays: tuple[NDArray[Any], ...],
    expected: tuple[NDArray[Any], ...],
    fields: tuple[Field, ...],
    where: str,
) -> None:
    assert isinstance(arrays, tuple), f"{where}: to_numpy gave a {type(arrays).__name__}, no tuple"
    assert len(arrays) == len(fields), f"{where}: {len(arrays)} arrays for the fields {fields}"
    for field, got, want in zip(fields, arrays, expected, strict=True):
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


def assert_epochs(
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
        expected = wanted_batches(adapter, dataset, plan, encoding, epoch=epoch + n, start=first)
        at = f"{where or plan}, epoch {epoch + n}, start {first}"
        assert_batches(adapter, loader, expected, plan.fields, at)


def refusal(attempt: Callable[[], object]) -> str | None:
    """Return the message of an `FmnistError` that `attempt` raises, or None without an error."""
    try:
        attempt()
    except FmnistError as error:
        return str(error)
    return None
