# SPDX-License-Identifier: Apache-2.0
"""Names, paths and messages that steer a terminal, forge a line or are no UTF-8, in every program that shows them."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from shared_object import shared_object

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect")).parent
sys.path.insert(0, str(ROOT / "scripts"))

from w4text import shown  # noqa: E402

pytestmark = pytest.mark.skipif(not (BIN / "fixture").exists(), reason="skipped: nothing is built")

NASTY = {"escape": b"a\x1b[31mb\x1b]0;c\x07", "line": b"a\nerror: forged", "return": b"a\rb", "c1": "a\u009b2Jb".encode(),
         "bidi": "a\u202eb\u2028c".encode(), "bytes": b"a\xffb\x80"}
FORBIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
CASE = "M1_K64_N64_g32_sym_fp16_r_s7"

each_text = pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
each_name = pytest.mark.parametrize("name", [text.decode() for name, text in NASTY.items() if name != "bytes"],
                                    ids=[name for name in NASTY if name != "bytes"])


def checked(text):
    """What a program wrote, if a terminal may show it."""
    decoded = text.decode()
    assert not FORBIDDEN.search(decoded), decoded
    assert not [line for line in decoded.splitlines() if line.startswith("error: forged")], decoded
    return decoded


def run(program, *words, code=0):
    done = subprocess.run([BIN / program, *words], capture_output=True, timeout=60, env=os.environ | {"W4_ROOT": str(ROOT)})
    out, err = checked(done.stdout), checked(done.stderr)
    assert done.returncode == code, out + err
    return out if code in (0, 1) else err


@pytest.fixture
def layer(tmp_path, text):
    """A small layer in a folder of that name."""
    path = os.fsencode(tmp_path) + b"/" + text
    run("fixture", "make", path, "--shape", "64,64", "--group", "32", "--m", "1")
    return path


@each_text
def test_the_fixture_tool_shows_paths_and_names(layer, text):
    escaped = shown(os.fsdecode(text))
    run("fixture", "verify", layer)
    os.unlink(layer + b"/fixture.json")    # the layer is then called as its folder
    assert f"layer        {escaped}\n" in run("fixture", "info", layer)
    assert f"layer    {escaped}:" in run("fixture", "lint", layer)
    assert run("fixture", "diff", layer, layer).startswith(f"A            {shown(os.fsdecode(layer))}: ")
    for words in (("info", layer), ("lint", layer), ("diff", layer, layer)):
        json.loads(run("fixture", *words, "--json"))
    assert f"written      {shown(os.fsdecode(layer))}.npz: " in run("fixture", "convert", layer, layer + b".npz")
    err = run("fixture", "info", layer + b"/none", code=129)
    assert err == f"fixture: {shown(os.fsdecode(layer))}/none: no such file or folder\n"


@each_text
def test_progress_on_a_terminal_shows_the_path(layer):
    ours, theirs = pty.openpty()
    subprocess.run([BIN / "fixture", "info", layer], stdout=subprocess.DEVNULL, stderr=theirs, timeout=60, check=True)
    os.close(theirs)
    said = checked(os.read(ours, 1 << 16).replace(b"\r\n", b"\n"))
    os.close(ours)
    assert said == f"fixture: reading {shown(os.fsdecode(layer))}\n"


@each_text
def test_bisect_shows_the_fixture_and_a_command_that_repeats_it(layer, text):
    out = run("bisect", "b", "32", "--fixture", layer, "--no-color")
    assert f"fixture      {shown(os.fsdecode(layer))}\n" in out
    again = subprocess.run(["bash", "-c", out.splitlines()[-1].replace("./bisect", str(BIN / "bisect"), 1)],
                           capture_output=True, timeout=60)
    assert again.returncode == 0
    assert again.stdout.splitlines()[1] == out.encode().splitlines()[1]
    report = json.loads(run("bisect", "b", "32", "--fixture", layer, "--json", "-"))
    assert report["fixture"] in (os.fsdecode(layer), shown(os.fsdecode(layer)))
    assert (report["fixture"] == os.fsdecode(layer)) == (b"\xff" not in text)
    page = layer + b".html"
    run("bisect", "b", "32", "--fixture", layer, "--toggles")
    run("bisect", "b", "32", "--fixture", layer, "--html", page)
    assert "<html" in Path(os.fsdecode(page)).read_text(encoding="utf-8")


@each_text
def test_explain_and_shrink_show_the_fixture(layer, text):
    escaped = shown(os.fsdecode(layer))
    words = ("b", "32", "--fixture", layer)
    assert f"fixture      {escaped}\n" in run("explain", "0", "0", *words)
    json.loads(run("explain", "0", "0", *words, "--json", "-"))
    fault = ("--inject", "scale-perm-missing", "--budget", "2")
    assert f"fixture      {escaped}.s, read" in run("shrink", *words, *fault, "-o", layer + b".s")


@each_text
@pytest.mark.parametrize("words", [("--no-such",), ("--fixture",), ("--case",), ("--kernel",), ("--inject",), ("--layer",)],
                         ids=lambda words: words[0])
def test_a_word_of_the_command_line_that_is_refused_is_one_line(text, words):
    values = [text] if words != ("--no-such",) else []
    option = os.fsencode(words[0]) + (b"" if values else text)
    err = run("bisect", "r", "32", option, *values, code=129)
    assert err.startswith("bisect: ") and err.count("\n") == 1
    assert shown(os.fsdecode(text)) in err


def test_the_name_of_a_plugin_is_shown(tmp_path):
    name = b"".join(NASTY.values())
    literal = '"' + "".join(f"\\{byte:03o}" for byte in name) + '"'
    source = (ROOT / "docs/examples/plugin_host.c").read_text().replace('"dequantise on the host"', literal)
    assert literal in source
    shared_object(source, tmp_path / "named.so")
    words = ("r", "32", "--shape", "64,64", "--m", "1", "--kernel", f"plugin:{tmp_path}/named.so")
    assert shown(os.fsdecode(name)) in run("bisect", *words, "--no-color")
    json.loads(run("bisect", *words, "--json", "-"))


@each_text
def test_what_a_command_says_of_itself_is_shown(tmp_path, text):
    message = shown(os.fsdecode(text)) if b"\xff" in text else os.fsdecode(text)
    answer = json.dumps({"done": True, "return_code": 3, "message": message, "exception": ""})
    kernel = tmp_path / "kernel"
    kernel.write_text(f"#!/bin/sh\nread line\ncat <<'END'\n{answer}\nEND\n")
    kernel.chmod(0o755)
    words = ("r", "32", "--shape", "64,64", "--m", "1", "--kernel", f"exec:{kernel}", "--seconds", "1")
    assert shown(os.fsdecode(text)) in run("bisect", *words, "--no-color", code=1)
    json.loads(run("bisect", *words, "--json", "-", code=1))


def test_a_temporary_folder_that_is_no_utf_8_is_refused_for_commands(tmp_path, monkeypatch):
    folder = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(folder)
    monkeypatch.setenv("TMPDIR", os.fsdecode(folder))
    err = run("bisect", "r", "32", "--shape", "64,64", "--m", "1", "--kernel", "exec:true", code=129)
    assert err.startswith(f"bisect: {tmp_path}/\\xff/") and "set TMPDIR" in err and os.listdir(folder) == []


@each_name
def test_a_models_layers_are_shown_and_keep_their_names(tmp_path, name):
    pytest.importorskip("safetensors", reason="safetensors is not installed: scripts/setup extract")
    from model_folders import gptq_config, gptq_layer, model_files, named, write_model
    good = named(name, gptq_layer(1).tensors())
    bad = named(name + "2", gptq_layer(2).tensors())
    del bad[name + "2.scales"]
    model = write_model(tmp_path / "model", model_files(good | bad, gptq_config()))
    run("fixture", "lint", model, "--quiet", code=1)
    layers = [line["layer"] for line in json.loads(run("fixture", "lint", model, "--json", "--quiet", code=1))["layers"]]
    assert layers == [name, name + "2"]
    out = subprocess.run([BIN / "repack", model, tmp_path / "out", "--quiet"], capture_output=True, timeout=60)
    assert out.returncode in (125, 129) and shown(name) + "2" in checked(out.stdout) + checked(out.stderr)
    report = json.loads(checked(subprocess.run([BIN / "repack", model, tmp_path / "out", "--quiet", "--json", "-"],
                                               capture_output=True, timeout=60).stdout))
    assert [line["layer"] for line in report["layers"]] == [name, name + "2"]
    out = run("check", model, "--quiet", "--no-color", code=1)
    assert f"first {shown(name)}\n" in out or f" {shown(name)}2: " in out
    report = json.loads(run("check", model, "--quiet", "--json", "-", code=1))
    assert [line["layer"] for line in report["layers"]] == [name, name + "2"]
    written = tmp_path / "out/model.safetensors.index.json"  # a file of that name would be refused by the reader of models
    assert not written.exists() or json.loads(written.read_bytes())["weight_map"] == {}


@each_name
def test_results_keep_their_cases_and_every_report_is_sound(tmp_path, name):
    culprit = {"stage": name, "fault": name, "evidence": [name], "cure": name, "rerun": name}
    heading = {"schema": 1, "set": name, "selection": [], "cases": 2, "shard": [1, 1]}
    record = {"case": f"{CASE}@exec:{name}", "outcome": "fail", "reason": name, "seconds": 0.25,
              "finding": {"culprits": [culprit]}, "rerun": name}
    other = record | {"case": CASE, "outcome": "skipped"}
    results = tmp_path / "r.jsonl"
    results.write_text("".join(json.dumps(line) + "\n" for line in (heading, record, other)))
    junit, markdown, page, merged = (tmp_path / each for each in ("j.xml", "m.md", "p.html", "merged.jsonl"))
    run("matrix", "report", results, "--junit", junit, "--markdown", markdown, "--html", page, code=1)
    case = ElementTree.parse(junit).find("testsuite/testcase")
    assert case.get("name") == f"{CASE}@exec:{shown(name)}"
    assert case.find("failure").text.count("\n") == 6
    checked(junit.read_bytes())
    checked(markdown.read_bytes())
    checked(page.read_bytes())
    run("matrix", "merge", merged, results, code=1)
    assert [json.loads(line).get("case") for line in merged.read_text().splitlines()[1:]] == [record["case"], CASE]


def test_a_case_that_is_no_utf_8_is_refused_where_results_are_kept(tmp_path):
    err = run("matrix", "ci", "--kernel", b"exec:\xff", "--results", tmp_path / "r.jsonl", code=129)
    assert err == "matrix: --axis kernel: 'exec:\\xff' is not UTF-8, and a result's cases are\n"


@each_text
def test_the_same_in_python(tmp_path, text):
    path = os.fsencode(tmp_path) + b"/" + text
    for script, words in (("quantize_layer.py", ["--weight", path, "--out", path]), ("quantize_layer.py", [text]),
                          ("extract_fixture.py", [path + b".safetensors", "--list"]), ("extract_fixture.py", [path, b"-" + text])):
        done = subprocess.run([sys.executable, ROOT / "scripts" / script, *words], capture_output=True, timeout=60)
        err = checked(done.stdout + done.stderr)
        assert done.returncode == 129 and err.count("\n") == 1, err
