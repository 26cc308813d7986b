# SPDX-License-Identifier: Apache-2.0
"""The reader of models in C++ and the one in Python say the same of one checkpoint, with the file and the key."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("safetensors", reason="safetensors is not installed: scripts/setup extract")
pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: scripts/setup extract")

import safetensors.numpy  # noqa: E402
from model_folders import (GROUP, K, N, SCRIPTS, awq_tensors, bf16, codes_and_zeros, compressed_tensors,  # noqa: E402
                           gptq_config, gptq_layer, marlin_tensors, model_files, named, write_model)

sys.path.insert(0, str(SCRIPTS))

import extract_fixture  # noqa: E402
import w4fixture  # noqa: E402

BISECT = Path(os.environ.get("W4_BISECT", SCRIPTS.parent / "build/release/bin/bisect"))
PROJECTION = "model.layers.0.mlp.up_proj"
AWQ = {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True, "version": "gemm"}
CT = {"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": {"group_0": {
    "targets": ["Linear"], "weights": {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group",
                                       "group_size": GROUP}}}}

pytestmark = pytest.mark.skipif(not BISECT.exists(), reason=f"{BISECT.name} is not built")


def program(name, *words):
    run = subprocess.run([BISECT.with_name(name), *map(str, words)], capture_output=True, text=True, timeout=60,
                         check=False, env=os.environ | {"W4_ROOT": str(SCRIPTS.parent)})
    return run.returncode, run.stdout + run.stderr


class Model:
    """A model folder, and what each program says of one layer of it."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys

    def write(self, tensors, config, layer=PROJECTION, **beside):
        """`config`: a quantization_config; one with a model_type is config.json as a whole. `beside`: other files, by
        their names without .json."""
        whole = config if config and "model_type" in config else {"model_type": "llama", "quantization_config": config}
        named_tensors = named(layer, tensors) if layer else tensors
        files = {f"{name}.json": json.dumps(text).encode() for name, text in ({"config": whole} | beside).items()}
        write_model(self.folder / "model", model_files(named_tensors) | files)
        return self

    @property
    def path(self):
        return self.folder / "model"

    def lint(self, *words):
        return program("fixture", "lint", self.path, "--quiet", *words)

    def info(self, layer=PROJECTION, *words):
        return program("fixture", "info", self.path, "--layer", layer, *words)

    def bisect(self, layer=PROJECTION, *words, group=GROUP):
        return program("bisect", "b", group, "--fixture", self.path, "--layer", layer, "--m", 4, *words)

    def repack(self, *words):
        out = self.folder / f"out{len(list(self.folder.iterdir()))}"
        return program("repack", self.path, out, "--verify", "--quiet", *words)

    def extract(self, layer=PROJECTION, *words):
        out = self.folder / f"layer{len(list(self.folder.iterdir()))}"
        self.capsys.readouterr()
        code = extract_fixture.main([str(self.path), layer, "-o", str(out), "--no-activations", *words])
        return code, self.capsys.readouterr().err

    def all(self, layer=PROJECTION):
        """Program -> exit code and text."""
        return {"info": self.info(layer), "bisect": self.bisect(layer), "repack": self.repack(),
                "extract": self.extract(layer)}


@pytest.fixture
def model(tmp_path, capsys):
    return Model(tmp_path, capsys)


def gptq(**options):
    return gptq_layer(3, **options).tensors()


