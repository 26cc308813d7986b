#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Screenshots of the HTML report, for people to look at: scripts/screenshots.py FOLDER [RESULTS]. Without a result file
one of 10 000 cases is made up, 60 of them with real findings. Prints the page's size and how long it took to open."""

import argparse
import base64
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import headless
import report_sample

ROOT = Path(__file__).resolve().parents[1]
BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
MATRIX = Path(os.environ.get("W4_MATRIX", BISECT.with_name("matrix")))


def page_of(results, page):
    subprocess.run([MATRIX, "report", results, "--html", page], check=False, capture_output=True)
    if not page.exists():
        sys.exit(f"screenshots.py: {MATRIX.name} report wrote no page of {results}")


def sample_in(folder):
    path = folder / "results.jsonl"
    path.write_text("\n".join(report_sample.results(BISECT, ROOT / "fixtures/data", 10000, 60)) + "\n")
    return path


def shoot(driver, path, whole=False):
    picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole})
    path.write_bytes(base64.b64decode(picture["data"]))
    print(path)


def open_page(driver, page):
    driver.get(page.as_uri())
    timing = "const t = performance.getEntriesByType('navigation')[0]; return t.loadEventEnd || t.domComplete"
    milliseconds = headless.wait(driver, lambda: driver.execute_script(timing))
    print(f"{page.stat().st_size / 1e6:.1f} MB, open after {milliseconds / 1000:.2f} s")


def red_cases(driver):
    """One case of each finding, at most six."""
    return driver.execute_script("""
        const seen = new Map();
        for (const record of records)
          if (record.outcome === 'fail' && !seen.has(record.finding)) seen.set(record.finding, record.name);
        return [...seen.values()].slice(0, 6);""")


def shoot_all(driver, page, folder):
    open_page(driver, page)
    shoot(driver, folder / "summary.png")
    cases = red_cases(driver)
    for number, case in enumerate(cases):
        headless.open_case(driver, case)
        shoot(driver, folder / f"failure-{number}.png", whole=True)
    headless.prefer(driver, "dark")
    if cases:
        headless.open_case(driver, cases[0])
        shoot(driver, folder / "failure-dark.png", whole=True)
    driver.execute_script("location.hash = ''")
    shoot(driver, folder / "summary-dark.png")
    headless.prefer(driver, "light")
    headless.resize(driver, 400, 860)
    shoot(driver, folder / "summary-narrow.png")
    if cases:
        headless.open_case(driver, cases[0])
        shoot(driver, folder / "failure-narrow.png", whole=True)
        driver.execute_script("location.hash = ''")
    headless.resize(driver, 794, 1123)  # A4 at 96 to the inch
    headless.prefer(driver, "light", "print")
    shoot(driver, folder / "summary-print.png")
    if cases:
        headless.open_case(driver, cases[0])
        shoot(driver, folder / "failure-print.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("results", type=Path, nargs="?")
    words = parser.parse_args()
    if why := headless.missing():
        sys.exit(f"screenshots.py: {why}")
    words.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, headless.chromium() as driver:
        scratch = Path(scratch)
        page_of(words.results or sample_in(scratch), scratch / "report.html")
        headless.prefer(driver, "light")
        shoot_all(driver, scratch / "report.html", words.folder)


if __name__ == "__main__":
    main()
