# SPDX-License-Identifier: Apache-2.0
"""scripts/matrix_tests.cmake: the sets as CTest tests, with a program in matrix's place that writes down how it is started."""

import json
import shutil
import subprocess
from xml.etree import ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RESOURCES = ROOT / "docs/examples/ctest_resources.json"
LISTS = f"""cmake_minimum_required(VERSION 3.25)
project(x LANGUAGES NONE)
enable_testing()
add_executable(matrix IMPORTED)
set_target_properties(matrix PROPERTIES IMPORTED_LOCATION ${{CMAKE_SOURCE_DIR}}/matrix)
add_library(w4_cuda INTERFACE)
include({ROOT}/scripts/matrix_tests.cmake)
"""
MATRIX = """#!/bin/sh
echo "$CTEST_RESOURCE_GROUP_0_GPUS $*" >>calls
case " $* " in *" --kernel cuda "*) echo "skipped: no GPU here" && exit 125 ;; esac
"""
EVERYDAY = {"smoke", "ci", "seeds", "edges", "w4a16"}
HEAVY = {"published", "models"}

pytestmark = pytest.mark.skipif(shutil.which("ctest") is None, reason="ctest is not installed")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False, **options)


@pytest.fixture(name="project")
def fixture_project(tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(LISTS)
    (tmp_path / "matrix").write_text(MATRIX)
    (tmp_path / "matrix").chmod(0o755)

    def configure(*options):
        done = run("cmake", "-S", tmp_path, "-B", tmp_path / "build", *options)
        assert done.returncode == 0, done.stderr
        return tmp_path / "build"

    return configure


def names(folder, *selection):
    listed = json.loads(run("ctest", "--show-only=json-v1", *selection, cwd=folder).stdout)["tests"]
    return {test["name"] for test in listed}


def of_both_kernels(sets):
    return {f"matrix {each}{kernel}" for each in sets for kernel in ("", " on cuda")}


def test_heavy_sets_are_asked_for_by_configuration_alone(project):
    folder = project()
    assert names(folder) == of_both_kernels(EVERYDAY)
    assert names(folder, "-C", "heavy", "-L", "^heavy$") == of_both_kernels(HEAVY)


def test_labels_select_the_device_and_the_set(project):
    folder = project()
    assert names(folder, "-L", "^gpu$") == {f"matrix {each} on cuda" for each in EVERYDAY}
    assert names(folder, "-L", "^cpu$") == {f"matrix {each}" for each in EVERYDAY}
    assert names(folder, "-L", "^edges$") == {"matrix edges", "matrix edges on cuda"}


@pytest.mark.parametrize("option", ["-DW4_SANITIZE=address", "-DCMAKE_BUILD_TYPE=Debug"])
def test_a_slow_build_has_the_smallest_set_alone(project, option):
    folder = project(option)
    assert names(folder) == of_both_kernels({"smoke"}) == names(folder, "-C", "heavy")


@pytest.mark.parametrize("options, given", [((), {""}), (("--resource-spec-file", RESOURCES), {"id:0,slots:1", "id:1,slots:1"})])
def test_a_gpu_is_given_by_the_resource_file_and_without_one_the_tests_run_all_the_same(project, options, given):
    folder = project()
    run("ctest", "-L", "^gpu$", "--parallel", 4, *options, cwd=folder)
    calls = [line.partition(" ")[::2] for line in (folder / "calls").read_text().splitlines()]
    assert len(calls) == len(EVERYDAY) and {device for device, _ in calls} <= given
    assert all("--kernel cuda --fresh --quiet --results" in words for _, words in calls)


def test_a_machine_whose_resource_file_has_no_gpu_fails_these_tests(project, tmp_path):
    (tmp_path / "none.json").write_text('{"version": {"major": 1, "minor": 0}, "local": [{}]}')
    done = run("ctest", "-L", "^gpu$", "--resource-spec-file", tmp_path / "none.json", cwd=project())
    assert done.returncode == 8 and "(Not Run)" in done.stdout


def test_nothing_to_run_is_a_skip_with_its_reason_and_each_set_has_files_of_its_own(project):
    folder = project()
    run("ctest", "-L", "^smoke$", "--output-junit", folder / "out.xml", cwd=folder)
    cases = {case.get("name"): case for case in ElementTree.parse(folder / "out.xml").iter("testcase")}
    assert cases["matrix smoke"].get("status") == "run"
    assert cases["matrix smoke on cuda"].find("skipped").get("message") == "SKIP_RETURN_CODE=125"
    calls = sorted(line.split()[-6:] for line in (folder / "calls").read_text().splitlines())
    assert calls == sorted(
        [word for ending, option in ((".jsonl", "--results"), (".xml", "--junit"), (".html", "--html"))
         for word in (option, f"{folder}/matrix/{name}{ending}")] for name in ("smoke", "smoke_cuda"))
