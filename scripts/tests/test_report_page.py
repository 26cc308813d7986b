# SPDX-License-Identifier: Apache-2.0
"""The HTML report in a real browser without a window: what it shows, how it is used, and how it is laid out."""

import base64
import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import headless  # noqa: E402

BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
MATRIX = BISECT.with_name("matrix")

pytestmark = [pytest.mark.skipif(not MATRIX.exists(), reason=f"{MATRIX.name} is not built"),
              pytest.mark.skipif(bool(headless.missing()), reason=headless.missing())]

STAGES = 14
RED = "M16_K512_N192_g128_asym_act_bias_fp16_r_s7"  # the one case of smoke with act-order


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """smoke with a fault that shows in its one case with act-order."""
    folder = tmp_path_factory.mktemp("report")
    done = subprocess.run([MATRIX, "smoke", "--inject", "gidx-ignored", "--html", folder / "r.html", "--quiet"],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stdout + done.stderr
    return folder / "r.html"


@pytest.fixture(scope="module")
def browser():
    with headless.chromium() as driver:
        yield driver


@pytest.fixture
def report(browser, page):
    headless.prefer(browser)
    headless.resize(browser, 1280, 900)
    browser.get("about:blank")
    browser.get(page.as_uri())
    yield browser
    errors = [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert errors == []


def one(driver, selector):
    return driver.find_element("css selector", selector)


def all_of(driver, selector):
    return driver.find_elements("css selector", selector)


def shown_cases(driver):
    return [row.get_attribute("title").splitlines()[0] for row in all_of(driver, "#rows .row")]


def press(driver, *keys):
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(driver).send_keys(*keys).perform()


def test_the_summary_counts_and_lists_red_cases_first(report):
    assert one(report, "#shown").text == "27 of 27 cases"
    counts = {button.get_attribute("data-outcome"): button.text.split()[0] for button in all_of(report, "[data-outcome]")}
    assert counts == {"pass": "26", "fail": "1"}
    assert shown_cases(report)[0] == RED


def test_outcomes_and_words_filter_the_list(report):
    one(report, "[data-outcome=fail]").click()
    assert shown_cases(report) == [RED]
    one(report, "[data-outcome=fail]").click()
    one(report, "#search").send_keys("g32 bf16")
    headless.wait(report, lambda: one(report, "#shown").text != "27 of 27 cases")
    assert shown_cases(report) and all("g32" in case and "bf16" in case for case in shown_cases(report))
    one(report, "#search").send_keys(" nonsense")
    headless.wait(report, lambda: one(report, "#shown").text == "0 of 27 cases")


def test_a_failure_opens_and_its_rerun_command_fails_when_it_is_followed(report):
    all_of(report, "#rows .row")[0].click()
    headless.wait(report, lambda: not one(report, "#finding").get_property("hidden"))
    assert one(report, "#case").text == RED
    strip = all_of(report, ".strip li")
    assert len(strip) == STAGES
    assert [cell.text.split()[0] for cell in strip if cell.get_attribute("class") == "broken"] == ["act_order"]
    assert "gidx-ignored in stage act_order" in one(report, ".culprit h4").text
    command = shlex.split(one(report, "#finding .command code").text)
    assert command[0] == "./bisect"
    assert subprocess.run([BISECT, *command[1:]], capture_output=True, timeout=60).returncode == 1


def test_pictures_are_drawn_and_named(report):
    headless.open_case(report, RED)
    titles = [caption.text for caption in all_of(report, "figcaption")]
    for name in ("Over (m, n):", "Histogram of z", "Over the tile:"):
        assert any(title.startswith(name) for title in titles), titles
    for picture in all_of(report, "figure > svg"):
        assert picture.size["width"] > 100 and picture.size["height"] > 50
    assert len(all_of(report, "figure svg .cell")) > 50
    assert len(all_of(report, "table.ruled tbody tr")) >= 20


def test_everything_can_be_done_with_the_keyboard(report):
    from selenium.webdriver.common.keys import Keys

    press(report, "/")
    assert report.switch_to.active_element.get_attribute("id") == "search"
    press(report, "act")
    headless.wait(report, lambda: one(report, "#shown").text.startswith("1 of"))
    press(report, Keys.ESCAPE)
    one(report, "#list").send_keys(Keys.HOME, Keys.ENTER)
    headless.wait(report, lambda: not one(report, "#finding").get_property("hidden"))
    press(report, Keys.ESCAPE)
    headless.wait(report, lambda: one(report, "#finding").get_property("hidden"))
    for _ in range(6):
        press(report, Keys.TAB)
        focused = report.switch_to.active_element
        if focused.tag_name == "body":
            continue  # behind the last: the browser's own
        outline = report.execute_script("const s = getComputedStyle(arguments[0]); return s.outlineStyle + s.boxShadow", focused)
        assert outline != "nonenone", focused.get_attribute("outerHTML")[:80]


def brightness(driver):
    colour = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in colour.strip("rgb()").split(",")[:3]) / 3


def test_dark_follows_the_system_and_the_button(report):
    assert brightness(report) > 200
    headless.prefer(report, "dark")
    assert brightness(report) < 60
    headless.prefer(report, "light")
    for _ in range(3):
        one(report, "#theme").click()
        if one(report, "#theme").text == "theme: dark":
            assert brightness(report) < 60
    assert one(report, "#theme").text == "theme: auto" and brightness(report) > 200


def rectangles(driver, selector):
    return driver.execute_script("""
        return [...document.querySelectorAll(arguments[0])].map((e) => e.getBoundingClientRect())
          .map((r) => [r.left, r.top, r.right, r.bottom]).filter(([l, t, r, b]) => r > l && b > t);""", selector)


def overlap(a, b):
    return a[0] < b[2] - 1 and b[0] < a[2] - 1 and a[1] < b[3] - 1 and b[1] < a[3] - 1


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("case", [None, RED])
def test_nothing_overlaps_or_runs_out_of_the_window(report, width, case):
    headless.resize(report, width, 900)
    if case:
        headless.open_case(report, case)
    assert report.execute_script("return document.documentElement.scrollWidth") <= width
    for selector in (".strip li", "figure", "[data-outcome]", "#finding > *" if case else "#overview > *"):
        found = rectangles(report, selector)
        assert found or case is None or selector == "[data-outcome]", selector
        for i, first in enumerate(found):
            assert first[0] >= -1 and first[2] <= width + 1, selector
            assert not any(overlap(first, other) for other in found[i + 1:]), selector


def test_it_asks_nothing_of_the_network_and_holds_what_hostile_text_it_is_given(browser, tmp_path):
    reason = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
    lines = ['{"schema":1,"set":"ci","selection":[],"cases":1,"shard":[1,1]}',
             json.dumps({"case": "M1_K512_N512_g128_sym_fp16_r_s7", "outcome": "crashed", "reason": reason, "seconds": 1,
                         "rerun": "x"})]
    (tmp_path / "r.jsonl").write_text("\n".join(lines) + "\n")
    subprocess.run([MATRIX, "report", tmp_path / "r.jsonl", "--html", tmp_path / "r.html"], capture_output=True, timeout=60)
    browser.get((tmp_path / "r.html").as_uri())
    assert browser.title != "taken"
    assert reason in browser.execute_script("return document.querySelector('main').innerText")
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_on_paper_the_summary_names_every_failure(report):
    headless.prefer(report, "light", "print")
    assert RED in one(report, "#printed").text
    assert not one(report, "#controls").is_displayed()


def test_bisect_writes_the_same_page_of_one_finding(browser, tmp_path):
    file = tmp_path / "one.html"
    done = subprocess.run([BISECT, "r", "128", "--shape", "512,512", "--inject", "scale-perm-missing", "--html", file],
                          capture_output=True, timeout=60)
    assert done.returncode == 1
    browser.get(file.as_uri())
    headless.wait(browser, lambda: all_of(browser, ".culprit h4") or all_of(browser, "#rows .row"))
    if not all_of(browser, ".culprit h4"):
        all_of(browser, "#rows .row")[0].click()
    assert "scale-perm-missing in stage scale_order" in one(browser, ".culprit h4").text
    assert any(caption.text.startswith("Recovered permutation") for caption in all_of(browser, "figcaption"))
    unwritable = subprocess.run([BISECT, "r", "128", "--html", tmp_path / "no" / "x.html"], capture_output=True, text=True, timeout=60)
    assert unwritable.returncode == 129 and "cannot be written" in unwritable.stderr


@pytest.fixture(scope="module")
def against_baseline(tmp_path_factory):
    """That page with a baseline: its one red case is known, and one that passes failed there."""
    folder = tmp_path_factory.mktemp("baseline")

    def matrix(*words):
        return subprocess.run([MATRIX, *map(str, words)], capture_output=True, text=True, timeout=300)

    matrix("smoke", "--inject", "gidx-ignored", "--quiet", "--results", folder / "now.jsonl")
    heading, *records = (folder / "now.jsonl").read_text().splitlines()
    before = [json.loads(line) for line in records]
    passing = next(record for record in before if record["outcome"] == "pass")
    passing.update(outcome="crashed", reason="SIGSEGV")
    (folder / "before.jsonl").write_text("\n".join([heading, *map(json.dumps, before)]) + "\n")
    made = matrix("baseline", folder / "before.jsonl", folder / "baseline.json", "--known", "*", "--reason", "issue 12",
                  "--expires", "2999-12-31")
    assert made.returncode == 0, made.stderr
    done = matrix("report", folder / "now.jsonl", "--baseline", folder / "baseline.json", "--html", folder / "r.html")
    assert done.returncode == 1, done.stdout
    return folder / "r.html", passing["case"]


def test_news_stand_in_the_summary_and_on_the_page_of_their_case(browser, against_baseline):
    page, passes_now = against_baseline
    headless.prefer(browser)
    browser.get(page.as_uri())
    (row,) = all_of(browser, "#news tr")
    assert row.text.startswith("known passes") and "crashed (known: issue 12) in the baseline, pass now" in row.text
    assert "1 known failures are no news." in one(browser, "#news").text
    row.find_element("css selector", "a").click()
    headless.wait(browser, lambda: not one(browser, "#finding").get_property("hidden"))
    assert one(browser, "#case").text == passes_now and "known passes: " in one(browser, "#finding").text
    headless.open_case(browser, RED)
    assert "fail, known until 2999-12-31: issue 12" in one(browser, "#finding").text
    browser.execute_script("location.hash = ''")
    headless.wait(browser, lambda: one(browser, "#search").is_displayed())
    one(browser, "#search").send_keys("known")
    headless.wait(browser, lambda: shown_cases(browser) == [RED])


def landmarks(driver):
    """Where the parts that every reader looks for lie: left, top, right and bottom of each, in pixels."""
    return driver.execute_script("""
        const parts = {title: "header h1", theme: "#theme", outcomes: ".outcomes", bar: ".bar", run: ".columns > :first-child",
          findings: ".columns > :last-child", search: "#search", order: "#order", list: "#list", case: "#case",
          command: "#finding > .command", strip: ".strip", culprit: ".culprit", errors: "figure:nth-of-type(1)",
          histogram: "figure:nth-of-type(2)", tile: "figure:nth-of-type(3)", permutation: "figure:nth-of-type(4)"};
        const found = {};
        for (const [name, selector] of Object.entries(parts)) {
          const box = document.querySelector(selector)?.getBoundingClientRect();
          if (box && box.width > 0) found[name] = [box.left, box.top, box.right, box.bottom].map(Math.round);
        }
        return found;""")


def screenshot(driver):
    """What is seen, as grey values from 0 to 255."""
    Image = pytest.importorskip("PIL.Image", reason="Python's Pillow is not installed (Debian: python3-pil)")
    picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True})
    return numpy.asarray(Image.open(io.BytesIO(base64.b64decode(picture["data"]))).convert("L"), dtype=float)


