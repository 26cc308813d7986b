# SPDX-License-Identifier: Apache-2.0
"""The JUnit files that each doctest case writes: one test a case, whatever happened to it, and the console as before."""

import os
import subprocess
from xml.etree import ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DECOY = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect")).with_name("junit_decoy")

pytestmark = pytest.mark.skipif(not DECOY.exists(), reason=f"{DECOY.name} is not built")


@pytest.fixture(name="case")
def fixture_case(tmp_path):
    """Runs the cases that match: their <testcase> elements and what the console got."""

    def run(pattern, folder=tmp_path / "made/on/the/way"):
        done = subprocess.run([DECOY, f"--test-case={pattern}"], capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "W4_DOCTEST_JUNIT": str(folder)})
        suites = [ElementTree.parse(path).getroot() for path in sorted(folder.glob("*.xml"))]
        cases = [case for suite in suites for case in suite.iter("testcase")]
        for suite in suites:
            inside = [each.tag for case in suite for each in case]
            assert suite.get("tests") == "1"
            assert [suite.get(f"{what}s") for what in ("failure", "error")] == [
                str(inside.count(what)) for what in ("failure", "error")]
        return cases, done

    return run


def test_a_case_with_two_ways_through_its_sub_cases_is_one_test(case):
    (only,), _ = case("*sub-cases")
    assert (only.get("name"), list(only)) == ("decoy: two ways through sub-cases", [])
    assert float(only.get("time")) >= 0


def test_a_failure_has_each_check_with_values_and_context_and_is_on_the_console_too(case):
    (only,), done = case("*fails twice*")
    failure, = only
    assert only.get("name") == 'decoy: fails twice in a "<case>" & says why'
    assert failure.tag == "failure" and "CHECK( 1 + 1 == 3 ) is 2 == 3" in failure.get("message")
    assert [line.strip() for line in failure.text.splitlines()][1] == "with: seed := 7"
    assert "is a<b == ?" in failure.text and failure.text.splitlines()[-1] == "  with: the reason"
    assert "values: CHECK( 2 == 3 )" in done.stdout and done.returncode == 1


@pytest.mark.parametrize("pattern, tag, message", [
    ("*throws", "failure", "exception: not caught"),
    ("*segmentation fault", "failure", "crash: SIGSEGV"),
    ("*ends its process", "error", "it did not finish"),
    ("*skips", "skipped", "no such device"),
])
def test_what_did_not_pass_says_how(case, pattern, tag, message):
    (only,), _ = case(pattern)
    assert [each.tag for each in only] == [tag] and only[0].get("message").startswith(message)


def test_each_case_has_a_file_of_its_own_with_a_name_that_every_store_takes(case, tmp_path):
    cases, _ = case("*passes,*fails*,*skips")
    assert len(cases) == 3
    assert not [path.name for path in tmp_path.rglob("*.xml") if set(path.name) & set(' :"<>|*?')]


def test_a_folder_that_cannot_be_written_is_said_and_changes_no_outcome(case):
    _, done = case("*passes", Path("/dev/null/folder"))
    assert done.returncode == 0 and "junit: cannot write /dev/null/folder" in done.stderr
