"""The written order: golden values, a second implementation, TensorFlow's operation."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fmnist_core import OptionError, index_shuffle
from fmnist_core.order import block_bits, keys, whole_order

GOLDEN = [
    (1000, 7, 3, [535, 163, 333, 312, 362, 945], "243a1d308218240e"),
    (60000, 0, 0, [2525, 17347, 49381, 11249, 59086, 38769], "accc019b14d96087"),
    (60000, 0, 1, [43573, 48035, 11657, 35441, 24336, 48228], "e3c6f9af11d5c7b7"),
    (65536, 1, 0, [7897, 55843, 1182, 63191, 51129, 27026], "db062773ad4f7835"),
    (65537, 1, 0, [58864, 31169, 35164, 7875, 34231, 54238], "77b2d7190375840d"),
    (70000, 2**40 + 7, 12, [46667, 45750, 28487, 45326, 50954, 29105], "742b9deac751e090"),
    (262145, 3, 2, [175939, 184960, 130861, 44106, 221192, 9912], "728fffbd75a40e74"),
    (1000003, 42, 0, [960311, 948480, 517321, 491421, 683476, 360225], "13b0286894cf83e9"),
]

FAR = [
    (10**9, [0, 1, 999999999], [275512913, 838325416, 603708513]),
    (2**40 + 1, [0, 1, 2**40], [871614763641, 361235797337, 136864252740]),
]

seeds = st.integers(0, 2**64 - 1)
epochs = st.integers(0, 2**32 - 1)


def slow_shuffle(index: int, n: int, seed: int, epoch: int) -> int:
    """The order once more, from docs/order.md, in plain Python integers."""

    def fmix32(x: int) -> int:
        x = (x ^ x >> 16) * 0x85EBCA6B % 2**32
        x = (x ^ x >> 13) * 0xC2B2AE35 % 2**32
        return x ^ x >> 16

    def rol(x: int, by: int) -> int:
        by %= w
        return (x << by | x >> (w - by)) % 2**w

    def f(x: int) -> int:
        return rol(x, 1) & rol(x, 8) ^ rol(x, 2)

    if n == 1:
        return 0
    b = max(16, (n - 1).bit_length() + (n - 1).bit_length() % 2)
    w = b // 2
    r = []
    for j in range(8):
        if j < 3:
            low = fmix32((seed % 2**32 + (j + 1) * 0x9E3779B9) % 2**32)
            r.append(fmix32(epoch ^ fmix32(seed >> 32 ^ low)) % 2**w)
        else:
            z = 0x7369F885192C0EF5 >> (j - 3) & 1
            r.append(0xFFFFFFFC % 2**w ^ z ^ r[j - 3] ^ rol(r[j - 1], w - 3) ^ rol(r[j - 1], w - 4))
    while True:
        left, right = index >> w, index % 2**w
        for i in (0, 2, 4, 6):
            left ^= f(right) ^ r[i]
            right ^= f(left) ^ r[i + 1]
        index = left << w | right
        if index < n:
            return index


@pytest.mark.parametrize(("n", "seed", "epoch", "first", "digest"), GOLDEN)
def test_golden_orders(n: int, seed: int, epoch: int, first: list[int], digest: str) -> None:
    order = whole_order(n, seed, epoch)
    assert order[:6].tolist() == first
    assert hashlib.sha256(order.astype("<i8").tobytes()).hexdigest().startswith(digest)
    assert (index_shuffle(np.arange(n), n, seed, epoch) == order).all()


def test_golden_order_of_ten() -> None:
    assert whole_order(10, 0, 0).tolist() == [4, 1, 8, 2, 5, 7, 0, 9, 3, 6]


@pytest.mark.parametrize(("n", "positions", "wanted"), FAR)
def test_golden_values_far_out(n: int, positions: list[int], wanted: list[int]) -> None:
    assert index_shuffle(np.array(positions), n, 0, 0).tolist() == wanted
    assert [index_shuffle(position, n, 0, 0) for position in positions] == wanted


@given(n=st.integers(1, 2**62), seed=seeds, epoch=epochs, place=st.floats(0, 1))
@example(n=2**62, seed=2**64 - 1, epoch=2**32 - 1, place=1.0)
def test_equals_a_second_implementation(n: int, seed: int, epoch: int, place: float) -> None:
    index = min(int(place * n), n - 1)
    if n < 2**12:  # there the plain walk takes thousands of steps for one index
        n += 2**12
    assert index_shuffle(index, n, seed, epoch) == slow_shuffle(index, n, seed, epoch)


@pytest.mark.parametrize("n", [2, 3, 16, 255, 5000])
def test_equals_a_second_implementation_far_below_the_block(n: int) -> None:
    for index in range(0, n, max(n // 3, 1)):
        assert index_shuffle(index, n, 9, 4) == slow_shuffle(index, n, 9, 4)


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
        wanted = tf.raw_ops.RandomIndexShuffle(
            index=positions, seed=np.array(keys(seed, epoch), np.uint32), max_index=n - 1, rounds=8
        )
        assert np.array_equal(index_shuffle(positions, n, seed, epoch), wanted.numpy())


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


def test_kept_orders_are_read_only_and_shared() -> None:
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
