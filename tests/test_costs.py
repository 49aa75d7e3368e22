"""What a batch costs, where it can be counted: calls, copies, allocations; never time."""

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
from fmnist_core.plan import BLOCK_EXAMPLES, BatchPlan

N = 4096


def drawn(n: int = N) -> Dataset:
    pixels = np.arange(n * 784, dtype=np.uint32) * 2654435761 >> 24
    return Dataset(pixels.astype(np.uint8).reshape(n, 28, 28), (np.arange(n) % 10).astype(np.uint8))


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """Count the calls of Python and C functions within."""
    calls = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        yield lambda: calls
    finally:
        sys.setprofile(None)


def calls_per_batch(make: Callable[[int], Any], batch_size: int) -> float:
    loader = make(batch_size)
    list(loader)  # what is done once
    with counted() as calls:
        batches = sum(1 for _ in loader)
        found = calls()
    return found / batches


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_no_python_is_run_per_example(name: str) -> None:
    dataset = drawn()

    def make(batch_size: int) -> Any:
        return dataset.to(name, batch_size=batch_size, shuffle=True, seed=1)

    get_adapter(name)
    small, large = calls_per_batch(make, 64), calls_per_batch(make, 1024)
    # A larger batch shares its block with fewer others, so it may cost more, but no multiple of 16.
    assert large < 3 * small + 60
    assert small < 400, "most of it is JAX's own"


def test_no_python_is_run_per_example_of_a_loader_of_ones_own() -> None:
    torch = pytest.importorskip("torch")
    fmnist_torch = pytest.importorskip("fmnist_torch")
    examples = fmnist_torch.MapDataset(drawn())

    def fetched(batch_size: int) -> Any:
        rows = np.arange(N).reshape(-1, batch_size).tolist()
        return [torch.utils.data.default_collate(examples.__getitems__(some)) for some in rows]

    def calls(batch_size: int) -> float:
        with counted() as found:
            return len(fetched(batch_size)) and found() / (N // batch_size)

    calls(64)
    assert calls(1024) < calls(64) + 10


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
    given: list[int] = []
    device_put = jax.device_put

    def noted(arrays: Any) -> Any:
        given.append(arrays[0].ctypes.data)
        return device_put(arrays)

    monkeypatch.setattr(jax, "device_put", noted)
    loader = fmnist_jax.batches(drawn(), batch_size=128, shuffle=True)
    taken = [image.unsafe_buffer_pointer() for image, _ in loader]
    assert taken == given


def test_torch_takes_images_without_a_copy() -> None:
    pytest.importorskip("torch")
    loader = drawn().to("torch", batch_size=128, shuffle=True)
    image, label = next(iter(loader))
    assert image.data_ptr() % CACHE_LINE == 0
    assert image.is_contiguous()
    assert label.is_contiguous()


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
