"""The page as a file: it holds the examples, nothing in it can run but its program."""

import base64
import hashlib
import re
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist_core import __version__
from fmnist_core.explorer.page import PROGRAM
from fmnist_core.explorer.scores import Scores
from fmnist_core.idx.format import parse_idx
from fmnist_core.idx.header import IdxHeader
from fmnist_core.picture import NAME_HEIGHT
from tests.helpers.pages import Page, made_examples, made_layout, made_page

EXAMPLES = made_examples()
HOSTILE = (
    '</script><img src=x onerror="window.hacked=1">',
    "<!--<script>",
    "[[program]][[data]]",
    "&lt;b&gt;",
    "\u2028\"'`${1}\\",
    "\u306a\u307e\u3048",
)


def test_the_payload_comes_back_with_its_header() -> None:
    html = Page(made_page(EXAMPLES))
    pixels, about = html.part("pixels"), html.about
    assert about["greys"] == 256
    start = 0
    for split, made in zip(about["splits"], EXAMPLES.splits, strict=True):
        nbytes = split["count"] * about["height"] * about["width"]
        header = IdxHeader.of(np.dtype(np.uint8), (split["count"], about["height"], about["width"]))
        payload = header.to_bytes() + pixels[start : start + nbytes]
        assert np.array_equal(parse_idx(payload), made.images)
        start += nbytes
    assert start == len(pixels)
    assert html.part("labels") == EXAMPLES.labels.tobytes()
    assert html.part("coordinates") == made_layout(EXAMPLES).tobytes()


def test_a_light_page_holds_half_the_bytes() -> None:
    html = Page(made_page(EXAMPLES, is_light=True))
    assert html.about["greys"] == 16
    assert len(html.part("pixels")) == EXAMPLES.images.size // 2


def test_images_are_packed_as_they_were_published() -> None:
    examples = made_examples({"test": 7}, (2, 3), name="emnist-letters")
    html = Page(made_page(examples))
    assert html.about["transposed"]
    published = np.frombuffer(html.part("pixels"), np.uint8).reshape(7, 3, 2)
    assert np.array_equal(published.swapaxes(1, 2), examples.images)


def test_places_are_told_where_a_split_is_not_whole() -> None:
    html = Page(made_page(EXAMPLES))
    places = np.frombuffer(html.part("places"), "<i4")
    assert np.array_equal(places, EXAMPLES.places)


def test_predictions_are_held() -> None:
    predicted = np.arange(len(EXAMPLES), dtype=np.int32) % 10
    for score in (None, np.linspace(0, 1, len(EXAMPLES), dtype=np.float32)):
        html = Page(made_page(EXAMPLES, scores=Scores(predicted, score)))
        assert html.about["scores"] == {"hasScore": score is not None}
        assert html.part("predicted") == predicted.astype("<i4").tobytes()
        assert html.part("score") == (b"" if score is None else score.astype("<f4").tobytes())


def test_what_the_page_knows() -> None:
    about = Page(made_page(EXAMPLES)).about
    assert (about["name"], about["version"]) == ("synthetic", __version__)
    assert about["classes"] == list(EXAMPLES.classes)
    assert about["layouts"] == ["Made"]
    assert about["scores"] is None
    assert [split["count"] for split in about["splits"]] == [300, 60]


def test_only_the_program_and_the_style_are_allowed() -> None:
    html = Page(made_page(EXAMPLES))
    (policy,) = (
        attributes["content"]
        for tag, attributes, _ in html.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    (style,) = html.texts("style")
    (program,) = (text for text in html.texts("script") if "makeRenderer" in text)
    for kind, text in (("style-src", style), ("script-src", program)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules.pop(kind) == f"'sha256-{digest}'"
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_nothing_refers_to_elsewhere() -> None:
    for tag, attributes, _ in Page(made_page(EXAMPLES)).elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "action", "srcset"):
            assert (attributes.get(name) or "data:").startswith("data:"), tag


def test_class_names_stay_text() -> None:
    tags = [tag for tag, *_ in Page(made_page(EXAMPLES)).elements]
    html = Page(made_page(made_examples(classes=HOSTILE)))
    assert html.about["classes"] == list(HOSTILE)
    names = [tag for tag, *_ in html.elements]
    assert names == tags


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4, unique=True))
def test_any_class_name_comes_back(classes: list[str]) -> None:
    examples = made_examples(
        {"train": 4}, (2, 2), classes=[name.encode("utf-8", "replace").decode() for name in classes]
    )
    assert Page(made_page(examples)).about["classes"] == list(examples.classes)


def test_the_still_picture_has_a_row_for_each_class_that_is_here() -> None:
    html = Page(made_page(made_examples({"train": 3})))
    (source,) = (attributes["src"] for tag, attributes, _ in html.elements if tag == "img")
    assert source is not None
    still = base64.b64decode(source.removeprefix("data:image/png;base64,"))
    width, height = (int.from_bytes(still[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (10 * 29 - 1, 3 * (28 + NAME_HEIGHT))


def test_every_script_is_in_the_program() -> None:
    folder = files("fmnist_core.explorer").joinpath("web")
    assert {entry.name for entry in folder.iterdir()} == {
        "page.html",
        "page.css",
        *(f"{name}.js" for name in PROGRAM),
    }


@pytest.mark.parametrize("name", PROGRAM)
def test_a_script_inserts_no_text_as_html(name: str) -> None:
    text = files("fmnist_core.explorer").joinpath("web", f"{name}.js").read_text(encoding="utf-8")
    assert not re.search(r"insertAdjacentHTML|outerHTML|document\.write|eval\(|new Function", text)
    # The overlay's shapes are made of numbers alone.
    assert text.count("innerHTML") == (1 if name == "map" else 0)
