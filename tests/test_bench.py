"""The measurement measures what it says: every row gives every example, once, as it should be."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from fmnist_core import BatchPlan, Dataset
from tests.bench import history, report, speed
from tests.bench.measure import Result
from tests.bench.rows import ROWS, Batches, Row, Setting, run

COUNT = 300
SCANNED = (
    "peers_jax:ours_scanned",
    "peers_augmented:by_augmax",
    "peers_augmented:by_dm_pix",
)
SETTINGS = (Setting(64), Setting(64, "uint8"))


@pytest.fixture(scope="module")
def garments() -> Dataset:
    """A few images, all different, that do not fill their last batch."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (COUNT, 28, 28)).astype(np.uint8)
    labels = (np.arange(COUNT) % 10).astype(np.uint8)
    return Dataset(images, labels, classes=[f"class {label}" for label in range(10)])


@pytest.fixture(params=ROWS)
def name(request: pytest.FixtureRequest) -> str:
    """Each row that can run here, in turn."""
    row = ROWS[request.param]
    if row.missing:
        pytest.skip(row.missing)
    if row.needs != (row.framework,):  # a library of others warns as it likes
        request.applymarker(pytest.mark.filterwarnings("ignore"))
    found: str = request.param
    return found


def as_arrays(batches: Batches) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return copies: a floor gives the same buffer again and again."""
    return [(np.asarray(image).copy(), np.asarray(label).copy()) for image, label in batches]


def pairs(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return each example as the exact sum of its pixels and its label, in a fixed order."""
    pixels = images.reshape(len(images), -1).astype(np.float64)
    if images.dtype == np.float32:
        pixels = np.rint(pixels * 255)
    table = np.column_stack([pixels.sum(axis=1), pixels @ np.arange(28 * 28), labels])
    return table[np.lexsort(table.T)]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.dtype)
def test_a_row_gives_every_example_once(garments: Dataset, name: str, setting: Setting) -> None:
    epochs = ROWS[name].epochs(garments, setting)
    steps = math.ceil(COUNT / setting.batch_size)
    for epoch in range(2):
        if ROWS[name].place in SCANNED:
            check_scan(epochs(), garments, setting, epoch, ROWS[name])
            continue
        if ROWS[name].place.startswith("peers_in_graph"):
            check_counts(epochs(), garments, setting, ROWS[name].kind)
            continue
        batches = as_arrays(epochs())
        assert len(batches) == steps
        for image, label in batches:
            assert image.dtype == setting.dtype
            assert image.size == len(label) * 28 * 28
        images = np.concatenate([image.reshape(-1, 28, 28) for image, _ in batches])
        labels = np.concatenate([label for _, label in batches])
        if setting.encoded:
            assert images.min() == 0
            assert images.max() <= 1
        if name == "floor: tf constant":  # by its nature
            continue
        if ROWS[name].transform:
            assert sorted(labels.tolist()) == sorted(garments.labels.tolist())
            assert not np.array_equal(
                pairs(images, labels), pairs(garments.images, garments.labels)
            )
            continue
        np.testing.assert_array_equal(
            pairs(images, labels), pairs(garments.images, garments.labels)
        )
        if name != "floor: jax device_put":
            assert labels[:50].tolist() != garments.labels[:50].tolist()  # shuffled


def check_scan(
    batches: Iterable[Any], garments: Dataset, setting: Setting, epoch: int, row: Row
) -> None:
    """Check the row whose batches stay in a compiled function: the last one's images come out."""
    ((image, labels, weights),) = batches
    assert image.dtype == setting.dtype
    counted = labels[weights == 1].tolist()
    assert sorted(counted) == sorted(garments.labels.tolist())
    if row.transform:
        assert image.shape == (setting.batch_size, 28, 28, 1)
        assert float(image.max()) > 0
        return
    plan = BatchPlan(COUNT, setting.batch_size, True, remainder="pad", fields=("label", "weight"))
    last = garments.images[plan.indices(epoch, len(plan) - 1)]
    pixels = np.rint(image[..., 0] * 255) if setting.encoded else image[..., 0]
    np.testing.assert_array_equal(pixels, last)


def check_counts(batches: Iterable[Any], garments: Dataset, setting: Setting, kind: str) -> None:
    """Check a row whose batches stay in a function, which counts the examples of each class."""
    labels, size = garments.labels, COUNT % setting.batch_size
    if kind == "floor":  # the first batch again and again
        size = setting.batch_size
        labels = np.tile(labels[:size], math.ceil(COUNT / size))
    ((*images, seen),) = batches
    assert seen.numpy().tolist() == np.bincount(labels, minlength=10).tolist()
    for last in images:
        assert last.dtype == setting.dtype
        assert last.shape == (size, 28, 28, 1)
        assert 0 < last.numpy().max() <= (1 if setting.encoded else 255)


