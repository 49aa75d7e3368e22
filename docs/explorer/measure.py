"""Measure `fmnist explore` on Fashion-MNIST: time to write, size, time until the browser shows it.

Usage: python docs/explorer/measure.py FOLDER, where FOLDER has the dataset's four files. Chromium
draws with SwiftShader, so without a graphics card; `nproc` cores share the work.
"""

import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

import fmnist_core as fm
from fmnist_core.embedding import embed
from fmnist_core.explorer.coordinates import fitted
from fmnist_core.explorer.examples import Examples
from fmnist_core.explorer.page import page

ROUNDS = 3
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--window-size=1440,900",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
MARKS = """
const done = arguments[0];
explorer.ready.then(() => done(Object.fromEntries(
  performance.getEntriesByType("mark").map((mark) => [mark.name, mark.startTime / 1000]))));
"""


def main(root: Path) -> None:
    """Print a row for each kind of page."""
    examples = Examples(fm.load("fashion-mnist", ("train", "test"), root=root))
    began = perf_counter()
    layouts = {"PCA": fitted(embed(examples.images))}
    print(f"PCA: {perf_counter() - began:.1f} s")
    with tempfile.TemporaryDirectory() as folder:
        for is_light in (False, True):
            path = Path(folder) / "page.html"
            began = perf_counter()
            with path.open("wb") as file:
                file.writelines(page(examples, layouts, is_light=is_light))
            took, size = perf_counter() - began, path.stat().st_size / 1e6
            opened = [shown(path) for _ in range(ROUNDS)]
            points, pictures = (
                statistics.median(marks[name] for marks in opened)
                for name in ("points", "pictures")
            )
            print(
                f"{'light' if is_light else 'exact'}: {size:.1f} MB, written in {took:.1f} s, "
                f"points after {points:.1f} s, pictures after {pictures:.1f} s"
            )


def shown(path: Path) -> dict[str, float]:
    """Return after how many seconds a new browser has drawn the points, and the pictures."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for flag in FLAGS:
        options.add_argument(flag)
    with webdriver.Chrome(options, Service(shutil.which("chromedriver"))) as driver:
        driver.set_script_timeout(120)
        driver.get("about:blank")
        driver.get(path.as_uri())
        marks: dict[str, float] = driver.execute_async_script(MARKS)
        return marks


if __name__ == "__main__":
    main(Path(sys.argv[1]))
