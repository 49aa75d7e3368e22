"""The written order: golden values, a second implementation, TensorFlow's operation."""

import hashlib
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fmnist_core import OptionError, index_shuffle
from fmnist_core.order import block_bits, keys, whole_order
from tests.golden import PROJECT, VECTORS
from tests.helpers.plain_order import plain_shuffle

seeds = st.integers(0, 2**64 - 1)
epochs = st.integers(0, 2**32 - 1)


WHOLE = [vector for vector in VECTORS["orders"] if vector["sha256"]]


def title(vector: Any) -> str:
    return f"{vector['n']}-{vector['seed']}-{vector['epoch']}"


@pytest.mark.parametrize("vector", VECTORS["orders"], ids=title)
def test_golden_values(vector: Any) -> None:
    n, seed, epoch = vector["n"], int(vector["seed"]), vector["epoch"]
    positions = np.array(vector["positions"])
    assert index_shuffle(positions, n, seed, epoch).tolist() == vector["indices"]
    assert [index_shuffle(int(p), n, seed, epoch) for p in positions] == vector["indices"]
    assert [plain_shuffle(int(p), n, seed, epoch) for p in positions] == vector["indices"]


@pytest.mark.parametrize("vector", WHOLE, ids=title)
def test_golden_orders(vector: Any) -> None:
    n, seed, epoch = vector["n"], int(vector["seed"]), vector["epoch"]
    order = whole_order(n, seed, epoch)
    assert hashlib.sha256(order.astype("<i8").tobytes()).hexdigest() == vector["sha256"]
    assert (index_shuffle(np.arange(n), n, seed, epoch) == order).all()


def test_golden_values_are_on_the_page() -> None:
    page = (PROJECT / "docs" / "order.md").read_text(encoding="utf-8").replace(",", "")
    for vector in VECTORS["orders"]:
        if vector["sha256"] and vector["n"] > 10:
            first = " ".join(map(str, vector["indices"][:6]))
            assert f"| {first} | {vector['sha256'][:16]} |" in page
        else:
            assert all(str(index) in page for index in vector["indices"])


@given(n=st.integers(1, 2**62), seed=seeds, epoch=epochs, place=st.floats(0, 1))
@example(n=2**62, seed=2**64 - 1, epoch=2**32 - 1, place=1.0)
def test_equals_a_second_implementation(n: int, seed: int, epoch: int, place: float) -> None:
    index = min(int(place * n), n - 1)
    if n < 2**12:  # there the plain walk takes thousands of steps for one index
        n += 2**12
    assert index_shuffle(index, n, seed, epoch) == plain_shuffle(index, n, seed, epoch)


