# SPDX-License-Identifier: Apache-2.0
"""The counts of scripts/test: skipped is not passed, and what is missing has failed."""

import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "count_junit.py"


def ctest_case(name, status, inside=""):
    return f'<testcase name="{name}" classname="{name}" time="0" status="{status}">{inside}</testcase>'


def skipped(message, output=""):
    return f'<skipped message="{message}"/><system-out>{output}</system-out>'


PASSED = ctest_case("good", "run")
FAILED = ctest_case("bad", "fail", '<failure message=""/>')


@pytest.fixture(name="count")
def fixture_count(tmp_path):
    """Counts one JUnit report with these cases, written by a program with this exit status."""

    def count(*cases, status=0, options=()):
        report = tmp_path / "suite.xml"
        report.write_text(f'<testsuite name="x">{"".join(cases)}</testsuite>')
        return count_record(tmp_path, f"suite\tjunit\t{report}\t{status}\n", *options)

    return count


def count_record(folder, text, *options):
    """The exit status, the last line and the whole output for this record."""
    record = folder / "outcomes.tsv"
    record.write_text(text)
    done = subprocess.run([sys.executable, str(SCRIPT), *options, str(record)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()[-1], done.stdout


def test_all_passed_is_success(count):
    assert count(PASSED, PASSED)[:2] == (0, "2 passed, 0 failed, 0 skipped")


def test_a_failed_test_is_named_and_counted(count):
    status, last, output = count(PASSED, FAILED, status=8)
    assert (status, last) == (1, "1 passed, 1 failed, 0 skipped")
    assert "failed: suite: bad" in output


def test_a_skip_is_not_a_pass_and_gives_its_reason(count):
    case = ctest_case("needs", "notrun", skipped("SKIP_RETURN_CODE=125", "case: needs\nno GPU here\n"))
    status, last, output = count(PASSED, case)
    assert (status, last) == (0, "1 passed, 0 failed, 1 skipped")
    assert "skipped: suite: needs: no GPU here" in output


def test_only_skips_is_a_failure(count):
    status, last, output = count(ctest_case("needs", "notrun", skipped("SKIP_RETURN_CODE=125")))
    assert (status, last) == (1, "0 passed, 0 failed, 1 skipped")
    assert "nothing ran" in output


def test_only_skips_of_one_suite_is_a_skip_for_ctest_and_a_failure_is_none(count):
    skip = ctest_case("needs", "notrun", skipped("SKIP_RETURN_CODE=125"))
    assert count(skip, options=("--suite",))[0] == 125
    assert count(skip, FAILED, status=8, options=("--suite",))[0] == 1
    assert count(skip, PASSED, options=("--suite",))[0] == 0
    assert count(status=8, options=("--suite",))[0] == 1


@pytest.mark.parametrize("message", ["Unable to find executable", "Fixture dependency failed"])
def test_a_test_that_could_not_start_has_failed_though_ctest_says_skipped(count, message):
    assert count(PASSED, ctest_case("gone", "notrun", skipped(message)))[:2] == (1, "1 passed, 1 failed, 0 skipped")


def test_a_disabled_test_is_skipped(count):
    assert count(PASSED, ctest_case("off", "disabled"))[1] == "1 passed, 0 failed, 1 skipped"


def test_pytest_skips_errors_and_failures_are_told_apart(count):
    cases = ('<testcase name="a"/>', '<testcase name="b"><skipped type="pytest.skip" message="no h5py"/></testcase>',
             '<testcase name="c"><failure message="x"/></testcase>', '<testcase name="d"><error message="x"/></testcase>')
    status, last, output = count(*cases, status=1)
    assert (status, last) == (1, "1 passed, 2 failed, 1 skipped")
    assert "skipped: suite: b: no h5py" in output


def test_an_exit_status_without_a_failed_test_is_a_failure(count):
    assert count(PASSED, status=139)[:2] == (1, "1 passed, 1 failed, 0 skipped")


def test_an_empty_suite_is_a_failure_unless_a_name_was_given(count):
    assert count(status=8)[:2] == (1, "0 passed, 1 failed, 0 skipped")
    assert count(status=8, options=("--selected",))[:2] == (1, "0 passed, 0 failed, 0 skipped")


@pytest.mark.parametrize("content", [None, "", "<testsuite><testcase name="])
def test_a_missing_or_broken_report_is_one_failure(tmp_path, content):
    report = tmp_path / "suite.xml"
    if content is not None:
        report.write_text(content)
    counted = count_record(tmp_path, f"suite\tjunit\t{report}\t139\nother\tpassed\t\t\n")
    assert counted[:2] == (1, "1 passed, 1 failed, 0 skipped")


def test_the_time_of_each_part_stands_before_the_last_line(tmp_path):
    (tmp_path / "times").write_text("release\t372\npython\t9\n")
    status, last, output = count_record(tmp_path, "lint\tpassed\t\t\n", "--times", tmp_path / "times")
    assert (status, last) == (0, "1 passed, 0 failed, 0 skipped")
    assert output.splitlines()[-2] == "time: release 6:12, python 0:09, all 6:21"


def test_recorded_outcomes_add_up_over_suites(tmp_path):
    text = "build\tfailed\tthe build failed\t\nfuzz\tskipped\tno clang++\t\nfuzz_npy\tpassed\t\t\n"
    status, last, output = count_record(tmp_path, text)
    assert (status, last) == (1, "1 passed, 1 failed, 1 skipped")
    assert "failed: build: the build failed" in output and "skipped: fuzz: no clang++" in output
