"""The reference's arrays: the batches of an Assembler, alone and cut out of blocks."""

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fmnist_core as fm
from fmnist_core import BatchPlan, Dataset, Encoding, OptionError, get_adapter
from fmnist_core.batch import Assembler, Batches, epoch_batches, first_examples, peek
from fmnist_core.plan import Examples, Field
from fmnist_core.testing import made_dataset

NUMPY = get_adapter("numpy")
MADE = made_dataset()
ENCODINGS = [
    Encoding(),
    Encoding(dtype="uint8", scale="raw", layout="NCHW"),
    Encoding(scale="standard", labels="one_hot"),
]
FIELDS = st.lists(
    st.sampled_from([field for field in get_args(Field) if field != "view"]),
    min_size=1,
    max_size=5,
    unique=True,
).map(tuple)


def assembler(fields: Any, encoding: Encoding = ENCODINGS[0], dataset: Dataset = MADE) -> Assembler:
    return Assembler(dataset, BatchPlan(len(dataset), 4, fields=fields), encoding, NUMPY)


def examples(positions: list[int]) -> Examples:
    """Return examples at these positions of an order that runs backwards; fillers begin again."""
    array = np.array(positions, np.int64)
    return Examples(0, array, len(MADE) - 1 - array % len(MADE))


@given(FIELDS, st.sampled_from(ENCODINGS), st.lists(st.integers(0, 2 * len(MADE) - 1), min_size=1))
def test_each_field_describes_its_examples(
    fields: tuple[Field, ...], encoding: Encoding, positions: list[int]
) -> None:
    assemble = assembler(fields, encoding)
    chosen = examples(positions)
    resolved = assemble.encoding
    labels = MADE.labels[chosen.rows]
    expected = {
        "image": resolved.encode_images(MADE.images[chosen.rows]),
        "label": resolved.encode_labels(labels, len(MADE.classes)),
        "weight": np.array([position < len(MADE) for position in positions], np.float32),
        "index": MADE.indices[chosen.rows],
        "extended": None if MADE.extended is None else MADE.extended[chosen.rows],
    }
    arrays = assemble(chosen)
    assert len(arrays) == len(fields)
    for field, array in zip(fields, arrays, strict=True):
        np.testing.assert_array_equal(array, expected[field], err_msg=field, strict=True)
        for held in (MADE.source.images, MADE.source.labels, MADE.source.extended):
            assert held is None or not np.shares_memory(array, held)


@given(st.lists(st.integers(0, len(MADE) - 1), min_size=2), st.data())
def test_an_example_does_not_depend_on_the_others(
    positions: list[int], data: st.DataObject
) -> None:
    """No example depends on which others are in its batch."""
    cut = data.draw(st.integers(1, len(positions) - 1))
    assemble = assembler(("image", "label", "weight", "index"))
    parts = [assemble(examples(part)) for part in (positions[:cut], positions[cut:])]
    for whole, *pieces in zip(assemble(examples(positions)), *parts, strict=True):
        np.testing.assert_array_equal(whole, np.concatenate(pieces), strict=True)


def test_arrays_are_fresh() -> None:
    assemble = assembler(
        ("image", "label", "index", "weight"), Encoding(dtype="uint8", scale="raw")
    )
    before = [array.copy() for array in assemble(first_examples(len(MADE)))]
    for array in assemble(first_examples(len(MADE))):
        array[...] = 0
    for array, kept in zip(assemble(first_examples(len(MADE))), before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_index_is_the_place_in_the_split_after_any_selection() -> None:
    chosen = MADE.select([9, 2, 17, 5]).select([3, 0])
    (index,) = assembler(("index",), dataset=chosen)(first_examples(2))
    assert index.tolist() == MADE.indices[[5, 9]].tolist()


def test_missing_extended_labels_raise() -> None:
    plain = Dataset(MADE.images, MADE.labels)
    with pytest.raises(OptionError, match="no extended labels"):
        assembler(("extended",), dataset=plain)


@given(
    st.integers(1, 1300),
    st.integers(1, 700),
    st.sampled_from(["keep", "drop", "pad"]),
    st.integers(0, 3),
    st.data(),
)
def test_batches_of_an_epoch_are_those_of_its_steps(
    count: int, batch_size: int, remainder: Any, epoch: int, data: st.DataObject
) -> None:
    """Blocks change only the speed: each batch is that of its step, from any start."""
    numbers = np.arange(count)
    dataset = Dataset(
        (numbers % 251).astype(np.uint8).reshape(-1, 1, 1), (numbers % 3).astype(np.uint8)
    )
    fields: Any = ("image", "index", "weight")
    plan = BatchPlan(count, batch_size, True, 7, remainder, fields=fields)
    assemble = Assembler(dataset, plan, Encoding(dtype="uint8", scale="raw"), NUMPY)
    start = data.draw(st.integers(0, count))
    actual = list(epoch_batches(plan, assemble, epoch, start))
    assert len(actual) == plan.num_steps(start)
    for step, batch in enumerate(actual):
        alone = assemble(plan.examples(epoch, step, start))
        for array, expected in zip(batch, alone, strict=True):
            np.testing.assert_array_equal(array, expected, strict=True)


def test_peek_takes_no_epoch() -> None:
    plan = BatchPlan(len(MADE), 4, True, 3, fields=("index",))
    batches: Batches[Any] = Batches(plan, Assembler(MADE, plan, Encoding(), NUMPY), tuple)
    seen = peek(batches)
    assert (batches.epoch, batches.state_dict()["examples"]) == (0, 0)
    np.testing.assert_array_equal(next(iter(batches)), seen)
    assert fm.peek(batches)[0].tolist() != seen[0].tolist(), "of the next epoch"


def test_a_plan_for_other_data_raises() -> None:
    plan = BatchPlan(len(MADE) + 1, 4)
    with pytest.raises(OptionError, match=f"for {len(MADE) + 1} examples"):
        Batches(plan, Assembler(MADE, plan, Encoding(), NUMPY), tuple)
