# SPDX-License-Identifier: Apache-2.0
"""`ctest --preset ci` runs what scripts/test, and with it .ci/run, runs: by lists, and by what is started."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUITES = ["lint", "python", "sanitize", "fuzz"]

CLEAN = {name: value for name, value in os.environ.items() if name != "W4_FULL"}
JUNIT = '<testsuite name="x"><testcase name="one" status="run"/></testsuite>'
FAKE = """#!/bin/sh
echo "{name} $*${{W4_FULL:+ W4_FULL=$W4_FULL}}" >>'{calls}'
while [ $# -gt 0 ]; do
  case $1 in
    --output-junit | --junitxml) printf '%s' '{junit}' >"$2" ;;
    --record) printf 'lint_x\\tpassed\\t\\t\\n' >>"$2" ;;
  esac
  shift
done
exit {status}
"""


@pytest.fixture(name="tree")
def fixture_tree(tmp_path):
    """scripts/test with every program that it starts replaced by one that writes down how it was started."""
    root, fakes = tmp_path / "tree", tmp_path / "fakes"
    for folder in (root / "scripts", root / "build/venv/bin", fakes):
        folder.mkdir(parents=True)
    for name in ("test", "lib.sh", "count_junit.py"):
        shutil.copy(ROOT / "scripts" / name, root / "scripts" / name)
    for path, status in ((root / "scripts/setup", 0), (root / "scripts/lint", 0), (root / "build/venv/bin/python", 0),
                         (fakes / "cmake", 0), (fakes / "ctest", 0), (fakes / "clang++", 1)):
        path.write_text(FAKE.format(name=path.name, calls=tmp_path / "calls", junit=JUNIT, status=status))
        path.chmod(0o755)

    def run(*arguments):
        (tmp_path / "calls").unlink(missing_ok=True)
        done = subprocess.run(
            [root / "scripts/test", *arguments], capture_output=True, text=True, timeout=60, check=False,
            stdin=subprocess.DEVNULL,
            env={**CLEAN, "PATH": f"{fakes}:{os.environ['PATH']}", "W4_MINILM_WHEEL": "none"})
        calls = (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []
        started = [re.match(r"lint|ctest --preset \w+|python -m pytest|clang\+\+", call) for call in calls]
        run.calls = calls
        return done, [match.group() for match in started if match]

    run.results = root / "build/test-results"
    return run


def listed_by(preset):
    """The names that `ctest --preset` lists in the release build, with their labels."""
    if not (ROOT / "build/release/CTestTestfile.cmake").exists():
        pytest.skip("build/release is not configured with tests")
    listed = subprocess.run(["ctest", "--preset", preset, "--show-only=json-v1"], cwd=ROOT, capture_output=True, text=True,
                            timeout=60, check=True)
    properties = {test["name"]: test.get("properties", []) for test in json.loads(listed.stdout)["tests"]}
    return {name: next((each["value"] for each in values if each["name"] == "LABELS"), [])
            for name, values in properties.items()}


def test_the_ci_preset_has_the_release_tests_and_every_suite_of_the_script():
    assert set(listed_by("ci")) - set(listed_by("release")) == {f"suite {suite}" for suite in SUITES}
    assert set(listed_by("release")) <= set(listed_by("ci"))


def test_heavy_sets_are_in_their_own_preset_alone():
    everyday = listed_by("ci")
    if "matrix smoke" not in everyday:
        pytest.skip("matrix is not built")
    heavy = listed_by("heavy")
    assert {"matrix published", "matrix models"} <= set(heavy) and not set(heavy) & set(everyday)
    assert all("heavy" in labels for labels in heavy.values())
    assert not [name for name, labels in everyday.items() if "heavy" in labels]


def test_each_set_has_its_name_and_its_device_as_labels():
    sets = {name: labels for name, labels in listed_by("release").items() if name.startswith("matrix ")}
    if not sets:
        pytest.skip("matrix is not built")
    for name, labels in sets.items():
        words = name.split()
        assert {"matrix", words[1], "gpu" if "on cuda" in name else "cpu"} <= set(labels), name


def test_a_whole_run_starts_the_release_tests_and_each_suite_once(tree):
    done, started = tree()
    assert started == ["lint", "ctest --preset release", "python -m pytest", "ctest --preset sanitize",
                       "clang++"]
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "4 passed, 0 failed, 1 skipped")
    part = r" \d+:\d\d"
    assert re.fullmatch(f"time: lint{part}, release{part}, python{part}, sanitize{part}, fuzz{part}, all{part}",
                        done.stdout.splitlines()[-2])


def test_a_full_run_tells_every_test_and_adds_the_heavy_sets(tree):
    done, started = tree("--full")
    assert (started[-1], done.returncode) == ("ctest --preset heavy", 0)
    assert all(call.endswith(" W4_FULL=1") for call in tree.calls if not call.startswith("setup"))
    tree()
    assert not [call for call in tree.calls if "W4_FULL" in call]


@pytest.mark.parametrize("suite, begins, code", [
    ("lint", ["lint"], 0), ("python", ["python -m pytest"], 0),
    ("sanitize", ["ctest --preset sanitize"], 0), ("fuzz", ["clang++"], 125)])
def test_a_suite_alone_starts_its_own_part_and_leaves_a_whole_runs_results(tree, suite, begins, code):
    tree()
    before = sorted(path.name for path in tree.results.iterdir())
    done, started = tree("--suite", suite)
    assert (started, done.returncode) == (begins, code), done.stderr
    assert sorted(path.name for path in tree.results.iterdir()) == before


def test_quick_and_a_name_leave_out_what_they_always_did(tree):
    assert tree("--quick")[1] == ["ctest --preset release", "python -m pytest"]
    assert tree("tiles")[1] == ["ctest --preset release", "python -m pytest",
                                "ctest --preset sanitize"]


@pytest.mark.parametrize("suite", ["", "release", "python sanitize"])
def test_an_unknown_suite_is_refused_with_those_there_are(tree, suite):
    done, started = tree("--suite", suite)
    assert (done.returncode, started) == (129, [])
    assert done.stderr.splitlines()[-1] == f"test: unknown suite '{suite}', it is one of: {' '.join(SUITES)}"
