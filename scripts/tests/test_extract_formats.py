# SPDX-License-Identifier: Apache-2.0
"""extract_fixture on model folders: what is recognised, what is held against the config, and what is refused."""

import json
import sys

import numpy as np
import pytest

pytest.importorskip("safetensors", reason="safetensors is not installed: scripts/setup extract")
pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: scripts/setup extract")

from model_folders import (GROUP, K, N, SCRIPTS, Bits, awq_tensors, bf16, compressed_tensors, gptq_config,  # noqa: E402
                           gptq_layer, marlin_tensors, model_files, named, pair_tensors, safetensors_bytes, write_model)

sys.path.insert(0, str(SCRIPTS))

import extract_fixture  # noqa: E402
import w4fixture  # noqa: E402

LAYER = "model.layers.0.self_attn.o_proj"    # behind no norm
COMPRESSED = {"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": {"group_0": {
    "targets": ["Linear"], "weights": {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group",
                                       "group_size": GROUP}}}}


def compressed_config(**changes):
    config = json.loads(json.dumps(COMPRESSED))
    config["config_groups"]["group_0"]["weights"] |= changes
    return config


AWQ = {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True, "version": "gemm"}


class Folder:
    def __init__(self, path):
        self.path, self.model = path, path / "model"

    def write(self, tensors, config=None, legacy=None, layer=LAYER):
        write_model(self.model, model_files(named(layer, tensors), config, legacy=legacy))

    def call(self, *words):
        try:
            return extract_fixture.main([str(word) for word in words])
        except SystemExit as stop:    # argparse leaves this way
            return stop.code

    def extract(self, *words, out="out"):
        return self.call(self.model, LAYER, "-o", self.path / out, *words)

    def manifest(self, out="out"):
        return json.loads((self.path / out / "fixture.json").read_text())

    def tensors(self, out="out"):
        return {path.stem: np.load(path) for path in (self.path / out).glob("*.npy")}

    def said(self, out="out"):
        manifest = self.manifest(out)
        return tuple(manifest[key] for key in ("format", "group_size", "symmetric", "act_order", "dtype"))


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def refusal(folder, capsys, *words):
    before = sorted(str(path) for path in folder.path.rglob("*"))
    assert folder.extract(*words) == 129
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("extract_fixture: "), lines
    assert sorted(str(path) for path in folder.path.rglob("*")) == before
    return lines[0]


# ---- formats ---------------------------------------------------------------------------------------------------------

def gptq(seed=3, **options):
    return gptq_layer(seed, **options).tensors()


