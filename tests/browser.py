"""A headless Chromium without a network, for tests that open pages."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("selenium", reason="selenium is not installed: pip install '.[test]'")

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver

WIDTHS = {"phone": 390, "laptop": 1280}
THEMES = ("light", "dark")

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_PROGRAM = next((found for name in _NAMES if (found := shutil.which(name))), None)
_DRIVER = shutil.which("chromedriver")

needs_browser = pytest.mark.skipif(
    not (_PROGRAM and _DRIVER) and os.environ.get("CI") != "true",
    reason="Chromium and its driver are not installed (Debian: apt-get install chromium "
    "chromium-driver; in continuous integration this test fails instead)",
)


@contextmanager
def browser() -> Iterator[WebDriver]:
    """A running browser that resolves no host names; ended on exit."""
    assert _PROGRAM is not None and _DRIVER is not None, "no Chromium with its driver"
    options = Options()
    options.binary_location = _PROGRAM
    for argument in (
        "--headless=new",
        "--no-sandbox",  # its sandbox refuses to run as root, as containers do
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Both programs are named here: Selenium must not look for others.
    service = Service(_DRIVER, log_output=os.devnull)
    running = webdriver.Chrome(options=options, service=service)
    try:
        running.set_script_timeout(60)
        yield running
    finally:
        running.quit()


def show(driver: WebDriver, page: Path, width: int = 1280, theme: str = "light") -> None:
    """Open a page file on a screen of this width (CSS pixels) with reduced motion.

    What the page before wrote to the console is forgotten.
    """
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    features = {"prefers-color-scheme": theme, "prefers-reduced-motion": "reduce"}
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": name, "value": value} for name, value in features.items()]},
    )
    driver.get("about:blank")
    _console(driver)
    driver.get(page.resolve().as_uri())


def complaints(driver: WebDriver) -> list[str]:
    """What the page wrote to the console as a warning or an error since the last look."""
    wanted = ("WARNING", "SEVERE")
    return [str(entry["message"]) for entry in _console(driver) if entry["level"] in wanted]


def _console(driver: WebDriver) -> list[dict[str, Any]]:
    """Entries of the console since the last look."""
    # The one function of Selenium that is used here without being annotated there.
    entries: list[dict[str, Any]] = driver.get_log("browser")  # type: ignore[no-untyped-call]
    return entries


def fetched(driver: WebDriver) -> list[str]:
    """Addresses that the page loaded beside itself; data inside the page does not count."""
    script = "return performance.getEntriesByType('resource').map(entry => entry.name)"
    names: list[str] = driver.execute_script(script)
    return [name for name in names if not name.startswith("data:")]


def overflow(driver: WebDriver) -> int:
    """By how many pixels the page is wider than the screen."""
    script = "const root = document.documentElement; return root.scrollWidth - root.clientWidth"
    return int(driver.execute_script(script))


def picture(driver: WebDriver, target: Path) -> Path:
    """Screenshot of the whole page, as PNG."""
    shot = driver.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True}
    )
    target.write_bytes(base64.b64decode(shot["data"]))
    return target
