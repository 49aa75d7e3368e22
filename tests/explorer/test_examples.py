"""The examples of a page: their numbers, places in the files, and the lists that name them."""

from itertools import chain

import numpy as np
import pytest

from fmnist_core import Dataset, OptionError, UnknownDatasetError
from fmnist_core.explorer import examples as module
from fmnist_core.explorer.examples import Examples
from fmnist_core.quality import LISTS, NEAR_DUPLICATE_PAIRS
from tests.helpers.pages import made_examples, made_split


def fashion(rows: dict[str, list[int]]) -> Examples:
    """Return rows of what could be Fashion-MNIST."""
    whole = {"train": 60_000, "test": 10_000}
    return Examples(
        [
            made_split(
                split, np.zeros((whole[split], 28, 28), np.uint8), name="fashion-mnist"
            ).select(places)
            for split, places in rows.items()
        ]
    )


def test_examples_are_numbered_over_all_splits() -> None:
    examples = fashion({"train": [7, 40_000, 3], "test": [3, 9_999]})
    assert len(examples) == 5
    assert examples.places.tolist() == [7, 40_000, 3, 3, 9_999]
    assert examples.numbers("train", [3, 7, 8]) == [2, 0, None]
    assert examples.numbers("test", [3, 9_999]) == [3, 4]
    assert examples.numbers("nist", [3]) == [None]


def test_pixels_and_labels_are_those_of_the_splits() -> None:
    examples = made_examples({"train": 12, "test": 5}, (3, 4))
    assert examples.image_shape == (3, 4)
    assert np.array_equal(examples.images[12:], examples.splits[1].images)
    assert np.array_equal(examples.labels, [*range(10), 0, 1, *range(5)])


def test_digests_are_told_of_whole_splits_only() -> None:
    info = fashion({"train": [0]}).info
    whole = fashion({"test": list(range(10_000))}).described()
    digests = info.split("test").images.payload.sha256, info.split("test").labels.payload.sha256
    assert whole == [
        {"name": "test", "count": 10_000, "images": digests[0], "labels": digests[1], "whole": True}
    ]
    assert fashion({"test": [0, 1]}).described() == [{"name": "test", "count": 2, "whole": False}]


def test_lists_name_the_examples_that_are_here() -> None:
    mislabelled = LISTS["mislabelled"].rows["train"]
    examples = fashion({"train": [5, *mislabelled[:2]], "test": [0]})
    (found,) = examples.lists()
    assert (found["name"], found["examples"], found["pairs"]) == ("mislabelled", [1, 2], [])
    assert "arXiv" in found["source"]


def test_near_duplicates_come_in_pairs_across_splits() -> None:
    pairs = [(*key, *pair) for key, found in NEAR_DUPLICATE_PAIRS.items() for pair in found]
    rows: dict[str, list[int]] = {}
    for split in ("train", "test"):
        both = chain.from_iterable([(p[0], p[2]), (p[1], p[3])] for p in pairs)
        rows[split] = sorted({row for name, row in both if name == split})
    examples = fashion(rows)
    (found,) = examples.lists()
    assert found["name"] == "near-duplicates"
    names = [name for name, rows_ in rows.items() for _ in rows_]
    back = [
        (names[one], names[other], examples.places[one], examples.places[other])
        for one, other in found["pairs"]
    ]
    assert back == pairs
    assert found["examples"] == list(range(len(examples)))
    # Without the test split, no pair reaches into it.
    (alone,) = fashion({"train": rows["train"]}).lists()
    assert len(alone["pairs"]) == len(NEAR_DUPLICATE_PAIRS["train", "train"])


def test_lists_of_another_dataset_are_left_out() -> None:
    assert made_examples({"train": 20_000}, (1, 1)).lists() == []


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((3, 4, 4, 3), np.uint8), "grey uint8"),
        (np.zeros((3, 4, 4), np.float32), "grey uint8"),
        (np.zeros((0, 4, 4), np.uint8), "found none"),
        (np.zeros((1, 1025, 4), np.uint8), "at most 1024 x 1024"),
    ],
)
def test_what_is_no_picture_is_refused(images: np.ndarray, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Examples([made_split("train", images)])


def test_splits_of_two_sizes_are_refused() -> None:
    both = [
        made_split(name, np.zeros((2, 4, n), np.uint8)) for n, name in ((4, "train"), (5, "test"))
    ]
    with pytest.raises(OptionError, match="of one size"):
        Examples(both)


def test_more_than_a_browser_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PIXELS", 100)
    with pytest.raises(
        OptionError, match=r"at most 100 pixels.*found 112.*Try: one split"
    ) as caught:
        made_examples({"train": 7}, (4, 4))
    assert caught.value.for_commands.endswith("Try: --split test, or some --classes LIST")


def test_data_of_ones_own_have_no_record() -> None:
    mine = Examples([Dataset(np.zeros((2, 4, 4), np.uint8), np.zeros(2, np.uint8))])
    with pytest.raises(UnknownDatasetError):
        _ = mine.info
