# SPDX-License-Identifier: Apache-2.0
"""What a newcomer types: check PATH, with no MODE and no GROUP."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("safetensors", reason="safetensors is not installed: scripts/setup extract")

from model_folders import (SCRIPTS, awq_tensors, gptq_config, gptq_layer, model_files, named,  # noqa: E402
                           write_model)

ROOT = SCRIPTS.parent
BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
CHECK = BISECT.with_name("check")
LAYERS = ("model.layers.0.mlp.up_proj", "model.layers.1.mlp.up_proj")

pytestmark = pytest.mark.skipif(not CHECK.exists(), reason="check is not built")


def check(*words, program=CHECK):
    run = subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=120, check=False,
                         env=os.environ | {"W4_ROOT": str(ROOT)})
    return run.returncode, run.stdout, run.stderr


def tensors_of(layer):
    tensors = {"qweight": layer.qweight, "qzeros": layer.qzeros, "scales": layer.scales}
    return tensors if layer.g_idx is None else tensors | {"g_idx": layer.g_idx}


def write_gptq(folder, config=None, layers=LAYERS, **options):
    made = {}
    for seed, layer in enumerate(layers):
        made |= named(layer, tensors_of(gptq_layer(seed, **options)))
    write_model(folder, model_files(made, config or gptq_config()))
    return folder


def kernel(folder, change, imports=""):
    """A command as a kernel: the example's right output C, changed by a statement."""
    file = folder / "mine.py"
    file.write_text(f"""import sys
sys.path[:0] = [{str(ROOT / "docs/examples")!r}, {str(SCRIPTS)!r}]
import numpy_kernel
import w4bisect
{imports}

def kernel(case):
    C = numpy_kernel.kernel(case)
    {change}
    return C

w4bisect.serve(kernel)
""")
    return f"{sys.executable} {file}"


def test_a_sound_model_matches_layer_by_layer(tmp_path):
    code, out, err = check(write_gptq(tmp_path / "model"))
    assert (code, err) == (0, "")
    assert out.splitlines() == ["..", "", "match        2 of 2 layers"]


def test_a_model_that_prints_garbage_is_told_its_version_with_the_cure(tmp_path):
    model = write_gptq(tmp_path / "model", gptq_config(checkpoint_format="gptq_v2"))
    code, out, _ = check(model)
    assert out.startswith("??\n\nfinding      model.layers.0.mlp.up_proj: looks wrong\n")
    assert "zp-v1v2-offset" in out and re.search("^cure ", out, re.M)
    assert "looks wrong  2 of 2 layers" in out
    assert code == 0 and check(model, "--strict")[0] == 1


def test_an_awq_checkpoint_is_a_model_like_any_other(tmp_path):
    config = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": "gemm"}
    write_model(tmp_path / "model", model_files(named(LAYERS[0], awq_tensors(1)), config))
    code, out, _ = check(tmp_path / "model")
    assert code == 0 and "match        1 of 1 layers" in out


def test_which_layer_breaks_with_my_kernel(tmp_path):
    model = write_gptq(tmp_path / "model")
    assert check(model, "--kernel", kernel(tmp_path, "pass"))[0] == 0
    code, out, _ = check(model, "--kernel", kernel(tmp_path, "C[:] = 0"), "--json", tmp_path / "r.json")
    assert code == 1
    assert out.startswith("FF\n\nverdict      mismatch")
    assert f"2 of 2 layers fail, first {LAYERS[0]}" in out
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["first"] == LAYERS[0] and found["report"]["verdict"] == "mismatch"
    assert [layer["finding"] for layer in found["layers"]] == ["mismatch", "mismatch"]
    assert f"--layer {LAYERS[0]} --kernel" in found["report"]["rerun"]


def test_a_damaged_answer_accuses_nothing_and_the_other_layers_go_on(tmp_path):
    mine = kernel(tmp_path, "np.save(case.folder / 'C.npy', C.astype(np.int8)); os._exit(0)", "import os; import numpy as np")
    code, out, _ = check(write_gptq(tmp_path / "model"), "--kernel", mine)
    assert code == 1 and out.startswith("FF\n\nverdict      unreadable: the command's answer cannot be read: dtype int8")
    assert "culprit" not in out


