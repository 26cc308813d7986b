# SPDX-License-Identifier: Apache-2.0
"""`matrix compare A B`: two kernels, two results, or one of each, as a user compares them."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from shared_object import shared_object

ROOT = Path(__file__).resolve().parents[2]
MATRIX = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect")).with_name("matrix")
SET = ("axes", "--axis", "M=1,2", "--axis", "shape=256x256", "--axis", "group=32", "--quiet")

pytestmark = pytest.mark.skipif(not MATRIX.exists(), reason=f"{MATRIX.name} is not built")


@pytest.fixture
def kernels(tmp_path):
    """A folder with a right kernel, a wrong one, and a result of each."""
    shared_object("docs/examples/matrix_project/my_kernel.c", tmp_path / "right.so")
    shared_object("docs/examples/matrix_project/my_kernel.c", tmp_path / "wrong.so", "-DNATURAL_SCALES")

    def matrix(*words):
        return subprocess.run([MATRIX, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    return matrix


def test_two_kernels_are_run_and_what_got_worse_comes_first(kernels):
    done = kernels("compare", "plugin:./right.so", "plugin:./wrong.so", *SET)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "worse        M2_K256_N256_g32_sym_fp16_r_s7"
    assert lines[1].strip().startswith("A pass; B fail: ") and "of 512 outputs beyond the bound" in lines[1]
    assert lines[2].strip() == "./bisect r 32 --case M2_K256_N256_g32_sym_fp16_r_s7@plugin:./wrong.so"
    assert lines[-1] == "compared     2 worse"
    assert kernels("compare", "plugin:./wrong.so", "plugin:./right.so", *SET).stdout.endswith("compared     2 better\n")


def test_one_kernel_against_itself_is_the_same(kernels):
    done = kernels("compare", "plugin:./right.so", "plugin:./right.so", *SET)
    assert done.returncode == 0 and done.stdout.endswith("compared     2 same\n"), done.stdout + done.stderr


def test_results_are_compared_with_each_other_and_with_a_kernel(kernels, tmp_path):
    for name in ("right", "wrong"):
        kernels(*SET, "--no-bisect", "--kernel", f"plugin:./{name}.so", "--results", f"{name}.jsonl")
    assert kernels("compare", "right.jsonl", "wrong.jsonl").returncode == 1
    assert kernels("compare", "wrong.jsonl", "right.jsonl").returncode == 0
    assert kernels("compare", "wrong.jsonl", "plugin:./right.so", *SET).returncode == 0
    lines = (tmp_path / "wrong.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "less.jsonl").write_text("".join(lines[:2]))
    done = kernels("compare", "right.jsonl", "less.jsonl", "--json", "c.json", "--markdown", "c.md")
    assert done.returncode == 1 and done.stdout.endswith("compared     1 worse, 1 only in A\n")
    compared = json.loads((tmp_path / "c.json").read_text())
    worse, alone = compared["cases"]
    assert (worse["change"], worse["a"]["outcome"], worse["b"]["outcome"]) == ("worse", "pass", "fail")
    assert worse["max_z"] == worse["b"]["max_z"] / worse["a"]["max_z"] > 100
    assert worse["time"] == worse["b"]["launch_seconds"] / worse["a"]["launch_seconds"] > 0
    assert (alone["change"], alone["b"], alone["time"]) == ("only in A", None, None)
    assert compared["a"]["made"]["kernel"] != compared["b"]["made"]["kernel"]
    assert (tmp_path / "c.md").read_text().startswith("### `right.jsonl` and `less.jsonl`: 1 worse, 1 only in A\n")


def test_the_time_of_a_launch_is_part_of_the_case(kernels, tmp_path):
    kernels(*SET, "--kernel", "plugin:./right.so", "--results", "r.jsonl")
    kernels(*SET, "--results", "own.jsonl")
    for file in ("r.jsonl", "own.jsonl"):
        for record in list(map(json.loads, (tmp_path / file).read_text().splitlines()))[1:]:
            assert 0 < record["launch_seconds"] < record["seconds"]


@pytest.mark.parametrize("words, line", [
    (("a.jsonl", "b.jsonl", "smoke"), "compare: A and B are results, no SET is run"),
    (("cpu", "b.jsonl", "smoke"), "b.jsonl: no such file"),
    (("a.jsonl", "cpu"), "compare: 'cpu' is a kernel: which SET is it to be run on?"),
    (("a.jsonl", "b.jsonl"), "a.jsonl: no such file"),
    (("cpu", "nonsense", "smoke"), "nonsense"),
])
def test_bad_input_is_one_line(kernels, words, line):
    done = kernels("compare", *words, "--quiet")
    assert done.returncode == 129 and done.stdout == ""
    assert done.stderr.startswith("matrix: ") and line in done.stderr and done.stderr.count("\n") == 1


def test_a_kernel_that_is_not_there_cannot_be_compared(kernels):
    done = kernels("compare", "cpu", "plugin:./none.so", *SET)
    assert done.returncode == 125, done.stdout + done.stderr
