"""The page: what it shows as data, its program and its look, in one HTML file."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fmnist_core
from fmnist_core import picture
from fmnist_core.explorer.examples import Examples
from fmnist_core.explorer.parts import GREYS, Progress, light, part
from fmnist_core.explorer.scores import Scores
from fmnist_core.selection import class_members

PROGRAM = (
    "data",
    "examples",
    "colours",
    "camera",
    "layouts",
    "places",
    "renderer",
    "neighbours",
    "filters",
    "predictions",
    "inspector",
    "strip",
    "selection",
    "map",
    "gestures",
    "main",
)
"""The page's scripts, each after those that it needs; all are one function's body."""

_STILL_COLUMNS = 10


def page(
    examples: Examples,
    layouts: Mapping[str, NDArray[np.float32]],
    *,
    is_light: bool = False,
    scores: Scores | None = None,
    report: Progress | None = None,
) -> Iterator[bytes]:
    """Yield the HTML file, some megabytes at a time.

    Parameters
    ----------
    examples : Examples
    layouts : mapping of str to float32 (n, 2)
        Names of the maps, and where each example lies on them, from -1 to 1.
    is_light : bool
        Whether to keep 16 greys instead of every pixel's value.
    scores : Scores, optional
        Predictions to show beside the labels.
    report : callable, optional
        Told of the bytes of the pixels that are packed.

    Raises
    ------
    FrameworkMissingError
        If Pillow is not installed.
    """
    program, style = _program(), _resource("page.css")
    policy = (
        f"default-src 'none'; script-src '{_hash(program)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    about = _about(examples, layouts, is_light=is_light, scores=scores)
    still = base64.b64encode(_still(examples)).decode()
    values = {
        "policy": policy,
        "version": fmnist_core.__version__,
        "title": escape(examples.info.title),
        "count": f"{len(examples):,}",
        "style": style,
        "still": f'src="data:image/png;base64,{still}"',
        "about": _json(about),
        "program": program,
    }
    head, middle, end = (
        _filled(text, values) for text in _resource("page.html").split("[[data]]\n")
    )
    yield head.encode()
    yield from part("labels", examples.labels)
    if not all(split["whole"] for split in about["splits"]):
        yield from part("places", examples.places)
    for points in layouts.values():
        yield from part("coordinates", points.astype(np.float32))
    if scores:
        yield from part("predicted", scores.predicted)
        if scores.score is not None:
            yield from part("score", scores.score)
    yield middle.encode()
    images = examples.images.swapaxes(1, 2) if examples.is_transposed else examples.images
    yield from part("pixels", light(images) if is_light else images, report)
    yield end.encode()


def _about(
    examples: Examples,
    layouts: Mapping[str, NDArray[np.float32]],
    *,
    is_light: bool,
    scores: Scores | None,
) -> dict[str, Any]:
    """Return what the page knows beside its arrays."""
    info, (height, width) = examples.info, examples.image_shape
    return {
        "name": info.name,
        "title": info.title,
        "released": info.released,
        "licence": info.licence,
        "version": fmnist_core.__version__,
        "classes": examples.classes,
        "height": height,
        "width": width,
        "transposed": examples.is_transposed,
        "greys": GREYS if is_light else 256,
        "splits": examples.described(),
        "lists": examples.lists(),
        "layouts": list(layouts),
        "scores": scores and {"hasScore": scores.score is not None},
    }


def _still(examples: Examples) -> bytes:
    """Return a PNG of the first examples of each class, for browsers that cannot draw the map."""
    members = class_members(examples.labels, len(examples.classes))
    rows = [(rows[:_STILL_COLUMNS], examples.classes[k]) for k, rows in enumerate(members)]
    shown = [(first, name) for first, name in rows if len(first)]
    sheet = np.zeros((len(shown), _STILL_COLUMNS, *examples.image_shape), np.uint8)
    for line, (first, _) in zip(sheet, shown, strict=True):
        line[: len(first)] = examples.images[first]
    return picture.named_rows(sheet, [name for _, name in shown])


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its [[names]] replaced, once: a value may hold such a name too."""
    return re.sub(r"\[\[(\w+)\]\]", lambda match: values[match[1]], text)


def _program() -> str:
    scripts = "".join(_resource(f"{name}.js") for name in PROGRAM)
    return f'(() => {{\n"use strict";\n{scripts}}})();'


def _resource(name: str) -> str:
    return files("fmnist_core.explorer").joinpath("web", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return a text's hash as a content security policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _json(value: object) -> str:
    """Return JSON that cannot end the element that it is in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text
