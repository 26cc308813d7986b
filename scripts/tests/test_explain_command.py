# SPDX-License-Identifier: Apache-2.0
"""What a user of the explain command meets: exit codes, one clear line for bad input, the same text twice, JSON, somebody's packed tensors."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
EXPLAIN = BISECT.with_name("explain")
UP_ACT = ROOT / "fixtures/data/up_asym_act"

pytestmark = pytest.mark.skipif(not EXPLAIN.exists(), reason=f"{EXPLAIN.name} is not built")


def explain(*arguments):
    return subprocess.run([EXPLAIN, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False)


def refused(*arguments):
    """The one line on stderr of a command that must end with 129."""
    done = explain(*arguments)
    assert done.returncode == 129, done.stdout + done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("explain: "), done.stderr
    return lines[0].removeprefix("explain: ")


def test_a_right_output_is_exit_0_and_ends_with_its_command():
    done = explain(0, 3, "b", 128)
    assert (done.returncode, done.stderr) == (0, "")
    assert "summary      384 of 384 terms are right\n" in done.stdout
    assert done.stdout.splitlines()[-1] == "./bisect explain 0 3 b 128"


def test_a_wrong_output_is_exit_1_and_says_where_its_parts_are_from():
    done = explain(0, 1, "b", 128, "--inject", "scale-perm-missing")
    assert done.returncode == 1
    assert "k=0..19 n=1: scale 0.043915 where 0.024567 of group 0 is right; it is the scale of group=0 n=8\n" in done.stdout
    assert done.stdout.splitlines()[-2:] == [
        "the culprit  ./bisect b 128 --inject scale-perm-missing",
        "./bisect explain 0 1 b 128 --inject scale-perm-missing"]


def test_a_weight_is_traced_to_its_word_lane_and_register():
    done = explain("--weight", 8, 3, "b", 128, "--inject", "perm1024-partial:no-interleave")
    assert done.returncode == 1
    assert "k=8 n=3: code 6 where 15 is right; it is the code of k=1 n=3\n" in done.stdout
    assert "word         B(0, 48) = 0xa99d5f6b, slot 1: bits 4..7\n" in done.stdout
    assert "register     tile (0, 0), lane 12, word 0 of its 4, mma 0 of that, b1.lo\n" in done.stdout


def test_a_negative_group_and_a_case_need_no_quoting():
    assert explain(0, 3, "b", -1).returncode == 0
    case = explain(2, 3, "r", 64, "--shape", "256,320", "--m", 5).stdout.splitlines()[0].split()[1]
    again = explain(2, 3, "--case", case)
    assert again.returncode == 0 and again.stdout.splitlines()[0].split()[1] == case


def test_two_runs_print_the_same():
    command = [5, 9, "b", 128, "--fixture", UP_ACT, "--inject", "perm-a-inverse", "--all"]
    assert explain(*command).stdout == explain(*command).stdout


def test_what_the_format_cannot_hold_is_exit_125_in_one_line():
    for question in ([0, 3], ["--weight", 0, 3]):
        done = explain(*question, "b", 128, "--block-tile", "32x32")
        assert (done.returncode, done.stdout) == (125, "")
        assert done.stderr == "explain: block_tile 32x32: the kernel has 128x128 and 64x256\n"


def test_json_has_a_schema_and_a_place_for_every_term(tmp_path):
    done = explain(0, 3, "b", 128, "--inject", "repack-transpose", "--json", "-")
    assert done.returncode == 1
    trace = json.loads(done.stdout)
    assert (trace["schema"], trace["question"], trace["m"], trace["n"], trace["verdict"]) == ("w4bisect.explain/1", "output", 0, 3, "mismatch")
    assert len(trace["terms"]) == 20 and trace["count"]["terms"] == 384
    term = trace["terms"][0]
    assert term["from"]["code"] == {"k": (3 * 384 + term["k"]) // 1536, "n": (3 * 384 + term["k"]) % 1536}
    assert {"word", "slot", "lane", "fragment", "mma", "register", "half", "scale", "zero"} <= set(term["place"])
    assert {"thread_block", "slice", "warp"} <= set(term["loaded_by"][0])
    assert {"expected", "used", "bound", "z"} <= set(trace["output"])
    assert trace["rerun"] == "./bisect explain 0 3 b 128 --inject repack-transpose"
    text = explain(0, 3, "b", 128, "--json", tmp_path / "trace.json")
    assert text.returncode == 0 and "verdict      right" in text.stdout
    assert json.loads((tmp_path / "trace.json").read_text())["verdict"] == "match"
    assert [p.name for p in tmp_path.iterdir()] == ["trace.json"]


def packed_layer(perm):
    """The shipped act-order layer in the kernel's format, with somebody's perm."""
    words = np.load(UP_ACT / "qweight.npy").view(np.uint32)
    codes = (words[:, None, :] >> (4 * np.arange(8, dtype=np.uint32))[None, :, None] & 15).reshape(-1, words.shape[1])
    codes = codes[np.argsort(np.load(UP_ACT / "g_idx.npy"), kind="stable")]
    K, N = codes.shape
    packed = np.zeros((K // 16, 2 * N), np.uint32)
    tiles = codes.reshape(K // 16, 16, N // 64, 64)
    for lane in range(32):
        for j in range(4):
            for slot in range(8):
                e = 2 * (slot % 4) + slot // 4
                k, n = 2 * (lane % 4) + e % 2 + 8 * (e // 2 % 2), 16 * j + lane // 4 + 8 * (e // 4)
                packed[:, 4 * lane + j :: 128] |= tiles[:, k, :, n].astype(np.uint32) << np.uint32(4 * slot)
    zero_words = np.load(UP_ACT / "qzeros.npy").view(np.uint32)
    zeros = (zero_words[:, :, None] >> (4 * np.arange(8, dtype=np.uint32)) & 15).reshape(K // 128, N) + 1 & 15
    order = np.arange(64).reshape(8, 8).T.ravel()
    zeros = zeros.reshape(K // 128, N // 64, 64)[:, :, order].reshape(K // 128, N // 8, 8)[:, :, [0, 2, 4, 6, 1, 3, 5, 7]]
    zero_packed = (zeros.astype(np.uint32) << (4 * np.arange(8, dtype=np.uint32))).sum(axis=2, dtype=np.uint32)
    scales = np.load(UP_ACT / "scales.npy").reshape(K // 128, N // 64, 64)[:, :, order].reshape(K // 128, N)
    return {"B": packed.view(np.int32), "scales": scales, "zeros": zero_packed.view(np.int32), "perm": perm.astype(np.int32)}


def test_somebodys_packed_tensors_are_traced(tmp_path):
    perm = np.argsort(np.load(UP_ACT / "g_idx.npy"), kind="stable")
    np.savez(tmp_path / "good.npz", **packed_layer(perm))
    options = ["b", 128, "--fixture", UP_ACT]
    good = explain(5, 9, *options, "--packed", tmp_path / "good.npz")
    assert good.returncode == 0, good.stdout + good.stderr
    twice = perm.copy()
    twice[7] = twice[6]  # one column of A is read twice, another never
    np.savez(tmp_path / "twice.npz", **packed_layer(twice))
    bad = explain(5, 9, *options, "--packed", tmp_path / "twice.npz")
    assert bad.returncode == 1
    assert f"k={perm[7]} n=9: no row of B meets this column of A\n" in bad.stdout
    assert f"k={perm[6]} n=9: row 7 of B meets this column of A once more\n" in bad.stdout
    assert "383 of 385 terms are right" in bad.stdout


def kernel_command(path, change):
    """The NumPy kernel of the examples with a line before it multiplies."""
    path.write_text(
        f"import sys\nsys.path[:0] = [{str(ROOT / 'docs/examples')!r}, {str(ROOT / 'scripts')!r}]\n"
        "import numpy_kernel, w4bisect\n"
        f"def kernel(case):\n    {change}\n    return numpy_kernel.kernel(case)\nw4bisect.serve(kernel)\n")
    return f"exec:{sys.executable} {path}"


def test_a_kernel_in_a_process_of_its_own_is_asked_for_the_weights_it_uses(tmp_path):
    sound = explain(5, 9, "b", 128, "--kernel", kernel_command(tmp_path / "sound.py", "pass"))
    assert sound.returncode == 0, sound.stdout + sound.stderr
    swaps = "case.A = case.A.copy(); case.A[:, [12, 40]] = case.A[:, [40, 12]]"
    done = explain(5, 9, "b", 128, "--kernel", kernel_command(tmp_path / "swaps.py", swaps), "--json", "-")
    assert done.returncode == 1
    trace = json.loads(done.stdout)
    wrong = [term for term in trace["terms"] if not term["right"]]
    assert [term["k"] for term in wrong] == [12, 40]
    assert wrong[0]["expected"]["weight"] != wrong[1]["expected"]["weight"]
    for term, other in (wrong, wrong[::-1]):
        adds = float(term["in_registers"][0].split()[3])
        assert term["in_registers"][0].startswith("the kernel adds ")
        assert adds == pytest.approx(other["expected"]["weight"], abs=2e-4)
    assert trace["count"] == {"terms": 384, "wrong": 2, "wrong_same_weight": 0, "misread": 2}


@pytest.mark.parametrize("change, weight, code", [
    ("pass", "the kernel uses -0.1695", 0),
    ("case.A = 2 * case.A", "the kernel uses -0.33", 1),
    ("case.A = case.A if case.M == 1 else 2 * case.A", "the kernel uses -0.1695", 0),  # asked at the M of the case
    ("raise ValueError('no')", "launches on rows of the identity fail: ValueError: no, where -0.16951 is right", 1),
])
def test_the_number_of_the_kernel_stands_beside_the_right_one(tmp_path, change, weight, code):
    done = explain("--weight", 3, 5, "b", 128, "--m", 1, "--kernel", kernel_command(tmp_path / "kernel.py", change))
    assert done.returncode == code, done.stdout + done.stderr
    assert f"\nweight       (k=3, n=5): {weight}" in done.stdout
    assert "-0.16951 where -0.16951" not in done.stdout


def test_a_recorded_output_is_the_one_that_is_judged(tmp_path):
    np.save(tmp_path / "C.npy", np.zeros((4, 1536), np.float16))
    done = explain(3, 9, "b", 128, "--m", 4, "--kernel", f"recorded:{tmp_path / 'C.npy'}")
    assert done.returncode == 1
    assert "output       (m=3, n=9): 0 where " in done.stdout
    assert "summary      384 of 384 terms are right; the packed tensors are right here" in done.stdout


@pytest.mark.parametrize("arguments, line", [
    ([], "M is missing: a number from 0 up is expected"),
    ([3], "N is missing: a number from 0 up is expected"),
    ([0, 3], "MODE and GROUP are missing: explain 0 3 b 128, or --help"),
    (["b", 128], "M b: a number from 0 up is expected"),
    ([0, -3, "b", 128], "N b: a number from 0 up is expected"),
    (["--weight", "k", 3, "b", 128], "K k: a number from 0 up is expected"),
    ([99999999999, 3, "b", 128], "M 99999999999: a number from 0 up is expected"),
    ([96, 3, "b", 128], "m=96: M96_K384_N1536_g128_sym_bias_fp16_b_s7 has m 0..95"),
    ([0, 1536, "b", 128], "n=1536: M96_K384_N1536_g128_sym_bias_fp16_b_s7 has n 0..1535"),
    (["--weight", 384, 0, "b", 128], "k=384: M96_K384_N1536_g128_sym_bias_fp16_b_s7 has k 0..383"),
    ([0, 3, "q", 128], "unknown mode 'q': it is one of r, w, s, b"),
    ([0, 3, "b", 128, "--toggles"],
     "--toggles, --list-faults, --workspace, --sanitize, --black-box and --sweep are for bisect"),
    ([0, 3, "b", 128, "--black-box"],
     "--toggles, --list-faults, --workspace, --sanitize, --black-box and --sweep are for bisect"),
    ([0, 3, "b", 128, "--wieght"], "unknown option '--wieght', did you mean '--weight'?; --help prints all"),
    ([0, 3, "b", 128, "--inject", "zp-v1v2-ofset"],
     "unknown fault 'zp-v1v2-ofset', did you mean 'zp-v1v2-offset'?; --list-faults prints all"),
    ([0, 3, "b", 128, "--json", "no/such/folder/trace.json"], "no/such/folder/trace.json: cannot be written: No such file or directory"),
])
def test_a_wrong_word_gets_one_line(arguments, line):
    assert refused(*arguments) == line
