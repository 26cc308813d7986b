# SPDX-License-Identifier: Apache-2.0
"""What a user of the bisect command meets: exit codes, one clear line for bad input, JSON, recorded outputs, packed tensors."""

import json
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
UP = ROOT / "fixtures/data/up"

pytestmark = pytest.mark.skipif(not BISECT.exists(), reason=f"{BISECT.name} is not built")


def bisect(*arguments, **options):
    return subprocess.run([BISECT, *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)


def refused(*arguments):
    """The one line on stderr of a command that must end with 129."""
    done = bisect(*arguments)
    assert done.returncode == 129, done.stdout + done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("bisect: "), done.stderr
    return lines[0].removeprefix("bisect: ")


@pytest.fixture
def layer(tmp_path):
    """A copy of the shipped layer that a test may spoil."""
    folder = tmp_path / "layer"
    shutil.copytree(UP, folder)
    return folder


# --- exit codes and output ---------------------------------------------------------------------------------------------


def test_a_healthy_run_is_a_match_with_exit_0_and_ends_with_its_command():
    done = bisect("b", 128)
    assert done.returncode == 0
    assert "verdict      match" in done.stdout
    assert done.stdout.splitlines()[-1] == "./bisect b 128"
    assert done.stderr == ""
    assert "\033" not in done.stdout


def test_a_planted_fault_is_a_mismatch_with_exit_1_that_names_it():
    done = bisect("b", 128, "--inject", "scale-perm-missing")
    assert done.returncode == 1
    assert "culprit      scale-perm-missing in stage scale_order" in done.stdout
    assert done.stdout.splitlines()[-1] == "./bisect b 128 --inject scale-perm-missing"


def test_a_fault_that_cannot_show_is_exit_125_and_says_when_it_can():
    done = bisect("b", 128, "--inject", "perm-a-inverse")
    assert done.returncode == 125
    assert "perm-a-inverse cannot show in this case: it is seen when" in done.stdout
    assert "verdict      match" not in done.stdout


@pytest.mark.parametrize("kernel", ["cuda", "naive"])
def test_our_gpu_kernels_match_or_one_line_says_what_is_missing(kernel):
    done = bisect("b", 128, "--kernel", kernel)
    assert done.returncode in (0, 125)
    if done.returncode == 125:
        assert len(done.stderr.splitlines()) == 1 and ("no CUDA" in done.stderr)
    else:
        assert "sm_" in done.stdout


def test_the_magnitude_of_the_activations_is_part_of_the_case_and_of_the_command():
    done = bisect("b", 128, "--magnitude", -2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "note         activations times 2^-2" in done.stdout
    assert done.stdout.splitlines()[-1] == "./bisect b 128 --magnitude -2"


def test_a_negative_group_needs_no_quoting_and_says_what_the_conversion_costs():
    done = bisect("b", -1)
    assert done.returncode == 0
    assert "by averaged scales: NOT an equivalent layer, weights differ by" in done.stdout
    assert "by requantised codes: NOT an equivalent layer, weights differ by" in done.stdout


def test_a_stage_done_another_way_is_found_like_a_planted_fault():
    done = bisect("b", 128, "--set", "fragments=identity")
    assert done.returncode == 1
    assert "perm1024-partial" in done.stdout
    done = bisect("b", 128, "--set", "zero_points=zp-v1v2-offset")
    assert done.returncode == 1
    assert "culprit      zp-v1v2-offset in stage zero_points" in done.stdout


def test_two_runs_print_the_same_but_for_the_time():
    runs = [bisect("b", 128, "--inject", "writeout-race").stdout.splitlines() for _ in range(2)]
    assert [line for line in runs[0] if not line.startswith("time")] == [line for line in runs[1] if not line.startswith("time")]


def test_the_case_string_of_a_report_asks_the_same_again():
    def case_of(done):
        return re.search(r"^case +(.*)", done.stdout, re.MULTILINE)[1]

    case = case_of(bisect("r", 64, "--shape", "256,320", "--m", 5, "--seed", 3))
    again = bisect("--case", case)
    assert again.returncode == 0
    assert case_of(again) == case


def test_json_has_the_contracts_fields():
    done = bisect("b", 128, "--inject", "bias-double,tile-order-swap", "--json", "-")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["schema"] == "w4bisect.report/1" and report["verdict"] == "mismatch" and report["kernel"] == "cpu"
    assert [c["fault"] for c in report["culprits"]] == ["tile-order-swap", "bias-double"]
    assert all({"stage", "fault", "evidence", "cure", "rerun"} <= set(c) for c in report["culprits"])
    assert [s["stage"] for s in report["stages"]] == [
        "checkpoint", "codes", "zero_points", "act_order", "scales", "scale_order", "tiles", "fragments",
        "launch", "pipeline", "dequant", "multiply", "reduce", "epilogue"]
    assert {s["verdict"] for s in report["stages"]} <= {"ok", "broken", "not-reached", "not-visible"}
    assert len(report["outputs"]["first"]) == 20
    assert {"nonzero", "unwritten", "nan", "inf"} <= set(report["outputs"])
    assert {"max_z", "rms_z", "nrmse", "gain"} <= set(report["error"])
    assert report["seconds"] > 0


def test_json_goes_to_a_file_beside_the_text(tmp_path):
    done = bisect("b", 128, "--json", tmp_path / "report.json")
    assert done.returncode == 0 and "verdict      match" in done.stdout
    assert json.loads((tmp_path / "report.json").read_text())["verdict"] == "match"
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_the_list_of_faults_names_every_form():
    listed = bisect("--list-faults").stdout
    for name in ["perm1024-partial:identity", "perm1024-partial:interleave-only", "writeout-race", "zp-v1v2-offset"]:
        assert name in listed


def test_toggles_print_a_table_and_the_smallest_sets():
    done = bisect("b", 128, "--m", 4, "--inject", "tile-order-swap", "--toggles")
    assert done.returncode == 1
    assert "turns it off  put right tiles\n" in done.stdout
    assert "turns it on   tiles\n" in done.stdout
    healthy = bisect("b", 128, "--m", 4, "--toggles")
    assert healthy.returncode == 0
    assert healthy.stdout.count("WRONG") == 14  # every combination of skipped stages but act_order alone, which has none


def test_a_sweep_prints_the_condition_under_the_culprits_and_ends_with_its_command():
    done = bisect("b", 128, "--m", 16, "--inject", "l2-hint-illegal", "--sweep")
    assert done.returncode == 1
    culprits, condition = done.stdout.split("\ncondition    ")
    assert "culprit      l2-hint-illegal in stage launch" in culprits
    assert condition.startswith("fails iff M <= 16 and group_size < K\n")
    assert "M 16 wrong, 17 right" in condition
    assert done.stdout.splitlines()[-1] == "./bisect b 128 --inject l2-hint-illegal --sweep --m 16"


def test_a_sweep_is_part_of_json_and_absent_where_none_was_made():
    arguments = ["r", 128, "--shape", "384,192", "--inject", "tile-loop-bound", "--json", "-"]
    condition = json.loads(bisect(*arguments, "--sweep").stdout)["condition"]
    assert condition["text"] == "fails iff N % 128 == 64" and condition["finished"] is True
    assert condition["launches"] > 10 and any("N 128 right, 192 wrong" in line for line in condition["evidence"])
    assert "condition" not in json.loads(bisect(*arguments).stdout)


def test_a_sweep_that_is_cut_short_says_so_and_a_healthy_path_is_not_swept():
    short = bisect("b", 128, "--m", 4, "--inject", "l2-hint-illegal", "--sweep", "--sweep-budget", 5)
    assert short.returncode == 1
    assert "condition    so far: " in short.stdout and "5 shapes are too few for " in short.stdout
    healthy = bisect("b", 128, "--m", 4, "--sweep")
    assert healthy.returncode == 0 and "condition" not in healthy.stdout
    hidden = bisect("b", 128, "--m", 4, "--inject", "perm-a-inverse", "--sweep")
    assert hidden.returncode == 125 and "\ncondition" not in hidden.stdout


# --- somebody else's work ----------------------------------------------------------------------------------------------


def dense_output(rows):
    """What the shipped layer gives, in NumPy from its definition."""
    words = np.load(UP / "qweight.npy").view(np.uint32)
    codes = (words[:, None, :] >> (4 * np.arange(8, dtype=np.uint32))[None, :, None] & 15).reshape(-1, words.shape[1])
    scales = np.repeat(np.load(UP / "scales.npy").astype(np.float64), 128, axis=0)
    weights = scales * (codes.astype(np.float64) - 8)
    return np.load(UP / "activations.npy")[:rows].astype(np.float64) @ weights + np.load(UP / "bias.npy").astype(np.float64)


def test_a_recorded_output_that_is_right_is_a_match(tmp_path):
    np.save(tmp_path / "C.npy", dense_output(5).astype(np.float16))
    done = bisect("b", 128, "--m", 5, "--kernel", f"recorded:{tmp_path / 'C.npy'}")
    assert done.returncode == 0, done.stdout


def test_a_recorded_output_in_fp32_is_taken(tmp_path):
    np.save(tmp_path / "C.npy", dense_output(5).astype(np.float16).astype(np.float32))
    assert bisect("b", 128, "--m", 5, "--kernel", f"recorded:{tmp_path / 'C.npy'}").returncode == 0


def test_a_recorded_output_without_bias_is_named(tmp_path):
    output = dense_output(5) - np.load(UP / "bias.npy").astype(np.float64)
    np.save(tmp_path / "C.npy", output.astype(np.float16))
    done = bisect("b", 128, "--m", 5, "--kernel", f"recorded:{tmp_path / 'C.npy'}")
    assert done.returncode == 1
    assert "culprit      bias-missing in stage epilogue" in done.stdout


def test_recorded_zeros_are_a_class_that_an_output_alone_cannot_tell_apart(tmp_path):
    np.save(tmp_path / "C.npy", np.zeros((5, 1536), np.float16))
    done = bisect("b", 128, "--m", 5, "--kernel", f"recorded:{tmp_path / 'C.npy'}")
    assert done.returncode == 1
    for fault in ("instantiation-missing-rc-ignored", "grid-or-sms-invalid", "output-to-temporary", "l2-hint-illegal"):
        assert fault in done.stdout
    assert "a recorded zero may be written or never written" in done.stdout


def test_a_recorded_output_that_nothing_explains_is_unexplained(tmp_path):
    np.save(tmp_path / "C.npy", dense_output(5)[:, ::-1].astype(np.float16))
    done = bisect("b", 128, "--m", 5, "--kernel", f"recorded:{tmp_path / 'C.npy'}")
    assert done.returncode == 1
    assert "culprit      unexplained" in done.stdout
    assert "the columns of the right output stand elsewhere: all n hold 1535 - n" in done.stdout


def packed_by_the_published_loops(interleave):
    """The shipped layer as the published packer lays it out, with or without its last regroup."""
    words = np.load(UP / "qweight.npy").view(np.uint32)
    codes = (words[:, None, :] >> (4 * np.arange(8, dtype=np.uint32))[None, :, None] & 15).reshape(-1, words.shape[1])
    K, N = codes.shape
    order = []
    for lane in range(32):
        rows = [2 * (lane % 4), 2 * (lane % 4) + 1, 2 * (lane % 4 + 4), 2 * (lane % 4 + 4) + 1]
        one = [16 * row + lane // 4 + 8 * block for block in (0, 1) for row in rows]
        for j in range(4):
            order += [p + 256 * j for p in one]
    order = np.array(order).reshape(-1, 8)
    if interleave:
        order = order[:, [0, 2, 4, 6, 1, 3, 5, 7]]
    tiles = codes.reshape(K // 16, 16, N // 16, 16).transpose(0, 2, 1, 3).reshape(K // 16, N * 16)
    tiles = tiles.reshape(-1, 1024)[:, order.ravel()].reshape(K // 16, N * 2, 8).astype(np.uint32)
    packed = np.zeros((K // 16, N * 2), np.uint32)
    for slot in range(8):
        packed |= tiles[:, :, slot] << np.uint32(4 * slot)
    scales = np.load(UP / "scales.npy")
    places = [i + 8 * j for i in range(8) for j in range(8)]
    return packed.view(np.int32), scales.reshape(-1, 64)[:, places].reshape(scales.shape)


def test_somebodys_packed_tensors_that_are_right_are_a_match(tmp_path):
    packed, scales = packed_by_the_published_loops(interleave=True)
    np.savez(tmp_path / "mine.npz", B=packed, scales=scales)
    done = bisect("b", 128, "--packed", tmp_path / "mine.npz")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the packed tensors equal ours in every bit" in done.stdout


def test_somebodys_missing_interleave_is_named_bit_for_bit(tmp_path):
    packed, scales = packed_by_the_published_loops(interleave=False)
    np.savez(tmp_path / "mine.npz", B=packed, scales=scales)
    done = bisect("b", 128, "--packed", tmp_path / "mine.npz")
    assert done.returncode == 1
    assert "your tensors equal ours bit for bit with perm1024-partial:no-interleave" in done.stdout


def test_a_slice_that_no_kernel_could_hold_cannot_be_tested():
    act_order = ["b", 128, "--fixture", ROOT / "fixtures/data/up_asym_act"]
    for slice, word in [("rows:0/2", "groups of unequal length"), ("columns:0/5", "has no 5 equal parts")]:
        done = bisect(*act_order, "--slice", slice)
        assert done.returncode == 125, done.stdout + done.stderr
        assert len(done.stderr.splitlines()) == 1 and word in done.stderr


# --- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, line", [
    (["b", 128, "--magnitude", 40], "--magnitude 40: a power of two from -16 to 16"),
    (["b", 128, "--sanitize", "memcheck"], "--workspace and --sanitize are for --kernel cuda, naive and plugin:FILE"),
    (["b", 128, "--kernel", "cuda", "--sanitize", "heapcheck"], "--sanitize heapcheck: it is one of memcheck, racecheck, initcheck, synccheck"),
    (["b", 128, "--kernel", "cuda", "--workspace", "old"], "--workspace old: it is one of dirty, short"),
    (["b", 128, "--kernel", "gpu"], "--kernel gpu: it is one of cpu, cuda, naive, plugin:FILE, exec:COMMAND, recorded:FILE"),
    (["q", 128], "unknown mode 'q': it is one of r, w, s, b"),
    (["b", 48], "unknown group '48': it is one of -1, 32, 64, 128"),
    (["b"], "MODE and GROUP are missing: bisect b 128, or --help"),
    (["b", 128, "--inject", "zp-v1v2-ofset"], "unknown fault 'zp-v1v2-ofset', did you mean 'zp-v1v2-offset'?; --list-faults prints all"),
    (["b", 128, "--set", "fragment=identity"], "unknown stage 'fragment', did you mean 'fragments'?"),
    (["b", 128, "--fixtur", "x"], "unknown option '--fixtur', did you mean '--fixture'?; --help prints all"),
    (["b", 128, "--fixture", "no/such/folder"], None),
    (["b", 128, "--shape", "64,64"], "mode b takes real tensors: it needs --fixture; a random layer is mode r"),
    (["r", 128, "--shape", "192,64"], "K=192 is not a multiple of group_size=128"),
    (["r", 128, "--shape", "64"], "--shape 64: two positive numbers with ',' between them are expected"),
    (["b", 128, "--m", 0], "--m 0: a positive number is expected"),
    (["b", 128, "--kernel", "nosuch"], None),
    (["b", 128, "--sweep-budget", 0], "--sweep-budget 0: a positive number is expected"),
    (["b", 128, "--sweep", "--toggles"], "--toggles prints a table: it does not go with --sweep"),
    (["b", 128, "--sweep", "--packed", "x"], "--sweep launches other shapes: it does not go with --packed or --kernel recorded:FILE"),
    (["b", 128, "--sweep", "--kernel", "recorded:x"], "--sweep launches other shapes: it does not go with --packed or --kernel recorded:FILE"),
    (["b", 128, "--json", "no/such/folder/report.json"], "no/such/folder/report.json: cannot be written: No such file or directory"),
    (["b", 128, "--inject", "tile-order-swap,repack-transpose"], None),
    (["b", 128, "--slice", "rows:2/2"], "slice 'rows:2/2': rows:R/N, columns:R/N or expert:R/N is expected, R from 0 to N-1"),
    (["--case", "M1_K2048"], "case 'M1_K2048' ends before N, the output features"),
])
def test_a_wrong_word_gets_one_line(arguments, line):
    said = refused(*arguments)
    if line is not None:
        assert said == line


def test_a_fixture_without_a_tensor_says_which(layer):
    (layer / "scales.npy").unlink()
    assert "scales" in refused("b", 128, "--fixture", layer)


@pytest.mark.parametrize("spoil, word", [
    (lambda data: b"", "empty"),
    (lambda data: data[:-4], "trunc"),
    (lambda data: data + b"1234", "4"),
    (lambda data: b"\x00" + data[1:], "not an .npy file"),
    (lambda data: data[:6] + b"\x09" + data[7:], "version"),
])
def test_a_spoilt_file_is_refused_by_name(layer, spoil, word):
    path = layer / "qweight.npy"
    path.write_bytes(spoil(path.read_bytes()))
    said = refused("b", 128, "--fixture", layer)
    assert "qweight.npy" in said and word in said.lower()


def test_a_wrong_dtype_and_a_wrong_shape_are_refused(layer):
    good = np.load(layer / "scales.npy")
    np.save(layer / "scales.npy", good.astype(np.float64))
    assert "scales" in refused("b", 128, "--fixture", layer)
    np.save(layer / "scales.npy", good[:, :-8])
    assert "scales" in refused("b", 128, "--fixture", layer)
    np.save(layer / "scales.npy", np.vstack([good, good[:1]]))
    assert "scales" in refused("b", 128, "--fixture", layer)


def test_a_scale_that_is_not_finite_is_refused_with_its_place(layer):
    scales = np.load(layer / "scales.npy")
    scales[1, 77] = np.nan
    np.save(layer / "scales.npy", scales)
    said = refused("b", 128, "--fixture", layer)
    assert "1" in said and "77" in said


def test_a_g_idx_out_of_range_is_refused_with_row_and_value(layer):
    g_idx = np.arange(384, dtype=np.int32) // 128
    g_idx[17] = 3
    np.save(layer / "g_idx.npy", g_idx)
    said = refused("b", 128, "--fixture", layer)
    assert "17" in said and "3" in said


def test_a_shape_that_overflows_is_refused(layer):
    header = b"{'descr': '<i4', 'fortran_order': False, 'shape': (4611686018427387904, 8), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    (layer / "qweight.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    assert "qweight.npy" in refused("b", 128, "--fixture", layer)


def test_a_recorded_output_of_another_shape_is_refused_with_both(tmp_path):
    np.save(tmp_path / "C.npy", np.zeros((5, 1500), np.float16))
    said = refused("b", 128, "--m", 5, "--kernel", f"recorded:{tmp_path / 'C.npy'}")
    assert "C.npy: shape (5, 1500), expected fp16 (5, 1536)" in said


def test_packed_tensors_of_another_shape_are_refused(tmp_path):
    np.savez(tmp_path / "mine.npz", B=np.zeros((3, 8), np.int32), scales=np.ones((3, 1536), np.float16))
    assert "B" in refused("b", 128, "--packed", tmp_path / "mine.npz")
