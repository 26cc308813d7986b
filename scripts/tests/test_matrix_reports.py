# SPDX-License-Identifier: Apache-2.0
"""What readers of the matrix's reports meet: JUnit XML that they accept, joined shards, baselines. No case is run."""

import json
import os
import re
import subprocess
from xml.etree import ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MATRIX = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect")).with_name("matrix")

OUTCOMES = ("pass", "fail", "flaky", "unsupported", "skipped", "crashed", "timed-out", "unreadable")
FINDING = {"schema": 1, "verdict": "mismatch", "culprits": [
    {"stage": "scale_order", "fault": "scale-perm-missing", "evidence": ["reproduced <bit> for \x1b[1mbit\x1b[0m"],
     "cure": "permute the scales", "rerun": "./bisect --inject scale-perm-missing"}]}

# The shape that Jenkins' and Ant's schemas of JUnit XML share: attributes (needed, allowed) and children of an element.
SHAPE = {
    "testsuites": ({"name"}, {"tests", "failures", "errors", "time", "disabled"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors"}, {"skipped", "time", "disabled", "id", "package"}, {"properties", "testcase"}),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": ({"name", "classname", "time"}, {"status"}, {"skipped", "error", "failure"}),
    "skipped": (set(), {"message", "type"}, set()),
    "failure": ({"type"}, {"message"}, set()),
    "error": ({"type"}, {"message"}, set()),
}
COUNTS = {"tests", "failures", "errors", "skipped"}


def matrix(*words, expected=0):
    run = subprocess.run([MATRIX, *map(str, words)], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == expected, run.stdout + run.stderr
    return run


def case_text(number):
    return f"M1_K512_N512_g128_sym_fp16_r_s{number}"


def record(number, outcome="pass", **more):
    red = outcome not in ("pass", "skipped", "unsupported")
    out = {"case": case_text(number), "outcome": outcome, "reason": "" if outcome == "pass" else f"it is {outcome}: a\x01b",
           "seconds": 0.25}
    if outcome == "pass":
        out["error"] = {"max_z": 3.0, "rms_z": 0.87, "nrmse": 2.7e-4, "gain": 1.0}
    if red:
        out["finding"] = FINDING
    return out | {"rerun": f"./bisect --case {case_text(number)}"} | more


def write(path, records, cases=None, shard=(1, 1)):
    heading = {"schema": 1, "set": "ci", "selection": [], "cases": len(records) if cases is None else cases,
               "shard": list(shard)}
    path.write_text("".join(json.dumps(line) + "\n" for line in [heading, *records]), encoding="utf-8")
    return path


def shards(folder, records, count):
    return [write(folder / f"shard{i + 1}.jsonl", records[i::count], len(records), (i + 1, count)) for i in range(count)]


@pytest.fixture
def every_outcome(tmp_path):
    outcomes = (*OUTCOMES, "fail", "fail")  # no two counts are equal
    return write(tmp_path / "r.jsonl", [record(i, outcome) for i, outcome in enumerate(outcomes)])


@pytest.fixture
def junit(every_outcome, tmp_path):
    path = tmp_path / "junit.xml"
    matrix("report", every_outcome, "--junit", path, expected=1)
    return path


def test_junit_has_the_shape_of_the_common_schemas(junit):
    root = ElementTree.parse(junit).getroot()
    assert root.tag == "testsuites"
    for node in root.iter():
        needed, allowed, children = SHAPE[node.tag]
        names = set(node.attrib)
        assert needed <= names <= needed | allowed, (node.tag, names)
        assert {child.tag for child in node} <= children
        assert all(re.fullmatch(r"\d+", node.get(name, "0")) for name in COUNTS)
        assert re.fullmatch(r"\d+\.\d+", node.get("time", "0.0"))  # xs:decimal: no exponent
        assert node.tag != "testcase" or len(node) <= 1


def test_junit_counts_what_it_holds(junit):
    suite = ElementTree.parse(junit).getroot().find("testsuite")
    for attribute, path in (("tests", "testcase"), ("failures", "testcase/failure"), ("errors", "testcase/error"),
                            ("skipped", "testcase/skipped")):
        assert int(suite.get(attribute)) == len(suite.findall(path))
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time")] == [
        "10", "4", "3", "2", "2.500000"]


def test_junit_failures_tell_the_finding_and_skips_their_reason(junit):
    cases = {case.get("name"): case for case in ElementTree.parse(junit).iter("testcase")}
    failure = cases[case_text(1)].find("failure")
    assert failure.get("message") == "it is fail: a\\x01b"
    assert "culprit: scale-perm-missing in stage scale_order\n  reproduced <bit> for \\x1b[1mbit" in failure.text
    assert failure.text.endswith(f"rerun: ./bisect --case {case_text(1)}\n")
    assert cases[case_text(4)].find("skipped").get("message") == "it is skipped: a\\x01b"
    assert len(cases[case_text(0)]) == 0


def test_junitparser_reads_it(junit):
    junitparser = pytest.importorskip("junitparser", reason="junitparser is not installed: scripts/setup test")
    report = junitparser.JUnitXml.fromfile(str(junit))
    (suite,) = list(report)
    kinds = [[type(result).__name__ for result in case.result] for case in suite]
    assert kinds == [[], ["Failure"], ["Failure"], ["Skipped"], ["Skipped"], ["Error"], ["Error"], ["Error"],
                     ["Failure"], ["Failure"]]
    written = (suite.tests, suite.failures, suite.errors, suite.skipped, suite.time)
    suite.update_statistics()
    assert (suite.tests, suite.failures, suite.errors, suite.skipped, suite.time) == written


def test_merged_shards_are_the_whole_in_any_order(tmp_path):
    records = [record(i) for i in range(7)]
    files = shards(tmp_path, records, 3)
    matrix("merge", tmp_path / "one.jsonl", *files)
    matrix("merge", tmp_path / "two.jsonl", files[2], files[0], files[1], files[0])
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    lines = (tmp_path / "one.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["case"] for line in lines[1:]] == [case_text(i) for i in range(7)]
    assert json.loads(lines[0])["shard"] == [1, 1]


def test_a_gap_or_a_contradiction_writes_nothing(tmp_path):
    records = [record(i) for i in range(7)]
    files = shards(tmp_path, records, 3)
    run = matrix("merge", tmp_path / "out.jsonl", files[0], files[2], expected=129)
    assert "has gaps: shard 2 (2 cases) is missing" in run.stderr
    again = write(tmp_path / "again.jsonl", [record(0, "fail"), record(3), record(6)], 7, (1, 3))
    run = matrix("merge", tmp_path / "out.jsonl", *files, again, expected=129)
    assert f"{case_text(0)} is fail in {again} and pass in {files[0]}" in run.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_a_known_failure_is_news_only_when_it_passes_or_expires(tmp_path):
    result = write(tmp_path / "r.jsonl", [record(0), record(1, "fail")])
    passing = write(tmp_path / "passing.jsonl", [record(0), record(1)])

    def baseline(name, expires):
        matrix("baseline", result, tmp_path / name, "--known", "*_s1", "--reason", "issue 12", "--expires", expires)
        return tmp_path / name

    later, earlier = baseline("later.jsonl", "9999-12-31"), baseline("earlier.jsonl", "2020-01-01")
    assert "finding" not in later.read_text(encoding="utf-8")
    matrix("report", result, "--baseline", later)
    run = matrix("report", passing, "--baseline", later, expected=1)
    assert f"known passes   {case_text(1)}: fail (known: issue 12) in the baseline, pass now\n" in run.stdout
    assert "known expired" in matrix("report", result, "--baseline", earlier, expected=1).stdout


def test_a_baseline_with_a_failure_that_is_not_known_is_refused(tmp_path):
    result = write(tmp_path / "r.jsonl", [record(0), record(1, "fail")])
    run = matrix("baseline", result, tmp_path / "b.jsonl", expected=129)
    assert f"{case_text(1)} is fail: in a baseline it needs a reason" in run.stderr
    assert not (tmp_path / "b.jsonl").exists()
    matrix("report", result, "--baseline", result, expected=129)
    run = matrix("baseline", result, tmp_path / "b.jsonl", "--known", "*_s1", "--reason", "x", "--expires", "soon",
                 expected=129)
    assert "'soon' is no date, it is written YYYY-MM-DD" in run.stderr


def test_ten_thousand_failures_fit_a_comment(tmp_path):
    culprit = FINDING["culprits"][0]
    result = write(tmp_path / "r.jsonl", [record(i, "fail", finding={"culprits": [culprit | {"fault": f"fault {i}"}]})
                                          for i in range(10_000)])
    matrix("report", result, "--markdown", tmp_path / "summary.md", "--junit", tmp_path / "junit.xml", expected=1)
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("### matrix ci: 10000 fail\n")
    assert summary.endswith("\nand 9980 more\n")
    assert len(summary) < 65536
    assert len(list(ElementTree.parse(tmp_path / "junit.xml").iter("failure"))) == 10_000
