# SPDX-License-Identifier: Apache-2.0
"""What a user of the repack command meets: a sharded model in, Marlin files out, interruptions that lose nothing."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

pytest.importorskip("safetensors", reason="safetensors is not installed: scripts/setup extract")

import safetensors.numpy  # noqa: E402
from model_folders import (UP, awq_tensors, compressed_tensors, gptq_config, gptq_layer, gptq_model,  # noqa: E402
                           model_files, named, write_model)

ROOT = Path(__file__).resolve().parents[2]
BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
REPACK = BISECT.with_name("repack")
NAME = "model.layers.{}." + UP


def repack(*words, expected=0):
    run = subprocess.run([REPACK, *map(str, words)], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == expected, run.stdout + run.stderr
    return run


def bisect(*words):
    return subprocess.run([BISECT, *map(str, words)], capture_output=True, text=True, timeout=120, check=False,
                          env=os.environ | {"W4_ROOT": str(ROOT)})


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model", model_files(gptq_model(layers=3), gptq_config(), shards=2))


def test_a_sharded_model_is_repacked_verified_and_read_again(model, tmp_path):
    out = tmp_path / "out"
    run = repack(model, out, "--verify")
    assert run.stdout.startswith("layers     3, 3 repacked; each undone and compared bit for bit\nread       ")
    assert run.stderr == ""
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["config.json", "model.safetensors.index.json", "repack.json"] +
        [NAME.format(i) + ".safetensors" for i in range(3)])
    packed = safetensors.numpy.load_file(out / (NAME.format(1) + ".safetensors"))
    assert sorted(packed) == [NAME.format(1) + ".B", NAME.format(1) + ".scales"]
    assert packed[NAME.format(1) + ".B"].shape == (16, 256)
    for fixture in (model, out):
        run = bisect("b", 128, "--fixture", fixture, "--layer", "2." + UP, "--m", 4)
        assert run.returncode == 0, run.stdout + run.stderr


def test_what_it_packed_is_what_a_kernel_reads(model, tmp_path):
    out = tmp_path / "out"
    repack(model, out)
    run = bisect("b", 128, "--fixture", model, "--layer", NAME.format(1), "--m", 4, "--packed",
                 out / (NAME.format(1) + ".safetensors"))
    assert run.returncode == 0, run.stdout + run.stderr
    run = bisect("b", 128, "--fixture", model, "--layer", NAME.format(0), "--m", 4, "--packed",
                 out / (NAME.format(1) + ".safetensors"))
    assert (run.returncode, "no tensor B" in run.stderr) == (129, True)  # another layer's, by name


@pytest.mark.parametrize("tensors, config", [
    (awq_tensors(3), {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": "gemm"}),
    (compressed_tensors(4), {"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": {
        "group_0": {"targets": ["Linear"], "weights": {"num_bits": 4, "type": "int", "symmetric": True,
                                                       "strategy": "group", "group_size": 128}}}}),
    (gptq_layer(5, act_order=True, symmetric=False, method="gptq").tensors(), gptq_config(sym=False, desc_act=True)),
])
def test_every_format_of_a_model_is_repacked(tensors, config, tmp_path):
    model = write_model(tmp_path / "model", model_files(named(NAME.format(0), tensors), config))
    repack(model, tmp_path / "out", "--verify")


def test_json_and_exit_codes_tell_what_became_of_each_layer(tmp_path):
    tensors = gptq_model(layers=2) | named(NAME.format(7), gptq_layer(7, group_size=16).tensors())
    model = write_model(tmp_path / "model", model_files(tensors, gptq_config(group_size=128, dynamic={
        "+:.*7.*": {"group_size": 16}}), shards=2))
    run = repack(model, tmp_path / "out", "--json", "-", expected=125)
    report = json.loads(run.stdout)
    assert [line["outcome"] for line in report["layers"]] == ["repacked", "repacked", "cannot"]
    assert "group_size" in report["layers"][2]["reason"]
    run = repack(model, tmp_path / "out", expected=125)
    assert run.stdout.splitlines()[1] == "layers     3, 2 kept, 1 cannot"
    run = repack(tmp_path / "none", tmp_path / "x", expected=129)
    assert run.stderr.startswith("repack: ") and run.stderr.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_a_shard_cut_short_costs_its_layers_alone(model, tmp_path):
    shard = model / "model-00002-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:-100])
    run = repack(model, tmp_path / "out", expected=129)
    assert "1 repacked" in run.stdout and "bad input" in run.stdout
    assert all(line.count("truncated") or line.count("outside") for line in run.stdout.splitlines()
               if line.startswith("bad input"))


def test_killed_twenty_times_it_goes_on_and_ends_with_the_same_files(tmp_path):
    layers = [gptq_layer(60 + i).tensors() for i in range(4)]
    tensors = {}
    for i in range(160):
        tensors |= named(NAME.format(i), layers[i % 4])
    model = write_model(tmp_path / "model", model_files(tensors, gptq_config(), shards=4))
    repack(model, tmp_path / "whole")
    out = tmp_path / "out"
    progress = []
    for attempt in range(20):
        with subprocess.Popen([REPACK, model, out, "--jobs", "1", "--quiet"], stdout=subprocess.DEVNULL) as run:
            time.sleep(0.002 * (attempt + 1))
            run.send_signal(signal.SIGKILL)
        progress.append(len(list(out.glob("model*.safetensors"))) if out.exists() else 0)
    assert progress == sorted(progress), "a layer was lost"
    repack(model, out, "--verify")
    whole = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    assert {path.name: path.read_bytes() for path in out.iterdir()} == whole
