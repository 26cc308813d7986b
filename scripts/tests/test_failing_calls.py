# SPDX-License-Identifier: Apache-2.0
"""Each call of the system that may fail, failed in turn: the nth write, read, open, ... of a program. It ends well, with
everything written, or says in one line why not, and what it wrote is whole."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from shared_object import shared_object

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect")).parent
WHOLE = "W4_FULL" in os.environ    # scripts/test --full
SAMPLE = (1, 2, 4, 8, 16)    # of the calls, where not all are failed
CALLS = ("open", "read", "write", "fsync", "close", "mkdir", "rename", "mmap", "fork")
CANNOT = (125, 129)

# program, words, what it writes; {in}: what the fixture below made
RUNS = {
    "bisect": ("bisect r -1 --shape 64,64 --m 1 --json r.json --html r.html --no-color", ("r.json", "r.html")),
    "stored": ("bisect b 32 --fixture {in}/layer --json -", ()),
    "check": ("check {in}/model --quiet --json r.json", ("r.json",)),
    "matrix": ("matrix ci --axis shape=64x64 --axis M=1,2 --only M?_K64_N64_g32_sym_fp16_r_s7 --results r.jsonl --junit j.xml --markdown m.md --jobs 1", ("r.jsonl", "j.xml", "m.md")),
    "convert": ("fixture convert {in}/layer out.safetensors", ("out.safetensors",)),
    "folder": ("fixture convert {in}/layer.npz out", ("out/qweight.npy", "out/scales.npy", "out/fixture.json")),
    "hdf5": ("fixture convert {in}/layer out.h5", ("out.h5",)),
    "from_hdf5": ("fixture info {in}/layer.h5 --json", ()),
    "archive": ("fixture convert {in}/layer out.npz", ("out.npz",)),
    "repack": ("repack {in}/model out --json r.json --quiet --jobs 1", ("r.json", "out/config.json", "out/model.up.safetensors")),
    "shrink": ("shrink b 32 --fixture {in}/layer --inject scale-perm-missing --budget 1 -o out", ("out/qweight.npy", "out/fixture.json")),
}

pytestmark = pytest.mark.skipif(not (BIN / "fixture").exists(), reason="skipped: nothing is built")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return shared_object("scripts/tests/fail_nth.c", tmp_path_factory.mktemp("fail") / "fail_nth.so", "-Wall", "-Wextra", "-Werror")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    for words in ("make layer --shape 64,64 --group 32 --m 1", "convert layer layer.npz", "convert layer layer.h5", "make plain --shape 64,64 --group 32",
                  "convert plain plain.safetensors"):
        subprocess.run([BIN / "fixture", *words.split()], cwd=folder, check=True, capture_output=True)
    write_model(folder / "model", (folder / "plain.safetensors").read_bytes())
    return folder


def write_model(folder, file):
    """A model with the one layer of a .safetensors file, called model.up."""
    size = int.from_bytes(file[:8], "little")
    header = {f"model.up.{name}": entry for name, entry in json.loads(file[8:8 + size]).items() if name != "__metadata__"}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + file[8 + size:])
    config = {"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": True, "desc_act": False}
    (folder / "config.json").write_text(json.dumps({"quantization_config": config}))


def is_whole(path):
    """Whether a reader takes the file."""
    if path.suffix == ".json":
        return isinstance(json.loads(path.read_text()), dict)
    if path.suffix == ".jsonl":
        return len([json.loads(line) for line in path.read_text().splitlines()]) == 3
    if path.suffix in (".npz", ".npy"):
        return np.load(path) is not None
    if path.suffix in (".safetensors", ".h5"):
        return subprocess.run([BIN / "fixture", "info", path], capture_output=True).returncode == 0
    begin, end = {".md": ("### matrix ci: ", "\n"), ".xml": ("<?xml", "</testsuites>\n"), ".html": ("<!DOCTYPE html>", "</html>\n")}[path.suffix]
    return path.read_text().startswith(begin) and path.read_text().endswith(end)


def run(words, folder, environment):
    program, *rest = words.split()
    return subprocess.run([BIN / program, *rest], cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=60)


def findings(report):
    return json.loads(report.read_text()).get("layers", []) if report.exists() else []


def complaint(done, outputs, folder):
    """What is wrong with how a program ended; empty: nothing."""
    lines = done.stderr.splitlines()
    if done.returncode == 1 and any(layer["finding"] == "cannot be read" for layer in findings(folder / "r.json")):
        return ""    # check: a layer that cannot be read is its finding
    if done.returncode not in (0, *CANNOT):
        return f"exit {done.returncode}"
    if len(lines) > 1 or any(word in done.stderr for word in ("internal error", "Traceback", "terminate")):
        return "not one line"
    if done.returncode != 0 and len(lines) != 1 and not (done.stdout and done.returncode in CANNOT):
        return "nothing said"
    if left := [path.name for path in folder.rglob(".*")]:
        return f"left behind: {left}"
    missing = [name for name in outputs if not (folder / name).exists()]
    if done.returncode == 0 and missing:
        return f"exit 0 without {missing}"
    broken = [name for name in outputs if (folder / name).exists() and not name.endswith(".jsonl") and not is_whole(folder / name)]
    return f"half written: {broken}" if broken else ""


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", RUNS)
def test_a_call_that_fails_is_said_in_one_line(name, call, library, made, tmp_path):
    words, outputs = RUNS[name]
    words = words.replace("{in}", str(made))
    wrong = []
    for nth in range(1, 2000) if WHOLE else SAMPLE:
        folder = tmp_path / str(nth)
        folder.mkdir()
        mark = tmp_path / f"{nth}.failed"
        done = run(words, folder, {"LD_PRELOAD": str(library), "W4_FAIL_CALL": call, "W4_FAIL_NTH": str(nth), "W4_FAIL_MARK": str(mark)})
        if said := complaint(done, outputs, folder):
            wrong.append(f"{call} {nth}: {said}: exit {done.returncode}: {done.stderr}{done.stdout[-300:]}")
        if not mark.exists():
            assert done.returncode == 0, done.stderr    # nothing failed
            break
    assert not wrong, "\n".join(wrong)
