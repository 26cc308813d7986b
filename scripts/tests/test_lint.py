# SPDX-License-Identifier: Apache-2.0
"""scripts/lint in a small repository: each linter finds what is planted for it, and says so in its outcome."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / "build/venv/bin"
# What each linter reads, as it should be and with one fault.
FILES = {
    "clang-format": ("cases/a.h", "int a(int b);\n", "int  a (int b) ;\n"),
    "ruff": ("scripts/a.py", "A = 1\n", "import os\n"),
    "codespell": ("README.md", "the result\n", "the res" "lut\n"),
    "shellcheck": ("tool", "#!/usr/bin/env bash\necho \"$1\"\n", "#!/usr/bin/env bash\necho $1\n"),
    "clang-tidy": ("kernel/a.cpp", "int main(int count, char** words) { return count == 1 && words[0] == nullptr; }\n",
                   "int main(int count, char** words) { return count == 1 && words[0] == 0; }\n"),
}
LISTS = "cmake_minimum_required(VERSION 3.25)\nproject(x LANGUAGES CXX)\nadd_library(a kernel/a.cpp)\n"
PRESETS = """{"version": 6, "configurePresets": [{"name": "lint", "generator": "Ninja", "binaryDir": "${sourceDir}/build/lint",
  "cacheVariables": {"CMAKE_EXPORT_COMPILE_COMMANDS": "ON", "CMAKE_UNITY_BUILD": "ON"}}]}"""


def installed(linter):
    return shutil.which(linter) if linter == "shellcheck" else (VENV / linter).exists()


@pytest.fixture(name="tree")
def fixture_tree(tmp_path):
    """A repository with one sound file a linter, and the linters that are installed here."""
    for name in (".clang-format", ".clang-tidy", "pyproject.toml", "scripts/lint", "scripts/lib.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name, sound, _ in FILES.values():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(sound)
    (tmp_path / "CMakeLists.txt").write_text(LISTS)
    (tmp_path / "CMakePresets.json").write_text(PRESETS)
    (tmp_path / ".gitignore").write_text("build\n")
    (tmp_path / "build").mkdir()
    (tmp_path / "build/venv").symlink_to(VENV.parent)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)

    def run(*arguments, **environment):
        record = tmp_path / "build/outcomes"
        record.unlink(missing_ok=True)
        done = subprocess.run([tmp_path / "scripts/lint", "--record", record, *arguments], capture_output=True, text=True,
                              timeout=120, stdin=subprocess.DEVNULL,
                              env={name: value for name, value in os.environ.items()
                                   if name != "W4_FULL" and not name.startswith("GIT_")} | environment)
        outcomes = [line.split("\t")[:2] for line in record.read_text().splitlines()] if record.exists() else []
        return done, {linter.removeprefix("lint_"): outcome for linter, outcome in outcomes}

    run.root = tmp_path
    return run


def test_a_sound_tree_passes_every_linter_there_is(tree):
    done, outcomes = tree(W4_FULL="1")
    assert outcomes == {linter: "passed" if installed(linter) else "skipped" for linter in FILES}
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("linter", FILES)
def test_what_is_planted_for_a_linter_fails_that_one(tree, linter):
    if not installed(linter):
        pytest.skip(f"{linter} is not installed")
    name, _, wrong = FILES[linter]
    (tree.root / name).write_text(wrong)
    done, outcomes = tree(linter)
    assert (done.returncode, outcomes) == (1, {linter: "failed"})
    assert Path(name).name in done.stderr and done.stderr.endswith(f"lint: {linter} is not content\n")


def test_a_file_that_is_named_is_read_alone(tree):
    if not installed("codespell"):
        pytest.skip("codespell is not installed")
    (tree.root / "README.md").write_text(FILES["codespell"][2])
    assert tree("codespell", "CMakeLists.txt")[0].returncode == 0
    assert tree("codespell", "README.md")[0].returncode == 1


def test_without_a_checkout_nothing_is_read_and_that_is_said(tree):
    shutil.rmtree(tree.root / ".git")
    done, outcomes = tree("shellcheck")
    assert (done.returncode, outcomes) == (0, {"shellcheck": "skipped"})
    assert done.stderr.endswith("lint: shellcheck has no file to read\n")


def test_a_linter_that_is_missing_is_a_skip_and_asked_for_by_name_an_error(tree):
    (tree.root / "build/venv").unlink()
    done, outcomes = tree()
    assert done.returncode == 0 and {linter for linter in outcomes if outcomes[linter] == "skipped"} >= {"ruff", "clang-tidy"}
    assert tree("ruff")[0].returncode == 129
    assert tree("rough")[0].stderr.startswith("lint: unknown linter 'rough'; usage: ")
