"""Draws: golden words, JAX's Threefry, and whether they look like chance."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from fmnist_core import order
from fmnist_core.transforms import NUMPY, Draws
from fmnist_core.transforms.draws import chain_draws, fmix32, threefry2x32, words
from fmnist_core.transforms.ops import NumpyOps, signed
from tests.golden import VECTORS
from tests.transforms import reference
from tests.transforms.examples import epochs, seeds

GOLDEN = [
    (
        (int(vector["seed"]), vector["epoch"], vector["position"], vector["stream"]),
        tuple(int(word, 16) for word in vector["words"]),
    )
    for vector in VECTORS["words"]
]


def words_at(seed: int, epoch: int, position: int, stream: int) -> tuple[int, ...]:
    both_words = words(NUMPY, np.array([position]), (stream,), seed=seed, epoch=epoch)
    return tuple(int(word.view(np.uint32)[0, 0]) for word in both_words)


@pytest.mark.parametrize(("where", "expected"), GOLDEN)
def test_golden_words(where: Any, expected: tuple[int, int]) -> None:
    assert words_at(*where) == expected
    assert reference.words(*where) == expected


@given(seed=seeds, epoch=epochs, position=st.integers(0, 2**62), stream=st.integers(0, 2**13))
@example(seed=2**64 - 1, epoch=2**32 - 1, position=2**62, stream=8191)
def test_words_equal_a_second_implementation(
    seed: int, epoch: int, position: int, stream: int
) -> None:
    assert words_at(seed, epoch, position, stream) == reference.words(seed, epoch, position, stream)


def test_jax_threefry_agrees() -> None:
    threefry = pytest.importorskip("jax.extend.random").threefry_2x32
    rng = np.random.default_rng(0)
    for _ in range(20):
        key, counter = (rng.integers(0, 2**32, 2, dtype=np.uint32) for _ in range(2))
        ours = threefry2x32(
            NUMPY,
            tuple(np.array([signed(int(word))], np.int32) for word in key),  # type: ignore[arg-type]
            tuple(np.array([signed(int(word))], np.int32) for word in counter),  # type: ignore[arg-type]
        )
        actual = np.concatenate(ours).view(np.uint32)
        assert np.array_equal(actual, np.asarray(threefry(key, counter)))


def test_the_key_words_follow_those_of_the_order() -> None:
    assert [reference.word(2**40 + 7, 12, j) for j in (1, 2, 3)] == list(order.keys(2**40 + 7, 12))


def test_fmix32_is_that_of_the_order() -> None:
    values = np.random.default_rng(1).integers(0, 2**32, 1000, dtype=np.uint32)
    actual = fmix32(NUMPY, values.view(np.int32)).view(np.uint32)
    assert np.array_equal(actual, order.fmix32(values))


@given(start=st.integers(0, 2**33), count=st.integers(0, 600), seed=seeds, epoch=epochs)
@example(start=8192 - 300, count=600, seed=0, epoch=0)
@example(start=8192, count=600, seed=0, epoch=0)
def test_cached_words_equal_computed_ones(start: int, count: int, seed: int, epoch: int) -> None:
    positions, streams = start + np.arange(count)[::-1], (0, 8, 9)
    kept = chain_draws(NUMPY, positions, streams, seed=seed, epoch=epoch)
    computed = chain_draws(NumpyOps(), positions, streams, seed=seed, epoch=epoch)
    for one, other in zip(kept, computed, strict=True):
        assert np.array_equal(one, other)


@given(
    seed=seeds,
    position=st.integers(0, 10**9),
    index=st.integers(0, 31),
    count=st.integers(1, 2**16),
)
def test_picks_and_chances_follow_the_page(
    seed: int, position: int, index: int, count: int
) -> None:
    positions = np.array([position])
    first, second = words(NUMPY, positions, tuple(range(8, 16)), seed=seed, epoch=5)
    draws, expected = Draws(NUMPY, first, second), reference.Drawn(seed, 5, position, 8)
    assert draws.number(index)[0] == expected[index]
    assert draws.pick(index, count)[0] == expected.pick(index, count)
    for p in (0, 0.1, 0.5, 1 / 3, 1):
        assert draws.chance(index, p)[0] == expected.chance(index, p)


def test_a_chance_is_the_written_decimal_rounded_half_up() -> None:
    every = np.arange(2**16, dtype=np.int32)
    draws = Draws(NUMPY, (every << 16)[None], every[None])
    for p, expected in ((0, 0), (1, 65536), (0.5, 32768), (0.1, 6554), (1.5 / 65536, 2), (1e-9, 0)):
        assert draws.chance(0, p).sum() == expected


# Chi-square of 16 bits in 256 bins, and of pairs of neighbours in 16 x 16. Seeds are fixed, so a
# pass is a pass for good; the bounds are what chance leaves to one in 10^5.
def far(counts: Any) -> bool:
    low, high = stats.chi2.ppf([1e-5, 1 - 1e-5], counts.size - 1)
    mean = counts.sum() / counts.size
    return not low < ((counts - mean) ** 2 / mean).sum() < high


AXES = {
    "positions": [(5, 3, np.arange(2**16), (0,))],
    "far positions": [(5, 3, 2**32 - 2**15 + np.arange(2**16), (0,))],
    "sparse positions": [(5, 3, np.arange(2**16) << 12, (0,))],
    "epochs": [(5, epoch, np.arange(64), (0,)) for epoch in range(1024)],
    "seeds": [(seed, 0, np.arange(64), (0,)) for seed in range(1024)],
    "high seeds": [(seed << 32, 0, np.arange(64), (0,)) for seed in range(1024)],
    "streams": [(5, 3, np.arange(16), tuple(range(4096)))],
    "views": [(5, 3, np.arange(2**15), (0, 4096))],
}


@pytest.mark.parametrize("axis", AXES)
def test_draws_look_like_chance(axis: str) -> None:
    numbers: list[Any] = [[], [], [], []]
    for seed, epoch, positions, streams in AXES[axis]:
        both_words = words(NumpyOps(), positions, streams, seed=seed, epoch=epoch)
        for stream in range(len(streams)):
            draws = Draws(NUMPY, *(word[stream : stream + 1] for word in both_words))
            for index in range(4):
                numbers[index].append(draws.number(index))
    all_of = [np.concatenate(column) for column in numbers]
    for column in all_of:
        assert not far(np.bincount(column >> 8, minlength=256))
        assert not far(np.bincount(column & 255, minlength=256))
        neighbours = (column[:-1] >> 12 << 4) + (column[1:] >> 12)
        assert not far(np.bincount(neighbours, minlength=256))
        assert abs(np.corrcoef(column[:-1], column[1:])[0, 1]) < 4.5 / math.sqrt(column.size)
    for one, other in pairwise(all_of):
        assert not far(np.bincount((one >> 12 << 4) + (other >> 12), minlength=256))
        assert abs(np.corrcoef(one, other)[0, 1]) < 4.5 / math.sqrt(one.size)


@pytest.mark.parametrize("step", ["position", "epoch", "seed", "stream"])
def test_one_step_on_changes_half_of_the_bits(step: str) -> None:
    steps = {"seed": 0, "epoch": 0, "position": 0, "stream": 0}
    changed = []
    for number in range(500):
        steps[step] = number
        one = words_at(**steps)
        steps[step] = number + 1
        other = words_at(**steps)
        changed.append(sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True)))
    assert abs(np.mean(changed) - 32) < 5 * 4 / math.sqrt(500)


def test_a_test_of_chance_can_fail() -> None:
    assert far(np.bincount(np.arange(2**16) % 250, minlength=256))
    assert far(np.bincount(np.arange(2**16) % 256, minlength=256))  # too even


def test_noise_of_neighbouring_pixels_is_unrelated() -> None:
    from fmnist_core.transforms.draws import noise

    first_words = words(NUMPY, np.arange(200), (0,), seed=1, epoch=0)[0][0]
    values = noise(NUMPY, first_words, (28, 28)) & 255
    assert not far(np.bincount(values.reshape(-1), minlength=256))
    for one, other in (
        (values[:, :, :-1], values[:, :, 1:]),
        (values[:, :-1], values[:, 1:]),
        (values[:-1], values[1:]),
    ):
        assert not far(np.bincount(((one >> 4 << 4) + (other >> 4)).reshape(-1), minlength=256))
