# SPDX-License-Identifier: Apache-2.0
"""Results that were made with another kernel than there is now: they are run anew, and that is said."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from shared_object import shared_object

ROOT = Path(__file__).resolve().parents[2]
MATRIX = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect")).with_name("matrix")
SMALL = ("axes", "--axis", "M=1,2,3", "--axis", "shape=64x64", "--axis", "group=32", "--no-bisect", "--quiet")
KERNEL = f"""import sys
sys.path[:0] = [{str(ROOT / "scripts")!r}, {str(ROOT / "docs/examples")!r}]
import numpy_kernel, w4bisect
def kernel(case):
    with open("calls", "a") as calls:
        calls.write(f"{{case.M}} ")
    return numpy_kernel.kernel(case) * FACTOR
w4bisect.serve(kernel)
"""

pytestmark = pytest.mark.skipif(not MATRIX.exists(), reason=f"{MATRIX.name} is not built")


class Folder:
    """A folder with a kernel of one script."""

    def __init__(self, path):
        self.path = path
        self.results = path / "r.jsonl"

    def multiply_by(self, factor):
        (self.path / "kernel.py").write_text(KERNEL.replace("FACTOR", factor))

    def matrix(self, *words, kernel=f"exec:{sys.executable} kernel.py", results="r.jsonl"):
        (self.path / "calls").write_text("")
        return subprocess.run([MATRIX, *SMALL, "--kernel", kernel, "--results", results, *words], cwd=self.path,
                              capture_output=True, text=True, timeout=120, check=False)

    def cases_run(self):
        return set((self.path / "calls").read_text().split())

    def records(self):
        return [json.loads(line) for line in self.results.read_text().splitlines()][1:]


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_a_kernel_that_was_rebuilt_to_write_nan_is_not_green(folder):
    shared_object("docs/examples/plugin_host.c", folder.path / "k.so")
    assert folder.matrix(kernel="plugin:./k.so").returncode == 0
    shared_object("cases/tests/kernel/child/bad_plugin.c", folder.path / "k.so", '-DFAULT="writes_nothing"')
    done = folder.matrix(kernel="plugin:./k.so")
    assert done.returncode == 1, done.stdout
    assert done.stderr == "matrix: r.jsonl: 3 results were made with another kernel: run anew\n"
    assert [record["outcome"] for record in folder.records()] == ["fail"] * 3


def test_what_is_the_same_is_not_run_again(folder):
    folder.multiply_by("1")
    assert folder.matrix().returncode == 0
    assert folder.cases_run() == {"1", "2", "3"}
    before = folder.results.read_bytes()
    done = folder.matrix()
    assert (done.returncode, done.stderr, folder.cases_run()) == (0, "", set())
    assert folder.results.read_bytes() == before


def test_a_run_with_the_new_kernel_that_was_killed_goes_on(folder):
    folder.multiply_by("1")
    folder.matrix()
    old = folder.results.read_text()
    folder.multiply_by("2")
    folder.matrix()
    new = folder.results.read_text().splitlines(keepends=True)
    folder.results.write_text(old + new[2])    # the new kernel's first result, behind the old ones
    done = folder.matrix()
    assert done.stderr == "matrix: r.jsonl: 2 results were made with another kernel: run anew\n"
    assert (done.returncode, folder.cases_run()) == (1, {"1", "3"})
    assert [record["outcome"] for record in folder.records()] == ["fail"] * 3


def test_results_that_say_nothing_of_it_are_run_anew(folder):
    folder.multiply_by("1")
    folder.matrix()
    lines = folder.results.read_text().splitlines(keepends=True)
    record = json.loads(lines[1])
    del record["made_with"]
    folder.results.write_text(lines[0] + json.dumps(record) + "\n" + "".join(lines[2:]))
    done = folder.matrix()
    assert done.stderr == "matrix: r.jsonl: 1 result was made with another kernel and program: run anew\n"
    assert folder.cases_run() == {"1"}


def test_shards_of_two_kernels_are_joined_and_that_is_said(folder):
    for shard, factor in ((1, "1"), (2, "1.0")):
        folder.multiply_by(factor)
        assert folder.matrix("--shard", f"{shard}/2", results=f"{shard}.jsonl").returncode == 0
    done = subprocess.run([MATRIX, "merge", "r.jsonl", "1.jsonl", "2.jsonl"], cwd=folder.path, capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert done.stderr == f"matrix: r.jsonl: made with 2 versions of exec:{sys.executable} kernel.py\n"
    made = subprocess.run([MATRIX, "baseline", "r.jsonl", "baseline.jsonl"], cwd=folder.path, capture_output=True, timeout=60)
    assert made.returncode == 0 and "made_with" not in (folder.path / "baseline.jsonl").read_text()
    folder.multiply_by("1.00")
    done = folder.matrix("--baseline", "baseline.jsonl", results="other.jsonl")
    assert (done.returncode, done.stderr) == (0, "") and "no news against the baseline" in done.stdout