@pytest.mark.parametrize("n", [2, 3, 16, 255, 5000])
def test_equals_a_second_implementation_far_below_the_block(n: int) -> None:
    for index in range(0, n, max(n // 3, 1)):
        assert index_shuffle(index, n, 9, 4) == plain_shuffle(index, n, 9, 4)


@given(n=st.integers(1, 5000), seed=seeds, epoch=epochs)
def test_is_a_permutation(n: int, seed: int, epoch: int) -> None:
    assert np.array_equal(np.sort(whole_order(n, seed, epoch)), np.arange(n))


@pytest.mark.parametrize("n", [32768, 32769, 65535, 65536, 65537, 65538, 131073, 2**18 + 1])
def test_is_a_permutation_where_the_block_grows(n: int) -> None:
    assert np.array_equal(np.sort(whole_order(n, 5, 6)), np.arange(n))


def test_tensorflow_operation_agrees() -> None:
    tf = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(0)
    sizes = [2, 3, 1000, 60_000, 65_536, 70_000, 2**17 + 1, 10**6 + 3, 2**31, 2**40]
    for n, seed, epoch in [(n, int(rng.integers(2**63)), int(rng.integers(2**32))) for n in sizes]:
        positions = rng.integers(0, n, 200)
        expected = tf.raw_ops.RandomIndexShuffle(
            index=positions, seed=np.array(keys(seed, epoch), np.uint32), max_index=n - 1, rounds=8
        )
        assert np.array_equal(index_shuffle(positions, n, seed, epoch), expected.numpy())


@pytest.mark.parametrize("n", [65537, 262145])
def test_tensorflow_operation_repeats_where_ours_does_not(n: int) -> None:
    tf = pytest.importorskip("tensorflow")
    key = np.array(keys(1, 0), np.uint32)
    theirs = tf.raw_ops.RandomIndexShuffle(
        index=np.arange(n), seed=key, max_index=n - 1, rounds=8
    ).numpy()
    assert len(np.unique(theirs)) < n  # should this end, the adapter needs its detour no more
    assert len(np.unique(whole_order(n, 1, 0))) == n


def test_positions_are_uniform() -> None:
    # Chi-square of where example 0 to 99 of 1,000 lands, over 400 epochs, in 10 bins of 100.
    places = np.concatenate([np.argsort(whole_order(1000, 3, e))[:100] for e in range(400)])
    counts = np.bincount(places // 100, minlength=10)
    assert ((counts - 4000) ** 2 / 4000).sum() < 33.7  # 9 degrees of freedom, p = 0.0001


def shared_batch_mates(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Return how often two orders put two examples into one batch, as a multiple of chance."""
    n, size = len(first), 100
    cells = np.argsort(first) // size * (n // size) + np.argsort(second) // size
    together = np.unique(cells, return_counts=True)[1]
    chance = n * (size - 1) / 2 * (size - 1) / (n - 1)
    return float((together * (together - 1) // 2).sum() / chance)


def test_epochs_share_no_more_batch_mates_than_chance() -> None:
    orders = [whole_order(60_000, 0, epoch) for epoch in range(6)]
    for first, second in pairwise(orders):
        assert shared_batch_mates(first, second) == pytest.approx(1, abs=0.05)


def test_fewer_rounds_and_plain_seeds_share_many_batch_mates() -> None:
    tf = pytest.importorskip("tensorflow")
    orders = [
        tf.raw_ops.RandomIndexShuffle(
            index=np.arange(60_000), seed=np.array([s, 0, 0], np.uint32), max_index=59_999, rounds=4
        ).numpy()
        for s in range(2)
    ]
    assert shared_batch_mates(*orders) > 5


def test_orders_do_not_grow_memory_with_n() -> None:
    assert index_shuffle(np.arange(5), 2**62, 1, 1).shape == (5,)
    assert index_shuffle(np.zeros((2, 0), np.int64), 10, 0, 0).shape == (2, 0)
    assert index_shuffle(np.arange(6).reshape(2, 3), 60_000, 0, 0).shape == (2, 3)


def test_cached_orders_are_read_only_and_shared() -> None:
    assert whole_order(60_000, 0, 0) is whole_order(60_000, 0, 0)
    assert not whole_order(60_000, 0, 0).flags.writeable


@pytest.mark.parametrize(("n", "bits"), [(1, 16), (65536, 16), (65537, 18), (2**18, 18)])
def test_block_bits(n: int, bits: int) -> None:
    assert block_bits(n) == bits


@pytest.mark.parametrize(
    ("index", "n", "seed", "epoch"),
    [
        (0, 0, 0, 0),
        (0, 2**62 + 1, 0, 0),
        (10, 10, 0, 0),
        (-1, 10, 0, 0),
        (0, 10, -1, 0),
        (0, 10, 2**64, 0),
        (0, 10, 0, 2**32),
        (0, 10, 0, -1),
        (0.5, 10, 0, 0),
        (0, 10, 0, True),
        (0, "10", 0, 0),
        (np.array(["a"]), 10, 0, 0),
    ],
)
def test_arguments_out_of_range_are_refused(index: object, n: int, seed: int, epoch: int) -> None:
    with pytest.raises(OptionError, match="must be"):
        index_shuffle(index, n, seed, epoch)  # type: ignore[call-overload]
