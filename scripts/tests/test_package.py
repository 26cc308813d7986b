# SPDX-License-Identifier: Apache-2.0
"""The installed tree, and docs/examples/matrix_project built against it, with a sound kernel and with a wrong one."""

import os
import shutil
import subprocess
from xml.etree import ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
BUILD = BISECT.parents[1]
EXAMPLE = ROOT / "docs/examples/matrix_project"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("W4_", "CTEST_"))}
SETS = ("smoke", "edges")

pytestmark = [
    pytest.mark.skipif(not BISECT.exists(), reason=f"{BISECT.name} is not built"),
    pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed"),
]
needs_matrix = pytest.mark.skipif(not BISECT.with_name("matrix").exists(), reason="matrix is not built")


def run(*command, code=0, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=1200, check=False,
                          stdin=subprocess.DEVNULL, env=CLEAN, **options)
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="session", name="prefix")
def fixture_prefix(tmp_path_factory):
    """The build installed, and the installed tree moved elsewhere."""
    folder = tmp_path_factory.mktemp("package")
    run("cmake", "--install", BUILD, "--prefix", folder / "installed")
    return (folder / "installed").rename(folder / "moved here")


@pytest.fixture(scope="session", name="project")
def fixture_project(prefix, tmp_path_factory):
    """Configures and builds the example with these flags; gives its build folder."""

    def make(flags=""):
        folder = tmp_path_factory.mktemp("project")
        run("cmake", "-S", EXAMPLE, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release",
            f"-DCMAKE_C_FLAGS=-Wall -Wextra -Werror {flags}")
        run("cmake", "--build", folder)
        return folder

    return make


def test_the_installed_command_starts_each_program(prefix):
    done = run(prefix / "bin/w4bisect", "b", 128, "--m", 2)
    assert "verdict      match" in done.stdout and done.stdout.endswith("\nw4bisect b 128 --m 2\n")
    assert "weight" in run(prefix / "bin/w4bisect", "explain", "--weight", 8, 3, "b", 128).stdout
    layer = prefix / "share/w4bisect/fixtures/data/up"
    assert "group_size" in run(prefix / "bin/w4bisect", "fixture", "info", layer).stdout
    assert "match        1 of 1 layers" in run(prefix / "bin/w4bisect", "check", layer).stdout
    assert "bisect can be built and run here" in run(prefix / "bin/w4bisect", "doctor").stdout


def test_the_installed_programs_find_the_worker_that_reads_hdf5(prefix, tmp_path):
    layer = prefix / "share/w4bisect/fixtures/data/up"
    run(prefix / "bin/w4bisect", "fixture", "convert", layer, tmp_path / "x.h5")
    assert "group_size" in run(prefix / "bin/w4bisect", "fixture", "info", tmp_path / "x.h5").stdout


def test_a_moved_tree_reads_what_moved_with_it(prefix, tmp_path):
    copy = shutil.copytree(prefix, tmp_path / "copy")
    shutil.rmtree(copy / "share/w4bisect/fixtures")
    refused = run(copy / "bin/w4bisect", "b", 128, "--m", 2, code=129)
    assert str(copy / "share/w4bisect/fixtures/data/up") in refused.stderr


def test_w4_root_comes_before_the_installed_tree(prefix, tmp_path):
    done = subprocess.run([prefix / "bin/w4bisect", "b", "128"], capture_output=True, text=True, timeout=60, check=False,
                          env={**CLEAN, "W4_ROOT": str(tmp_path)})
    assert done.returncode == 129 and str(tmp_path / "fixtures/data/up") in done.stderr


def test_no_installed_text_names_the_build_or_the_sources(prefix):
    files = [path for folder in ("lib", "bin", "include") for path in (prefix / folder).rglob("*") if path.is_file()]
    assert any(path.name == "w4bisectTargets.cmake" for path in files)
    assert not [path for path in files if str(ROOT) in path.read_text() or str(BUILD) in path.read_text()]


@needs_matrix
def test_a_sound_kernel_is_green_and_has_a_test_and_its_results_for_each_set(project):
    folder = project()
    run("ctest", "--output-on-failure", "--output-junit", folder / "ctest.xml", cwd=folder)
    cases = ElementTree.parse(folder / "ctest.xml").findall("testcase")
    assert [(case.get("name"), case.get("status")) for case in cases] == [
        (f"my_kernel: matrix {each}", "run") for each in SETS]
    for each in SETS:
        results = folder / "matrix/my_kernel"
        assert list(ElementTree.parse(results / f"{each}.xml").iter("testcase"))
        assert (results / f"{each}.jsonl").stat().st_size > 0 and (results / f"{each}.html").stat().st_size > 0
    labels = run("ctest", "--print-labels", cwd=folder).stdout.split()
    assert {"matrix", "cpu", *SETS} <= set(labels)


@needs_matrix
def test_a_kernel_with_scales_in_natural_order_is_red_and_the_output_says_so(project):
    folder = project("-DNATURAL_SCALES")
    red = run("ctest", "-L", "^smoke$", "--output-on-failure", cwd=folder, code=8)
    assert "scale-perm-missing in stage scale_order" in red.stdout
    failures = ElementTree.parse(folder / "matrix/my_kernel/smoke.xml").findall(".//failure")
    assert any("scale-perm-missing" in failure.get("message", "") + (failure.text or "") for failure in failures)


@pytest.mark.parametrize("call, line", [
    ("w4bisect_add_matrix(my_kernel)", "no SETS"),
    ("w4bisect_add_matrix(my_kernel SETS smoke TIMEOUT)", "without a value 'TIMEOUT'"),
    ("w4bisect_add_matrix(my_kernel smoke)", "unknown 'smoke'"),
    ("w4bisect_add_matrix(another SETS smoke)", "'another' is no MODULE or SHARED library target"),
    ("add_custom_target(other)\nw4bisect_add_matrix(other SETS smoke)", "'other' is no MODULE or SHARED library target"),
])
def test_a_wrong_call_stops_the_configuration_and_says_why(prefix, tmp_path, call, line):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(x LANGUAGES NONE)\nenable_testing()\n"
        f"find_package(w4bisect 0.1 REQUIRED)\nadd_library(my_kernel SHARED IMPORTED)\n{call}\n")
    refused = run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", code=1)
    assert line in " ".join(refused.stderr.split())  # CMake breaks lines


def test_another_minor_version_is_not_this_package(prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(x LANGUAGES NONE)\nfind_package(w4bisect 0.2 REQUIRED)\n")
    refused = run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", code=1)
    assert "0.2" in refused.stderr
