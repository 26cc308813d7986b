# SPDX-License-Identifier: Apache-2.0
"""A Chromium without a window, for reports: where it is not installed, `missing()` says what is."""

import contextlib
import shutil
import tempfile
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser_path():
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


def missing():
    """Why no browser can be started here; empty when one can."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "Python's selenium is not installed (Debian: python3-selenium)"
    if browser_path() is None:
        return "no Chromium is installed (Debian: chromium)"
    if shutil.which("chromedriver") is None:
        return "no chromedriver is installed (Debian: chromium-driver)"
    with open(browser_path(), "rb") as file:  # Ubuntu's package is a wrapper that asks for a snap
        if b"snap" in file.read(4096) and not Path("/snap/bin/chromium").exists():
            return "Chromium is a snap here, and it is not installed"
    return ""


@contextlib.contextmanager
def chromium(width=1280, height=900):
    """A driver with a profile of its own, which is gone afterwards. No network: every host name fails."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    with tempfile.TemporaryDirectory(prefix="w4bisect-chromium-", ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = browser_path()
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                         "--hide-scrollbars", "--force-color-profile=srgb", f"--user-data-dir={profile}",
                         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        try:
            resize(driver, width, height)
            yield driver
        finally:
            driver.quit()


def resize(driver, width, height):
    """The page's own size, not that of the window round it; a window has a least width, this has none."""
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})


def prefer(driver, scheme="light", media=""):
    """What the system would say: prefers-color-scheme, and `media` "print" for how it looks on paper."""
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                           {"media": media, "features": [{"name": "prefers-color-scheme", "value": scheme}]})


def open_case(driver, case):
    """Follows the link of a case, as the list does."""
    driver.execute_script("location.hash = '#case=' + encodeURIComponent(arguments[0])", case)
    wait(driver, lambda: driver.execute_script(
        "const h = document.getElementById('case');"
        "return h && !document.getElementById('finding').hidden ? h.textContent : ''")
        == case)


def wait(driver, condition, seconds=10):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, seconds, poll_frequency=0.02).until(lambda _: condition())
