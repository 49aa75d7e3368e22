"""Transforms in numpy, both ways, held to plain Python written from the page."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist_core import index_shuffle
from fmnist_core.transforms import Chain, Mix, Resize, as_chain
from fmnist_core.transforms.tables import beta_quantiles
from tests.transforms import reference
from tests.transforms.examples import CHAINS, SINGLE, drawn_images, epochs, seeds, transforms
from tests.transforms.libraries import run_numpy, run_plainly

WAYS = pytest.mark.parametrize("run", [run_numpy, run_plainly], ids=["fast", "plain"])


def check(run: Any, chain: Chain, images: Any, positions: Any, **of: Any) -> None:
    actual, _ = run(chain, images, None, positions, **of)
    shape = chain.check(images.shape[1:])
    assert actual.shape == (len(positions), *shape)
    assert actual.dtype == np.uint8
    for position, image in zip(positions.tolist(), actual.tolist(), strict=True):
        before = images[position].tolist()
        assert image == reference.transformed(before, chain.transforms, position=position, **of)


@WAYS
@pytest.mark.parametrize("transform", SINGLE, ids=str)
def test_each_transform(run: Any, transform: Any) -> None:
    if isinstance(transform, Resize):
        pytest.skip("Pillow stands for it, in test_oracles.py")
    images = drawn_images(80, 12, 10)
    check(run, as_chain(transform), images, np.arange(80), seed=7, epoch=3)


@WAYS
@settings(max_examples=40)
@given(data=st.data(), seed=seeds, epoch=epochs, view=st.integers(0, 1))
def test_any_chain_of_any_images(run: Any, data: Any, seed: int, epoch: int, view: int) -> None:
    shape: tuple[int, ...] = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    images = drawn_images(5, *shape, seed=seed % 97)
    chain = []
    for _ in range(data.draw(st.integers(1, 3))):
        chain.append(data.draw(transforms(*shape)))
        shape = chain[-1].shape(shape)
    positions = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    check(run, Chain(tuple(chain)), images, np.array(positions), seed=seed, epoch=epoch, view=view)


@WAYS
@pytest.mark.parametrize("transforms", CHAINS[2:6], ids=lambda chain: str(chain[-1]))
def test_mixes(run: Any, transforms: Any) -> None:
    chain, n, of = Chain(transforms), 50, {"seed": 2**40 + 7, "epoch": 12}
    images, labels = drawn_images(n, 12, 10), np.eye(5, dtype=np.float32)[np.arange(n) * 7 % 5]
    actual, soft = run(chain, images, labels, np.arange(n), **of)
    quantiles = beta_quantiles(chain.mix.alpha).tolist()

    def finished(position: int) -> Any:
        image = images[position].tolist()
        return reference.transformed(image, chain.steps, position=position, **of)

    partners = set()
    for position in range(n):
        partner = index_shuffle(position, n, of["seed"] ^ 0x9E3779B97F4A7C15, of["epoch"])
        partners.add(partner)
        drawn = reference.Drawn(of["seed"], of["epoch"], position, 8 * len(chain.steps))
        image, part = reference.mixed(
            finished(position), finished(partner), chain.mix, quantiles, drawn
        )
        assert actual[position].tolist() == image
        own_weight, their_weight = (
            np.float32(part.numerator) / np.float32(part.denominator),
            1 - part,
        )
        their_weight = np.float32(their_weight.numerator) / np.float32(their_weight.denominator)
        expected = labels[position] * own_weight + labels[partner] * their_weight
        assert np.array_equal(soft[position], expected.astype(np.float32))
    assert partners == set(range(n))


def test_a_mix_of_a_batch_is_that_of_its_examples() -> None:
    chain, images = Chain(CHAINS[2]), drawn_images(50, 12, 10)
    labels = np.eye(5, dtype=np.float32)[np.arange(50) % 5]
    whole = run_numpy(chain, images, labels, np.arange(50), seed=1, epoch=0)
    parts = [
        run_numpy(chain, images, labels, np.array(part), seed=1, epoch=0)
        for part in ([3], [41, 3, 3, 0], list(range(50))[::-1])
    ]
    for part, places in zip(parts, ([3], [41, 3, 3, 0], range(49, -1, -1)), strict=True):
        for actual, all_of_it in zip(part, whole, strict=True):
            assert np.array_equal(actual, all_of_it[list(places)])
    assert isinstance(chain.mix, Mix)
