# SPDX-License-Identifier: Apache-2.0
"""docs/examples/github_actions.yml: linters accept it, and its commands do what it says."""

import json
import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / "docs/examples/github_actions.yml"
MATRIX = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect")).with_name("matrix")
TEXT = WORKFLOW.read_text(encoding="utf-8")
CONFIG = 'rules:\n  unpinned-uses:\n    config:\n      policies:\n        "actions/*": ref-pin\n'  # by major version


def program(name):
    """Of build/venv, where scripts/setup put it, or of the system."""
    found = shutil.which(name, path=f"{ROOT / 'build/venv/bin'}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def commands():
    """What the workflow's steps run: their names and scripts."""
    steps = re.findall(r"- name: (.+)\n(?:(?! +- ).*\n)*? +run: (?:\|\n((?: {10,}.*\n?)+)|(.+))", TEXT)
    return {name: textwrap.dedent(block) or line for name, block, line in steps}


def shell(script, folder, **environment):
    """As GitHub runs a step: bash -e, in the folder of the checkout."""
    return subprocess.run(["bash", "-e", "-c", script], cwd=folder, capture_output=True, text=True, timeout=600, check=False,
                          stdin=subprocess.DEVNULL, env={**os.environ, **environment})


@pytest.fixture(name="audit")
def fixture_audit(tmp_path):
    """What zizmor says of a workflow's text: its schema, its expressions, and what could be misused."""
    zizmor = program("zizmor")
    (tmp_path / "zizmor.yml").write_text(CONFIG)

    def run(text):
        (tmp_path / "workflow.yml").write_text(text)
        return subprocess.run(
            [zizmor, "--offline", "--no-progress", "--strict-collection", "--config", tmp_path / "zizmor.yml",
             tmp_path / "workflow.yml"], capture_output=True, text=True, timeout=60, check=False)

    return run


def test_zizmor_accepts_the_workflow(audit):
    done = audit(TEXT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("right, wrong", [
    ("    runs-on:", "    run-on:"), ("    steps:", "    stps:"), ("        run: cat", "        rn: cat"),
    ('--shard "$SHARD/4"', '--shard "${{ github.head_ref }}/4"'), ("actions/checkout@v6", "somebody/checkout@v6"),
    ("permissions:\n  contents: read", "permissions: write-all")])
def test_zizmor_refuses_a_mistake_in_it(audit, right, wrong):
    assert right in TEXT
    assert audit(TEXT.replace(right, wrong)).returncode != 0


def test_actionlint_accepts_the_workflow():
    done = subprocess.run([program("actionlint"), "-no-color", WORKFLOW], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 0, done.stdout


def test_actions_are_pinned_by_major_version():
    used = re.findall(r"uses: (\S+)", TEXT)
    assert len(used) >= 4 and all(re.fullmatch(r"actions/[\w-]+@v\d+", each) for each in used), used


def test_shellcheck_accepts_every_step():
    checker = program("shellcheck")
    assert {"Run the shard", "Join the shards and hold them against the baseline", "Annotations"} <= set(commands())
    for name, script in commands().items():
        done = subprocess.run([checker, "--shell=bash", "-"], input=script, capture_output=True, text=True, timeout=60,
                              check=False)
        assert done.returncode == 0, f"{name}: {done.stdout}"


def test_annotations_are_one_error_for_each_red_case_that_is_not_known_with_its_rerun_command(tmp_path):
    program("jq")
    records = [
        {"schema": 1, "set": "ci", "selection": [], "cases": 4, "shard": [1, 1]},
        {"case": "M1_K128_N64_g128_sym_fp16_r_s7", "outcome": "pass", "reason": "", "seconds": 0, "rerun": "./bisect a"},
        {"case": "M2_K128_N64_g128_sym_fp16_r_s7@plugin:a,b.so", "outcome": "fail", "seconds": 0, "rerun": "./bisect b",
         "reason": "100% of outputs: wrong"},
        {"case": "M3_K128_N64_g128_sym_fp16_r_s7", "outcome": "skipped", "reason": "no GPU", "seconds": 0, "rerun": "x"},
        {"case": "M4_K128_N64_g128_sym_fp16_r_s7", "outcome": "timed-out", "reason": "after 9 s", "seconds": 9,
         "rerun": "./bisect d"},
        {"case": "M5_K128_N64_g128_sym_fp16_r_s7", "outcome": "fail", "reason": "x", "seconds": 0, "rerun": "./bisect e"},
        {"case": "M6_K128_N64_g128_sym_fp16_r_s7", "outcome": "fail", "reason": "late", "seconds": 0, "rerun": "./bisect f"},
        {"case": "M7_K128_N64_g128_sym_fp16_r_s7", "outcome": "crashed", "reason": "was wrong", "seconds": 0, "rerun": "./bisect g"},
        {"case": "M8_K128_N64_g128_sym_fp16_r_s7", "outcome": "fail", "reason": "was flaky", "seconds": 0, "rerun": "./bisect h"},
    ]
    baseline = [records[0], {**records[5], "known": {"reason": "issue 12", "expires": "2999-12-31"}},
                {**records[6], "known": {"reason": "issue 13", "expires": "2001-12-31"}},
                {**records[7], "outcome": "fail", "known": {"reason": "issue 14", "expires": "2999-12-31"}},
                {**records[8], "outcome": "flaky", "known": {"reason": "issue 15", "expires": "2999-12-31"}}]
    (tmp_path / "baseline.json").write_text("".join(json.dumps(record) + "\n" for record in baseline))
    (tmp_path / "result.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    done = shell(commands()["Annotations"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "::error title=fail%3A M2_K128_N64_g128_sym_fp16_r_s7@plugin%3Aa%2Cb.so::100%25 of outputs: wrong%0A./bisect b",
        "::error title=timed-out%3A M4_K128_N64_g128_sym_fp16_r_s7::after 9 s%0A./bisect d",
        "::error title=fail%3A M6_K128_N64_g128_sym_fp16_r_s7::late%0A./bisect f",
        "::error title=crashed%3A M7_K128_N64_g128_sym_fp16_r_s7::was wrong%0A./bisect g",
    ]


@pytest.mark.parametrize("code, accepted", [(0, True), (1, True), (125, False), (129, False), (137, False)])
def test_a_shard_with_red_cases_goes_on_to_the_report_and_one_without_a_result_does_not(tmp_path, code, accepted):
    launcher = tmp_path / "w4bisect/bisect"
    launcher.parent.mkdir()
    launcher.write_text(f"#!/bin/sh\necho \"$*\" >called\nexit {code}\n")
    launcher.chmod(0o755)
    done = shell(commands()["Run the shard"], tmp_path, SET="ci", KERNEL="plugin:./a b.so", SHARD="2")
    assert (done.returncode == 0) == accepted
    called = (tmp_path / "called").read_text().strip()
    assert called == "matrix ci --kernel plugin:./a b.so --shard 2/4 --results shard-2.jsonl"


@pytest.mark.skipif(not MATRIX.exists(), reason="matrix is not built")
def test_the_steps_end_to_end_with_a_sound_kernel(tmp_path):
    """Four shards of a small set, joined, against the baseline that they themselves make, with every report."""
    launcher = tmp_path / "w4bisect/bisect"
    launcher.parent.mkdir()
    launcher.write_text(f"#!/bin/sh\nshift\nexec '{MATRIX}' \"$@\"\n")
    launcher.chmod(0o755)
    subprocess.run([program("cc"), "-O2", "-shared", "-fPIC", "-I", ROOT, ROOT / "docs/examples/plugin_host.c",
                    "-o", tmp_path / "libmine.so"], check=True)
    (tmp_path / "shards").mkdir()
    steps = commands()
    for shard in "1234":
        done = shell(steps["Run the shard"], tmp_path, SET="smoke", KERNEL="plugin:./libmine.so", SHARD=shard)
        assert done.returncode == 0, done.stdout + done.stderr
        (tmp_path / f"shard-{shard}.jsonl").rename(tmp_path / f"shards/shard-{shard}.jsonl")
    made = shell("w4bisect/bisect matrix merge all.jsonl shards/*.jsonl && "
                 "w4bisect/bisect matrix baseline all.jsonl baseline.json", tmp_path)
    assert made.returncode == 0, made.stdout + made.stderr
    done = shell(steps["Join the shards and hold them against the baseline"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all((tmp_path / f"{name}").stat().st_size > 0 for name in ("result.xml", "summary.md", "result.html"))
    assert shell(steps["Annotations"], tmp_path).stdout == ""
    assert shell(steps["Summary"], tmp_path, GITHUB_STEP_SUMMARY=str(tmp_path / "step")).returncode == 0
    assert (tmp_path / "step").read_text() == (tmp_path / "summary.md").read_text()
