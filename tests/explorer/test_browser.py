"""The page in a real browser: what it draws, filters, finds and copies, and what it never does."""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist_core.explorer.examples import Examples
from fmnist_core.explorer.scores import NONE, Scores
from fmnist_core.idx.header import IdxHeader
from fmnist_core.quality import LISTS, NEAR_DUPLICATE_PAIRS
from tests.explorer.conftest import Browser
from tests.helpers.pages import made_examples, made_layout, made_page, made_split

EXAMPLES = made_examples()
LAYOUT = made_layout(EXAMPLES)
TRAIN = len(EXAMPLES.splits[0])


@pytest.fixture(scope="module")
def html() -> bytes:
    return made_page(EXAMPLES)


def selected(code: str) -> dict[str, list[int]]:
    """Return the rows that a line of code selects, by the name of the split."""
    return {
        split: json.loads(rows) for split, rows in re.findall(r"(\w+)\.select\((\[.*?\])\)", code)
    }


def places_of(browser: Browser, numbers: Sequence[int]) -> NDArray[np.float64]:
    """Return where on the map examples are seen, in pixels from its upper left: (n, 2)."""
    places = browser.run("return arguments[0].map(page.map.screenOf)", list(numbers))
    return np.array(places, np.float64)


def colours_at(browser: Browser, places: Sequence[Sequence[float]]) -> list[list[int]]:
    """Return the colours that the map has at some places, in pixels from its upper left."""
    colours: list[list[int]] = browser.run(
        "return arguments[0].map(([left, top]) => page.map.colourAt(left, top))", places
    )
    return colours


# -- what is drawn -------------------------------------------------------------------------------


def test_it_loads_without_a_message_and_without_a_request(browser: Browser, html: bytes) -> None:
    assert browser.open(html) == ""
    entries = [json.loads(entry["message"]) for entry in browser.driver.get_log("performance")]
    requests = [
        entry["message"]["params"]["request"]["url"]
        for entry in entries
        if entry["message"]["method"] == "Network.requestWillBeSent"
    ]
    assert len(requests) >= 1
    assert all(url.startswith(("file://", "data:")) for url in requests), requests
    assert browser.run("return performance.getEntriesByType('resource').map((r) => r.name)") == []
    assert browser.run("return explorer.about.classes") == list(EXAMPLES.classes)
    assert browser.run("return document.getElementById('still').hidden")


@pytest.mark.parametrize(("name", "is_light"), [("synthetic", False), ("emnist-letters", True)])
def test_pictures_are_drawn_pixel_by_pixel(browser: Browser, name: str, is_light: bool) -> None:
    examples = made_examples({"train": 50}, (28, 20), name=name)
    assert browser.open(made_page(examples, is_light=is_light)) == ""
    greys = np.rint(examples.images / 17).astype(int) * 17 if is_light else examples.images
    pixels = [(0, 0), (3, 17), (27, 19), (14, 9)]
    for number in (0, 49):
        x, y = made_layout(examples)[number].tolist()
        browser.run("page.map.camera.place(arguments[0], arguments[1], 2 ** 20)", x, y)
        ((left, top),) = places_of(browser, [number])
        assert browser.run("return page.map.sizeOf(arguments[0])", number) == 64
        # A picture is 64 pixels high, its middle on the example's place.
        at = [[left + (x + 0.5 - 10) * 64 / 28, top + (y + 0.5 - 14) * 64 / 28] for y, x in pixels]
        assert colours_at(browser, at) == [[greys[number, y, x]] * 3 for y, x in pixels]


def test_points_have_the_colour_of_their_class(browser: Browser, html: bytes) -> None:
    browser.open(html)
    browser.run("page.map.density = -9; page.map.camera.fit(false)")
    numbers = (5, 17, TRAIN + 4)
    (paper, *colours) = colours_at(browser, [[2, 2], *places_of(browser, numbers).tolist()])
    for number, colour in zip(numbers, colours, strict=True):
        mark = f"#classes li:nth-child({EXAMPLES.labels[number] + 1}) .swatch"
        css = browser.run(
            "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor", mark
        )
        rgb = np.array([int(part) for part in re.findall(r"\d+", css)])
        mixed = 0.85 * rgb + 0.15 * np.array(paper)
        assert np.abs(mixed - colour).max() <= 2, (number, colour)


