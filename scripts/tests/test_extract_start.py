# SPDX-License-Identifier: Apache-2.0
"""How extract_fixture finds the interpreter that has its packages."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1]
BARE = (sys.executable, "-I", "-S")    # the standard library alone


@pytest.fixture
def tree(tmp_path):
    """The command and its modules in a tree without a build folder."""
    (tmp_path / "scripts").mkdir()
    for name in ("extract_fixture.py", "w4fixture.py", "w4text.py"):
        shutil.copy(SCRIPTS / name, tmp_path / "scripts" / name)
    shutil.copytree(SCRIPTS / "hub", tmp_path / "scripts" / "hub", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def start(tree, *words):
    # -I leaves the script's own folder out of the path, so it is put back
    program = f"import sys, runpy; sys.path.insert(0, {str(tree / 'scripts')!r}); sys.argv = sys.argv[1:]; " \
              "runpy.run_path(sys.argv[0], run_name='__main__')"
    return subprocess.run([*BARE, "-c", program, tree / "scripts/extract_fixture.py", *words], capture_output=True,
                          text=True, timeout=60)


def test_missing_packages_are_one_line_that_says_what_to_type(tree):
    done = start(tree, "owner/model", "layer", "-o", "out")
    assert (done.returncode, done.stdout) == (129, "")
    assert len(done.stderr.splitlines()) == 1 and done.stderr.endswith(f": type {tree}/scripts/setup extract\n")
    assert "huggingface_hub" in done.stderr


def test_for_bisect_the_line_goes_to_stdout(tree):
    done = start(tree, "--cached", "--", "hf:owner/model", "layer")
    assert (done.returncode, done.stderr) == (129, "")
    assert done.stdout.endswith("scripts/setup extract\n") and len(done.stdout.splitlines()) == 1


def test_the_environment_of_setup_takes_over_where_packages_are_missing(tree):
    python = tree / "build/venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "taken over: $*"\n')
    python.chmod(0o755)
    done = start(tree, "owner/model", "a layer", "-o", "out")
    assert done.stdout == f"taken over: {tree}/scripts/extract_fixture.py owner/model a layer -o out\n"


def test_help_needs_no_package(tree):
    done = start(tree, "--help")
    assert done.returncode == 0 and "SOURCE is a repository of a hub" in done.stdout
