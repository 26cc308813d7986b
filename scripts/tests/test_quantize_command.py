# SPDX-License-Identifier: Apache-2.0
"""The command line of quantize_layer: what it writes, and that bad input costs one line and nothing else."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SCRIPTS))

import quantize_layer  # noqa: E402
import w4fixture  # noqa: E402

K, N, TOKENS = 32, 16, 120


@pytest.fixture
def dense(tmp_path):
    """A folder with a dense layer as PyTorch stores it: weight (out, in), bias, activations (n, in)."""
    rng = np.random.default_rng(11)
    np.save(tmp_path / "w.npy", rng.normal(size=(N, K)).astype(np.float32))
    np.save(tmp_path / "b.npy", rng.normal(size=N).astype(np.float32))
    np.save(tmp_path / "x.npy", (rng.normal(size=(TOKENS, K)) @ rng.normal(size=(K, K))).astype(np.float32))
    return tmp_path


def command(folder, **changes):
    """The arguments of a good call, with options changed, added (True is a bare flag) or dropped (None)."""
    options = {"weight": folder / "w.npy", "activations": folder / "x.npy", "out": folder / "layer",
               "group_size": 8} | changes
    words = []
    for key, value in options.items():
        if value is not None:
            words += [f"--{key.replace('_', '-')}"] + ([] if value is True else [str(value)])
    return words


def call(words):
    try:
        return quantize_layer.main(words)
    except SystemExit as stop:    # argparse leaves this way
        return stop.code


def listing(folder):
    return sorted((path.name, path.read_bytes() if path.is_file() else None) for path in folder.rglob("*"))


# ---- good input ------------------------------------------------------------------------------------------------------

def test_the_command_writes_a_whole_fixture(dense, capsys):
    words = command(dense, bias=dense / "b.npy", asymmetric=True, act_order=True, clip=True, keep_rows=10, name="mine")
    assert call(words) == 0
    tensors = {path.stem: np.load(path) for path in (dense / "layer").glob("*.npy")}
    assert {name: (tensor.dtype.str, tensor.shape) for name, tensor in tensors.items()} == {
        "qweight": ("<i4", (K // 8, N)), "scales": ("<f2", (4, N)), "qzeros": ("<i4", (4, N // 8)),
        "g_idx": ("<i4", (K,)), "bias": ("<f2", (N,)), "activations": ("<f2", (10, K))}
    manifest = json.loads((dense / "layer" / "fixture.json").read_text())
    assert list(manifest)[:7] == ["schema", "name", "format", "group_size", "symmetric", "act_order", "dtype"]
    assert list(manifest.values())[:7] == [1, "mine", "gptq_v1", 8, False, True, "fp16"]
    assert manifest["checksums"] == {name: "sha256:" + hashlib.sha256(tensors[name].tobytes()).hexdigest()
                                     for name in manifest["checksums"]} and set(manifest["checksums"]) == set(tensors)
    assert "weighted error" in capsys.readouterr().out


def test_the_weight_may_lie_either_way_round(dense):
    np.save(dense / "kn.npy", np.load(dense / "w.npy").T)
    assert call(command(dense)) == 0
    assert call(command(dense, weight=dense / "kn.npy", weight_is_kn=True, out=dense / "other")) == 0
    assert (dense / "layer" / "qweight.npy").read_bytes() == (dense / "other" / "qweight.npy").read_bytes()


def test_the_same_call_writes_the_same_bytes(dense):
    assert call(command(dense, name="same")) == 0 and call(command(dense, name="same", out=dense / "again")) == 0
    assert listing(dense / "layer") == listing(dense / "again")


def test_v2_differs_from_v1_in_qzeros_alone(dense):
    assert call(command(dense, asymmetric=True)) == 0
    assert call(command(dense, asymmetric=True, format="v2", out=dense / "v2")) == 0
    same = {name: (dense / "layer" / f"{name}.npy").read_bytes() == (dense / "v2" / f"{name}.npy").read_bytes()
            for name in ("qweight", "scales", "qzeros")}
    assert same == {"qweight": True, "scales": True, "qzeros": False}


def test_nearest_rounding_needs_no_activations(dense):
    assert call(command(dense, method="rtn", activations=None)) == 0
    assert not (dense / "layer" / "activations.npy").exists()


def test_kept_activation_rows_are_the_first_and_evenly_spread_ones(dense):
    assert call(command(dense, keep_rows=6)) == 0
    assert np.array_equal(np.load(dense / "layer" / "activations.npy"),
                          np.load(dense / "x.npy").astype(np.float16)[[0, 20, 40, 60, 80, 100]])


def test_written_npy_files_start_their_data_at_a_multiple_of_64_bytes(dense):
    assert call(command(dense)) == 0
    for path in (dense / "layer").glob("*.npy"):
        blob = path.read_bytes()
        assert blob[:8] == b"\x93NUMPY\x01\x00" and (10 + int.from_bytes(blob[8:10], "little")) % 64 == 0, path.name


def test_the_script_runs_by_itself(dense):
    words = [sys.executable, SCRIPTS / "quantize_layer.py", *command(dense)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "quantize_layer: 32 of 32 rows\n")


# ---- bad input -------------------------------------------------------------------------------------------------------

def spoil(folder, name, array):
    np.save(folder / f"{name}.npy", array)
    return {{"w": "weight", "x": "activations", "b": "bias"}[name[0]]: folder / f"{name}.npy"}


def raw(folder, blob):
    (folder / "w_raw.npy").write_bytes(blob)
    return {"weight": folder / "w_raw.npy"}


def archive(folder):
    np.savez(folder / "w.npz", w=np.zeros((N, K)))
    return {"weight": folder / "w.npz"}


def with_value(value, at=(3, 4)):
    weight = np.ones((N, K), dtype=np.float32)
    weight[at] = value
    return weight


BAD = {
    "missing file": (lambda f: {"weight": f / "none.npy"}, "none.npy: No such file or directory"),
    "a folder as weight": (lambda f: {"weight": f}, "Is a directory"),
    "empty file": (lambda f: raw(f, b""), "w_raw.npy: not a readable .npy file"),
    "text file": (lambda f: raw(f, b"hello, this is no array"), "w_raw.npy: not a readable .npy file"),
    "truncated file": (lambda f: raw(f, (f / "w.npy").read_bytes()[:-9]), "w_raw.npy: not a readable .npy file"),
    "an archive": (archive, "expected a single .npy"),
    "integers": (lambda f: spoil(f, "w_int", np.ones((N, K), dtype=int)), "weight is int64 with shape (16, 32)"),
    "objects": (lambda f: spoil(f, "w_obj", np.array([[None]])), "w_obj.npy: not a readable .npy file"),
    "one dimension": (lambda f: spoil(f, "w_flat", np.ones(K)), "expected 2 dimension(s) of floats"),
    "no rows": (lambda f: spoil(f, "x_none", np.ones((0, K))), "activations is empty, shape (0, 32)"),
    "nan": (lambda f: spoil(f, "w_nan", with_value(np.nan)), "weight[3, 4] is nan, expected finite numbers"),
    "infinity": (lambda f: spoil(f, "w_inf", with_value(np.inf)), "weight[3, 4] is inf, expected finite numbers"),
    "scale beyond fp16": (lambda f: spoil(f, "w_big", with_value(1e7)), "does not fit fp16 (largest is 65504)"),
    "activations beyond fp16": (lambda f: spoil(f, "x_big", np.full((9, K), 7e4)), "activations reaches 70000"),
    "activations all zero": (lambda f: spoil(f, "x_zero", np.zeros((9, K))), "is not positive definite"),
    "activations of another layer": (lambda f: spoil(f, "x_k", np.ones((9, K + 8))),
                                    "have 40 columns, the weight has K=32"),
    "bias of another layer": (lambda f: spoil(f, "b_n", np.ones(N + 1)), "bias has 17 elements, the weight has N=16"),
    "K not in words": (lambda f: spoil(f, "w_k", np.ones((N, 12))) | spoil(f, "x_12", np.ones((9, 12))),
                       "K=12 and N=16"),
    "N not in words": (lambda f: spoil(f, "w_n", np.ones((12, K))), "K=32 and N=12"),
    "group does not divide": (lambda f: {"group_size": 12}, "group_size=12 does not divide K=32"),
    "group of 0": (lambda f: {"group_size": 0}, "group_size=0 does not divide K=32"),
    "group is a word": (lambda f: {"group_size": "all"}, "invalid int value: 'all'"),
    "negative damp": (lambda f: {"damp": -1}, "damp=-1.0 must be a finite number, 0 or more"),
    "damp is nan": (lambda f: {"damp": "nan"}, "damp=nan must be a finite number"),
    "unknown method": (lambda f: {"method": "awq"}, "invalid choice: 'awq'"),
    "unknown format": (lambda f: {"format": "v3"}, "invalid choice: 'v3'"),
    "unknown option": (lambda f: {"speed": 3}, "unrecognized arguments: --speed 3"),
    "no activations": (lambda f: {"activations": None}, "--method gptq needs --activations"),
    "act-order blind": (lambda f: {"activations": None, "method": "rtn", "act_order": True},
                        "--act-order needs --activations"),
    "negative rows": (lambda f: {"keep_rows": -1}, "--keep-rows -1 must be 0 or more"),
    "nowhere to write": (lambda f: {"out": f / "no" / "layer"}, "no such folder to write layer into"),
    "a file in the way": (lambda f: {"out": f / "x.npy"}, "x.npy: exists already, nothing is overwritten"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_129_and_writes_nothing(dense, capsys, case):
    changes, text = BAD[case]
    words = command(dense, **changes(dense))
    before = listing(dense)
    assert call(words) == 129
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.endswith("rows")]    # less the progress
    assert len(lines) == 1 and lines[0].startswith("quantize_layer: ") and text in lines[0], lines
    assert listing(dense) == before


def test_an_existing_folder_is_left_as_it_is(dense, capsys):
    (dense / "layer").mkdir()
    (dense / "layer" / "mine.txt").write_text("keep")
    before = listing(dense)
    assert call(command(dense)) == 129
    assert "exists already" in capsys.readouterr().err and listing(dense) == before


def test_a_disk_that_fills_up_leaves_nothing_half_written(dense, capsys, monkeypatch):
    whole, calls = w4fixture.npy_bytes, []

    def full_at_the_second_file(tensor):
        calls.append(tensor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device", "scales.npy")
        return whole(tensor)
    monkeypatch.setattr(w4fixture, "npy_bytes", full_at_the_second_file)
    before = listing(dense)
    assert call(command(dense)) == 129
    assert "scales.npy: No space left on device" in capsys.readouterr().err and listing(dense) == before


def test_replacing_a_fixture_that_cannot_be_replaced_keeps_the_old_one(dense, monkeypatch):
    (dense / "layer").mkdir()
    (dense / "layer" / "old.txt").write_text("old")
    before, rename, calls = listing(dense), w4fixture.os.rename, []

    def fails_the_second_time(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError(5, "Input/output error", str(target))
        rename(source, target)
    monkeypatch.setattr(w4fixture.os, "rename", fails_the_second_time)
    with pytest.raises(OSError):
        w4fixture.write_fixture(dense / "layer", {"scales": np.ones(3, dtype=np.float16)}, {}, replace=True)
    assert listing(dense) == before


@pytest.mark.parametrize("how, code", [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_an_interrupted_run_leaves_nothing(dense, how, code):
    before = listing(dense)
    hook = (f"import os, runpy, w4fixture\n"
            f"w4fixture.npy_bytes = lambda _: os.kill(os.getpid(), {int(how)})\n"    # it has begun to write
            f"runpy.run_path({str(SCRIPTS / 'quantize_layer.py')!r}, run_name='__main__')")
    run = subprocess.run([sys.executable, "-c", hook, *command(dense)], capture_output=True, text=True, timeout=60,
                         env=os.environ | {"PYTHONPATH": str(SCRIPTS)}, check=False,
                         preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr
    assert listing(dense) == before