def test_pictures_do_not_overlap_and_stay_when_one_comes_nearer(browser: Browser) -> None:
    examples = made_examples({"train": 2000}, (4, 4))
    browser.open(made_page(examples))
    before: set[int] = set()
    for scale in (300, 700, 2000, 9000):
        browser.run("page.map.camera.place(0, 0, arguments[0]); page.map.density = 0.35", scale)
        sizes = np.array(
            browser.run(
                "return Array.from(explorer.labels, (_, id) => "
                "page.map.isPicture(id) ? page.map.sizeOf(id) : 0)"
            )
        )
        shown = np.flatnonzero(sizes)
        assert set(shown.tolist()) >= before
        before = set(shown.tolist())
        places = made_layout(examples)[shown].astype(float) * scale
        apart = np.abs(places[:, None] - places).max(axis=2) + np.eye(len(shown)) * 1e9
        assert apart.min() >= sizes.max() * 0.7
    browser.run("page.map.camera.place(0, 0, 2 ** 20)")
    assert browser.run(
        "return Array.from(explorer.labels, (_, id) => page.map.isPicture(id)).every(Boolean)"
    )


def test_the_wall_shows_every_example_once(browser: Browser, html: bytes) -> None:
    browser.open(html)
    browser.run("document.querySelector('#layouts label:last-child input').click()")
    places = places_of(browser, range(0, len(EXAMPLES), 7))
    assert len(np.unique(places.round(), axis=0)) == len(places)
    rows = {label: places[EXAMPLES.labels[::7] == label][:, 1] for label in range(10)}
    for label in range(9):
        assert rows[label].max() < rows[label + 1].min()
    picked = browser.run("return page.map.pick(...arguments)", *places[4].tolist())
    assert picked == 28


# -- filters and lists ---------------------------------------------------------------------------


def matching(browser: Browser) -> list[int]:
    numbers: list[int] = browser.run("return Array.from(page.filters.matches())")
    return numbers


def test_classes_and_splits_filter(browser: Browser, html: bytes) -> None:
    browser.open(html)
    everyone = np.arange(len(EXAMPLES))
    browser.click("#classes li:nth-child(4) input")
    assert matching(browser) == everyone[EXAMPLES.labels != 3].tolist()
    browser.click("#splits li:nth-child(2) .only")
    test = everyone[(EXAMPLES.labels != 3) & (everyone >= TRAIN)]
    assert matching(browser) == test.tolist()
    assert browser.run("return document.getElementById('matching').textContent") == (
        f"{len(test)} of {len(EXAMPLES)} examples"
    )
    browser.click("#clear")
    assert matching(browser) == everyone.tolist()


def test_near_duplicates_are_shown_side_by_side(browser: Browser) -> None:
    rows = sorted({n for pair in NEAR_DUPLICATE_PAIRS["train", "train"] for n in pair})
    rows = sorted({*rows, *LISTS["mislabelled"].rows["train"]})
    images = np.zeros((60_000, 28, 28), np.uint8)
    images[rows] = np.random.default_rng(0).integers(0, 256, (len(rows), 28, 28))
    train = made_split("train", images, name="fashion-mnist").select(rows)
    browser.open(made_page(Examples([train])))
    browser.click("#lists button:nth-child(2)")
    pairs = browser.run(
        "return [...document.querySelectorAll('#matches .together')].map((pair) => "
        "[...pair.querySelectorAll('.tile')].map((tile) => tile.title))"
    )
    expected = NEAR_DUPLICATE_PAIRS["train", "train"]
    names = [[title.split(",")[0] for title in pair] for pair in pairs]
    assert names == [[f"train[{one}]", f"train[{other}]"] for one, other in expected]
    browser.click("#matches .tile")
    figures = browser.run(
        "return [...document.querySelectorAll('#example figcaption')].map((it) => it.textContent)"
    )
    one, other = expected[0]
    apart = np.sqrt(np.mean((images[one].astype(float) - images[other]) ** 2))
    assert figures == [f"train[{one}]", f"train[{other}], {apart:.1f} grey levels apart"]


def with_scores() -> tuple[bytes, NDArray[np.int32], NDArray[np.float32]]:
    rng = np.random.default_rng(2)
    predicted = np.full(len(EXAMPLES), NONE, np.int32)
    score = np.full(len(EXAMPLES), np.nan, np.float32)
    count = len(EXAMPLES) - TRAIN
    predicted[TRAIN:] = np.where(
        rng.random(count) < 0.6, EXAMPLES.labels[TRAIN:], rng.integers(0, 10, count)
    )
    score[TRAIN:] = rng.random(count)
    return made_page(EXAMPLES, scores=Scores(predicted, score)), predicted, score


