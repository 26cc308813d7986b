# SPDX-License-Identifier: Apache-2.0
"""A program that is killed before its nth call of the system, by each signal: what it wrote is whole or absent, nothing but
SIGKILL leaves a temporary file, and the same command, run again, ends well and writes what it writes undisturbed."""

import json
import os
import shutil
import signal

import pytest
from provenance import without_provenance
from test_failing_calls import BIN, CANNOT, RUNS, is_whole, library, made, run  # noqa: F401 (fixtures)

WHOLE = "W4_FULL" in os.environ    # scripts/test --full
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
CALLS = ("write", "fsync", "rename")    # a kill shows where something is written
WRITES = {name: (words, outputs) for name, (words, outputs) in RUNS.items() if outputs}
SAMPLE = {"bisect": 2, "matrix": 5, "convert": 1, "folder": 2, "repack": 2, "archive": 1}    # before which call of each kind

pytestmark = pytest.mark.skipif(not (BIN / "fixture").exists(), reason="skipped: nothing is built")


def content(path):
    """What two runs of the same command have in common."""
    if path.suffix in (".json", ".jsonl"):
        text = path.read_text().replace('"kept"', '"repacked"')    # a layer that was whole already
        lines = text.splitlines() if path.suffix == ".jsonl" else [text]
        return [without_provenance(json.loads(line)) for line in lines]
    return path.read_bytes() if path.suffix in (".npy", ".npz", ".safetensors") else is_whole(path)


def contents(outputs, folder):
    return {name: content(folder / name) for name in outputs}


def killed(words, folder, how, call, nth, library):  # noqa: F811
    mark = folder.with_suffix(".mark")
    environment = {"LD_PRELOAD": str(library), "W4_FAIL_CALL": call, "W4_FAIL_NTH": str(nth), "W4_FAIL_MARK": str(mark),
                   "W4_FAIL_SIGNAL": str(int(how))}
    return run(words, folder, environment), mark.exists()


def complaint(done, how, outputs, folder):
    """What is wrong with how a killed program ended; empty: nothing."""
    if done.returncode not in (0, 1, -how, *CANNOT):    # not -how: a child had the signal, or shrink keeps its best so far
        return f"exit {done.returncode}"
    if any(word in done.stderr for word in ("internal error", "Traceback", "terminate", "Sanitizer")):
        return "an internal error"
    if how != signal.SIGKILL and (left := [path.name for path in folder.rglob(".*")]):
        return f"left behind: {left}"
    broken = [name for name in outputs if (folder / name).exists() and not name.endswith(".jsonl") and not is_whole(folder / name)]
    return f"half written: {broken}" if broken else ""


def rerun_complaint(words, outputs, folder, undisturbed):
    for name in outputs:    # fixture and shrink do not overwrite: what is there is whole and may go
        if not words.startswith(("matrix", "repack")):
            (folder / name).unlink(missing_ok=True)
    if words.startswith(("fixture", "shrink")):
        shutil.rmtree(folder / "out", ignore_errors=True)
    again = run(words, folder, {})
    if again.returncode != 0:
        return f"run again: exit {again.returncode}: {again.stderr}"
    return "" if contents(outputs, folder) == undisturbed else "run again: other results"


@pytest.mark.parametrize("how", SIGNALS, ids=lambda how: how.name)
@pytest.mark.parametrize("name", WRITES)
def test_a_kill_loses_nothing(name, how, library, made, tmp_path):  # noqa: F811
    if not WHOLE and name not in SAMPLE:
        pytest.skip("skipped: scripts/test --full kills this one too")
    words, outputs = WRITES[name]
    words = words.replace("{in}", str(made))
    (tmp_path / "undisturbed").mkdir()
    assert run(words, tmp_path / "undisturbed", {}).returncode == 0
    undisturbed = contents(outputs, tmp_path / "undisturbed")
    wrong, ended = [], []
    for call in CALLS:
        for nth in range(1, 2000) if WHOLE else [SAMPLE[name]]:
            folder = tmp_path / f"{call}{nth}"
            folder.mkdir()
            done, met = killed(words, folder, how, call, nth, library)
            ended.append(done.returncode)
            said = complaint(done, how, outputs, folder) or rerun_complaint(words, outputs, folder, undisturbed)
            if said:
                wrong.append(f"{how.name} before {call} {nth}: {said}: exit {done.returncode}: {done.stderr}")
            if not met:
                break
    assert not wrong, "\n".join(wrong)
    assert -how in ended or name == "shrink"    # which keeps its best so far