def test_an_epoch_is_run_to_its_end() -> None:
    given = []

    def batches() -> Batches:
        for number in range(3):
            yield (np.array(number),)
            given.append(number)

    run(batches())
    assert given == [0, 1, 2]


def test_the_command_prints_what_it_measured(capsys: pytest.CaptureFixture[str]) -> None:
    speed.main(["--rounds", "2", "--only", "numpy", "floor: numpy"])
    printed = capsys.readouterr().out
    assert "60,000 images (synthetic), batch 128, shuffled, float32; 2 rounds" in printed
    assert "floor: numpy" in printed
    assert "torch / floor: numpy" in printed  # in the bar, as not measured


def test_every_round_is_kept_and_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib not installed")
    seconds = {"floor: numpy": [0.02, 0.03], "torch": [0.04, 0.06], "TensorDataset": [0.5, 0.4]}
    results = [Result(Setting(), seconds, {"Grain": "grain not installed"})]
    content = report.as_json("fashion-mnist", 60_000, results)
    speed.write(tmp_path, "speed", content, Console())
    speed.plot_into(tmp_path / "speed.svg", results[0], "a title")
    kept = json.loads((tmp_path / "speed.json").read_text())
    (measurement,) = kept["measurements"]
    assert measurement["seconds"] == seconds
    assert measurement["skipped"] == {"Grain": "grain not installed"}
    assert kept["machine"]["packages"]["numpy"] == np.__version__
    assert [bar["ratio"] for bar in kept["bars"]] == [
        "TensorDataset / torch",
        "torch / floor: numpy",
    ]
    picture = (tmp_path / "speed.svg").read_text()
    assert picture.startswith("<?xml")
    for text in ("a title", *seconds):
        assert text in picture


def test_ratios_are_taken_within_rounds_and_held_to_the_bar() -> None:
    seconds = {
        "torch": [1.0, 2.0, 4.0],
        "torchvision": [90.0, 240.0, 400.0],
        "torchvision, 2 workers": [200.0, 300.0, 500.0],
    }
    result = Result(Setting(), seconds)
    bar = report.BARS[0]
    assert bar.measured(result) == ("torchvision", [90, 120, 100])
    assert bar.met(150)
    assert not bar.met(149)
    assert bar.verdict([151, 170, 150]) == "yes"
    assert bar.verdict([90, 170, 150]) == "undecided"
    assert bar.verdict([90, 149, 148]) == "no"
    assert report.BARS[4].measured(result) is None  # no floor was measured
    assert report.spread([0.5, 2.345, 1234.5]) == ("2.35", "0.50 to 1,234")


def test_every_row_of_the_bar_is_measured() -> None:
    for bars, transforms in ((report.BARS, False), (report.TRANSFORM_BARS, True)):
        needed = {name for bar in bars for name in (*bar.over, bar.under)}
        assert needed <= set(speed.rows_of(transforms))


@pytest.mark.parametrize(("count", "left_out"), [(5, 0), (8, 0), (9, 1), (20, 5)])
def test_an_interval_leaves_out_what_a_median_allows(count: int, left_out: int) -> None:
    # The textbook's ranks of a 95 % interval of a median: 2 to 8 of 9, and 6 to 15 of 20.
    values = list(range(1, count + 1))
    assert report.interval(values[::-1]) == (values[left_out], values[-1 - left_out])


def test_what_got_worse_by_ten_percent_is_said(tmp_path: Path) -> None:
    def content(slow: float, fast: float, batch_size: int = 128) -> dict[str, Any]:
        bars = [
            {
                "ratio": ratio,
                "at_least": high_is_good,
                "median": middle,
                "interval": [0.98 * middle, 1.02 * middle],
            }
            for ratio, high_is_good, middle in (("a / b", True, fast), ("b / c", False, slow))
        ]
        settings = [{"batch_size": batch_size, "dtype": "float32"}]
        return {
            "data": "synthetic",
            "examples": 60_000,
            "machine": {},
            "measurements": settings,
            "bars": bars,
        }

    path = tmp_path / "history.jsonl"
    assert history.add(path, content(2, 50)) == []
    assert history.add(path, content(2.1, 48)) == []  # within a tenth
    assert history.add(path, content(4, 20, batch_size=32)) == []  # another setting
    assert history.add(path, content(2.5, 40)) == [
        "a / b: 40, before 48",
        "b / c: 2.5, before 2.1",
    ]
    assert history.add(path, content(2, 50)) == []  # better
    assert len(path.read_text().splitlines()) == 5