def test_a_confusion_matrix_filters(browser: Browser) -> None:
    html, predicted, score = with_scores()
    browser.open(html)
    truth = EXAMPLES.labels.astype(int)
    wrong = np.flatnonzero((predicted != NONE) & (predicted != truth))
    right = np.flatnonzero(predicted == truth)
    text = browser.run("return document.getElementById('accuracy').textContent")
    assert text.startswith(f"{len(right)} of {len(right) + len(wrong)} right")
    browser.click(".choices button:nth-child(2)")
    assert matching(browser) == wrong.tolist()
    first = wrong[0]
    label, guess = truth[first], predicted[first]
    cells = browser.run(
        "return [...document.querySelectorAll('#matrix tbody button')].map((it) => it.title)"
    )
    alike = np.flatnonzero((truth == label) & (predicted == guess))
    title = f"of {EXAMPLES.classes[label]} predicted as {EXAMPLES.classes[guess]}"
    place = next(k for k, text in enumerate(cells) if text.endswith(title))
    assert cells[place].startswith(f"{len(alike)} example")
    total = sum(int(text.split()[0]) for text in cells)
    assert total == len(right) + len(wrong)
    browser.run("document.querySelectorAll('#matrix tbody button')[arguments[0]].click()", place)
    assert matching(browser) == alike.tolist()
    browser.click(".choices button:nth-child(2)")
    browser.run(
        "const order = document.querySelector('#strip select'); order.value = 'high';"
        "order.dispatchEvent(new Event('change'))"
    )
    shown = browser.run(
        "return [...document.querySelectorAll('#matches .tile')].map((it) => it.dataset.example)"
    )
    by_score = sorted(wrong, key=lambda number: -score[number])[: len(shown)]
    assert [int(number) for number in shown] == by_score


# -- examples ------------------------------------------------------------------------------------


def nearest(images: NDArray[np.uint8], number: int) -> list[int]:
    flat = images.reshape(len(images), -1).astype(np.int64)
    squares = ((flat - flat[number]) ** 2).sum(axis=1)
    order = np.argsort(squares, kind="stable")
    return [int(other) for other in order if other != number][:12]


def test_neighbours_are_the_exact_ones(browser: Browser, html: bytes) -> None:
    browser.open(html)
    for number in (3, TRAIN + 9):
        browser.run("page.focus(arguments[0], false)", number)
        neighbours = browser.wait(
            "document.querySelectorAll('#neighbours .tile').length === 12 && "
            "[...document.querySelectorAll('#neighbours .tile')].map((it) => it.dataset.example)"
        )
        assert [int(other) for other in neighbours] == nearest(EXAMPLES.images, number)


def test_a_click_shows_the_example_and_its_code(browser: Browser, html: bytes) -> None:
    from selenium.webdriver import ActionChains

    browser.open(html)
    number = TRAIN + 20
    x, y = LAYOUT[number].tolist()
    browser.run("page.map.camera.place(arguments[0], arguments[1], 2 ** 16)", x, y)
    canvas = browser.driver.find_element("css selector", "#map > canvas")
    ActionChains(browser.driver, duration=0).move_to_element(canvas).perform()
    card = browser.wait(
        "!document.getElementById('hover').hidden && document.querySelector('#hover p').textContent"
    )
    assert card == f"test[20], {EXAMPLES.classes[EXAMPLES.labels[number]]}"
    ActionChains(browser.driver, duration=0).click(canvas).perform()
    assert browser.run("return document.querySelector('.code code').textContent") == "test[20]"
    facts = browser.run("return document.querySelector('#example dl').innerText")
    assert EXAMPLES.classes[EXAMPLES.labels[number]] in facts


def inside(polygon: Sequence[Sequence[float]], points: NDArray[Any]) -> NDArray[np.bool_]:
    from matplotlib.path import Path

    within: NDArray[np.bool_] = Path(polygon).contains_points(points)
    return within


