"""What a message may hold: foreign text cannot drive a terminal, and every value is short."""

import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist_core.errors import (
    FileAccessError,
    FmnistError,
    OptionError,
    brief,
    check_range,
    printable,
)

ANY_TEXT = st.text(st.characters(codec=None, categories=None))


@given(ANY_TEXT)
def test_printable_text_is_one_line_without_control_characters(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(char).startswith("C") for char in shown)
    shown.encode()  # no lone surrogate is left


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Données, 雪 #1?", "Données, 雪 #1?"),
        ("a\nb: genuine", r"a\nb: genuine"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\u202egpj", r"\u202egpj"),
        ("\udc80", r"\udc80"),
    ],
)
def test_what_printable_escapes(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_an_error_escapes_what_it_quotes_and_keeps_its_lines() -> None:
    error = FileAccessError("first \x1b]0;title\x07\nsecond")
    assert str(error) == "first \\x1b]0;title\\x07\nsecond"
    assert isinstance(error, FmnistError)


def deep(levels: int) -> list[object]:
    nested: list[object] = []
    for _ in range(levels):
        nested = [nested]
    return nested


class Unspeakable:
    def __repr__(self) -> str:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "value",
    [
        10**5000,
        -(10**5000),
        [10**5000],
        {"seed": 10**5000},
        deep(100_000),
        bytes(1 << 28),
        "\x1b" * 1000,
        np.zeros((100, 100)),
        Unspeakable(),
        [Unspeakable()],
        {str(n): n for n in range(10_000)},
    ],
    ids=lambda value: type(value).__name__,
)
def test_brief_is_short_whatever_the_value(value: object) -> None:
    text = brief(value)
    assert 0 < len(text) <= 80
    assert text.isprintable()


@pytest.mark.parametrize("value", [0, -7, 2**64 - 1, "text", b"bytes", [1, 2], {"a": 1}, None, 1.5])
def test_brief_is_the_repr_of_what_is_short(value: object) -> None:
    assert brief(value) == repr(value)


OUTSIDE = [json.loads("9" * 4000) ** 2, True, None, 1.5, "7", [7]]


@pytest.mark.parametrize("value", OUTSIDE, ids=lambda value: type(value).__name__)
def test_a_number_out_of_range_raises_our_error(value: object) -> None:
    with pytest.raises(OptionError, match=r"^seed must be "):
        check_range("seed", value, 0, 9)