def gemv(seed=4):
    """AutoAWQ's gemv: rows of words along K, scales and zero points padded to eight groups and more."""
    codes, zeros, scales = codes_and_zeros(gptq_layer(seed, symmetric=False))
    wide = np.zeros((N, 8), np.int64)
    wide[:, :K // GROUP] = zeros.T
    padded = np.zeros((N, 8), np.float16)
    padded[:, :K // GROUP] = scales.T
    return {"qweight": np.ascontiguousarray(w4fixture.pack_rows(codes).T), "qzeros": w4fixture.pack_columns(wide),
            "scales": padded}


def weights(tensors):
    """(K, N) of a compressed-tensors layer."""
    codes = w4fixture.unpack_columns(tensors["weight_packed"]).T.astype(int)
    zeros = w4fixture.unpack_rows(np.ascontiguousarray(tensors["weight_zero_point"])).T.astype(int)
    rows = np.arange(K) // GROUP
    return tensors["weight_scale"].T.astype(np.float64)[rows] * (codes - zeros[rows])


# ---- read by both ----------------------------------------------------------------------------------------------------

def nested(key, **changes):
    return {"model_type": "llava", key: {"model_type": "llama", "quantization_config": gptq_config(**changes)},
            "vision_config": {"model_type": "clip"}}


def auto_round(packing, **changes):
    return {"quant_method": "auto-round", "bits": 4, "group_size": 64, "sym": True, "packing_format": packing,
            "extra_config": {PROJECTION: {"group_size": GROUP} | changes}}


def in_bf16(config):
    return {"model_type": "llama", "torch_dtype": "bfloat16", "quantization_config": config}


READ = {
    "text_config": (gptq, nested("text_config"), "text_config.quantization_config"),
    "llm_config": (gptq, nested("llm_config"), "llm_config.quantization_config"),
    "any nested config": (gptq, nested("thinker_config"), "thinker_config.quantization_config"),
    "compression_config": (lambda: compressed_tensors(5), {"model_type": "llama", "compression_config": CT},
                           "compression_config"),
    "awq gemv by word": (gemv, AWQ | {"version": "gemv"}, "AWQ gemv"),
    "awq gemv by shape": (gemv, {"quant_method": "awq", "bits": 4, "group_size": GROUP}, "AWQ gemv"),
    "awq marlin by shape": (lambda: marlin_as_awq(), {"quant_method": "awq", "bits": 4, "group_size": GROUP}, ""),
    "awq marlin by word": (lambda: marlin_as_awq(), AWQ | {"version": "marlin", "zero_point": False}, ""),
    "auto-round over gptq": (gptq, auto_round("auto_round:auto_gptq"), "extra_config"),
    "auto-round over awq": (lambda: awq_tensors(4), auto_round("auto_round:auto_awq", sym=False), "extra_config"),
    "g_idx of -1": (lambda: gptq() | {"g_idx": np.full(K, -1, np.int32)}, gptq_config(),
                    f"g_idx dropped: it is -1 for all {K} rows, which means that it was never set"),
    "scales in fp32": (lambda: gptq() | {"scales": gptq()["scales"].astype(np.float32) / 3}, in_bf16(gptq_config()),
                       "scales are fp32, rounded to bf16"),
    "scales of another type": (gptq, in_bf16(gptq_config()), "scales are fp16, the model is bf16"),
    "pre_quant_scale": (lambda: gptq() | {"pre_quant_scale": np.full(K, 0.5, np.float16)}, gptq_config(),
                        "a kernel is given A times it"),
}


def in_order(*rules):
    """GPTQModel's rules, of which the first that fits counts."""
    return gptq_config(group_size=64, dynamic=dict(rules))


RIGHT, WRONG = ("+:.*up_proj", {"group_size": GROUP}), ("+:.*", {"group_size": 32})
ORDERED = (np.arange(K) // GROUP).astype(np.int64)
MARLIN_CONFIG = {"quant_method": "marlin", "bits": 4, "group_size": GROUP}


def actorder(value):
    config = json.loads(json.dumps(CT))
    config["config_groups"]["group_0"]["weights"]["actorder"] = value
    return config


READ |= {
    "the first rule of dynamic": (gptq, in_order(RIGHT, WRONG), f"dynamic['{RIGHT[0]}']"),
    "a rule that takes back nothing": (gptq, in_order(RIGHT, ("-:.*", {})), f"dynamic['{RIGHT[0]}']"),
    "config_groups in the order of the file": (
        lambda: compressed_tensors(5), CT | {"config_groups": {
            "z": CT["config_groups"]["group_0"],
            "a": {"targets": ["Linear"], "weights": {"num_bits": 4, "group_size": 32}}}}, "config_groups.z.weights"),
    "actorder of null": (lambda: compressed_tensors(5), actorder(None), ""),
    "zero_point of auto-round over awq": (
        lambda: awq_tensors(4), {"quant_method": "auto-round", "bits": 4, "group_size": GROUP, "zero_point": True,
                                 "packing_format": "auto_round:auto_awq"}, "symmetric false (zero_point)"),
    "g_idx in int64": (lambda: gptq() | {"g_idx": ORDERED}, gptq_config(), "int64"),
    "marlin with a row factor": (
        lambda: marlin_tensors(7) | {"pre_quant_scale": np.full(K, 0.5, np.float16)}, MARLIN_CONFIG,
        "a kernel is given A times it"),
    "marlin with scales in fp32": (
        lambda: marlin_tensors(7) | {"s": marlin_tensors(7)["s"].astype(np.float32) / 3}, in_bf16(MARLIN_CONFIG),
        "scales are fp32, rounded to bf16"),
}


def marlin_as_awq():
    tensors = marlin_tensors(7)
    return {"qweight": tensors["B"], "scales": tensors["s"]}


@pytest.mark.parametrize("case", READ)
def test_a_layer_is_read_by_every_program_and_what_was_decided_is_said(model, case):
    make, config, words = READ[case]
    model.write(make(), config)
    for name, (code, text) in model.all().items():
        assert code == 0, f"{name}: {text}"
        if name != "repack":
            assert words.lower() in text.lower().replace("it is i64", "it is int64"), f"{name}: {text}"


TWO_FILES = {
    "awq and its version": (lambda: awq_tensors(4), {"quant_method": "awq", "bits": 4, "group_size": GROUP},
                            {"quant_config": {"w_bit": 4, "q_group_size": GROUP, "zero_point": True, "version": "GEMM"}}),
    "gptq and gptqmodel": (gptq, gptq_config(), {"quantize_config": gptq_config(quant_method="gptqmodel")}),
    "static groups in one": (lambda: gptq() | {"g_idx": ORDERED.astype(np.int32)},
                             {"quant_method": "gptq", "bits": 4, "static_groups": True},
                             {"quantize_config": {"bits": 4, "desc_act": True}}),
}


@pytest.mark.parametrize("case", TWO_FILES)
def test_two_files_that_agree_are_no_contradiction(model, case):
    make, config, beside = TWO_FILES[case]
    model.write(make(), config, **beside)
    for name, (code, text) in model.all().items():
        assert code == 0, f"{name}: {text}"


def test_where_two_files_differ_and_data_is_trusted_a_third_is_not_believed(model):
    tensors = gptq()
    del tensors["qzeros"]
    model.write(tensors | {"g_idx": ORDERED.astype(np.int32)}, gptq_config(bits=8, group_size=32),
                quantize_config={"bits": 4, "group_size": 64}, quant_config={"bits": 8, "group_size": 32})
    for name, (code, text) in model.all().items():
        assert code == 129 and "--trust config takes the first, --trust data neither" in text, f"{name}: {text}"
    for name, (code, text) in {"info": model.info(PROJECTION, "--trust", "data"),
                               "repack": model.repack("--trust", "data"),
                               "extract": model.extract(PROJECTION, "--trust", "data")}.items():
        assert code == 0 and "group_size 32" not in text and "bits" not in text, f"{name}: {text}"


def test_consolidated_safetensors_beside_the_model_is_not_read(model):
    model.write(gptq(), gptq_config())
    (model.path / "consolidated.safetensors").write_bytes(
        model_files(named("layers.0.feed_forward.w1", gptq()))["model.safetensors"])
    assert model.repack()[1].startswith("layers     1, 1 repacked")
    for name, (code, text) in model.all("").items():
        assert code == (0 if name != "extract" else 129), f"{name}: {text}"
    assert "layers.0.feed_forward" not in model.extract("none")[1]


FACTORS = {"fp16": np.full(K, 0.5, np.float16), "fp32": np.full((1, K), 0.5, np.float32), "bf16": bf16(np.full(K, 0.5))}
WRONG_FACTORS = {"zero": np.zeros(K, np.float16), "infinite": np.full(K, np.inf, np.float16),
                 "too few": np.ones(K // 2, np.float16), "integers": np.ones(K, np.int32)}


@pytest.mark.parametrize("dtype", FACTORS)
def test_a_row_factor_that_is_extracted_is_read(model, dtype):
    model.write(gptq() | {"act_scales": FACTORS[dtype]}, gptq_config())
    assert model.extract()[0] == 0
    folder = next(path for path in model.folder.iterdir() if (path / "fixture.json").exists())
    code, text = program("fixture", "diff", folder, model.path)
    assert code == 0 and f"row factors  {K} equal" in text, text


@pytest.mark.parametrize("case", WRONG_FACTORS)
def test_a_row_factor_that_is_none_is_refused_by_every_program(model, case):
    model.write(gptq() | {"act_scales": WRONG_FACTORS[case]}, gptq_config())
    for name, (code, text) in model.all().items():
        assert code == 129 and "act_scales" in text, f"{name}: {text}"


def test_layers_that_differ_in_their_row_factors_are_not_the_same(model):
    model.write(gptq() | {"act_scales": FACTORS["fp16"]}, gptq_config())
    first = model.path.rename(model.folder / "first")
    model.write(gptq() | {"act_scales": np.full(K, 0.25, np.float16)}, gptq_config())
    code, text = program("fixture", "diff", first, model.path)
    assert code == 1 and f"row factors  {K} of {K} differ, first (row=0, n=0): 2 against 4" in text, text


def test_every_program_that_reads_checkpoints_takes_trust(model):
    model.write(gptq(), gptq_config(group_size=64))
    for words in (("convert", model.path, model.folder / "a.npz"), ("slice", model.path, model.folder / "b.npz", "rows:0/2"),
                  ("percolumn", model.path, model.folder / "c.npz"), ("diff", model.path, model.path),
                  ("info", model.path)):
        assert program("fixture", *words)[0] == 129, words
        code, text = program("fixture", *words, "--trust", "data")
        assert code == 0, text
    model.write(gptq(), gptq_config(), quantize_config=gptq_config(group_size=64))
    assert model.lint()[0] == 1 and model.lint("--trust", "data")[0] == 0


def test_the_words_of_gemv_are_those_of_compressed_tensors(model):
    layer = gptq_layer(4, symmetric=False)
    model.write(gemv(4), AWQ | {"version": "gemv"})
    assert model.extract()[0] == 0
    folder = next(path for path in model.folder.iterdir() if (path / "fixture.json").exists())
    tensors = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    assert json.loads((folder / "fixture.json").read_text())["format"] == "compressed-tensors"
    assert np.array_equal(weights(tensors), layer.dequantize())
    code, text = program("fixture", "diff", folder, model.path)
    assert code == 0 and f"the same {K * N} weights" in text, text


def test_experts_stacked_in_one_tensor_are_layers(model):
    stacked = [compressed_tensors(10 + e) for e in range(3)]
    for spelling in ("model.layers.0.mlp.experts.up_proj_{}", "model.layers.0.mlp.experts.up_proj.weight_{}"):
        tensors = {spelling.format(part): np.stack([each[f"weight_{part}"] for each in stacked]) for part in
                   ("packed", "scale")} | {spelling.format("shape"): np.array([3, N, K])}
        model.write(tensors, CT, layer="")
        code, text = model.repack()
        assert code == 0 and text.startswith("layers     3, 3 repacked"), text
        name = "model.layers.0.mlp.experts.2.up_proj"
        assert model.bisect(name)[0] == 0
        code, text = model.extract(name)
        assert code == 0, text
        out = max((path for path in model.folder.iterdir() if path.name.startswith("layer")), key=lambda p: p.stat().st_mtime)
        assert np.array_equal(np.load(out / "weight_packed.npy"), stacked[2]["weight_packed"])
        for code, text in (model.bisect("mlp.experts.up_proj"), model.extract("mlp.experts.up_proj")):
            assert code == 129 and "is 3 experts, name one: model.layers.0.mlp.experts.0.up_proj is the first" in text


def test_a_scaled_activation_belongs_to_the_layer_behind_it(model):
    layer = "transformer.h.0.mlp.c_proj"
    scales = np.linspace(0.5, 2, K).astype(np.float16)
    model.write(named(layer, awq_tensors(4)) | {"transformer.h.0.mlp.act.scales": scales}, AWQ, layer="")
    for name, (code, text) in model.all(layer).items():
        assert code == 0 and "a kernel is given A divided by it" in text, f"{name}: {text}"
    packed = safetensors.numpy.load_file(next(model.folder.glob("out*/*.safetensors")))
    assert np.array_equal(packed[f"{layer}.act_scales"], scales)


def test_the_activations_of_a_fixture_are_divided_before_a_kernel_reads_them(tmp_path):
    rng = np.random.default_rng(2)
    layer, rows, scales = gptq_layer(3), rng.normal(size=(4, K)), np.exp(rng.normal(size=K)).astype(np.float16)
    tensors = layer.tensors() | {"activations": rows.astype(np.float16), "act_scales": scales}
    (tmp_path / "layer").mkdir()
    for name, tensor in tensors.items():
        np.save(tmp_path / "layer" / f"{name}.npy", tensor)
    right = (tensors["activations"] / scales.astype(np.float64)) @ layer.dequantize()
    for C, expected in ((right, 0), (tensors["activations"].astype(np.float64) @ layer.dequantize(), 1)):
        np.save(tmp_path / "C.npy", C.astype(np.float16))
        code, text = program("bisect", "b", GROUP, "--fixture", tmp_path / "layer", "--kernel",
                             f"recorded:{tmp_path / 'C.npy'}")
        assert code == expected, text


# ---- contradictions --------------------------------------------------------------------------------------------------

CONTRADICTIONS = {
    "is_marlin_format": (gptq, gptq_config(is_marlin_format=True, checkpoint_format="marlin"),
                         "config.json: quantization_config.is_marlin_format says marlin"),
    "marlin tensors": (lambda: marlin_tensors(7), gptq_config(),
                       "config.json: quantization_config.checkpoint_format says"),
    "gemv tensors": (gemv, AWQ, "config.json: quantization_config.version says awq-gemm"),
    "gemv said": (lambda: awq_tensors(4), AWQ | {"version": "gemv"},
                  "config.json: quantization_config.version says awq-gemv"),
    "nested group_size": (gptq, nested("text_config", group_size=64),
                          "config.json: text_config.quantization_config.group_size says 64"),
    "method": (gptq, AWQ, "config.json: quantization_config.quant_method says awq"),
    "bits": (gptq, gptq_config(bits=8), "config.json: quantization_config.bits says 8"),
    "extra_config": (gptq, auto_round("auto_round:auto_gptq", group_size=32),
                     f"config.json: quantization_config.extra_config['{PROJECTION}'].group_size says 32"),
    "skipped": (gptq, gptq_config(modules_to_not_convert=["mlp"]),
                "config.json: quantization_config.modules_to_not_convert says false"),
    "the first rule of dynamic": (gptq, in_order(("+:.*", {"group_size": 32}), RIGHT),
                                  "config.json: quantization_config.dynamic['+:.*'].group_size says 32"),
    "a rule that leaves out": (gptq, in_order(("-:.*", {}), RIGHT),
                               "config.json: quantization_config.dynamic['-:.*'] says false"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_contradiction_names_the_file_and_the_key_and_the_tensors_can_be_trusted(model, case):
    make, config, words = CONTRADICTIONS[case]
    model.write(make(), config)
    for name, (code, text) in model.all().items():
        assert code == 129 and words in text and "--trust data" in text, f"{name}: {text}"
    code, text = model.lint()
    assert code == 1 and words in text, text
    for name, (code, text) in {"info": model.info(PROJECTION, "--trust", "data"), "repack": model.repack("--trust", "data"),
                               "bisect": model.bisect(PROJECTION, "--trust", "data"),
                               "extract": model.extract(PROJECTION, "--trust", "data")}.items():
        assert code == 0, f"{name}: {text}"
    assert "only --trust data can" in model.bisect(PROJECTION, "--trust", "config")[1]


def test_two_configs_that_differ_are_named_both(model):
    model.write(gptq(), gptq_config())
    (model.path / "quantize_config.json").write_text(json.dumps({"bits": 4, "group_size": 64}))
    for name, (code, text) in model.all().items():
        assert code == 129 and "config.json: quantization_config.group_size says 128" in text, f"{name}: {text}"
        assert "quantize_config.json.group_size says 64" in text, f"{name}: {text}"
    assert model.bisect(PROJECTION, "--trust", "config")[0] == 0


# ---- a layer that looks wrong ----------------------------------------------------------------------------------------

DOUBTED = {
    "v2 tensors under a v1 config": (lambda: gptq(format="gptq_v2"), gptq_config(), "the tensors look like v2",
                                     "config.json: quantization_config.checkpoint_format says gptq_v1"),
    "scales of zero": (lambda: gptq() | {"scales": gptq()["scales"] * (np.arange(N) > 3)}, gptq_config(),
                       "scales are zero", ""),
    "no g_idx": (gptq, gptq_config(desc_act=True), "but there is no g_idx",
                 "config.json: quantization_config.desc_act says true"),
    "an unset g_idx": (lambda: gptq() | {"g_idx": np.full(K, -1, np.int32)}, gptq_config(desc_act=True),
                       "but g_idx is -1 for every row", "config.json: quantization_config.desc_act says true"),
    "symmetric by word": (lambda: awq_tensors(4), AWQ | {"zero_point": False}, "called symmetric",
                          "config.json: quantization_config.zero_point says true"),
    "an unknown tensor": (lambda: gptq() | {"rotation": np.ones((4, 4), np.float16)}, gptq_config(),
                          "rotation stands beside the layer's tensors and is not read", ""),
}


@pytest.mark.parametrize("case", DOUBTED)
def test_a_match_on_a_layer_that_looks_wrong_says_so_in_the_verdict(model, case):
    make, config, words, place = DOUBTED[case]
    model.write(make(), config)
    code, text = model.bisect()
    verdict = next(line for line in text.splitlines() if line.startswith("verdict"))
    assert code == 0 and verdict.startswith("verdict      match: the path matches; the LAYER looks wrong: "), text
    assert words in verdict and place in verdict, verdict
    assert "\ncure         " in text
    assert model.bisect(PROJECTION, "--strict")[0] == 1
    report = json.loads(model.bisect(PROJECTION, "--json", "-")[1])
    assert report["verdict"] == "match" and words in report["layer"]["looks_wrong"][0] and report["layer"]["cure"]
    assert words in model.repack()[1] and words in model.lint()[1]


def test_a_match_on_a_sound_layer_says_no_more_than_that(model):
    model.write(gptq(), gptq_config())
    code, text = model.bisect(PROJECTION, "--strict")
    assert code == 0 and text.startswith("verdict      match\n") and "LAYER" not in text


def test_the_right_output_of_signed_codes_accuses_the_layer_and_no_stage(tmp_path):
    layer = gptq_layer(6)
    codes, zeros, scales = codes_and_zeros(layer)
    order = np.array((0, 2, 4, 6, 1, 3, 5, 7))

    def packed(cells):
        eights = cells.reshape(len(cells), -1, 8)[:, :, order].reshape(len(cells), -1)
        return w4fixture.pack_columns(np.ascontiguousarray(eights))
    (tmp_path / "layer").mkdir()
    A = np.random.default_rng(1).normal(size=(8, K)).astype(np.float16)
    for name, tensor in {"qweight": packed(codes ^ 8), "qzeros": packed(zeros * 0), "scales": scales,
                         "activations": A}.items():
        np.save(tmp_path / "layer" / f"{name}.npy", tensor)
    np.save(tmp_path / "C.npy", (A.astype(np.float64) @ layer.dequantize()).astype(np.float16))
    words = ("bisect", "b", GROUP, "--fixture", tmp_path / "layer")
    code, text = program(*words)
    assert code == 0 and "the LAYER looks wrong: codes gather at 0 and 15" in text, text
    code, text = program(*words, "--kernel", f"recorded:{tmp_path / 'C.npy'}", "--json", "-")
    report = json.loads(text)
    assert code == 1 and [(c["stage"], c["fault"]) for c in report["culprits"]] == [("checkpoint", "code-twos-complement")]
    assert "the layer looks wrong, and no stage of a kernel is accused" in " ".join(report["culprits"][0]["evidence"])


NEGATIVE = r"+:(?!.*down_proj).*"
UNSOUND = {
    "a look ahead": (gptq, gptq_config(dynamic={NEGATIVE: {"bits": 8}}), {}, 125,
                     "holds (?!: patterns that look ahead, behind or back are not read"),
    "group_size as text": (gptq, gptq_config(group_size=str(GROUP)), {}, 129, "config.json: quantization_config.group_size is"),
    "config_groups without targets": (
        lambda: compressed_tensors(5), CT | {"config_groups": {"group_0": {"weights": {"num_bits": 4}}}}, {}, 129,
        "config_groups.group_0 has no array 'targets'"),
    "config_groups for other layers": (
        lambda: compressed_tensors(5), CT | {"config_groups": {"group_0": {"targets": ["re:.*down_proj"]}}}, {}, 129,
        f"no target of config_groups fits layer '{PROJECTION}'"),
    "no config_groups": (lambda: compressed_tensors(5), {"quant_method": "compressed-tensors"}, {}, 129,
                         f"no target of config_groups fits layer '{PROJECTION}'"),
    "zero_point of awq marlin": (lambda: marlin_as_awq(), AWQ | {"version": "marlin"}, {}, 129, "zero_point says false"),
    "methods of two files": (gptq, gptq_config(), {"quantize_config": {"quant_method": "auto-round", "bits": 4}}, 129,
                             "config.json: quantization_config.quant_method says gptq, "),
    "two row factors": (lambda: gptq() | {"act_scales": np.ones(K, np.float16), "pre_quant_scale": np.ones(K, np.float16)},
                        gptq_config(), {}, 129, "has both act_scales and pre_quant_scale"),
    "words of gemv_fast": (lambda: gptq() | {"qweight": gptq()["qweight"].view(np.int16)}, gptq_config(), {}, 125,
                           "qweight is I16: AWQ gemv_fast is not read; read are "),
}


@pytest.mark.parametrize("case", UNSOUND)
def test_what_one_reader_refuses_the_other_refuses_too(model, case):
    make, config, beside, expected, words = UNSOUND[case]
    model.write(make(), config, **beside)
    for name, (code, text) in model.all().items():
        assert code == (129 if name == "extract" else expected) and words in text, f"{name}: {text}"


# ---- what is not read ------------------------------------------------------------------------------------------------

def bytes_of(*shape):
    return np.random.default_rng(3).integers(1, 255, shape).astype(np.uint8)


def experts_of(**parts):
    return {f"model.layers.0.mlp.experts.up_proj_{part}": tensor for part, tensor in parts.items()}


NOT_READ = {
    "NVFP4": ({f"{PROJECTION}.weight": bytes_of(N, K // 2), f"{PROJECTION}.weight_scale": bytes_of(N, K // 16),
               f"{PROJECTION}.weight_scale_2": np.array([1], np.float32)},
              {"quant_method": "modelopt", "quant_algo": "NVFP4"}, PROJECTION, "quant_algo says NVFP4"),
    "MXFP4": (experts_of(blocks=bytes_of(2, N, K // 32, 16), scales=bytes_of(2, N, K // 32)), {"quant_method": "mxfp4"},
              "experts.up_proj", "quant_method says mxfp4"),
    "nf4": ({f"{PROJECTION}.weight": bytes_of(K * N // 2, 1), f"{PROJECTION}.weight.absmax": np.ones(K * N // 64, np.float32),
             f"{PROJECTION}.weight.quant_state.bitsandbytes__nf4": bytes_of(9)},
            {"quant_method": "bitsandbytes", "load_in_4bit": True}, PROJECTION, "quant_method says bitsandbytes"),
    "MLX": ({f"{PROJECTION}.weight": bytes_of(N, K // 2).view(np.uint32), f"{PROJECTION}.scales": np.ones((N, 4), np.float16),
             f"{PROJECTION}.biases": np.ones((N, 4), np.float16)}, {"group_size": 64, "bits": 4}, PROJECTION, "biases"),
    "HQQ": ({f"{PROJECTION}.W_q": bytes_of(64, 64), f"{PROJECTION}.scale": np.ones((64, 1), np.float16)},
            {"quant_method": "hqq"}, PROJECTION, "quant_method says hqq"),
    "naive-quantized": ({f"{PROJECTION}.weight": bytes_of(N, K).view(np.int8),
                         f"{PROJECTION}.weight_scale": np.ones((N, 2), np.float16)},
                        CT | {"format": "naive-quantized"}, PROJECTION, "format says naive-quantized"),
    "of no format that is known": ({f"{PROJECTION}.codes4": bytes_of(N, K // 2)}, None, PROJECTION, "codes4 U8 (128, 128)"),
}


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a layer that is read"])
@pytest.mark.parametrize("name", NOT_READ)
def test_what_is_not_read_is_refused_by_its_name(model, name, beside):
    tensors, config, module, words = NOT_READ[name]
    sound = named("model.layers.1.mlp.up_proj", gptq()) if beside else {}
    model.write(tensors | sound, config if not beside else gptq_config(), layer="")
    words = "" if beside else words
    for program_name, (code, text) in model.all(module).items():
        assert code == (129 if program_name == "extract" else 125), f"{program_name}: {text}"
        assert name in text and words in text and module in text, f"{program_name}: {text}"
    code, text = model.lint()
    assert code == 1 and name in text and module in text, text


@pytest.mark.parametrize("name", NOT_READ)
def test_a_single_file_is_refused_as_its_folder_is(model, name):
    tensors, config, module, words = NOT_READ[name]
    model.write(tensors, config, layer="")
    file = model.path / "model.safetensors"
    assert extract_fixture.main([str(file), module, "-o", str(model.folder / "out")]) == 129
    for code, text in (program("fixture", "info", file), program("bisect", "b", GROUP, "--fixture", file),
                       program("repack", file, model.folder / "packed", "--quiet"), (125, model.capsys.readouterr().err)):
        assert code == 125 and name in text and words in text and module in text, text
    assert program("fixture", "lint", file, "--quiet")[0] == 1


def test_the_config_beside_a_single_file_counts(model):
    model.write(gptq(), gptq_config(group_size=64))
    file = model.path / "model.safetensors"
    for code, text in (program("fixture", "info", file), program("bisect", "b", GROUP, "--fixture", file)):
        assert code == 129 and f"{model.path}/config.json: quantization_config.group_size says 64" in text, text
    assert program("repack", file, model.folder / "packed", "--quiet", "--trust", "data")[0] == 0


def test_what_the_config_beside_a_single_file_says_is_not_written_on(model):
    model.write(gptq(), gptq_config(group_size=64))
    code, text = program("fixture", "convert", model.path / "model.safetensors", model.folder / "out", "--trust", "data")
    assert code == 0, text
    manifest = json.loads((model.folder / "out" / "fixture.json").read_text())
    assert manifest["group_size"] == GROUP and not {"said_by", "method", "trusted", "quantised"} & set(manifest), manifest


def test_a_folder_of_gguf_files_alone_is_refused_by_its_name(tmp_path, capsys):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "q4_0.gguf").write_bytes(b"GGUF" + bytes(60))
    assert extract_fixture.main([str(tmp_path / "model"), "up_proj", "-o", str(tmp_path / "out")]) == 129
    for code, text in (program("fixture", "info", tmp_path / "model"), program("fixture", "lint", tmp_path / "model"),
                       program("bisect", "b", GROUP, "--fixture", tmp_path / "model"),
                       program("repack", tmp_path / "model", tmp_path / "packed"), (125, capsys.readouterr().err)):
        assert code == 125 and "q4_0.gguf: GGUF is not read; read are " in text, text


def test_a_glob_says_what_it_means_too_and_is_not_read(model):
    others = {"model.layers.0.mlp.gate_proj.W_q": bytes_of(64, 64), "model.layers.1.mlp.gate_proj.W_q": bytes_of(64, 64)}
    model.write(named(PROJECTION, gptq()) | others, gptq_config(), layer="")
    for (code, text), expected in ((model.extract("model.layers.0.*"), 0), (model.repack("--layer", "model.layers.0.*"), 125)):
        assert code == expected and "model.layers.0.mlp.gate_proj: HQQ is not read" in text, text
        assert "model.layers.1" not in text
    for code, text in (model.extract("model.layers.0.mlp.up_*"), model.repack("--layer", PROJECTION)):
        assert code == 0 and "HQQ" not in text, text


@pytest.mark.parametrize("ending, name", [(".gguf", "GGUF"), (".onnx", "ONNX"), (".bin", "pickled PyTorch")])
def test_files_of_other_formats_are_refused_by_their_names(tmp_path, ending, name):
    file = tmp_path / f"model{ending}"
    file.write_bytes(bytes(64))
    code, text = program("bisect", "b", GROUP, "--fixture", file)
    assert code == 125 and f"model{ending}: {name} is not read" in text, text


def test_dense_tensors_are_no_layers_and_nothing_is_said_of_them(model):
    dense = {"model.embed_tokens.weight": np.ones((8, K), np.float16), "model.norm.weight": np.ones(K, np.float32),
             "model.rotary_emb.inv_freq": np.ones(4, np.float32), "model.position_ids": np.zeros((1, 9), np.int32),
             "visual.patch.bias": np.ones(3, np.float16), "h.0.attn.bias": np.ones((1, 1, 8, 8), np.uint8)}
    model.write(named(PROJECTION, gptq()) | dense, gptq_config(), layer="")
    assert model.lint()[0] == 0 and "not read" not in model.lint()[1]
    assert model.repack()[0] == 0
    assert "attn" not in str(extract_fixture.main([str(model.path), "--list"])) + model.capsys.readouterr().out


def test_parts_of_a_layer_without_its_codes_are_named(model):
    tensors = gptq()
    orphans = {"model.layers.2.mlp.up_proj." + part: tensors[part] for part in ("qzeros", "scales")}
    model.write(named(PROJECTION, tensors) | orphans, gptq_config(), layer="")
    code, text = model.repack()
    assert code == 125 and "model.layers.2.mlp.up_proj: not read, of no format that is known here" in text, text
