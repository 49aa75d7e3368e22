"""States and fingerprints that someone made to do harm, or that a program mistyped."""

import base64
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from fmnist_core import DataMismatchError, Dataset, FmnistError, OptionError
from fmnist_core.fingerprints import Fingerprint, fingerprint
from fmnist_core.state import checked_state
from fmnist_core.tools.cli import main

FIELDS = ("image", "label", "index")
Peak = Callable[[Callable[[], object]], int]


# Python itself writes and reads no number of over 4,300 digits.
HUGE = 10**4200


def deep(levels: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(levels):
        nested = [nested]
    return nested


MISTYPED = {
    "huge": 10**5000,
    "negative": -(10**5000),
    "deep": deep(100_000),
    "text": "\x1b[2J" * 10_000,
    "list of huge": [10**5000],
    "dictionary": {"a": {"b": 10**5000}},
    "float": 1.5,
    "null": None,
    "bool": True,
}


IN_JSON = {
    "huge": HUGE,
    "negative": -HUGE,
    "deep": deep(200),
    "list of huge": [HUGE],
    "dictionary": {"a": {"b": HUGE}},
}


@pytest.mark.parametrize("kind", MISTYPED)
@pytest.mark.parametrize("field", ["order", "digest", "seed", "epoch", "examples", "transform", ""])
def test_an_invalid_state_raises(tiny: Dataset, field: str, kind: str) -> None:
    loader = tiny.to("numpy", batch_size=4, shuffle=True, seed=3)
    state = {**loader.state_dict(), field: MISTYPED[kind]} if field else MISTYPED[kind]
    with pytest.raises(FmnistError) as caught:
        loader.load_state_dict(state)
    assert len(str(caught.value)) < 1000
    assert "\x1b" not in str(caught.value)


def test_a_state_with_odd_keys_raises() -> None:
    for state in ({10**5000: 1}, {("a",): deep(100_000)}, [10**5000], "\x1b", b"x" * 10**6):
        with pytest.raises(OptionError, match=r"expected what state_dict\(\) returned") as caught:
            checked_state(state)
        assert len(str(caught.value)) < 400


@pytest.fixture
def saved(tmp_path: Path, tiny: Dataset) -> dict[str, Any]:
    """A fingerprint of one epoch of twenty examples, as its file holds it."""
    fingerprint(tiny.to("numpy", batch_size=4, fields=FIELDS)).save(tmp_path / "x.json")
    content: dict[str, Any] = json.loads((tmp_path / "x.json").read_text())
    return content


def packed(array: Any) -> str:
    return base64.b64encode(zlib.compress(array.tobytes(), 9)).decode()


@pytest.mark.parametrize("epochs", [1, 40])
def test_a_small_file_cannot_unpack_to_gigabytes(
    tmp_path: Path, saved: dict[str, Any], peak_memory: Peak, epochs: int
) -> None:
    count = 100_000_000 // epochs
    saved["settings"]["num_examples"] = count
    record = saved["epochs"].pop("0")
    record["examples"] = 0
    record["index"] = packed(np.full(count, -1, "<i8"))
    record["marks"] = packed(np.zeros(count, "<u4"))
    saved["epochs"] = {str(epoch): record for epoch in range(epochs)}
    path = tmp_path / "small.json"
    path.write_text(json.dumps(saved))
    assert path.stat().st_size < 8 << 20

    def attempt() -> None:
        with pytest.raises(DataMismatchError, match=f"{epochs} epochs that this file can hold"):
            Fingerprint.load(path)

    assert peak_memory(attempt) < 64 << 20


@pytest.mark.parametrize(
    "text",
    ["[" * (1 << 20), "[" * 900 + "]" * 900, "[[]," * (1 << 18), '{"a":' * 500 + "1" + "}" * 500],
)
def test_json_with_many_levels_or_items_raises(
    tmp_path: Path, text: str, peak_memory: Peak
) -> None:
    (tmp_path / "x.json").write_text(text)

    def attempt() -> None:
        with pytest.raises(DataMismatchError, match="expected a fingerprint"):
            Fingerprint.load(tmp_path / "x.json")

    assert peak_memory(attempt) < 32 << 20


@pytest.mark.parametrize("kind", MISTYPED)
@pytest.mark.parametrize("name", ["num_examples", "order", "seed", "data", "mean", "transform"])
def test_a_nonsensical_setting_raises_or_is_harmless(
    tmp_path: Path, saved: dict[str, Any], name: str, kind: str
) -> None:
    saved["settings"][name] = IN_JSON.get(kind, MISTYPED[kind])
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(saved))
    results = [
        CliRunner().invoke(main, ["compare", str(one), str(other)])
        for one, other in ((path, path), (path, tmp_path / "x.json"))
    ]
    results.append(CliRunner().invoke(main, ["merge", str(path)]))
    for result in results:
        assert result.exit_code in (0, 1)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert "\x1b" not in result.output
