"""The urn: golden clients, its distribution, and what it refuses."""

import hashlib

import numpy as np
import pytest
from scipy import stats

from fmnist_core import OptionError
from fmnist_core.partition import client_of_each

LABELS = np.arange(6000) % 10


def test_golden_clients() -> None:
    """The same on every machine: whole numbers decide."""
    owner = client_of_each(LABELS, 5, "label", 0.5, 7)
    digest = hashlib.sha256(owner.astype("<i8").tobytes()).hexdigest()
    assert owner[:8].tolist() == GOLDEN[0]
    assert digest[:16] == GOLDEN[1]


def test_an_urn_follows_its_rule_step_by_step() -> None:
    """Straight from the rule, with one example after the other."""
    from fmnist_core.order import whole_order
    from fmnist_core.transforms.draws import words
    from fmnist_core.transforms.ops import NUMPY

    count, clients, alpha = 50, 3, 5
    actual = client_of_each(np.zeros(count, np.int64), clients, "label", alpha, 9)
    first, second = words(NUMPY, np.arange(count), (8192,), seed=9, epoch=0)
    dealt: list[int] = []
    for i in range(count):
        word = (int(first[0][i]) % 2**32) * 2**32 + int(second[0][i]) % 2**32
        weights = [alpha * 1000 + 1000 * dealt.count(client) for client in range(clients)]
        total = int(sum(weights))
        assert total == clients * 5000 + i * 1000
        drawn = word * total // 2**64
        dealt.append(drawn // 5000 if drawn < 15_000 else dealt[(drawn - 15_000) // 1000])
    assert actual[whole_order(count, 9, 0)].tolist() == dealt


@pytest.mark.parametrize("alpha", [0.5, 5.0])
def test_shares_are_distributed_as_dirichlet(alpha: float) -> None:
    """The first client's share of a class is Beta(alpha, (clients - 1) alpha), within one part."""
    shares = []
    for seed in range(400):
        try:
            owner = client_of_each(np.zeros(300, np.int64), 2, "size", alpha, seed)
        except OptionError:
            continue
        shares.append((owner == 0).mean())
    expected = stats.beta(alpha, alpha)
    middle = [share for share in shares if 0.02 < share < 0.98]
    conditional = lambda x: (  # noqa: E731
        (expected.cdf(x) - expected.cdf(0.02)) / (expected.cdf(0.98) - expected.cdf(0.02))
    )
    assert stats.kstest(middle, conditional).pvalue > 0.001


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((0, "label", 0.5, 0), "clients must be from 1"),
        ((2, "class", 0.5, 0), 'by must be "label" or "size"'),
        ((2, "label", 0, 0), "alpha must be a number from 0.001"),
        ((2, "label", "x", 0), "alpha must be a number"),
        ((2, "label", 0.5, -1), "seed must be"),
        ((6001, "label", 0.5, 0), "clients must be from 1 to 6000"),
        ((3000, "label", 0.5, 0), "clients would get no example"),
    ],
)
def test_bad_options_are_refused(options: tuple[object, ...], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        client_of_each(LABELS, *options)  # type: ignore[arg-type]


GOLDEN = ([1, 3, 1, 3, 0, 0, 1, 4], "b08132b9cda62b1c")
