"""Computes Fashion-MNIST's near-duplicates again and compares them with the list in `quality`.

    python docs/quality/near_duplicates.py FOLDER

FOLDER has the four files. It prints the pairs; the exit status is 1 if they are not those listed.
"""

import sys

import numpy as np
from numpy.typing import NDArray

from fmnist_core.loading import load
from fmnist_core.quality import NEAR_DUPLICATE_PAIRS, NEAR_LIMIT

BLOCK = 2000
"""Rows of the matrix of distances that are in memory at a time."""

MARGIN = 10_000
"""More than float32 can be wrong by: 784 * 2**-24 of 784 * 255**2, for each of four such sums."""

KINDS = (("train", "train"), ("test", "train"), ("test", "test"))


def near_pairs(
    first: NDArray[np.uint8], second: NDArray[np.uint8], limit: int
) -> list[tuple[int, int]]:
    """Return all pairs of rows whose sum of squared differences is at most `limit`, ascending.

    Parameters
    ----------
    first, second : uint8 (n, pixels), (m, pixels)
        If they are one array, each pair of different rows comes once, the smaller row first.
    limit : int
    """
    pairs: list[tuple[int, int]] = []
    others = second.astype(np.float32)
    squares = (others**2).sum(1)
    for start in range(0, len(first), BLOCK):
        block = first[start : start + BLOCK].astype(np.float32)
        apart = squares - 2 * (block @ others.T) + (block**2).sum(1)[:, None]
        near, other = np.nonzero(apart <= limit + MARGIN)
        near += start
        if first is second:
            near, other = near[near < other], other[near < other]
        exact = ((first[near].astype(np.int64) - second[other]) ** 2).sum(1) <= limit
        pairs += zip(near[exact].tolist(), other[exact].tolist(), strict=True)
    return pairs


def main(folder: str) -> int:
    """Print the pairs of each kind; return 0 if they are those of the list, else 1."""
    images = {
        name: load("fashion-mnist", name, root=folder).images.reshape(-1, 28 * 28)
        for name in ("train", "test")
    }
    computed = {
        (keep, leave): tuple(near_pairs(images[keep], images[leave], NEAR_LIMIT))
        for keep, leave in KINDS
    }
    for (keep, leave), pairs in computed.items():
        print(f"keep of {keep}, leave out of {leave}: {len(pairs)} pairs\n{pairs}")
    same = computed == dict(NEAR_DUPLICATE_PAIRS)
    print("These are the pairs of the list." if same else "The list has OTHER pairs.")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
