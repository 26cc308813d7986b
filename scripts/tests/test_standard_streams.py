# SPDX-License-Identifier: Apache-2.0
"""Programs whose standard streams are full or closed: one line where one can be read, exit 129, and no signal."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect")).parent
ASKED = {"bisect": "r 32 --shape 64,64 --m 1 --json -", "explain": "--help", "fixture": "--help",
         "check": "--help", "matrix": "--help", "repack": "--help", "shrink": "--help", "confusion": "--help", "rounding": "--help"}

pytestmark = pytest.mark.skipif(not (BIN / "bisect").exists(), reason="skipped: nothing is built")


def shell(program, redirections):
    if not (BIN / program).exists():
        pytest.skip(f"{program} is not built here")
    command = f"{BIN / program} {ASKED[program]} {redirections}"
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("program", ASKED)
def test_a_full_output_is_one_line(program):
    run = shell(program, ">/dev/full")
    assert run.stderr == f"{program}: standard output cannot be written: No space left on device\n"
    assert run.returncode == 129


@pytest.mark.parametrize("program", ASKED)
def test_a_closed_output_is_one_line(program):
    run = shell(program, ">&-")
    assert run.stderr == f"{program}: standard output cannot be written: Bad file descriptor\n"
    assert run.returncode == 129


@pytest.mark.parametrize("program", ASKED)
def test_with_all_streams_closed_nothing_aborts(program):
    assert shell(program, "<&- >&- 2>&-").returncode == 129


@pytest.mark.parametrize("program", ASKED)
def test_a_full_error_stream_changes_nothing(program):
    run = shell(program, "2>/dev/full")
    assert run.stdout != ""
    assert run.returncode == 0


def test_an_error_that_nobody_can_read_is_still_an_exit_code():
    assert subprocess.run(["bash", "-c", f"{BIN / 'bisect'} --no-such-option 2>/dev/full"], timeout=60).returncode == 129