def test_a_lasso_selects_and_its_code_is_copied(browser: Browser, html: bytes) -> None:
    from selenium.webdriver import ActionChains, Keys

    browser.open(html)
    canvas = browser.driver.find_element("css selector", "#map > canvas")
    corners = [(-150, -120), (160, -90), (100, 140), (-60, 20), (-140, 130)]
    chain = ActionChains(browser.driver, duration=0).key_down(Keys.SHIFT)
    chain.move_to_element_with_offset(canvas, *corners[0]).click_and_hold()
    for corner in corners[1:]:
        chain.move_to_element_with_offset(canvas, *corner)
    chain.release().key_up(Keys.SHIFT).perform()
    centre = browser.run("return [page.map.camera.width / 2, page.map.camera.height / 2]")
    seen = places_of(browser, range(len(EXAMPLES))) - centre
    numbers = np.flatnonzero(inside(corners, seen))
    assert 20 < len(numbers) < 200
    browser.run("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    browser.click("#selection .choices button")
    code = browser.wait("window.copied")
    expected = {
        "train": [int(n) for n in numbers if n < TRAIN],
        "test": [int(n) - TRAIN for n in numbers if n >= TRAIN],
    }
    assert selected(code) == expected
    assert code.startswith("fm.concat(train.select(")


def test_selected_code_names_places_in_the_original_file(browser: Browser) -> None:
    whole = made_examples({"test": 100}, (4, 4)).splits[0]
    browser.open(made_page(Examples([whole.select([90, 7, 30])])))
    browser.run("page.selection.add([0, 2])")
    assert browser.run("return page.selection.text()") == "test.select([90, 30])"


def test_keys_move_the_map_and_walk_through_examples(browser: Browser, html: bytes) -> None:
    from selenium.webdriver import Keys

    browser.open(html)
    canvas = browser.driver.find_element("css selector", "#map > canvas")
    view = "return [page.map.camera.x, page.map.camera.y, page.map.camera.scale]"
    home = browser.run(view)
    canvas.send_keys("+")
    assert browser.run(view) == pytest.approx([home[0], home[1], home[2] * 1.5])
    canvas.send_keys(Keys.ARROW_RIGHT)
    assert browser.run(view)[0] > home[0]
    canvas.send_keys("0")
    assert browser.run(view) == pytest.approx(home)
    canvas.send_keys("...,")
    assert browser.run("return document.querySelector('.code code').textContent") == "train[1]"
    canvas.send_keys("s")
    assert browser.run("return page.selection.text()") == "train.select([1])"
    canvas.send_keys(Keys.ESCAPE)
    assert browser.run("return document.querySelector('.code')") is None


# -- what was published --------------------------------------------------------------------------


def test_the_digest_of_the_payload_is_computed(browser: Browser) -> None:
    examples = made_examples({"train": 20, "test": 6}, (28, 20), name="emnist-letters")
    browser.open(made_page(examples))
    digests = browser.run("return page.digests")
    for split, digest in zip(examples.splits, digests, strict=True):
        published = split.images.swapaxes(1, 2)
        header = IdxHeader.of(np.dtype(np.uint8), published.shape).to_bytes()
        assert digest["digest"] == hashlib.sha256(header + published.tobytes()).hexdigest()
        assert digest["published"] is None
    text = browser.run("return document.getElementById('digests').textContent")
    assert "nothing was published to compare it with" in text


def test_another_digest_than_the_published_is_reported(browser: Browser) -> None:
    test = made_split("test", np.zeros((10_000, 28, 28), np.uint8), name="fashion-mnist")
    browser.open(made_page(Examples([test])))
    published = test.info.split("test").images.payload.sha256
    text = browser.run("return document.querySelector('#digests .bad').textContent")
    assert f"differs from the published {published}" in text


def changed(browser: Browser, html: bytes, script: str) -> str:
    """Open a page in a browser that a script has changed; return the error that it shows."""
    made = browser.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": script}
    )
    try:
        return browser.open(html)
    finally:
        browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", made)


def test_over_plain_http_the_map_stays_without_digests(browser: Browser, html: bytes) -> None:
    """Browsers compute digests in secure contexts only."""
    assert (
        changed(browser, html, "Object.defineProperty(crypto, 'subtle', {value: undefined})") == ""
    )
    assert not browser.run("return document.getElementById('still').checkVisibility()")
    text = browser.run("return document.getElementById('digests').textContent")
    assert text.startswith("Their digests are not computed")


def test_a_device_that_links_no_program_shows_the_still_picture(
    browser: Browser, html: bytes
) -> None:
    script = "WebGL2RenderingContext.prototype.getProgramParameter = () => false"
    assert changed(browser, html, script) == ""
    assert browser.run("return document.getElementById('still').checkVisibility()")
    assert "cannot hold the pictures" in browser.run(
        "return document.getElementById('why').textContent"
    )


def test_genuine_data_equal_the_published_digest(browser: Browser, fashion_root: Any) -> None:
    import fmnist_core as fm

    examples = Examples([fm.load("fashion-mnist", "test", root=fashion_root)])
    browser.open(made_page(examples))
    text = browser.run("return document.getElementById('digests').textContent")
    assert text.endswith("equals the published digest.")


# -- everyone ------------------------------------------------------------------------------------

