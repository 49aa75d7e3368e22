"""Wrong adapters, each with one fault, and the check that must catch it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core import BatchPlan, Dataset, Encoding, testing
from fmnist_core.encoding import Layout
from fmnist_core.epochs import CountedIterator, EpochCounter
from tests.helpers.sound_adapter import Loader, Sound, caught_by

Array = NDArray[Any]


@caught_by("check_interface")
class ShortLabelsPromised(Sound):
    label_dtype = "int16"  # type: ignore[assignment]


@caught_by("check_order")
class WrongLabelType(Sound):
    def labels(self, dataset: Dataset, rows: Any, encoding: Encoding) -> Array:
        return super().labels(dataset, rows, encoding).astype(np.int64)


@caught_by("check_order")
class DroppedTail(Sound):
    def steps(self, plan: BatchPlan, start: int) -> int:
        return (plan.num_examples - start) // plan.global_batch_size


@caught_by("check_order")
class NeverShuffles(Sound):
    def rows(self, plan: BatchPlan, epoch: int, step: int, start: int) -> Any:
        return replace(plan, shuffle=False).indices(epoch, step, start)


@caught_by("check_order")
class IndexIsRow(Sound):
    def index(self, dataset: Dataset, rows: Any) -> Array:
        return np.asarray(rows)


@caught_by("check_order")
class MirroredImage(Sound):
    def arrange(self, images: Array, encoding: Encoding) -> Array:
        return encoding.arrange(np.ascontiguousarray(images[:, :, ::-1]))


@caught_by("check_order")
class TransposedImage(Sound):
    def arrange(self, images: Array, encoding: Encoding) -> Array:
        return encoding.arrange(images.swapaxes(1, 2).reshape(images.shape))


@caught_by("check_order")
class LabelsOfNeighbours(Sound):
    def labels(self, dataset: Dataset, rows: Any, encoding: Encoding) -> Array:
        return super().labels(dataset, np.roll(rows, 1), encoding)


@caught_by("check_order")
class OneBufferForAll(Sound):
    buffer: Array = np.zeros((64, 5, 4), np.float32)

    def arrange(self, images: Array, encoding: Encoding) -> Array:
        self.buffer[: len(images)] = images
        return encoding.arrange(self.buffer[: len(images)])


@caught_by("check_extreme_seeds")
class SeedOf32Bits(Sound):
    def rows(self, plan: BatchPlan, epoch: int, step: int, start: int) -> Any:
        return replace(plan, seed=plan.seed % 2**32).indices(epoch, step, start)


@caught_by("check_extreme_seeds")
class EpochOf31Bits(Sound):
    def rows(self, plan: BatchPlan, epoch: int, step: int, start: int) -> Any:
        return plan.indices(epoch % 2**31, step, start)


@caught_by("check_large_orders")
class RepeatsAtPowerOfTwo(Sound):
    def rows(self, plan: BatchPlan, epoch: int, step: int, start: int) -> Any:
        rows = plan.indices(epoch, step, start)
        return np.minimum(rows, 2**16 - 1) if plan.num_examples == 2**16 + 1 else rows


@caught_by("check_epochs")
class SameEpochAgain(Sound):
    def epoch(self, first: int, n: int) -> int:
        return first


@caught_by("check_epochs")
class EpochsFromZero(Sound):
    def epoch(self, first: int, n: int) -> int:
        return n


@caught_by("check_epochs")
class IteratesOnce(Sound):
    def iterate(self, loader: Loader) -> Iterator[Any]:
        loader.running = loader.running or super().iterate(loader)
        return loader.running


@caught_by("check_every_start")
class StartIgnored(Sound):
    def start(self, start: int, n: int) -> int:
        return 0


@caught_by("check_every_start")
class StartOfEveryEpoch(Sound):
    def start(self, start: int, n: int) -> int:
        return start


@caught_by("check_every_start")
class StartInWholeBatches(Sound):
    def start(self, start: int, n: int) -> int:
        return start // 4 * 4 if n == 0 else 0


@caught_by("check_remainders_and_shards")
class NextShard(Sound):
    def rows(self, plan: BatchPlan, epoch: int, step: int, start: int) -> Any:
        index, count = plan.shard
        return replace(plan, shard=((index + 1) % count, count)).indices(epoch, step, start)


@caught_by("check_remainders_and_shards")
class StridedShards(Sound):
    def rows(self, plan: BatchPlan, epoch: int, step: int, start: int) -> Any:
        index, count = plan.shard
        joined = [
            replace(plan, shard=(other, count)).indices(epoch, step, start)
            for other in range(count)
        ]
        return np.concatenate(joined)[index::count]


@caught_by("check_remainders_and_shards")
class FillersWeighOne(Sound):
    def weights(self, plan: BatchPlan, step: int, start: int) -> Array:
        return np.ones_like(super().weights(plan, step, start))


@caught_by("check_remainders_and_shards")
class FillersFromTheTail(Sound):
    def rows(self, plan: BatchPlan, epoch: int, step: int, start: int) -> Any:
        rows, weights = plan.indices(epoch, step, start), plan.weights(step, start)
        last = replace(plan, batch_size=plan.num_examples, shard=(0, 1), remainder="keep")
        return np.where(weights > 0, rows, last.indices(epoch, 0)[-1])


@caught_by("check_resumed_shards")
class ShardsForgetOddStarts(Sound):
    def rows(self, plan: BatchPlan, epoch: int, step: int, start: int) -> Any:
        if plan.shard[1] > 1 and start % plan.batch_size:
            whole = start // plan.batch_size * plan.batch_size
            return plan.indices(epoch, step, whole)[: len(plan.indices(epoch, step, start))]
        return plan.indices(epoch, step, start)


@caught_by("check_extended")
class ExtendedOfOtherRows(Sound):
    def extended(self, dataset: Dataset, rows: NDArray[np.int64]) -> Array:
        return dataset.source.extended_at(dataset.original_rows(np.sort(rows)))


@caught_by("check_extended")
class ZerosForExtended(Sound):
    def loader(self, dataset: Dataset, plan: BatchPlan, encoding: Encoding, **where: Any) -> Any:
        if dataset.extended is None:
            nothing = np.zeros((len(dataset), 8), np.int32)
            dataset = Dataset(dataset.images, dataset.labels, extended=nothing)
        return super().loader(dataset, plan, encoding, **where)


@caught_by("check_overfull_pad")
class FillsOnlyOnce(Sound):
    def rows(self, plan: BatchPlan, epoch: int, step: int, start: int) -> Any:
        rows = plan.indices(epoch, step, start)
        if plan.global_batch_size > 2 * plan.num_examples:
            rows[:] = rows[0]
        return rows


@caught_by("check_tiny_datasets")
class EmptyBatchOfNothing(Sound):
    def batches(self, loader: Loader, n: int) -> Iterator[Any]:
        yield from super().batches(loader, n)
        if not loader.plan.num_examples:
            yield tuple(np.zeros(0, np.float32) for _ in loader.plan.fields)


@caught_by("check_fields")
class FieldsInOwnOrder(Sound):
    def fields(self, plan: BatchPlan) -> Any:
        return [field for field in testing.ALL_FIELDS if field in plan.fields]


@caught_by("check_fields")
class BareSingleField(Sound):
    def batch(self, loader: Loader, epoch: int, step: int, start: int) -> Any:
        batch = super().batch(loader, epoch, step, start)
        return batch[0] if len(batch) == 1 else batch


@caught_by("check_pixels")
class MultipliesByReciprocal(Sound):
    def pixels(self, images: Array, encoding: Encoding) -> Array:
        if encoding.scale == "unit":
            return (images * np.float32(1 / 255)).astype(encoding.numpy_dtype)
        return super().pixels(images, encoding)


@caught_by("check_pixels")
class StandardInFloat64(Sound):
    def pixels(self, images: Array, encoding: Encoding) -> Array:
        if encoding.scale == "standard":
            mean, std = (np.float64(one or 0) for one in (encoding.mean, encoding.std))
            values = (images / 255 - mean) / std
            return values.astype(encoding.numpy_dtype)
        return super().pixels(images, encoding)


@caught_by("check_pixels")
class TruncatesBfloat16(Sound):
    def pixels(self, images: Array, encoding: Encoding) -> Array:
        if encoding.dtype != "bfloat16":
            return super().pixels(images, encoding)
        exact = replace(encoding, dtype="float32").encode_pixels(images)
        return (exact.view(np.uint32) >> 16).astype(np.uint16).view(encoding.numpy_dtype)


@caught_by("check_pixels")
class RawIsScaled(Sound):
    def pixels(self, images: Array, encoding: Encoding) -> Array:
        if encoding.scale == "raw" and encoding.dtype == "float16":
            return replace(encoding, scale="unit").encode_pixels(images)
        return super().pixels(images, encoding)


@caught_by("check_layouts_and_labels")
class ChannelsAlwaysLast(Sound):
    def arrange(self, images: Array, encoding: Encoding) -> Array:
        layout: Layout | None = "NHWC" if encoding.layout == "NCHW" else encoding.layout
        return replace(encoding, layout=layout).arrange(images)


@caught_by("check_layouts_and_labels")
class OneHotOfIntegers(Sound):
    def labels(self, dataset: Dataset, rows: Any, encoding: Encoding) -> Array:
        labels = super().labels(dataset, rows, encoding)
        return labels.astype(np.int32)


@caught_by("check_colour_images")
class ChannelsFirstByReshape(Sound):
    def arrange(self, images: Array, encoding: Encoding) -> Array:
        if encoding.layout == "NCHW" and images.ndim == 4:
            return images.reshape(len(images), images.shape[3], *images.shape[1:3])
        return super().arrange(images, encoding)


@caught_by("check_channels")
class OneGreyAndTwoBlackChannels(Sound):
    def channels(self, images: Array, encoding: Encoding) -> Array:
        spread = super().channels(images, encoding)
        if encoding.channels == 3:
            spread = spread.copy()
            spread[..., 1:] = 0
        return spread


@caught_by("check_batch_forms")
class AlwaysATuple(Sound):
    def pack(self, plan: BatchPlan, values: Any) -> Any:
        return tuple(values)


@caught_by("check_batch_forms")
class NamedByField(Sound):
    def pack(self, plan: BatchPlan, values: Any) -> Any:
        return dict(zip(plan.fields, values, strict=True)) if plan.keys else plan.pack(values)


@caught_by("check_batch_forms")
class NamesInAnotherOrder(Sound):
    def pack(self, plan: BatchPlan, values: Any) -> Any:
        batch = plan.pack(values)
        return dict(reversed(batch.items())) if plan.keys else batch


@caught_by("check_other_habits")
class HabitsOfTheParent(Sound):
    def loader(self, dataset: Dataset, plan: BatchPlan, encoding: Encoding, **where: Any) -> Any:
        return Sound().loader(dataset, plan, encoding, **where)


@caught_by("check_unused_iterator")
class EpochTakenWhenIterated(Sound):
    def iterate(self, loader: Loader) -> Iterator[Any]:
        n, loader.begun = loader.begun, loader.begun + 1
        return self.batches(loader, n)


@caught_by("check_other_types")
class ForeignByteOrder(Sound):
    def images(self, dataset: Dataset, rows: Any) -> Array:
        return dataset.images[rows]

    def pixels(self, images: Array, encoding: Encoding) -> Array:
        return images if encoding.scale == "raw" else super().pixels(images, encoding)


@caught_by("check_length")
class LengthOfWholeEpochs(Sound):
    def length(self, loader: Loader) -> int:
        return len(loader.plan)


@caught_by("check_abandoned_iteration")
class CountsOnlyFinished(Sound):
    def iterate(self, loader: Loader) -> Iterator[Any]:
        yield from self.batches(loader, loader.begun)
        loader.begun += 1


@caught_by("check_two_iterators")
class OneIteratorAtATime(Sound):
    def batches(self, loader: Loader, n: int) -> Iterator[Any]:
        loader.running = super().batches(loader, n)
        while (batch := next(loader.running, None)) is not None:
            yield batch


@caught_by("check_fresh_batches")
class AliasOfTheData(Sound):
    def images(self, dataset: Dataset, rows: Any) -> Array:
        return dataset.images[rows[0] : rows[-1] + 1] if _ascending(rows) else dataset.images[rows]

    def pixels(self, images: Array, encoding: Encoding) -> Array:
        # By the owner of its memory, as torch.from_numpy does: that ignores the read-only flag.
        if encoding.scale == "raw" and images.dtype == np.uint8 and images.size:
            return np.lib.stride_tricks.as_strided(_writable(images), images.shape, images.strides)
        return super().pixels(images, encoding)


@caught_by("check_fresh_batches")
class ReadOnlyBatch(Sound):
    def arrange(self, images: Array, encoding: Encoding) -> Array:
        images.setflags(write=False)
        return encoding.arrange(images)


@caught_by("check_fresh_batches")
class NotContiguous(Sound):
    def arrange(self, images: Array, encoding: Encoding) -> Array:
        return encoding.arrange(np.asfortranarray(images))


@caught_by("check_source_unchanged")
class NormalisesInPlace(Sound):
    def images(self, dataset: Dataset, rows: Any) -> Array:
        source = dataset.source.images
        if source.dtype == np.uint8 and source.size:
            _writable(source)[...] = 255 - source
        return super().images(dataset, rows)


@caught_by("check_errors")
class ChecksNothing(Sound):
    def loader(self, dataset: Dataset, plan: BatchPlan, encoding: Encoding, **options: Any) -> Any:
        return Loader(self, dataset, plan, encoding, 0, 0)


class Stateful(Sound):
    """An adapter with stateful loaders; faults are planted in how they count."""

    def loader(self, dataset: Dataset, plan: BatchPlan, encoding: Encoding, **options: Any) -> Any:
        return StatefulLoader(self, dataset, plan, options)

    def received(self, loader: "StatefulLoader") -> Iterator[Any]:
        return CountedIterator(loader.epochs, loader.batches)

    def load(self, state: Any, epochs: EpochCounter, dataset: Dataset) -> None:
        epochs.load(state, dataset.digest, repr(dataset))


class StatefulLoader:
    def __init__(self, adapter: Stateful, dataset: Dataset, plan: BatchPlan, options: Any) -> None:
        self.adapter, self.dataset, self.plan = adapter, dataset, plan
        self.epochs = EpochCounter(plan, **options)

    def __iter__(self) -> Iterator[Any]:
        return self.adapter.received(self)

    def batches(self, epoch: int, start: int) -> Iterator[Any]:
        rows = self.plan.epoch(epoch, start)
        return ((self.dataset.original_rows(row),) for row in rows)

    def state_dict(self) -> Any:
        return self.epochs.state(self.dataset.digest)

    def load_state_dict(self, state: Any) -> None:
        self.adapter.load(state, self.epochs, self.dataset)


@caught_by("check_state")
class CountsWhatIsMadeAhead(Stateful):
    def received(self, loader: StatefulLoader) -> Iterator[Any]:
        counted = super().received(loader)
        ahead = next(counted, None)
        while (batch := ahead) is not None:
            ahead = next(counted, None)
            yield batch


@caught_by("check_state")
class CountsNothing(Stateful):
    def received(self, loader: StatefulLoader) -> Iterator[Any]:
        taken = loader.epochs.take()
        yield from loader.batches(taken.epoch, taken.start)


@caught_by("check_state")
class ForgetsTheEpoch(Stateful):
    def load(self, state: Any, epochs: EpochCounter, dataset: Dataset) -> None:
        super().load(state and {**state, "epoch": 0}, epochs, dataset)


@caught_by("check_state")
class GoesOnWithOtherData(Stateful):
    def load(self, state: Any, epochs: EpochCounter, dataset: Dataset) -> None:
        super().load(state and {**state, "digest": dataset.digest}, epochs, dataset)


def _ascending(rows: NDArray[np.int64]) -> bool:
    return rows.size > 0 and bool((np.diff(rows) == 1).all())


def _writable(array: Array) -> Array:
    """Return a writable view of an array's memory, as code outside numpy gets it."""
    import ctypes

    flat = (ctypes.c_uint8 * array.nbytes).from_address(array.ctypes.data)
    return np.frombuffer(flat, np.uint8).reshape(array.shape)
