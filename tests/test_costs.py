"""The countable costs of a batch: calls, copies, allocations; never time."""

import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from fmnist_core import Dataset, get_adapter
from fmnist_core.batch import Assembler, epoch_batches
from fmnist_core.encoding import CACHE_LINE, Encoding
from fmnist_core.order import index_shuffle
from fmnist_core.plan import BLOCK_EXAMPLES, ENCIPHERED_EXAMPLES, BatchPlan

N = 4096


def drawn(n: int = N) -> Dataset:
    pixels = np.arange(n * 784, dtype=np.uint32) * 2654435761 >> 24
    return Dataset(pixels.astype(np.uint8).reshape(n, 28, 28), (np.arange(n) % 10).astype(np.uint8))


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """Count the calls of Python and C functions in a block."""
    calls = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    gc.collect()
    gc.disable()  # JAX is called whenever it runs
    sys.setprofile(profile)
    try:
        yield lambda: calls
    finally:
        sys.setprofile(None)
        gc.enable()


def calls_of_an_epoch(name: str, examples: int, batch_size: int) -> int:
    """Return the calls of one epoch, after another that does the one-time work."""
    loader = drawn(examples).to(name, batch_size=batch_size, shuffle=True, seed=1)
    list(loader)
    with counted() as calls:
        for _ in loader:
            pass
        return calls()


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_no_python_is_run_per_example(name: str) -> None:
    """Eight times the examples, in as many batches and blocks, take no more calls."""
    pytest.importorskip(name)
    get_adapter(name)
    few, many = 4 * BLOCK_EXAMPLES, 32 * BLOCK_EXAMPLES
    for examples in (few, many):
        assert len(list(BatchPlan(examples, examples // 4).blocks(0))) == 4
    assert calls_of_an_epoch(name, many, many // 4) <= calls_of_an_epoch(name, few, few // 4)


@pytest.mark.parametrize("name", ["numpy", "torch"])  # JAX itself makes more calls than a block
def test_a_further_batch_of_a_block_costs_less_than_the_block(name: str) -> None:
    pytest.importorskip(name)
    get_adapter(name)
    per_epoch = calls_of_an_epoch(name, 4 * BLOCK_EXAMPLES, BLOCK_EXAMPLES)
    longer = calls_of_an_epoch(name, 8 * BLOCK_EXAMPLES, BLOCK_EXAMPLES)
    divided = calls_of_an_epoch(name, 8 * BLOCK_EXAMPLES, BLOCK_EXAMPLES // 8)
    batch = (divided - longer) / (64 - 8)
    batch_and_block = (longer - per_epoch) / (8 - 4)
    assert batch < batch_and_block / 2


def test_no_python_is_run_per_example_of_a_plain_data_loader() -> None:
    torch = pytest.importorskip("torch")
    fmnist_torch = pytest.importorskip("fmnist_torch")

    def calls(examples: int) -> int:
        """Return the calls of four batches, each a quarter of the examples."""
        mapped = fmnist_torch.MapDataset(drawn(examples))
        batches = np.arange(examples).reshape(4, -1).tolist()

        def fetch() -> None:
            for rows in batches:
                torch.utils.data.default_collate(mapped.__getitems__(rows))

        fetch()
        with counted() as count:
            fetch()
            return count()

    assert calls(N) <= calls(N // 16)


def test_batches_of_a_block_are_views_of_one_memory() -> None:
    dataset, plan = drawn(), BatchPlan(N, 128, True, 1)
    assemble = Assembler(dataset, plan, Encoding(), get_adapter("numpy"))
    images = [image for image, _ in epoch_batches(plan, assemble, 0)]
    together = BLOCK_EXAMPLES // 128
    assert together > 1
    for first in range(0, len(images), together):
        block = images[first : first + together]
        steps = np.diff([image.ctypes.data for image in block])
        assert (steps == block[0].nbytes).all()
        assert len({id(image.base) for image in block}) == 1
    assert all(image.ctypes.data % CACHE_LINE == 0 for image in images)
    assert all(image.flags.c_contiguous and image.flags.writeable for image in images)


def test_jax_takes_images_without_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    jax, fmnist_jax = pytest.importorskip("jax"), pytest.importorskip("fmnist_jax")
    addresses: list[int] = []
    device_put = jax.device_put

    def noted(arrays: Any) -> Any:
        addresses.append(arrays[0].ctypes.data)
        return device_put(arrays)

    monkeypatch.setattr(jax, "device_put", noted)
    loader = fmnist_jax.batches(drawn(), batch_size=128, shuffle=True)
    taken = [image.unsafe_buffer_pointer() for image, _ in loader]
    assert taken == addresses


def test_torch_takes_images_without_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    addresses: list[int] = []
    from_numpy = torch.from_numpy

    def noted(array: Any) -> Any:
        addresses.append(array.ctypes.data)
        return from_numpy(array)

    monkeypatch.setattr(torch, "from_numpy", noted)
    taken = [
        tensor.data_ptr()
        for batch in drawn().to("torch", batch_size=128, shuffle=True)
        for tensor in batch
        if tensor.is_contiguous()
    ]
    assert taken == addresses
    assert len(taken) == 2 * N // 128


@pytest.mark.parametrize("batch_size", [16, 128, 1024])
def test_a_step_allocates_its_block_and_little_more(batch_size: int) -> None:
    dataset, plan = drawn(), BatchPlan(N, batch_size, True, 1)
    assemble = Assembler(dataset, plan, Encoding(), get_adapter("numpy"))
    list(epoch_batches(plan, assemble, 0))  # the epoch's order is kept
    block = max(BLOCK_EXAMPLES, batch_size) * 784
    tracemalloc.start()
    try:
        for _ in epoch_batches(plan, assemble, 0):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Pixels as uint8, the last block's floats while the next one's are made, and small change.
    assert peak < block * (1 + 4 + 4) + 200_000


def test_the_order_of_a_large_dataset_is_not_remembered(
    peak_memory: Callable[[Callable[[], object]], int],
) -> None:
    for n in (10**7, 10**9):
        plan = BatchPlan(n, 128, True, 3)
        blocks = plan.blocks(0)
        assert peak_memory(lambda blocks=blocks: next(blocks)) < 2_000_000  # type: ignore[misc]


def calls_of(ask: Callable[[], object]) -> int:
    """Return the calls that an answer takes, after it was given once."""
    ask()
    with counted() as calls:
        ask()
        return calls()


def test_batches_by_their_number_cost_the_same_of_any_dataset() -> None:
    """Positions that fill 38 % of a cipher's block are walked on ten times as often as 93 %."""

    def per_step(examples: int) -> float:
        plan = BatchPlan(examples, 128, True, 3)
        with counted() as calls:
            for step in range(ENCIPHERED_EXAMPLES):  # those of many parts
                plan.indices(0, step % len(plan))
            return calls() / ENCIPHERED_EXAMPLES

    small, large = per_step(10**5), per_step(10**9)
    assert large / 2 < small < 2 * large


def test_any_step_of_any_shard_costs_the_same() -> None:
    few = BatchPlan(10**7, 128, True, 3, "drop")  # whose order is not kept either
    many = BatchPlan(2**40, 128, True, 3, "drop", (4095, 4096))
    assert len(many) > 10**6
    expected = index_shuffle(many.positions(10**6), 2**40, 3, 5)
    assert np.array_equal(many.indices(5, 10**6), expected)
    for ask in (
        lambda plan: len(plan),
        lambda plan: plan.indices(0, len(plan) - 1),
        lambda plan: plan.consumed(len(plan)),
        lambda plan: next(plan.blocks(0)),
    ):
        assert calls_of(lambda: ask(many)) <= 2 * calls_of(lambda: ask(few))  # noqa: B023


def test_the_rows_of_a_batch_are_ones_own() -> None:
    plan = BatchPlan(10**5, 128, True, 3)
    rows = plan.indices(0, 5)
    expected = rows.copy()
    rows[:] = 0
    assert np.array_equal(plan.indices(0, 5), expected)
    assert np.array_equal(expected, index_shuffle(plan.positions(5), 10**5, 3, 0))


def test_batches_asked_for_by_number_do_not_pile_up(
    peak_memory: Callable[[Callable[[], object]], int],
) -> None:
    plan = BatchPlan(10**9, 128, True, 3)

    def ask_for_many() -> None:
        for step in range(0, 10**6, 10**4):
            plan.indices(0, step)

    assert peak_memory(ask_for_many) < 2_000_000
