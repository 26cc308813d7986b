# SPDX-License-Identifier: Apache-2.0
"""The launcher `bisect` and scripts/setup, in a stand-in tree with a tiny program and a faked package system."""

import os
import pathlib
import pty
import re
import shutil
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

CMAKE_LISTS = """cmake_minimum_required(VERSION 3.25)
project(stand_in LANGUAGES CXX)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
add_executable(bisect cases/main.cpp)
foreach(program check explain fixture matrix repack shrink)
  add_executable(${program} cases/main.cpp)
  target_compile_definitions(${program} PRIVATE NAME="${program}: ")
endforeach()
add_executable(w4_worker cases/main.cpp)
add_custom_target(bisect_and_worker DEPENDS bisect w4_worker)
"""
PRESETS = """{"version": 6, "configurePresets": [
  {"name": "release", "generator": "Ninja", "binaryDir": "${sourceDir}/build/release"}]}
"""
MAIN = """#include "answer.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#ifndef NAME
#define NAME ""
#endif
int main(int argc, char** argv) {
  char folder[4096];
  printf(NAME);
  for (int i = 1; i < argc; ++i) printf("%s ", argv[i]);
  printf("in %s root %s\\n", getcwd(folder, sizeof folder), getenv("W4_ROOT"));
  return kAnswer;
}
"""
REQUIREMENTS = ("requirements.txt", "requirements_test.txt")
SUPPORTED = 'ID=debian\nVERSION_ID="12"\n'


class Tree:
    """A copy of the launcher and its scripts with a program of one file, and a folder of fakes that comes first on PATH."""

    def __init__(self, folder):
        self.root = folder / "tree"
        self.fakes = folder / "fakes"
        self.calls = folder / "calls"
        self.fakes.mkdir()
        for name in ("fixtures/data", "repack", "kernel", "cases/tests", "scripts"):
            (self.root / name).mkdir(parents=True)
        for name in ("bisect", "scripts/setup", "scripts/lib.sh"):
            shutil.copy(ROOT / name, self.root / name)
        self.write("CMakeLists.txt", CMAKE_LISTS)
        self.write("CMakePresets.json", PRESETS)
        self.write("cases/main.cpp", MAIN)
        self.write("cases/answer.h", "constexpr int kAnswer = 0;\n")
        for name in REQUIREMENTS:
            self.write(f"scripts/{name}", f"{name}_package==1.0\n")
        self.environment_has("1.0")
        self.system(SUPPORTED)
        self.packages(missing=())

    def write(self, name, text):
        (self.root / name).write_text(text)

    def fake(self, name, script):
        path = self.fakes / name
        path.write_text(f"#!/bin/sh\necho \"{name} $*\" >>'{self.calls}'\n{script}\n")
        path.chmod(0o755)

    def packages(self, missing, apt_status=0, user=1000):
        """The package system as scripts/setup sees it: all but `missing` are installed."""
        cases = "".join(f"{name}) ;; " for name in missing)
        self.fake("dpkg-query", f'for p in "$@"; do case $p in {cases}*) printf "installed:%s " "$p" ;; esac; done')
        self.fake("apt-get", f"exit {apt_status}")
        self.fake("sudo", 'exec "$@"')
        self.fake("id", f"echo {user}")

    def system(self, os_release):
        """Another /etc/os-release; its place is the only thing that differs from the real script."""
        path = self.root.parent / "os-release"
        path.write_text(os_release)
        script = (ROOT / "scripts/setup").read_text()
        assert "/etc/os-release" in script
        self.write("scripts/setup", script.replace("/etc/os-release", str(path)))

    def environment_has(self, version):
        """The version of every package in build/venv; None: there is no build/venv."""
        shutil.rmtree(self.root / "build/venv", ignore_errors=True)
        if version is not None:
            (self.root / "build/venv").mkdir(parents=True)
            for name in REQUIREMENTS:
                self.write(f"build/venv/{name}", f"{name}_package=={version}\n")

    def python(self, pip_status):
        """A python3 with every module, of which the environments have a pip that ends so."""
        self.fake("python3", 'for last in "$@"; do :; done\n'
                  'if [ "$1 $2" = "-m venv" ]; then mkdir -p "$last/bin"; cp "$0" "$last/bin/python"; fi\n'
                  f'if [ "$1 $2" = "-m pip" ]; then exit {pip_status}; fi')

    def called(self, name):
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [line for line in lines if line.split()[0] == name]

    def environment(self, **changes):
        clean = {k: v for k, v in os.environ.items() if k not in ("CI", "W4_ROOT", "W4_SETUP")}
        return {**clean, "PATH": f"{self.fakes}:{os.environ['PATH']}", **changes}

    def run(self, *command, cwd=None, **changes):
        return subprocess.run(
            command, cwd=cwd or self.root, env=self.environment(**changes), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False)

    def bisect(self, *arguments, **options):
        return self.run(str(self.root / "bisect"), *arguments, **options)

    def setup_on_terminal(self, answer):
        """scripts/setup with a terminal as its input and error, where somebody types `answer`."""
        ours, theirs = pty.openpty()
        os.write(ours, f"{answer}\n".encode())
        process = subprocess.run(
            [str(self.root / "scripts/setup"), "build"], env=self.environment(), stdin=theirs, stderr=theirs,
            stdout=subprocess.PIPE, timeout=60, check=False)
        os.close(theirs)
        said = b""
        try:
            while chunk := os.read(ours, 4096):
                said += chunk
        except OSError:  # Linux ends a terminal whose other side is closed with EIO
            pass
        os.close(ours)
        return process.returncode, said.decode()


