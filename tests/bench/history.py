"""What earlier measurements found, a line of JSON each, so that a change for the worse is seen."""

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WORSE = 1.1
"""A ratio that is worse by this factor is a regression, if the two intervals are apart."""


_SETTING = ("data", "examples", "batch_size", "dtype")


def add(path: Path, content: dict[str, Any]) -> list[str]:
    """Append the ratios of a measurement, `report.as_json`, to a history; return what got worse."""
    setting = content.get("measurements", [{}])[0]  # a start has none
    line = {
        "date": datetime.date.today().isoformat(),
        **{name: content[name] for name in ("data", "examples", "machine")},
        **{name: setting.get(name) for name in ("batch_size", "dtype")},
        "bars": [
            {key: bar[key] for key in ("ratio", "at_least", "median", "interval")}
            for bar in content["bars"]
        ],
    }
    worse = list(regressions(_latest(path, line), line["bars"]))
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return worse


def _latest(path: Path, like: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the last entry of every ratio that was measured in the same way."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = [json.loads(line) for line in text.splitlines()]
    alike = [line for line in lines if all(line[name] == like[name] for name in _SETTING)]
    return {bar["ratio"]: bar for line in alike for bar in line["bars"]}


def regressions(before: dict[str, dict[str, Any]], bars: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a sentence for each ratio that is worse than before."""
    for bar in bars:
        if not (old := before.get(bar["ratio"])):
            continue
        high_is_good = bar["at_least"]
        factor = old["median"] / bar["median"] if high_is_good else bar["median"] / old["median"]
        (low, high), (old_low, old_high) = bar["interval"], old["interval"]
        apart = high < old_low if high_is_good else low > old_high
        if factor > WORSE and apart:
            yield f"{bar['ratio']}: {bar['median']:.3g}, before {old['median']:.3g}"
