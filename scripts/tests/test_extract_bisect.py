# SPDX-License-Identifier: Apache-2.0
"""From a hub to a verdict: bisect, explain and shrink on what extract_fixture writes, and on hf:REPO itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: scripts/setup extract")
pytest.importorskip("safetensors", reason="safetensors is not installed: scripts/setup extract")

from local_hub import LocalHub  # noqa: E402
from model_folders import (BLOCK, K, UP, SCRIPTS, awq_tensors, bf16, compressed_tensors, gptq_config,  # noqa: E402
                           gptq_layer, gptq_model, model_files, named, pair_tensors, write_model)

ROOT = SCRIPTS.parent
BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
REPO, LAYER = "owner/model", BLOCK.format(1) + UP

pytestmark = pytest.mark.skipif(not BISECT.exists(), reason=f"{BISECT.name} is not built")


@pytest.fixture
def hub():
    with LocalHub() as running:
        running.add(REPO, model_files(gptq_model(layers=2), gptq_config(), shards=2))
        yield running


@pytest.fixture
def run(hub, tmp_path):
    """A program in a folder of its own, with a cache of its own."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "XDG_", "W4_ROOT"))}
    environment = clean | hub.environment(tmp_path / "cache")

    def start(*words):
        return subprocess.run([str(word) for word in words], cwd=tmp_path, env=environment, capture_output=True,
                              text=True, timeout=300)
    return start


def extract(run, *words):
    done = run(sys.executable, SCRIPTS / "extract_fixture.py", *words)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("out", ["up", "up.npz", "up.h5", "up.safetensors"])
def test_bisect_takes_what_was_extracted_from_a_hub(run, out):
    extract(run, REPO, LAYER, "-o", out)
    done = run(BISECT, "b", 128, "--fixture", out)
    assert done.returncode == 0 and "verdict      match" in done.stdout, done.stdout + done.stderr
    assert "M16_K256_N128_g128_sym_fp16_b" in done.stdout
    broken = run(BISECT, "b", 128, "--fixture", out, "--inject", "scale-perm-missing")
    assert broken.returncode == 1 and "culprit      scale-perm-missing" in broken.stdout


def act_order():
    return gptq_layer(3, act_order=True, method="gptq", symmetric=False).tensors()


KINDS = {
    "v2": (lambda: gptq_layer(3, format="gptq_v2").tensors(), gptq_config(checkpoint_format="gptq_v2")),
    "act-order asymmetric": (act_order, gptq_config(desc_act=True, sym=False)),
    "bf16": (lambda: gptq_layer(3).tensors() | {"scales": bf16(gptq_layer(3).scales)}, gptq_config()),
    "awq": (lambda: awq_tensors(4), {"quant_method": "awq", "bits": 4, "version": "gemm"}),
    "compressed-tensors": (lambda: compressed_tensors(5), None),
    "compressed-tensors asymmetric": (lambda: compressed_tensors(5, symmetric=False), None),
    "pair-packed": (lambda: pair_tensors(6), None),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("out", ["layer", "layer.h5", "layer.safetensors"])
def test_every_format_arrives_sound(run, tmp_path, kind, out):
    make, config = KINDS[kind]
    write_model(tmp_path / "model", model_files(named(LAYER, make()), config))
    extract(run, "model", LAYER, "-o", out)
    done = run(BISECT, "b", 128, "--fixture", out)
    assert done.returncode == 0 and "verdict      match" in done.stdout, done.stdout + done.stderr
    assert "inferred" not in done.stdout and "assumed" not in done.stdout


def test_a_model_of_a_hub_is_a_fixture_by_its_name(run, hub):
    done = run(BISECT, "b", 128, "--fixture", f"hf:{REPO}", "--layer", LAYER)
    assert done.returncode == 0 and "verdict      match" in done.stdout, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert f"fixture      hf:{REPO}" in lines
    assert lines[-1] == f"./bisect b 128 --fixture hf:{REPO} --layer {LAYER}"
    checked = run(BISECT.with_name("check"), f"hf:{REPO}", "--layer", LAYER)
    assert checked.returncode == 0 and checked.stdout == "match        1 of 1 layers\n", checked.stderr
    hub.log.clear()
    again = run(BISECT, "b", 128, "--fixture", f"hf:{REPO}@main", "--layer", LAYER.split(".", 2)[2], "--json", "-")
    assert json.loads(again.stdout)["verdict"] == "match" and again.stderr == ""
    assert hub.weights_served() == ([], 0)    # it is kept


def test_explain_and_shrink_take_it_too(run, tmp_path):
    explain, shrink = BISECT.with_name("explain"), BISECT.with_name("shrink")
    if not (explain.exists() and shrink.exists()):
        pytest.skip("explain and shrink are not built")
    where = ("--fixture", f"hf:{REPO}", "--layer", LAYER)
    assert run(explain, 0, 1, "b", 128, *where).returncode == 0
    shrunk = run(shrink, "b", 128, *where, "--inject", "scale-perm-missing", "-o", "small")
    assert shrunk.returncode == 0 and (tmp_path / "small" / "qweight.npy").exists(), shrunk.stderr


def test_the_verdict_is_about_the_layer_that_was_named(run, tmp_path):
    extract(run, REPO, LAYER, "-o", "up")
    first = run(BISECT, "b", 128, "--fixture", "up", "--json", "-")
    second = run(BISECT, "b", 128, "--fixture", f"hf:{REPO}", "--layer", LAYER, "--json", "-")
    assert json.loads(first.stdout)["outputs"] == json.loads(second.stdout)["outputs"]
    assert np.load(tmp_path / "up" / "activations.npy").shape == (16, K)


REFUSED = {
    "no layer": ((f"hf:{REPO}",), "--fixture hf:owner/model: a model of a hub holds many layers, --layer NAME says which"),
    "missing layer": ((f"hf:{REPO}", "--layer", "none"), "owner/model: no layer 'none'; it has "),
    "missing model": (("hf:owner/none", "--layer", "a"), "owner/none: no such repository, or it is private (401)"),
    "missing revision": ((f"hf:{REPO}@v9", "--layer", "a"), "no revision 'v9' (404)"),
    "no name": (("hf:", "--layer", "a"), "neither a file or folder here nor a name like OWNER/MODEL"),
    "a layer like an option": ((f"hf:{REPO}", "--layer=--list"), "no layer '--list'"),
    "a glob": ((f"hf:{REPO}", "--layer", "*up_proj"), "2 layers are meant by '*up_proj', one is wanted"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_fetched_is_one_line_and_129(run, case):
    words, text = REFUSED[case]
    done = run(BISECT, "b", 128, "--fixture", *words)
    assert (done.returncode, done.stdout) == (129, "")
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("bisect: ") and text in done.stderr, done.stderr


def test_a_broken_interpreter_is_one_line(run, tmp_path):
    fake = tmp_path / "python3"
    fake.write_text("#!/bin/sh\nkill -9 $$\n")
    fake.chmod(0o755)
    done = run("env", f"PATH={tmp_path}", BISECT, "b", 128, "--fixture", f"hf:{REPO}", "--layer", LAYER)
    assert done.returncode == 129
    assert done.stderr == f"bisect: hf:{REPO}: scripts/extract_fixture.py ended without an answer\n"
