# SPDX-License-Identifier: Apache-2.0
"""What a kernel starts ends with it and with bisect, and what bisect lacks is no fault of the kernel."""

import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
PLUGINS = BISECT.parents[1] / "cases/tests/kernel/child/plugins"
CASE = ["--case", "M2_K256_N128_g128_sym_fp16_r_s7"]

pytestmark = pytest.mark.skipif(not (PLUGINS / "sound.so").exists(), reason="the plug-ins of the tests are not built")


def marked(mark):
    """Names of the processes that were started with this mark in their environment, and have not ended."""
    names = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes() and ") Z " not in (folder / "stat").read_text():
                names.append((folder / "comm").read_text().strip())
        except OSError:  # gone, or not ours
            continue
    return names


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("kernel, sleeping", [
    ("exec:sleep 300 | sh -c 'sleep 300'", 2),
    ("exec:setsid sh -c 'sleep 300 & exec sleep 300' & sleep 300;", 3),
    (f"plugin:{PLUGINS}/leaves_children_and_spins.so", 1),
])
def test_nothing_is_left_running_after_a_signal(tmp_path, kernel, sleeping, number):
    mark = f"W4_MARK={tmp_path}"
    program = subprocess.Popen([BISECT, *CASE, "--kernel", kernel], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**os.environ, "W4_MARK": str(tmp_path), "TMPDIR": str(tmp_path)})
    wait_until(lambda: marked(mark).count("sleep") == sleeping)
    program.send_signal(number)
    assert program.wait() == -number
    wait_until(lambda: not marked(mark))


@pytest.mark.parametrize("kernel", ["exec:setsid sleep 300 & true", f"plugin:{PLUGINS}/leaves_children.so"])
def test_nothing_is_left_running_at_the_end(tmp_path, kernel):
    subprocess.run([BISECT, *CASE, "--kernel", kernel], capture_output=True, timeout=60,
                   env={**os.environ, "W4_MARK": str(tmp_path), "TMPDIR": str(tmp_path)})
    assert marked(f"W4_MARK={tmp_path}") == []


@pytest.mark.parametrize("program, words", [
    (BISECT, [*CASE, "--kernel", f"plugin:{PLUGINS}/sound.so"]),
    (BISECT, [*CASE, "--kernel", "exec:exit 125;"]),
    (BISECT.with_name("matrix"), ["axes", "--axis", "M=1", "--axis", "shape=256x128", "--jobs", "1"]),
])
def test_too_few_descriptors_are_no_fault_of_a_kernel(tmp_path, program, words):
    codes, said = set(), ""
    for limit in range(6, 24):
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "TMPDIR": str(tmp_path)},
                              preexec_fn=lambda most=limit: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)))
        codes.add(done.returncode)
        said += done.stderr
        assert "crashed" not in done.stdout and "ends the process" not in done.stderr, done.stdout + done.stderr
    assert 1 not in codes and "cannot start" in said and "Too many open files" in said
    assert done.returncode == (125 if "exec:exit 125;" in words else 0), said