def trivial_order():
    return {"g_idx": (np.arange(K) // GROUP).astype(np.int32)}


RECOGNISED = {
    "gptq v1": (lambda: gptq(), gptq_config(), ("gptq_v1", GROUP, True, False, "fp16")),
    "gptq v1 of a config without checkpoint_format": (
        lambda: gptq(), {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "sym": True},
        ("gptq_v1", GROUP, True, False, "fp16")),
    "gptq v2": (lambda: gptq(format="gptq_v2"), gptq_config(checkpoint_format="gptq_v2"),
                ("gptq_v2", GROUP, True, False, "fp16")),
    "gptq v2 asymmetric": (lambda: gptq(format="gptq_v2", symmetric=False),
                           gptq_config(checkpoint_format="gptq_v2", sym=False), ("gptq_v2", GROUP, False, False, "fp16")),
    "gptq act-order": (lambda: gptq(act_order=True, method="gptq"), gptq_config(desc_act=True),
                       ("gptq_v1", GROUP, True, True, "fp16")),
    "gptq with a trivial g_idx": (lambda: gptq() | trivial_order(), gptq_config(),
                                  ("gptq_v1", GROUP, True, False, "fp16")),
    "gptq of one group, called act-order": (lambda: gptq(group_size=-1), gptq_config(group_size=-1, desc_act=True),
                                            ("gptq_v1", K, True, False, "fp16")),
    "gptq without any config": (lambda: gptq(), None, ("gptq_v1", GROUP, True, False, "fp16")),
    "awq": (lambda: awq_tensors(4), AWQ, ("awq", GROUP, False, False, "fp16")),
    "compressed-tensors": (lambda: compressed_tensors(5), compressed_config(),
                           ("compressed-tensors", GROUP, True, False, "fp16")),
    "compressed-tensors asymmetric": (lambda: compressed_tensors(5, symmetric=False), compressed_config(symmetric=False),
                                      ("compressed-tensors", GROUP, False, False, "fp16")),
    "pair-packed": (lambda: pair_tensors(6), None, ("pair-packed", GROUP, False, False, "bf16")),
    "marlin by quant_method": (lambda: marlin_tensors(7), {"quant_method": "marlin", "bits": 4, "group_size": GROUP},
                               ("marlin", GROUP, True, False, "fp16")),
    "marlin by checkpoint_format": (lambda: marlin_tensors(7), gptq_config(checkpoint_format="marlin"),
                                    ("marlin", GROUP, True, False, "fp16")),
    "marlin by is_marlin_format": (lambda: marlin_tensors(7), gptq_config(is_marlin_format=True),
                                   ("marlin", GROUP, True, False, "fp16")),
}


@pytest.mark.parametrize("case", RECOGNISED)
def test_a_format_is_recognised_and_its_tensors_are_kept_as_they_are(folder, case):
    make, config, expected = RECOGNISED[case]
    tensors = make()
    folder.write(tensors, config)
    assert folder.extract() == 0
    assert folder.said() == expected
    found = folder.tensors()
    for name, tensor in tensors.items():
        name = {"zeros": "qzeros"}.get(name, name)
        if name != "workspace":
            assert np.array_equal(found.pop(name), tensor.array if isinstance(tensor, Bits) else tensor), name
    assert found.pop("activations").shape == (16, K) and not found


def test_a_bias_is_taken_along_and_rounded_to_the_type_of_the_scales(folder):
    folder.write(gptq() | {"bias": np.linspace(-1, 1, N, dtype=np.float32)}, gptq_config())
    assert folder.extract() == 0
    assert folder.tensors()["bias"].dtype == np.float16
    assert any("bias rounded to F16" in line for line in folder.manifest()["decided"])


def test_bf16_scales_lie_in_npy_files_as_their_bits_and_in_safetensors_as_themselves(folder):
    scales = bf16(gptq()["scales"])
    folder.write(gptq() | {"scales": scales, "bias": bf16(np.ones(N))}, gptq_config())
    assert folder.extract() == 0 and folder.extract(out="out.safetensors") == 0
    assert folder.manifest()["dtype"] == "bf16"
    assert folder.tensors()["scales"].dtype == np.uint16 and np.array_equal(folder.tensors()["scales"], scales.array)
    blob = (folder.path / "out.safetensors").read_bytes()
    header = json.loads(blob[8:8 + int.from_bytes(blob[:8], "little")])
    assert header["scales"]["dtype"] == "BF16" and header["activations"]["dtype"] == "BF16"
    assert header["__metadata__"]["format"] == "gptq_v1" and header["__metadata__"]["dtype"] == "bf16"


def test_dynamic_overrides_of_gptqmodel_count_for_the_layers_they_match(folder):
    dynamic = {"-:.*lm_head": {}, r"+:.*\.o_proj": {"group_size": 64}, ".*": {"bits": 8}}
    folder.write(gptq(group_size=64), gptq_config(dynamic=dynamic))
    assert folder.extract() == 0 and folder.manifest()["group_size"] == 64


def test_the_widths_that_headers_do_not_show_are_read_from_g_idx(folder):
    tensors = gptq() | trivial_order()
    del tensors["qzeros"]
    folder.write(tensors, None)
    assert folder.extract() == 0 and folder.said()[:3] == ("gptq_v1", GROUP, True)


def test_a_single_file_is_a_model(folder):
    folder.write(gptq(), gptq_config())
    assert folder.call(folder.model / "model.safetensors", "o_proj", "-o", folder.path / "out") == 0
    assert folder.said() == ("gptq_v1", GROUP, True, False, "fp16")


def test_a_sharded_folder_is_read_by_its_index_and_its_card_gives_the_licence(folder):
    tensors = gptq(symmetric=False)
    files = model_files(named(LAYER, tensors), gptq_config(sym=False), shards=3)
    write_model(folder.model, files | {"README.md": b"---\nlicense: mit\ntags: [a]\n---\n# A model\nlicense: gpl\n"})
    assert folder.extract() == 0
    assert all(np.array_equal(folder.tensors()[name], tensor) for name, tensor in tensors.items())
    manifest = folder.manifest()
    assert manifest["licence"] == "mit"
    assert [origin["file"] for origin in manifest["source"]["tensors"].values()] == [
        f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]


def test_a_tensor_in_two_files_without_an_index_is_refused(folder, capsys):
    blob = safetensors_bytes(named(LAYER, gptq()))
    write_model(folder.model, {"a.safetensors": blob, "b.safetensors": blob})
    assert "is in a.safetensors and in b.safetensors" in refusal(folder, capsys)


@pytest.mark.parametrize("name", ["a\x1b[2J.safetensors", "a\n.safetensors", "a\x9b.safetensors", "a\udcff.safetensors"])
def test_a_file_whose_name_steers_a_terminal_is_refused_and_shown_escaped(folder, capsys, name):
    write_model(folder.model, {name: safetensors_bytes(named(LAYER, gptq()))})
    assert f"names the file {name!r}, expected a plain file name" in refusal(folder, capsys)


@pytest.mark.parametrize("ending", [".npz", ".h5", ".hdf5", ".safetensors"])
def test_the_ending_of_out_says_what_is_written(folder, ending):
    import h5py
    from safetensors.numpy import load_file
    tensors = gptq()
    folder.write(tensors, gptq_config())
    out = folder.path / f"out{ending}"
    assert folder.extract(out=out.name) == 0
    if ending == ".npz":
        found = dict(np.load(out))
        assert json.loads(found.pop("fixture.json"))["format"] == "gptq_v1"
    elif ending == ".safetensors":
        found = load_file(out)
    else:
        with h5py.File(out) as file:
            found = {name: dataset[()] for name, dataset in file.items()}
            assert file.attrs["format"] == "gptq_v1" and bool(file.attrs["symmetric"]) is True
    assert set(found) == {*tensors, "activations"}
    assert all(np.array_equal(found[name], tensor) for name, tensor in tensors.items())


# ---- data against config ---------------------------------------------------------------------------------------------

CONTRADICTIONS = {
    "format": (lambda: gptq(), AWQ, ("the data shows gptq", "quant_method says awq")),
    "bits": (lambda: gptq(), gptq_config(bits=8), ("the data shows 4", "bits says 8")),
    "group_size": (lambda: gptq(), gptq_config(group_size=64), ("the data shows 128", "group_size says 64")),
    "sym said": (lambda: gptq(symmetric=False), gptq_config(), ("the data shows false", "sym says true")),
    "sym not said": (lambda: gptq(), gptq_config(sym=False), ("the data shows true", "sym says false")),
    "v2 data": (lambda: gptq(format="gptq_v2"), gptq_config(),
                ("the data shows gptq_v2 (every stored zero point is 8)", "checkpoint_format says gptq_v1")),
    "v1 data": (lambda: gptq(), gptq_config(checkpoint_format="gptq_v2"),
                ("the data shows gptq_v1 (every stored zero point is 7)", "checkpoint_format says gptq_v2")),
    "act-order not said": (lambda: gptq(act_order=True, method="gptq"), gptq_config(),
                           ("g_idx is not k / group_size", "desc_act says false")),
    "act-order said": (lambda: gptq() | trivial_order(), gptq_config(desc_act=True),
                       ("g_idx is k / group_size", "desc_act says true")),
    "no g_idx": (lambda: gptq(), gptq_config(desc_act=True), ("no g_idx", "desc_act says true")),
    "a skipped layer": (lambda: gptq(), gptq_config(dynamic={"-:.*o_proj": {}}),
                        ("the data shows true", "says false")),
    "compressed group_size": (lambda: compressed_tensors(5), compressed_config(group_size=32),
                              ("the data shows 128", "group_size says 32")),
    "compressed zero points": (lambda: compressed_tensors(5, symmetric=False), compressed_config(),
                               ("weight_zero_point is there", "symmetric says true")),
    "ignored": (lambda: compressed_tensors(5), compressed_config() | {"ignore": ["re:.*o_proj"]},
                ("the data shows true", "says false")),
    "awq zero points": (lambda: awq_tensors(4), AWQ | {"zero_point": False},
                        ("the data shows false", "zero_point says true")),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_contradiction_is_one_line_with_both_values_until_one_is_trusted(folder, capsys, case):
    make, config, values = CONTRADICTIONS[case]
    folder.write(make(), config)
    line = refusal(folder, capsys)
    assert all(value in line for value in values) and "--trust data or --trust config" in line, line
    assert folder.extract("--trust", "data") == 0
    assert any(values[0] in note and "data is trusted" in note for note in folder.manifest()["decided"])


def test_a_trusted_config_decides_what_the_data_cannot_refute(folder, capsys):
    folder.write(gptq(), gptq_config(checkpoint_format="gptq_v2", sym=False))
    assert folder.extract("--trust", "config") == 0
    assert folder.said()[:3] == ("gptq_v2", GROUP, False)
    folder.write(gptq(), gptq_config(group_size=64))
    capsys.readouterr()
    assert folder.extract("--trust", "config", out="other") == 129
    assert "cannot be read with group_size 64: only --trust data can" in capsys.readouterr().err


def test_two_configs_that_differ_are_named_both(folder, capsys):
    folder.write(gptq(), gptq_config(), legacy={"bits": 4, "group_size": 64})
    line = refusal(folder, capsys)
    assert "config.json: quantization_config.group_size says 128" in line
    assert "quantize_config.json.group_size says 64" in line


def test_v1_or_v2_is_asked_where_nothing_tells(folder, capsys):
    folder.write(gptq(symmetric=False), None)
    assert "give --format gptq_v1 or --format gptq_v2" in refusal(folder, capsys)
    assert folder.extract("--format", "gptq_v2") == 0 and folder.said()[0] == "gptq_v2"


# ---- what is refused -------------------------------------------------------------------------------------------------

def three_bits():
    return {"qweight": np.zeros((K * 3 // 32, N), np.int32), "qzeros": np.zeros((K // GROUP, N * 3 // 32), np.int32),
            "scales": np.ones((K // GROUP, N), np.float16)}


def eight_bits():
    return {"qweight": np.zeros((K // 4, N), np.int32), "qzeros": np.zeros((K // GROUP, N // 4), np.int32),
            "scales": np.ones((K // GROUP, N), np.float16)}


def changed(tensors, **changes):
    return {name: tensor for name, tensor in (tensors | changes).items() if tensor is not None}


REFUSED = {
    "3 bits": (three_bits, gptq_config(bits=3), "codes of 3 bits are not supported, only 4 are"),
    "8 bits": (eight_bits, gptq_config(bits=8), "codes of 8 bits are not supported, only 4 are"),
    "8 bits without a config": (eight_bits, None, "codes of 8 bits are not supported"),
    "compressed of 8 bits": (lambda: compressed_tensors(5), compressed_config(num_bits=8), "codes of 8 bits are not supported"),
    "awq gemv by config": (lambda: awq_tensors(4), AWQ | {"version": "gemv"}, "version says awq-gemv"),
    "awq gemv by data": (lambda: {"qweight": np.zeros((N, K // 8), np.int32), "scales": np.ones((N, 2), np.float16)}, None,
                         "AWQ's gemv layout, which is not supported"),
    "bitsandbytes": (lambda: gptq(), {"quant_method": "bitsandbytes"}, "bitsandbytes nf4 or fp4 is not read"),
    "exllama layout": (lambda: gptq(), gptq_config(checkpoint_format="exllama"), "says exllama, which is not supported"),
    "words of 16 bits": (lambda: gptq(), gptq_config(pack_dtype="int16"), "pack_dtype says int16, only int32 is supported"),
    "compressed by tensor": (lambda: compressed_tensors(5), compressed_config(strategy="tensor"), "strategy tensor is not supported"),
    "weight_shape": (lambda: changed(compressed_tensors(5), weight_shape=np.array([N, 2 * K])), compressed_config(),
                     f"weight_shape says N={N} K={2 * K}, weight_packed"),
    "no scales": (lambda: changed(gptq(), scales=None), gptq_config(), "no tensor scales beside"),
    "scales fp64": (lambda: changed(gptq(), scales=np.ones((2, N))), gptq_config(), "is F64, expected F16, BF16 or F32"),
    "qzeros of another N": (lambda: changed(gptq(), qzeros=np.zeros((2, 5), np.int32)), gptq_config(), "fit no width of codes for N=128"),
    "qzeros of another G": (lambda: changed(gptq(), qzeros=np.zeros((3, N // 8), np.int32)), gptq_config(), "qzeros has shape (3, 16), expected (2, 16)"),
    "g_idx too short": (lambda: gptq() | {"g_idx": np.zeros(8, np.int32)}, gptq_config(), "g_idx has shape (8,), expected (256,)"),
    "g_idx out of range": (lambda: gptq() | {"g_idx": np.full(K, 9, np.int32)}, gptq_config(desc_act=True), "g_idx lies in 9..9, outside 0..1"),
    "bias too short": (lambda: gptq() | {"bias": np.zeros(8, np.float16)}, gptq_config(), "bias has shape (8,), expected (128,)"),
    "shapes of nothing": (lambda: {"qweight": np.zeros((7, 9), np.int32), "scales": np.ones((2, 50), np.float16)}, None, "fit neither gptq"),
    "an empty tensor": (lambda: changed(gptq(), scales=np.ones((0, N), np.float16)), gptq_config(), "expected two dimensions from 1 up"),
    "bits that are text": (lambda: gptq(), gptq_config(bits="4"), "bits is '4', expected an integer"),
    "a list as dynamic": (lambda: gptq(), gptq_config(dynamic=[1]), "dynamic is '[1]', expected an object"),
    "a pattern that is none": (lambda: gptq(), gptq_config(dynamic={"(": {}}), "no pattern: "),
    "a pattern without an end": (lambda: gptq(), gptq_config(dynamic={"(([a-z.0-9_])+)+!": {}}), "matching it takes longer than 2 s"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_supported_is_one_line_and_nothing_is_written(folder, capsys, case):
    make, config, text = REFUSED[case]
    folder.write(make(), config)
    line = refusal(folder, capsys)
    assert text in line, line


WORDS = {
    "no layer": (lambda f: (f.model, "-o", f.path / "o"), "LAYER and -o OUT are missing"),
    "no out": (lambda f: (f.model, LAYER), "LAYER and -o OUT are missing"),
    "json without list": (lambda f: (f.model, LAYER, "-o", f.path / "o", "--json"), "--json goes with --list"),
    "list and out": (lambda f: (f.model, "--list", "-o", f.path / "o"), "nothing is written with --list"),
    "missing folder": (lambda f: (f.path / "none", LAYER, "-o", f.path / "o"), "none: no such file or folder"),
    "a text file": (lambda f: (f.model / "config.json", LAYER, "-o", f.path / "o"), "a model is a folder or a .safetensors file"),
    "an ending": (lambda f: (f.model, LAYER, "-o", f.path / "o.npy"), "ending '.npy' is none of .npz .h5"),
    "nowhere": (lambda f: (f.model, LAYER, "-o", f.path / "no" / "o"), "no such folder to write o into"),
    "revision of a folder": (lambda f: (f.model, LAYER, "-o", f.path / "o", "--revision", "main"), "lies here and has no revisions"),
    "no rows": (lambda f: (f.model, LAYER, "-o", f.path / "o", "--random-activations", "0"), "a number of rows in 1..65536"),
    "two kinds of rows": (lambda f: (f.model, LAYER, "-o", f.path / "o", "--random-activations", "2", "--no-activations"), "not allowed with argument"),
    "glob to a file": (lambda f: (f.model, "*", "-o", f.path / "o.npz"), "one file cannot hold 1 fixtures"),
    "rows of another layer": (lambda f: (f.model, LAYER, "-o", f.path / "o", "--activations", f.path / "x.npy"), f"have shape (3, 7), expected (M, {K})"),
}


@pytest.mark.parametrize("case", WORDS)
def test_a_command_line_that_cannot_be_is_one_line(folder, capsys, case):
    words, text = WORDS[case]
    folder.write(gptq(), gptq_config())
    np.save(folder.path / "x.npy", np.ones((3, 7), np.float16))
    before = sorted(folder.path.rglob("*"))
    assert folder.call(*words(folder)) == 129
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and text in lines[0], lines
    assert sorted(folder.path.rglob("*")) == before


def test_a_layer_called_like_a_path_is_not_written_below_its_name(folder, capsys):
    write_model(folder.model, {"model.safetensors": safetensors_bytes(named("../../evil", gptq()))})
    assert folder.call(folder.model, "*", "-o", folder.path / "out") == 129
    assert "has a name that no file can have" in capsys.readouterr().err
    assert not (folder.path / "out").exists() and not list(folder.path.parent.glob("evil*"))


def test_names_that_steer_a_terminal_are_shown_escaped(folder, capsys):
    write_model(folder.model, {"model.safetensors": safetensors_bytes(named("a\x1b[31m", gptq()))})
    assert folder.call(folder.model, "--list") == 0
    assert "\x1b" not in capsys.readouterr().out
    assert folder.call(folder.model, "b", "-o", folder.path / "out") == 129
    assert "\x1b" not in capsys.readouterr().err


# ---- activations -----------------------------------------------------------------------------------------------------

def test_random_activations_have_variance_1_where_nothing_is_known(folder):
    folder.write(gptq(), gptq_config())
    assert folder.extract("--random-activations", 64) == 0 and folder.extract("--random-activations", 64, out="b") == 0
    rows = folder.tensors()["activations"]
    assert rows.shape == (64, K) and 0.97 < rows.astype(float).std() < 1.03
    assert np.array_equal(rows, folder.tensors("b")["activations"])
    assert folder.manifest()["activations_source"] == {"kind": "random", "seed": 16, "rows": 64, "standard_deviation": 1}


def test_each_channel_behind_a_norm_varies_by_its_weight(folder):
    layer, weight = "model.layers.0.self_attn.q_proj", np.linspace(0.25, 4, K).astype(np.float16)
    tensors = named(layer, gptq()) | {"model.layers.0.input_layernorm.weight": weight}
    write_model(folder.model, model_files(tensors, gptq_config()))
    assert folder.call(folder.model, "q_proj", "-o", folder.path / "out", "--random-activations", 4000) == 0
    measured = folder.tensors()["activations"].astype(float).std(axis=0)
    assert np.allclose(measured / weight.astype(float), 1, atol=0.06)


def test_activations_of_a_file_are_kept(folder):
    rows = np.random.default_rng(8).normal(size=(5, K))
    for name, dtype in (("half", np.float16), ("single", np.float32)):
        np.save(folder.path / "x.npy", rows.astype(dtype))
        folder.write(gptq(), gptq_config())
        assert folder.extract("--activations", folder.path / "x.npy", out=name) == 0
        assert folder.tensors(name)["activations"].dtype == dtype
        assert np.array_equal(folder.tensors(name)["activations"], rows.astype(dtype))


def test_checksums_are_those_that_shipped_fixtures_have(folder):
    folder.write(gptq(), gptq_config())
    assert folder.extract() == 0
    assert folder.manifest()["checksums"] == {n: w4fixture.checksum(t) for n, t in folder.tensors().items()}


def test_list_says_what_headers_cannot_tell(folder, capsys):
    folder.write(gptq(symmetric=False), None)
    assert folder.call(folder.model, "--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == [LAYER, str(K), str(N), "gptq", str(GROUP), "?", "?", "0", "B"]
    assert lines[2].startswith("?: the config does not say")
