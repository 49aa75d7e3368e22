"""A headless Chromium that draws WebGL2 without a graphics card."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.chromium import chromium

SOFTWARE = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
NO_WEBGL = ("--disable-3d-apis",)
READY = """
const done = arguments[0];
explorer.ready.then((page) => { window.page = page; done(""); }, (error) => done(String(error)));
"""


class Browser:
    """One Chromium; `open` loads a page and waits until all its pictures are there."""

    def __init__(self, driver: Any, folder: Path) -> None:
        self.driver, self.folder = driver, folder

    def open(self, html: bytes, name: str = "page.html") -> str:
        """Load a page; return the error that it shows, or ""."""
        path = self.folder / name
        path.write_bytes(html)
        self.driver.get_log("performance")
        self.driver.get(path.as_uri())
        failure: str = self.driver.execute_async_script(READY)
        return failure

    def run(self, script: str, *values: Any) -> Any:
        """Run JavaScript in the page, whose parts are in `page`; return what it returns."""
        return self.driver.execute_script(script, *values)

    def wait(self, script: str, *values: Any) -> Any:
        """Return what an expression of the page gives, as soon as that is true."""
        from selenium.webdriver.support.wait import WebDriverWait

        wait = WebDriverWait(self.driver, 60, 0.05)
        return wait.until(lambda _: self.run(f"return {script}", *values))

    def click(self, selector: str) -> None:
        """Click an element as a user does: it must be visible and nothing may cover it."""
        self.driver.find_element("css selector", selector).click()

    def emulate(self, *, width: int = 1440, height: int = 900, **features: str) -> None:
        """Pretend a size of the window, and preferences such as ``color_scheme="dark"``."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = [
            {"name": f"prefers-{name.replace('_', '-')}", "value": value}
            for name, value in features.items()
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})


@pytest.fixture(scope="session")
def start_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Browser]]:
    """Return a function that starts a Chromium with some flags; each ends with the session."""
    with ExitStack() as drivers:

        def start(*flags: str) -> Browser:
            driver = drivers.enter_context(chromium(*flags))
            return Browser(driver, tmp_path_factory.mktemp("pages"))

        yield start


@pytest.fixture(scope="session")
def shared_browser(start_browser: Callable[..., Browser]) -> Browser:
    """The Chromium that most tests use."""
    return start_browser(*SOFTWARE)


@pytest.fixture
def browser(shared_browser: Browser) -> Iterator[Browser]:
    """That Chromium, wide and light; a test that leaves a message in the console fails."""
    shared_browser.emulate(color_scheme="light", reduced_motion="reduce")
    shared_browser.driver.get_log("browser")
    yield shared_browser
    assert shared_browser.driver.get_log("browser") == []


@pytest.fixture(scope="session")
def blind_browser(start_browser: Callable[..., Browser]) -> Browser:
    """A Chromium without WebGL."""
    return start_browser(*NO_WEBGL)
