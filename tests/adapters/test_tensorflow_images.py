"""Images in a mapped file, which TensorFlow gathers where they are: the same bits as a copy's."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fmnist_core as fm
from fmnist_core import Dataset, open_idx, write_idx
from fmnist_core.transforms import CutMix, RandomCrop, RandomHorizontalFlip

tf = pytest.importorskip("tensorflow")
images_module = pytest.importorskip("fmnist_tensorflow.images")
dataset_ops = pytest.importorskip("tensorflow.python.data.ops.dataset_ops")

COUNT = 301
FIELDS = ("image", "label", "index")
RAW: dict[str, Any] = {"dtype": "uint8", "scale": "raw", "layout": "NHWC"}


def mapped(folder: Path, shape: tuple[int, ...] = (28, 28), count: int = COUNT) -> Dataset:
    generator = np.random.default_rng(1)
    write_idx(folder / "images", generator.integers(0, 256, (count, *shape), np.uint8))
    write_idx(folder / "labels", (np.arange(count) % 10).astype(np.uint8))
    return open_idx(folder / "images", folder / "labels", classes=10)


def check_bits(dataset: Dataset, epochs: int = 2, **options: Any) -> None:
    """Hold a pipeline to the reference, batch by batch and bit by bit."""
    options = {"batch_size": 64, "shuffle": True, "seed": 3, "fields": FIELDS, **RAW, **options}
    pipeline, reference = dataset.to("tensorflow", **options), dataset.to("numpy", **options)
    for _ in range(epochs):
        for ours, wanted in zip(pipeline, reference, strict=True):
            for one, other in zip(ours, wanted, strict=True):
                np.testing.assert_array_equal(one.numpy(), other, strict=True)


@pytest.mark.parametrize(
    ("shape", "each", "skipped"),
    [((28, 28), 1, 3), ((27, 27), 1, 48), ((32, 32), 64, 3), ((28, 28, 3), 4, 9)],
)
def test_lines_begin_where_a_tensor_may(
    tmp_path: Path, shape: tuple[int, ...], each: int, skipped: int
) -> None:
    """An IDX header of three axes has 16 bytes, one of four axes has 20."""
    dataset = mapped(tmp_path, shape)
    lines = images_module.mapped_lines(dataset.source.images)
    assert (lines.each, lines.skipped) == (each, skipped)
    assert lines.lines.ctypes.data % 64 == 0
    assert np.shares_memory(lines.lines, dataset.source.images)
    joined = np.concatenate([lines.head.reshape(-1, lines.lines.shape[1])[:skipped], lines.lines])
    np.testing.assert_array_equal(joined.ravel(), dataset.images.ravel())
    check_bits(dataset)


@pytest.mark.parametrize("shape", [(32, 32, 3), (2, 2), (1, 1)])
def test_lines_that_would_be_too_short_are_copied(tmp_path: Path, shape: tuple[int, ...]) -> None:
    dataset = mapped(tmp_path, shape)
    assert images_module.mapped_lines(dataset.source.images) is None
    check_bits(dataset)


@pytest.mark.parametrize("kind", ["in memory", "packed", "transposed", "int16", "joined", "few"])
def test_what_is_not_mapped_as_it_is_is_copied(tmp_path: Path, kind: str) -> None:
    dataset = mapped(tmp_path, count=3 if kind == "few" else COUNT)
    images, labels = tmp_path / "images", tmp_path / "labels"
    if kind == "in memory":
        dataset = dataset.in_memory()
    elif kind == "packed":
        write_idx(tmp_path / "images.gz", dataset.images)
        dataset = open_idx(tmp_path / "images.gz", labels, classes=10)
    elif kind == "transposed":
        dataset = open_idx(images, labels, classes=10, orientation="upright")
    elif kind == "int16":
        write_idx(tmp_path / "wide", dataset.images.astype(np.int16))
        dataset = open_idx(tmp_path / "wide", labels, classes=10)
    elif kind == "joined":
        other = tmp_path / "other"
        other.mkdir()
        dataset = fm.concat(dataset, mapped(other, count=COUNT + 1))
    assert images_module.mapped_lines(dataset.source.images) is None
    check_bits(dataset, dtype="int16" if kind == "int16" else "uint8")


@pytest.mark.parametrize("most", [0, 2**26])  # bytes of a selection that are copied
def test_every_selection_and_shard_has_the_bits_of_the_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(images_module, "COPIED_BYTES", most)
    dataset = mapped(tmp_path)
    for part in (dataset[:5], dataset[2:200], dataset[::-1], dataset[[0, 300, 1, 2, 7]]):
        check_bits(part, shuffle=False)
        check_bits(part)
    check_bits(dataset.relabel(dataset.labels[::-1]))
    for shard in ((0, 2), (1, 2)):
        check_bits(dataset, shard=shard, batch_size=20)
    padded = (*FIELDS, "weight")
    check_bits(dataset, remainder="pad", fields=padded, start=17)


def test_transforms_and_encodings_are_applied_to_mapped_images(tmp_path: Path) -> None:
    dataset = mapped(tmp_path)
    moves = (RandomCrop(28, padding=4), RandomHorizontalFlip())
    check_bits(dataset, transform=moves)
    check_bits(dataset, transform=moves, fields=("view", "image", "index"))
    check_bits(dataset, transform=CutMix(1.0), labels="one_hot")
    check_bits(dataset, dtype="float32", scale="unit")
    check_bits(dataset, dtype="bfloat16", scale="unit", channels=3, layout="NCHW")


def test_they_are_gathered_inside_a_tf_function(tmp_path: Path) -> None:
    dataset = mapped(tmp_path)
    pipeline = dataset.to("tensorflow", batch_size=64, shuffle=True, fields=("image",), **RAW)

    @tf.function
    def sum_of_pixels() -> Any:
        total = tf.constant(0, tf.int64)
        for (image,) in pipeline:
            total += tf.reduce_sum(tf.cast(image, tf.int64))
        return total

    for _ in range(2):
        assert sum_of_pixels().numpy() == dataset.images.sum(dtype=np.int64)


def test_no_tensor_as_large_as_the_images_is_an_input_of_the_graph(tmp_path: Path) -> None:
    """TensorFlow makes zeros of the size of each whenever an epoch begins."""
    dataset = mapped(tmp_path)
    pipeline: Any = dataset.to("tensorflow", batch_size=64, shuffle=True)
    sizes = []
    while inputs := pipeline._inputs():
        for function in pipeline._functions():
            sizes += [
                one.dtype.size * (one.shape.num_elements() or 0)
                for one in function.function.captured_inputs
                if one.dtype not in (tf.variant, tf.resource)
            ]
        (pipeline,) = inputs
    assert sizes
    assert max(sizes) < dataset.images.nbytes // 10


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_a_file_that_is_removed_or_replaced_stays_what_it_was(tmp_path: Path, change: str) -> None:
    dataset = mapped(tmp_path)
    wanted = [image.copy() for (image,) in dataset.to("numpy", batch_size=64, fields=("image",))]
    pipeline = dataset.to("tensorflow", batch_size=64, fields=("image",), layout="NHW")
    if change == "removed":
        (tmp_path / "images").unlink()
    else:
        write_idx(tmp_path / "new", 255 - dataset.images)
        os.replace(tmp_path / "new", tmp_path / "images")
    del dataset
    for _ in range(2):
        for (image,), other in zip(pipeline, wanted, strict=True):
            np.testing.assert_array_equal(image.numpy(), other)


def test_a_serialised_pipeline_carries_the_images(tmp_path: Path) -> None:
    dataset = mapped(tmp_path)
    pipeline: Any = dataset.to("tensorflow", batch_size=64)
    # There is no public way to see a pipeline's graph, or to make a pipeline of one.
    ignore = tf.data.experimental.ExternalStatePolicy.IGNORE
    graph = pipeline._as_serialized_graph(external_state_policy=ignore)
    assert len(graph.numpy()) < 2 * dataset.images.nbytes
    few: Any = dataset[:20].to("tensorflow", batch_size=20)
    assert (
        len(few._as_serialized_graph(external_state_policy=ignore).numpy())
        < dataset[:20].images.nbytes + 60_000
    )
    (tmp_path / "images").unlink()
    again = dataset_ops._VariantDataset(
        tf.raw_ops.DatasetFromGraph(graph_def=graph), pipeline.element_spec
    )
    for (ours, _), (wanted, _) in zip(again, pipeline, strict=True):
        np.testing.assert_array_equal(ours.numpy(), wanted.numpy())


def test_a_checkpoint_restores_an_iterator_over_mapped_images(tmp_path: Path) -> None:
    dataset = mapped(tmp_path)

    def program() -> tuple[Any, Any]:
        pipeline = dataset.to("tensorflow", batch_size=64, shuffle=True, fields=("index", "image"))
        iterator = iter(pipeline)
        return iterator, tf.train.Checkpoint(iterator=iterator, epoch=pipeline.epoch)

    before, checkpoint = program()
    next(before)
    path = checkpoint.save(str(tmp_path / "checkpoint"))
    rest = [index.numpy().tolist() for index, _ in before]
    after, checkpoint = program()
    checkpoint.restore(path).assert_consumed()
    assert [index.numpy().tolist() for index, _ in after] == rest


@pytest.mark.parametrize(
    ("shape", "count"),
    [((28, 28, 3), 3), ((32, 32), 1), ((16, 16), 1), ((28, 28), 1), ((28, 28), 4)],
)
def test_files_of_a_few_images_have_all_of_them(
    tmp_path: Path, shape: tuple[int, ...], count: int
) -> None:
    check_bits(mapped(tmp_path, shape, count), batch_size=1)