def test_layers_are_chosen_by_pattern(tmp_path):
    model = write_gptq(tmp_path / "model")
    assert "1 of 1 layers" in check(model, "--layer", "*.1.*")[1]
    code, _, err = check(model, "--layer", "*.7.*")
    assert code == 129 and len(err.splitlines()) == 1 and "*.7.*" in err


def test_an_unsound_layer_is_a_finding_and_the_others_go_on(tmp_path):
    layers = {LAYERS[0]: tensors_of(gptq_layer(0)), LAYERS[1]: tensors_of(gptq_layer(1))}
    layers[LAYERS[0]]["scales"] = layers[LAYERS[0]]["scales"][:1, :8]
    made = {}
    for layer, tensors in layers.items():
        made |= named(layer, tensors)
    write_model(tmp_path / "model", model_files(made, gptq_config()))
    code, out, _ = check(tmp_path / "model")
    assert code == 1 and out.startswith("!.\n\nfinding      model.layers.0.mlp.up_proj: cannot be read\n")
    assert "match        1 of 2 layers" in out


def test_one_fixture_and_a_repackers_tensors(tmp_path):
    fixture = ROOT / "fixtures/data/up"
    code, out, _ = check(fixture)
    assert code == 0 and out == "match        1 of 1 layers\n"
    packed = tmp_path / "packed.npz"
    run = subprocess.run([BISECT.with_name("fixture"), "convert", fixture, packed, "--to", "marlin"],
                         capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert check(fixture, "--packed", packed)[0] == 0
    assert check(packed)[0] == 0  # packed tensors alone
    with np.load(packed) as arrays:
        tensors = {name: arrays[name] for name in arrays.files if name != "fixture.json"}
    tensors["B"] = np.roll(tensors["B"], 1, axis=0)
    np.savez(tmp_path / "rolled.npz", **tensors)
    code, out, _ = check(fixture, "--packed", tmp_path / "rolled.npz")
    assert code == 1 and out.startswith("verdict      mismatch")


def test_a_path_that_is_not_there_is_bad_input(tmp_path):
    assert check(tmp_path / "none") == (129, "", f"check: {tmp_path}/none: no such file or folder\n")


def test_a_pickle_is_refused_with_the_line_that_converts_it(tmp_path):
    (tmp_path / "a.pt").write_bytes(b"PK")
    code, out, err = check(tmp_path / "a.pt")
    assert (code, out) == (129, "") and "weights_only=True" in err and f"{tmp_path}/a.safetensors" in err


def test_a_script_is_started_by_python3(tmp_path):
    (tmp_path / "my kernel.py").write_text("import no_such_module\n")
    code, _, err = check(write_gptq(tmp_path / "model"), "--kernel", tmp_path / "my kernel.py")
    assert code == 125 and err.splitlines()[-1].endswith("No module named 'no_such_module'")
    assert f"exec:python3 '{tmp_path}/my kernel.py'" in err


def test_options_that_would_do_nothing_are_refused(tmp_path):
    assert check(ROOT / "fixtures/data/up", "--rounding", "once/any:6/once")[0] == 129
    code, _, err = check("hf:owner/model")
    assert code == 129 and "--layer NAME" in err


def test_a_kernel_that_cannot_start_is_125(tmp_path):
    code, _, err = check(write_gptq(tmp_path / "model"), "--kernel", tmp_path / "none.so")
    assert code == 125 and "none.so" in err


@pytest.mark.parametrize(("word", "expected"), [
    ("fixtures/data/up", "every layer of a path is checked by: ./bisect check fixtures/data/up"),
    ("checks", "did you mean 'check'?"),
])
def test_a_first_word_that_is_no_mode_says_what_to_type(word, expected):
    run = subprocess.run([BISECT, word], capture_output=True, text=True, check=False, cwd=ROOT,
                         env=os.environ | {"W4_ROOT": str(ROOT)})
    assert run.returncode == 129 and expected in run.stderr and len(run.stderr.splitlines()) == 1


def test_help_fits_80_columns_and_names_every_program():
    for program in ("bisect", "check", "explain", "fixture", "matrix", "repack", "shrink"):
        code, out, _ = check("--help", program=BISECT.with_name(program))
        assert code == 0
        assert max(map(len, out.splitlines())) <= 80, program
    assert all(f"bisect {name}" in check("--help", program=BISECT)[1]
               for name in ("check", "explain", "fixture", "matrix", "repack", "shrink"))
    assert check("--version", program=BISECT)[1].startswith("w4bisect ")
