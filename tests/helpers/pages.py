"""Small datasets for pages of the explorer, and what a page holds, read as a browser reads it."""

import base64
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core import Dataset
from fmnist_core.catalog import CATALOG
from fmnist_core.explorer.examples import Examples
from fmnist_core.explorer.page import page
from fmnist_core.records import Description
from fmnist_core.source import Source

COUNTS = {"train": 300, "test": 60}


def made_split(
    split: str,
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8] | None = None,
    *,
    name: str = "synthetic",
    classes: Sequence[str] = (),
) -> Dataset:
    """Return images as a split of a dataset of the catalog, which they are not."""
    names = tuple(classes) or CATALOG[name].classes
    if labels is None:
        labels = (np.arange(len(images)) % len(names)).astype(np.uint8)
    return Dataset.from_source(Source(images, labels), Description(name, split, names))


def made_examples(
    counts: Mapping[str, int] = COUNTS, shape: tuple[int, int] = (28, 28), **options: Any
) -> Examples:
    """Return examples with random pixels, the same each time."""
    rng = np.random.default_rng(0)
    return Examples(
        [
            made_split(split, rng.integers(0, 256, (count, *shape), np.uint8), **options)
            for split, count in counts.items()
        ]
    )


def made_layout(examples: Examples) -> NDArray[np.float32]:
    """Return a place for each example, no two alike, in the square from -1 to 1."""
    rng = np.random.default_rng(1)
    return rng.uniform(-1, 1, (len(examples), 2)).astype(np.float32)


def made_page(examples: Examples, **options: Any) -> bytes:
    """Return a page whose only map is `made_layout`."""
    return b"".join(page(examples, {"Made": made_layout(examples)}, **options))


class Page(HTMLParser):
    """The elements of a page: their attributes and texts, as a browser would find them."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(html.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        self.elements.append(("", {}, []))  # takes the text behind it

    def handle_data(self, data: str) -> None:
        if self.elements:
            self.elements[-1][2].append(data)

    def texts(self, tag: str, **attributes: str) -> list[str]:
        """Return the texts of the elements that have these attributes."""
        needed = {name.replace("_", "-"): value for name, value in attributes.items()}
        return [
            "".join(text)
            for found, having, text in self.elements
            if found == tag and needed.items() <= having.items()
        ]

    @property
    def about(self) -> dict[str, Any]:
        """What the page knows beside its arrays."""
        (text,) = self.texts("script", id="about")
        found: dict[str, Any] = json.loads(text)
        return found

    def part(self, name: str) -> bytes:
        """Return the bytes of an array."""
        return inflated(self.texts("script", data_part=name))


def inflated(pieces: Iterable[str]) -> bytes:
    """Return what the elements of an array hold together."""
    return b"".join(zlib.decompress(base64.b64decode(piece)) for piece in pieces)