HOSTILE = ('</script><img src=x onerror="window.hacked=1">', "<b onclick='window.hacked=1'>x</b>")


def test_foreign_class_names_do_nothing(browser: Browser) -> None:
    examples = made_examples({"train": 40}, classes=HOSTILE)
    predicted = np.arange(40, dtype=np.int32) % 2
    browser.open(made_page(examples, scores=Scores(predicted, None)))
    browser.run("page.focus(3, true)")
    names = browser.run(
        "return [...document.querySelectorAll('#classes label span')].map((it) => it.textContent)"
    )
    assert names == list(HOSTILE)
    assert browser.run("return document.querySelectorAll('img, b').length") == 1  # the still
    assert browser.run("return window.hacked") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_told_from_their_ground(browser: Browser, scheme: str) -> None:
    browser.emulate(color_scheme=scheme, reduced_motion="reduce")
    html, *_ = with_scores()
    browser.open(html)
    browser.run("page.focus(305, false); page.filters.set({ outcome: 'wrong' })")
    pairs = browser.run(CONTRASTS)
    assert len(pairs) > 100
    for what, one, other, least in pairs:
        assert contrast(one, other) >= least, (what, one, other)


CONTRASTS = """
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgba = (css) => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
  return Array.from(canvas.getImageData(0, 0, 1, 1).data);
};
const ground = (element) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    layers.push(rgba(getComputedStyle(at).backgroundColor));
  }
  return layers.reverse().reduce((below, [r, g, b, a]) =>
    [r, g, b].map((value, k) => (value * a + below[k] * (255 - a)) / 255), [255, 255, 255]);
};
const found = [];
for (const element of document.querySelectorAll("body *")) {
  const seen = element.checkVisibility() && !element.disabled && !element.closest("option, #still");
  const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const colour = rgba(getComputedStyle(element).color).slice(0, 3);
  if (seen && text) found.push([element.outerHTML.slice(0, 80), colour, ground(element), 4.5]);
}
const paper = page.map.colourAt(1, 1);
for (const mark of document.querySelectorAll("#classes .swatch")) {
  const colour = rgba(getComputedStyle(mark).backgroundColor).slice(0, 3);
  found.push(["a class on the panel", colour, ground(mark.parentElement), 3]);
  found.push(["a class on the map", colour, paper, 3]);
}
return found;
"""


def contrast(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the contrast ratio of two colours as WCAG 2 defines it."""

    def luminance(colour: Sequence[float]) -> float:
        parts = np.array(colour) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_a_phone_shows_all_in_its_width(browser: Browser) -> None:
    browser.emulate(width=390, height=844, color_scheme="light", reduced_motion="reduce")
    html, *_ = with_scores()
    browser.open(html)
    browser.run("page.focus(305, false)")
    assert browser.run("return document.scrollingElement.scrollWidth") == 390
    wide = browser.run(
        "return document.querySelector('#map > canvas').getBoundingClientRect().width"
    )
    assert wide == 390


def test_without_reduced_motion_the_camera_flies(browser: Browser, html: bytes) -> None:
    browser.emulate(color_scheme="light", reduced_motion="no-preference")
    browser.open(html)
    scale = "page.map.camera.scale"
    at_once = browser.run(f"page.map.camera.fly(0, 0, 5000); return {scale}")
    assert at_once < 5000
    browser.wait(f"{scale} === 5000")


def test_without_webgl_there_is_a_picture_and_all_else_works(
    blind_browser: Browser, html: bytes
) -> None:
    assert blind_browser.open(html) == ""
    still = blind_browser.driver.find_element("css selector", "#still img")
    assert still.is_displayed()
    assert blind_browser.run("return arguments[0].naturalWidth", still) == 10 * 29 - 1
    assert "no WebGL2" in blind_browser.run("return document.getElementById('why').textContent")
    blind_browser.click("#classes li:nth-child(4) .only")
    assert matching(blind_browser) == np.flatnonzero(EXAMPLES.labels == 3).tolist()
    blind_browser.click("#matches .tile")
    assert blind_browser.wait("document.querySelectorAll('#neighbours .tile').length") == 12


def test_half_a_file_says_so(browser: Browser, html: bytes) -> None:
    start = html.index(b'<script type="text/plain" data-part="pixels"')
    for end, message in (
        (start, "This file is not whole: expected 282,240 bytes of pixels, found 0."),
        (start + 5000, "This file is damaged: its pixels cannot be unpacked."),
    ):
        assert message in browser.open(html[:end])
        text = browser.run("return document.getElementById('why').textContent")
        assert text.startswith(message)
