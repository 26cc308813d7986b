# SPDX-License-Identifier: Apache-2.0
"""Adds up what scripts/test recorded, honestly: what is missing, unreadable or never started has failed.

A line of the record is: suite, outcome, reason or file, exit status (tab between them). The outcome is passed, failed,
skipped, or junit: then the file is a JUnit report of CTest or pytest and the status that of the program that wrote it.
"""

import argparse
import dataclasses
import sys
from xml.etree import ElementTree

SKIP_RETURN_CODE = 125


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: list = dataclasses.field(default_factory=list)
    skipped: list = dataclasses.field(default_factory=list)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


def count_case(suite, case):
    """The outcome of one <testcase>. CTest reports a test that could not start as skipped: that one has failed."""
    name = f"{suite}: {case.get('name')}"
    skipped = case.find("skipped")
    if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
        return Count(failed=[name])
    if case.get("status") == "disabled":
        return Count(skipped=[f"{name}: disabled"])
    if skipped is None and case.get("status", "run") == "run":
        return Count(passed=1)
    reason = "" if skipped is None else skipped.get("message", "")
    if case.get("status") == "notrun" and not reason.startswith("SKIP_"):
        return Count(failed=[f"{name}: {reason or 'not run'}"])
    return Count(skipped=[f"{name}: {skip_reason(case, reason)}"])


def skip_reason(case, message):
    """pytest says why in the message, CTest only by which rule: there the test says why, after "skipped: " or last."""
    said = [line.strip() for line in (case.findtext("system-out") or "").splitlines() if line.strip()]
    said += [line.removeprefix("skipped: ") for line in said if line.startswith("skipped: ")][:1]
    return said[-1] if message.startswith("SKIP_") and said else message


def count_report(suite, path, status, selected):
    """The outcomes in a JUnit report; its program's exit status has to fit them."""
    try:
        cases = list(ElementTree.parse(path).iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        return Count(failed=[f"{suite}: no report (exit status {status}): {error}"])
    count = Count()
    for case in cases:
        count.add(count_case(suite, case))
    if not cases:
        if not selected:
            count.failed.append(f"{suite}: no test ran (exit status {status})")
    elif status != "0" and not count.failed:
        count.failed.append(f"{suite}: exit status {status} without a failed test")
    return count


def count_line(line, selected):
    suite, outcome, detail, status = line.split("\t")
    if outcome == "junit":
        return suite, count_report(suite, detail, status, selected)
    if outcome == "passed":
        return suite, Count(passed=1)
    if outcome == "skipped":
        return suite, Count(skipped=[f"{suite}: {detail}"])
    return suite, Count(failed=[f"{suite}: {detail}"])


def times(path):
    """One line with the time of each part and of all: release 6:12, python 3:40, all 9:52."""
    with open(path, encoding="utf-8") as lines:
        seconds = {part: int(taken) for part, taken in (line.split("\t") for line in lines)}
    seconds["all"] = sum(seconds.values())
    return ", ".join(f"{part} {taken // 60}:{taken % 60:02}" for part, taken in seconds.items())


def exit_code(total, may_skip):
    if may_skip and total.skipped and not total.failed and total.passed == 0:
        return SKIP_RETURN_CODE
    return 1 if total.failed or total.passed == 0 else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--selected", action="store_true", help="a name was given: a suite may have no such test")
    parser.add_argument("--suite", action="store_true", help="one suite as a test of CTest: skips alone exit with 125")
    parser.add_argument("--times", metavar="FILE", help="parts and their seconds, tab between them")
    parser.add_argument("record")
    options = parser.parse_args()
    total = Count()
    with open(options.record, encoding="utf-8") as record:
        for line in record.read().splitlines():
            suite, count = count_line(line, options.selected)
            print(f"{suite}: {count}")
            total.add(count)
    for reason in total.skipped:
        print(f"skipped: {reason}")
    for reason in total.failed:
        print(f"failed: {reason}")
    if total.passed == 0 and not total.failed:
        print("nothing ran")
    if options.times:
        print(f"time: {times(options.times)}")
    print(total)
    sys.exit(exit_code(total, options.suite))


if __name__ == "__main__":
    main()