LAYOUT = json.loads((Path(__file__).parent / "report_layout.json").read_text())


def lies_where_it_lay(box, before):
    """Within a few lines: with another font lines break elsewhere, and what is below moves."""
    (left, top, right, bottom), (left0, top0, right0, bottom0) = box, before
    return all(abs(now - then) < 40 + share * then for now, then, share in (
        (left, left0, 0.02), (right, right0, 0.02), (top, top0, 0.1), (bottom, bottom0, 0.1)))


@pytest.mark.parametrize("view", sorted(LAYOUT))
def test_a_screenshot_has_the_layout_that_was_looked_at(report, view):
    """Not its pixels: each part lies where it lay when somebody looked (report_layout.json), and something is drawn there."""
    width, name = int(view.split()[1]), view.split()[0]
    headless.resize(report, width, 900)
    if name == "failure":
        headless.open_case(report, RED)
    found, seen = landmarks(report), screenshot(report)
    if os.environ.get("W4_PRINT_LAYOUT"):
        print(json.dumps({view: found}))
    assert sorted(found) == sorted(LAYOUT[view])
    for part, box in found.items():
        assert lies_where_it_lay(box, LAYOUT[view][part]), (part, box, LAYOUT[view][part])
        left, top, right, bottom = box
        assert numpy.ptp(seen[top:bottom, left:right]) > 60, f"{part}: nothing is drawn there"
        for other in found:  # what was above is above, and what was to the left is to the left
            if LAYOUT[view][part][3] <= LAYOUT[view][other][1]:
                assert bottom <= found[other][1], (part, other)
            if LAYOUT[view][part][2] <= LAYOUT[view][other][0]:
                assert right <= found[other][0], (part, other)
