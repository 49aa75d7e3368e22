"""Lists of reported rows, to leave out or to look at. The data are never edited.

The rows of a list never change. A correction would get a new name, so that a name in a paper or a
pickle always means the same rows. docs/quality.md shows the lists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import OptionError


@dataclass(frozen=True)
class IndexList:
    """Rows of one revision of a dataset, who reported them, and why.

    Attributes
    ----------
    name : str
        The name for `Dataset.without`.
    version : int
    dataset, released : str
        The dataset's name, and the date of the revision that the rows belong to.
    source : str
        Who reported the rows, or how they are computed.
    note : str
        What the rows are, and what is unknown.
    rows : mapping of str to tuple of int
        For each split, the places in the original file, ascending.
    """

    name: str
    version: int
    dataset: str
    released: str
    source: str
    note: str
    rows: Mapping[str, tuple[int, ...]]

    def __len__(self) -> int:
        """Return the number of rows in all splits."""
        return sum(map(len, self.rows.values()))


Pairs = Mapping[tuple[str, str], tuple[tuple[int, int], ...]]
"""Pairs of rows, by the split of the row to keep and the split of the row to leave out."""

NEAR_LIMIT = 19_600
"""Largest sum of squared pixel differences of a near-duplicate pair: 784 pixels x 5**2."""

NEAR_DUPLICATE_PAIRS: Pairs = MappingProxyType(
    {
        ("train", "train"): (
            (567, 47750),
            (753, 21295),
            (753, 29413),
            (753, 43549),
            (3350, 53657),
            (5453, 31038),
            (10205, 23412),
            (11932, 51488),
            (12981, 50759),
            (13005, 25251),
            (13618, 29645),
            (18103, 24819),
            (20554, 36357),
            (21295, 29413),
            (21295, 43549),
            (24633, 51970),
            (29413, 43549),
            (31061, 51503),
            (31061, 56201),
            (31836, 32754),
            (34772, 49602),
            (45497, 59812),
            (46517, 54953),
            (51503, 56201),
        ),
        ("test", "train"): (
            (2115, 18494),
            (2115, 59025),
            (2605, 11932),
            (2605, 51488),
            (4926, 18494),
            (4926, 59025),
            (4998, 13360),
            (6210, 6300),
            (6210, 19456),
            (9867, 58762),
        ),
        ("test", "test"): ((2115, 4926),),
    }
)
"""Fashion-MNIST's near-duplicates, pairs of one product photo at most `NEAR_LIMIT` apart.

``python docs/quality/near_duplicates.py FOLDER`` computes them again.
"""


def rows_to_leave_out(pairs: Pairs) -> Mapping[str, tuple[int, ...]]:
    """Return the second row of every pair, by its split; leaving them out breaks every pair."""
    left_out: dict[str, set[int]] = {"train": set(), "test": set()}
    for (_, split), rows in pairs.items():
        left_out[split].update(second for _, second in rows)
    return MappingProxyType({split: tuple(sorted(rows)) for split, rows in left_out.items()})


_LISTS = (
    IndexList(
        "mislabelled",
        1,
        "fashion-mnist",
        "2017-08-31",
        "https://github.com/zalandoresearch/fashion-mnist/issues/166, examples from N. M. Müller, "
        "K. Markert, arXiv:1912.05283",
        "The six that the thread shows; each was checked by eye. The paper's table has 64; the "
        "others were not available, so they are not in this list.",
        MappingProxyType({"train": (16691, 28264, 33982, 40513, 42018, 45592), "test": ()}),
    ),
    IndexList(
        "duplicates",
        1,
        "fashion-mnist",
        "2017-08-31",
        "computed from the images; https://github.com/zalandoresearch/fashion-mnist/issues/44",
        "Images that are equal byte for byte: there are none, within or across splits. The "
        "revision of 2017-08-26 had 43 pairs in train, 1 in test and 10 across; pull request 45 "
        "replaced them.",
        MappingProxyType({"train": (), "test": ()}),
    ),
    IndexList(
        "near-duplicates",
        1,
        "fashion-mnist",
        "2017-08-31",
        "computed from the images: python docs/quality/near_duplicates.py FOLDER",
        "One of each pair of images whose root-mean-square pixel difference is at most 5 grey "
        "levels: evidently the same product photo. For a pair within a split it is the later row; "
        "for a pair across splits, the train row, so that the test split stays as published.",
        rows_to_leave_out(NEAR_DUPLICATE_PAIRS),
    ),
)

LISTS: Mapping[str, IndexList] = MappingProxyType({known.name: known for known in _LISTS})
"""The built-in lists by name; all are for the current Fashion-MNIST, of 2017-08-31."""


def find_lists(names: Sequence[object], dataset: str, released: str) -> list[IndexList]:
    """Return lists by name, all of one revision of a dataset.

    Raises
    ------
    OptionError
        If there is no list of that name, or it belongs to other data.
    """
    lists = [LISTS.get(name) if isinstance(name, str) else None for name in names]
    for name, entry in zip(names, lists, strict=True):
        if entry is None or (entry.dataset, entry.released) != (dataset, released):
            data = " ".join(filter(None, (dataset, released))) or "your own data"
            raise OptionError(
                f"expected the name of a list of rows of {data}, found {name!r}. There are: "
                + ", ".join(f"{k.name!r} of {k.dataset} {k.released}" for k in _LISTS)
            )
    return [entry for entry in lists if entry is not None]


def listed(lists: Sequence[IndexList], split: str) -> NDArray[np.int64]:
    """Return the rows of one split that are in any of the lists, in ascending order: int64 (k,)."""
    for entry in lists:
        if split not in entry.rows:
            raise OptionError(
                f"{entry.name!r} lists rows of {' and '.join(entry.rows)}, not of {split!r:.80}. "
                "Try: without(...) before you join the datasets"
            )
    rows = {row for entry in lists for row in entry.rows[split]}
    return np.array(sorted(rows), np.int64)
