# SPDX-License-Identifier: Apache-2.0
"""What programs leave behind at their end, however they end: what they were asked for, and nothing else."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from shared_object import shared_object

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect")).parent
UP = ROOT / "fixtures/data/up"

pytestmark = pytest.mark.skipif(not (BIN / "bisect").exists(), reason="skipped: nothing is built")

# A program with this is stopped where it has written a temporary file and not yet renamed it.
STOPS_IN_FSYNC = """
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int fsync(int file) {
  close(open(getenv("W4_STOPPED"), O_CREAT | O_WRONLY, 0600));
  for (;;) pause();
  return file;
}
"""
WRITES = {
    "bisect": "r 32 --shape 64,64 --m 1 --json new.json",
    "check": f"{UP} --json new.json",
    "fixture convert": f"convert {UP} new.npz",
    "fixture make": "make new --shape 128,64",
    "matrix": "axes --axis shape=64x64 --axis group=32 --html new.html --quiet",
    "repack": "model new --quiet",
    "shrink": "r 32 --shape 64,64 --m 1 --inject scale-perm-missing --budget 1 -o new",
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Says that it was started, and hangs.
HANGS = "import pathlib, sys, time\npathlib.Path(sys.argv[1]).touch()\ntime.sleep(600)\n"
# Forgets the bias; at the first case of 8 rows, which is shrink's, it interrupts the program that started it.
INTERRUPTS = f"""import os, signal, sys
sys.path[:0] = [{str(ROOT / "scripts")!r}, {str(ROOT / "docs/examples")!r}]
import numpy_kernel, w4bisect
def kernel(case):
    if case.M == 8 and not os.path.exists(sys.argv[1]):
        open(sys.argv[1], "w").close()
        guard = os.getppid()
        os.kill(int(open(f"/proc/{{guard}}/stat").read().split()[3]), signal.SIGTERM)
    C = numpy_kernel.kernel(case)
    return C if case.bias is None else C - case.as_float(case.bias)
w4bisect.serve(kernel)
"""


class Run:
    """A program in an empty folder, which has TMPDIR beside it."""

    def __init__(self, tmp_path):
        self.folder, self.temporary, self.stopped = tmp_path / "folder", tmp_path / "tmp", tmp_path / "stopped"
        self.folder.mkdir()
        self.temporary.mkdir()

    def start(self, program, *words, **environment):
        # SIGINT is ignored in what a shell starts in the background, and so in all that that starts.
        return subprocess.Popen([BIN / program, *map(str, words)], cwd=self.folder, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True,
                                env=os.environ | {"TMPDIR": str(self.temporary), "W4_ROOT": str(ROOT)} | environment,
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def wait_until_stopped(self, process):
        end = time.monotonic() + 60
        while not self.stopped.exists():
            assert process.poll() is None and time.monotonic() < end, process.communicate()
            time.sleep(0.002)

    def hidden(self):
        return [path.name for path in self.folder.rglob(".*")]

    def temporaries(self):
        return sorted(path.name for path in self.temporary.iterdir())


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


@pytest.fixture(scope="session")
def stops_in_fsync(tmp_path_factory):
    return shared_object(STOPS_IN_FSYNC, tmp_path_factory.mktemp("stops") / "stops.so")


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    subprocess.run([sys.executable, ROOT / "docs/examples/small_model.py", folder / "model"], check=True)
    return folder / "model"


def command(tmp_path, text, *words):
    script = tmp_path / "kernel.py"
    script.write_text(text)
    return "exec:" + " ".join(map(str, (sys.executable, script, *words)))


@pytest.mark.parametrize("how", SIGNALS)
@pytest.mark.parametrize("name", WRITES)
def test_what_is_half_written_goes_with_an_interrupted_program(name, how, run, stops_in_fsync, model):
    (run.folder / "model").symlink_to(model)
    process = run.start(name.split()[0], *WRITES[name].split(), LD_PRELOAD=str(stops_in_fsync), W4_STOPPED=str(run.stopped))
    run.wait_until_stopped(process)
    assert run.hidden(), "the program was to be stopped while it writes"
    process.send_signal(how)
    if name == "shrink" and how != signal.SIGHUP:    # the first one lets it write what it has
        assert "interrupted" in process.stderr.readline()
        process.send_signal(how)
    said = process.communicate(timeout=60)
    assert process.returncode == -how, said
    assert run.hidden() == [] and run.temporaries() == []


@pytest.mark.parametrize("how", SIGNALS)
@pytest.mark.parametrize("program, words", [("bisect", "b 128 --m 1"), ("matrix", "axes --jobs 2 --axis M=1,2 --quiet")])
def test_the_folder_of_a_command_goes_with_an_interrupted_program(program, words, how, run, tmp_path):
    process = run.start(program, *words.split(), "--kernel", command(tmp_path, HANGS, run.stopped))
    run.wait_until_stopped(process)
    assert run.temporaries() != []
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode == -how
    assert run.temporaries() == []


def test_a_program_that_is_killed_leaves_what_can_be_known_by_its_name(run, tmp_path):
    process = run.start("matrix", "axes", "--kernel", command(tmp_path, HANGS, run.stopped))
    run.wait_until_stopped(process)
    process.kill()
    process.communicate(timeout=60)
    assert [name.startswith("w4_run_") for name in run.temporaries()] == [True]


def test_a_matrix_of_a_command_leaves_nothing(run, tmp_path):
    process = run.start("matrix", "axes", "--axis", "M=1,2,3", "--axis", "shape=64x64", "--axis", "group=32", "--jobs", 2,
                        "--kernel", command(tmp_path, INTERRUPTS, run.stopped))
    said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert run.temporaries() == []


def test_an_interrupted_shrink_writes_the_smallest_case_until_then(run, tmp_path):
    process = run.start("shrink", "b", 128, "--m", 16, "--kernel", command(tmp_path, INTERRUPTS, run.stopped), "-o", "small")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert err == ("shrink: interrupted: it ends after this step and keeps what it has; a second signal ends it at "
                   "once\n")
    assert "; interrupted: a smaller case may be there" in out and "rows of A: 16 to" in out
    assert (run.folder / "small/fixture.json").exists()
    assert run.hidden() == [] and run.temporaries() == []
