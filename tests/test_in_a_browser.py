"""What docs/languages.md and docs/formats.md offer to web pages, in a real browser."""

import base64
import hashlib
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from fmnist_core import Dataset, export, load, write_idx
from tests.golden import PROJECT
from tests.helpers.chromium import chromium
from tests.helpers.plain_order import plain_shuffle

SEED, EPOCH = 2**64 - 1, 12

READ_IDX = """
const [seed, epoch, done] = [BigInt(arguments[0]), arguments[1], arguments[2]];
(async () => {
  const { summary } = await import("./fmnist.mjs");
  const [images, labels] = await Promise.all(["./images", "./labels"].map((path) => fetch(path)));
  return summary(images, labels, seed, epoch);
})().then(done, (error) => done(String(error)));
"""

# As TensorFlow.js's tutorials read a sprite: drawn on a canvas, of which the first channel is kept.
READ_SPRITE = """
const done = arguments[0];
(async () => {
  const picture = new Image();
  picture.src = "./sprites/test_images.png";
  await picture.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  const colours = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const pixels = colours.filter((_, place) => place % 4 === 0);
  const labels = await (await fetch("./sprites/test_labels_uint8")).arrayBuffer();
  const text = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return [canvas.width, canvas.height, text(pixels), text(new Uint8Array(labels))];
})().then(done, (error) => done(String(error)));
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def few() -> Dataset:
    return load("synthetic", "test").take(200)


@pytest.fixture(scope="module")
def page(few: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser with an empty page of a server that has the files of `few` beside it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text("<!doctype html><link rel=icon href=data:,>")
    shutil.copy(PROJECT / "docs" / "languages" / "fmnist.mjs", folder)
    write_idx(folder / "images.gz", np.array(few.images))
    (folder / "images.gz").rename(folder / "images")  # the reader looks at the bytes
    write_idx(folder / "labels", few.labels)
    export(few, folder / "sprites", format="tfjs")
    with (
        chromium() as driver,
        ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server,
    ):
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        driver.get(f"http://127.0.0.1:{server.server_port}/index.html")
        yield driver
        server.shutdown()


def test_the_reader_of_idx_and_of_the_order(few: Dataset, page: Any) -> None:
    text = page.execute_async_script(READ_IDX, str(SEED), EPOCH)
    order = [plain_shuffle(position, len(few), SEED, EPOCH) for position in range(10)]
    assert text.splitlines() == [
        f"count {len(few)}",
        f"labels {few.labels.sum(dtype=np.int64)}",
        f"sha256 {hashlib.sha256(few.images.tobytes()).hexdigest()}",
        "order " + " ".join(map(str, order)),
    ]


def test_a_sprite_of_tensorflow_js(few: Dataset, page: Any) -> None:
    width, height, pixels, labels = page.execute_async_script(READ_SPRITE)
    assert (width, height) == (784, len(few))
    assert base64.b64decode(pixels) == few.images.tobytes()
    one_hot = np.frombuffer(base64.b64decode(labels), np.uint8).reshape(len(few), 10)
    assert np.array_equal(one_hot, np.eye(10)[few.labels])


def test_the_console_stays_empty(page: Any) -> None:
    assert page.get_log("browser") == []
