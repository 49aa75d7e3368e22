"""Divide examples unevenly among clients: a Polya urn in whole numbers.

Division by proportions drawn from a Dirichlet distribution is equivalent, example by example, to a
Polya urn: after i examples, client k gets the next with probability (alpha + its examples) /
(clients alpha + i). Here each choice uses one 64-bit draw and whole numbers, so the result does not
depend on a machine's logarithm or rounding.

References
----------
Blackwell and MacQueen, "Ferguson distributions via Polya urn schemes", Annals of Statistics 1973.
Hsu and others, "Measuring the effects of non-identical data distribution for federated visual
classification", arXiv:1909.06335 (division by label).
"""

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import OptionError, check_range, check_seed
from fmnist_core.order import MAX_EXAMPLES
from fmnist_core.selection import class_members, in_written_order
from fmnist_core.transforms.draws import words
from fmnist_core.transforms.ops import NUMPY

ALPHA_PARTS = 1000
"""Parts of 1 in which `alpha` is measured."""

STREAM = 8192
"""First stream of draws; class c has stream 8192 + c, above the streams of transforms."""


def client_of_each(
    labels: NDArray[np.integer], clients: int, by: str, alpha: float, seed: int
) -> NDArray[np.int64]:
    """Return which client gets each example: int64 (n,).

    Parameters
    ----------
    labels : integer array (n,)
    clients : int
    by : {"label", "size"}
        Whether each class has its own urn, or all examples share one.
    alpha : float
        Concentration, from 0.001 to 1000, rounded to thousandths.
    seed : int
        The members of an urn are drawn in the written order of this seed, epoch c for class c.

    Raises
    ------
    OptionError
        If an option is out of range, or a client would get no example.
    """
    clients, seed = check_range("clients", clients, 1, MAX_EXAMPLES), check_seed(seed)
    if by not in ("label", "size"):
        raise OptionError(f'by must be "label" or "size", not {by!r:.80}')
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0.001 <= alpha <= 1000:
        raise OptionError(f"alpha must be a number from 0.001 to 1000, not {alpha!r:.80}")
    urns = class_members(labels if by == "label" else np.zeros(len(labels), np.int64))
    owner = np.empty(len(labels), np.int64)
    for number, members in enumerate(urns):
        parts = round(alpha * ALPHA_PARTS)
        owner[in_written_order(members, seed, number)] = _dealt(
            len(members), clients, parts, seed, number
        )
    empty = np.flatnonzero(np.bincount(owner, minlength=clients) == 0)
    if empty.size:
        raise OptionError(
            f"{empty.size} of {clients} clients would get no example, first client {empty[0]}. "
            "Try: a larger alpha, fewer clients, or another seed"
        )
    return owner


def _dealt(count: int, clients: int, alpha_parts: int, seed: int, urn: int) -> list[int]:
    """Return the clients of `count` examples of one urn, in the order of the draws."""
    positions = np.arange(count, dtype=np.int64)
    first, second = words(NUMPY, positions, (STREAM + urn,), seed=seed, epoch=0)
    high, low = (word[0].view(np.uint32).tolist() for word in (first, second))
    dealt: list[int] = []
    for i in range(count):
        drawn = (high[i] << 32 | low[i]) * (i * ALPHA_PARTS + clients * alpha_parts) >> 64
        earlier = drawn - clients * alpha_parts
        dealt.append(dealt[earlier // ALPHA_PARTS] if earlier >= 0 else drawn // alpha_parts)
    return dealt