@pytest.fixture(name="tree")
def fixture_tree(tmp_path):
    return Tree(tmp_path)


@pytest.fixture(name="built", scope="module")
def fixture_built(tmp_path_factory):
    """One tree that has been built, for the tests that change little."""
    tree = Tree(tmp_path_factory.mktemp("built"))
    first = tree.bisect("b", "128")
    assert first.returncode == 0, first.stderr
    tree.first = first
    return tree


def median_ms(action, repeats=15):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return 1000 * sorted(times)[repeats // 2]


def test_the_first_start_builds_and_only_the_program_writes_to_stdout(built):
    assert built.first.stdout == f"b 128 in {built.root} root {built.root}\n"
    assert "building bisect (release)" in built.first.stderr


def test_arguments_arrive_as_they_were_typed(built):
    assert built.bisect("b", "-1", "--name", "two  words").stdout.startswith("b -1 --name two  words in ")


def test_the_other_programs_are_started_by_their_names(built):
    assert built.bisect("explain", "0", "3", "b", "-1").stdout.startswith("explain: 0 3 b -1 in ")
    for program in ("check", "fixture", "matrix", "repack", "shrink"):
        assert built.bisect(program, "info", "x").stdout.startswith(f"{program}: info x in ")
    assert built.bisect("b", "explain").stdout.startswith("b explain in ")


def test_only_the_program_that_is_asked_for_is_built_and_each_once(tree):
    programs = tree.root / "build/release/bin"
    for program, there in (("matrix", {"matrix"}), ("shrink", {"matrix", "shrink"})):
        assert f"building {program} (release)" in tree.bisect(program).stderr
        assert {path.name for path in programs.iterdir()} == there
    assert tree.bisect("matrix").stderr == ""


def test_the_worker_is_built_only_where_a_plug_in_is_named_and_serves_what_names_none(tree):
    worker = tree.root / "build/release/bin/w4_worker"
    assert tree.bisect("b", "128").returncode == 0
    assert not worker.exists()
    assert "building bisect_and_worker (release)" in tree.bisect("b", "128", "--kernel", "plugin:mine.so").stderr
    assert worker.exists()
    for arguments in (("b", "128"), ("b", "128", "--kernel", "cuda")):
        again = tree.bisect(*arguments)
        assert (again.returncode, again.stderr) == (0, "")


def test_an_edited_file_makes_every_program_old_and_a_build_of_all_makes_every_program_new(tree):
    assert tree.bisect("fixture").returncode == tree.bisect("shrink").returncode == 0
    tree.write("cases/answer.h", "constexpr int kAnswer = 7;\n")
    assert tree.bisect("fixture").returncode == 7
    assert tree.bisect("shrink").returncode == 7
    tree.write("cases/answer.h", "constexpr int kAnswer = 0;\n")
    build = f'root={tree.root}; . scripts/lib.sh; locked build release all'
    assert tree.run("bash", "-euc", build).returncode == 0
    for program in ("fixture", "explain"):
        again = tree.bisect(program)
        assert (again.returncode, again.stderr) == (0, "")


def test_an_edit_during_a_build_counts_as_newer(tree):
    real = shutil.which("cmake")
    tree.fake("cmake", f'"{real}" "$@" || exit\n'
              f'if [ "$1" = --build ]; then echo "constexpr int kAnswer = 5;" >"{tree.root}/cases/answer.h"; fi')
    assert tree.bisect("r").returncode == 0
    (tree.fakes / "cmake").unlink()
    assert tree.bisect("r").returncode == 5


def test_the_current_directory_stays_the_users(built, tmp_path):
    assert built.bisect("r", cwd=tmp_path).stdout == f"r in {tmp_path} root {built.root}\n"


def test_a_relative_call_and_a_symbolic_link_find_the_root(built, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(built.root / "bisect")
    assert built.run(str(link), cwd=tmp_path).stdout == f"in {tmp_path} root {built.root}\n"
    assert built.run("../bisect", cwd=built.root / "cases").stdout == f"in {built.root / 'cases'} root {built.root}\n"
    assert built.run("bash", "bisect", cwd=built.root).stdout == f"in {built.root} root {built.root}\n"


def test_a_second_start_runs_neither_cmake_nor_dpkg(built):
    built.fake("cmake", "exit 1")
    built.calls.unlink()
    try:
        again = built.bisect("r")
        assert (again.returncode, again.stderr) == (0, "")
        assert not built.calls.exists()
    finally:
        (built.fakes / "cmake").unlink()
    print(f"second start: {median_ms(lambda: built.bisect('r')):.1f} ms")  # a number to look at: the bound is a benchmark's


def test_new_data_and_new_tests_do_not_build_again(built):
    built.write("fixtures/data/new.npy", "")
    built.write("cases/tests/new.cpp", "#error")
    assert built.bisect("r").stderr == ""


def test_an_edited_header_builds_again_and_the_exit_status_is_the_programs(built):
    built.write("cases/answer.h", "constexpr int kAnswer = 7;\n")
    again = built.bisect("r")
    assert (again.returncode, "building" in again.stderr) == (7, True)
    built.write("cases/answer.h", "constexpr int kAnswer = 0;\n")
    assert built.bisect("r").returncode == 0


def test_an_edited_piece_of_the_page_builds_again(built):
    (built.root / "cases/report/page").mkdir(parents=True)
    for content in ("a {}", "b {}"):
        built.write("cases/report/page/page.css", content)
        assert "building" in built.bisect("r").stderr
    assert built.bisect("r").stderr == ""


def test_a_new_file_that_changes_nothing_builds_once(built):
    built.write("kernel/extra.h", "")
    assert "building" in built.bisect("r").stderr
    assert built.bisect("r").stderr == ""


def test_a_copied_tree_builds_for_its_new_place(built, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(built.root, copy)
    (copy / "cases/answer.h").write_text("constexpr int kAnswer = 3;\n")
    again = built.run(str(copy / "bisect"), "r", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (3, f"r in {tmp_path} root {copy}\n")


def test_a_failed_build_exits_125_with_the_error_and_no_stdout(tree):
    tree.write("cases/answer.h", "#error planted\n")
    failed = tree.bisect("b", "128")
    assert (failed.returncode, failed.stdout) == (125, "")
    assert "#error planted" in failed.stderr
    assert failed.stderr.splitlines()[-1] == f"bisect: building failed; the whole log is {tree.root}/build/release.log"


def test_a_failed_configuration_exits_125_with_the_error_and_no_stdout(tree):
    tree.write("CMakeLists.txt", CMAKE_LISTS + 'message(FATAL_ERROR "planted")\n')
    failed = tree.bisect("b", "128")
    assert (failed.returncode, failed.stdout) == (125, "")
    assert "planted" in failed.stderr and "configuring failed" in failed.stderr


def test_starts_at_the_same_time_build_once_and_all_run(tree):
    command = [str(tree.root / "bisect"), "r"]
    starts = [
        subprocess.Popen(command, env=tree.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ended = [(start.communicate(timeout=120), start.returncode) for start in starts]
    assert [status for _, status in ended] == [0] * 4
    assert sum("building bisect" in said for (_, said), _ in ended) == 1


def test_missing_packages_without_a_terminal_print_the_line_to_type(tree):
    tree.packages(missing=("libfmt-dev", "libzip-dev"))
    refused = tree.bisect("b", "128")
    assert (refused.returncode, refused.stdout) == (125, "")
    assert refused.stderr == (
        "setup: packages are missing, type: sudo apt-get update && "
        "sudo apt-get install -y --no-install-recommends libfmt-dev libzip-dev\n")
    assert not tree.called("sudo") and not tree.called("apt-get")


def test_root_installs_what_is_missing_and_nothing_else(tree):
    tree.packages(missing=("libfmt-dev",), user=0)
    done = tree.run(str(tree.root / "scripts/setup"), "build")
    assert done.returncode == 0 and done.stdout == ""
    update, install = tree.called("apt-get")
    assert update == "apt-get update"
    assert install.endswith(" libfmt-dev") and install.count("-dev") == 1
    assert not tree.called("sudo")


def test_nothing_missing_leaves_apt_alone(tree):
    done = tree.run(str(tree.root / "scripts/setup"), "test")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not tree.called("apt-get")


def test_a_failed_installation_exits_129_with_the_line_to_type(tree):
    tree.packages(missing=("libfmt-dev",), apt_status=100, user=0)
    failed = tree.run(str(tree.root / "scripts/setup"), "build")
    assert failed.returncode == 129
    assert failed.stderr.splitlines()[-1].endswith("sudo apt-get install -y --no-install-recommends libfmt-dev")


def test_sudo_is_used_only_after_a_yes(tree):
    tree.packages(missing=("libfmt-dev",))
    for answer in ("n", ""):
        status, said = tree.setup_on_terminal(answer)
        assert status == 129 and "type: sudo apt-get update" in said
    assert not tree.called("sudo")
    status, _ = tree.setup_on_terminal("y")
    assert status == 0
    assert [line.split()[1] for line in tree.called("sudo")] == ["apt-get", "env"]


def test_ci_never_asks(tree):
    tree.packages(missing=("libfmt-dev",))
    assert tree.run(str(tree.root / "scripts/setup"), "build", CI="true").returncode == 129


@pytest.mark.parametrize("had", [None, "0.9"])
@pytest.mark.parametrize("purpose, lists", [("extract", REQUIREMENTS[:1]), ("test", REQUIREMENTS)])
def test_python_packages_go_into_an_environment_below_build_once(tree, purpose, lists, had):
    tree.environment_has(had)
    tree.python(pip_status=0)
    done = tree.run(str(tree.root / "scripts/setup"), purpose)
    assert (done.returncode, done.stderr) == (0, "setup: installing Python packages into build/venv\n")
    venv, pip = (line for line in tree.called("python3") + tree.called("python") if " -m " in f" {line} ")
    assert venv == f"python3 -m venv --system-site-packages {tree.root}/build/venv"
    assert pip.split()[1:4] == ["-m", "pip", "install"] and pip.endswith(
        " --timeout 20" + "".join(f" -r {tree.root}/scripts/{name}" for name in lists))
    assert tree.run(str(tree.root / "scripts/setup"), purpose).stderr == ""
    assert not tree.called("apt-get")


def test_a_package_index_out_of_reach_ends_extract_and_only_costs_test_what_needs_it(tree):
    tree.environment_has(None)
    tree.python(pip_status=1)
    failed = tree.run(str(tree.root / "scripts/setup"), "extract")
    assert failed.returncode == 129 and failed.stderr.endswith("could not be installed into build/venv\n")
    done = tree.run(str(tree.root / "scripts/setup"), "test")
    assert done.returncode == 0 and done.stderr.endswith("tests that need them are skipped\n")
    assert tree.run(str(tree.root / "scripts/setup"), "build").stderr == ""


def test_the_set_for_tests_holds_more_than_the_set_for_building(tree):
    tree.packages(missing=("python3-numpy",))
    assert tree.run(str(tree.root / "scripts/setup"), "build").returncode == 0
    assert tree.run(str(tree.root / "scripts/setup"), "test").returncode == 129


def test_another_system_lists_the_packages_and_goes_on(tree):
    tree.packages(missing=("libfmt-dev",))
    tree.system("ID=fedora\nVERSION_ID=40\n")
    done = tree.run(str(tree.root / "scripts/setup"), "build")
    assert done.returncode == 0
    assert "libfmt-dev" in done.stderr and "nothing is installed" in done.stderr
    assert not tree.called("dpkg-query")


def test_w4_setup_skip_leaves_the_system_alone(tree):
    tree.packages(missing=("libfmt-dev",))
    assert tree.run(str(tree.root / "scripts/setup"), "build", W4_SETUP="skip").returncode == 0
    assert not tree.called("dpkg-query")


@pytest.mark.parametrize(("version", "status"), [("3.24.9", 129), ("3.25.0", 0), ("3.100.0", 0), ("4.0.1", 0)])
def test_cmake_is_3_25_or_later(tree, version, status):
    tree.fake("cmake", f"echo 'cmake version {version}'")
    done = tree.run(str(tree.root / "scripts/setup"), "build")
    assert done.returncode == status
    if status:
        assert done.stderr == f"setup: cmake is {version}, needed is 3.25 or later\n"


@pytest.mark.parametrize("arguments", [(), ("all",), ("build", "test")])
def test_setup_refuses_unknown_arguments_in_one_line(tree, arguments):
    refused = tree.run(str(tree.root / "scripts/setup"), *arguments)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (129, "", 1)


@pytest.mark.parametrize("arguments", [("--slow",), ("one", "two"), ("",)])
def test_scripts_test_refuses_unknown_arguments_in_one_line(tree, arguments):
    refused = tree.run(str(ROOT / "scripts/test"), *arguments)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (129, "", 1)


def test_doctor_says_what_is_there_and_what_each_missing_thing_leaves_out(tree):
    done = subprocess.run([ROOT / "bisect", "doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.endswith("\nbisect can be built and run here\n"), done.stderr
    assert re.search(r"^cmake            cmake version 3", done.stdout, re.MULTILINE)
    bare = tree.root / "bare"
    bare.mkdir()
    for tool in ("bash", "env", "dirname", "head", "awk", "nproc", "uname", "df", "tail", "tr", "grep", "paste"):
        (bare / tool).symlink_to(shutil.which(tool))
    lacking = subprocess.run([ROOT / "bisect", "doctor"], capture_output=True, text=True, check=False, env={"PATH": str(bare)})
    assert lacking.returncode == 125 and lacking.stdout.endswith("\nbisect cannot be built here\n"), lacking.stderr
    assert "g++              not found: nothing can be built: scripts/setup build" in lacking.stdout
