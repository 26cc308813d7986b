# SPDX-License-Identifier: Apache-2.0
"""A result of many cases, for looking at its reports: real findings of planted faults, each in its own place, between
cases that are made up. The same number of cases is always the same file."""

import json
import random
import re
import subprocess
import tempfile
from pathlib import Path

# The fault that is planted, and the case in which it shows.
PLANTED = [
    ("scale-perm-missing", "r 128 --shape 512,512"),
    ("perm1024-partial:no-interleave", "r 128 --shape 512,512 --m 1"),
    ("scale-perm-single-vs-grouped", "r -1 --shape 512,512 --m 33"),
    ("l2-hint-illegal", "b 128 --m 16"),
    ("zp-v1v2-offset", "b 128 --fixture {data}/up_asym_act --m 64"),
    ("perm-a-missing", "b 128 --fixture {data}/up_asym_act"),
]
OTHERS = [
    ("unsupported", "K=96 is not a multiple of 128: the kernel's block_tile does not take it"),
    ("skipped", "no CUDA device"),
    ("crashed", "ended by SIGSEGV; <b>what it said</b> & </script> stand in its log"),
    ("timed-out", "not done after 120 s, ended by force"),
]


def detail_of(page):
    """{finding, pictures} of the first case of a page."""
    found = re.search(r'<script type="application/json" id="detail-0">(.*?)</script>', page, re.DOTALL)
    return json.loads(found.group(1)) if found else None


def found_by(bisect, fault, command, data):
    """The record of one planted fault, as the matrix would write it."""
    arguments = command.format(data=data).split()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "finding.html"
        done = subprocess.run([bisect, *arguments, "--inject", fault, "--html", page], capture_output=True, text=True,
                              check=False, timeout=300)
        if done.returncode != 1:
            raise RuntimeError(f"{fault}: exit {done.returncode}: {done.stderr}")
        detail = detail_of(page.read_text())
    finding = detail["finding"]
    return {"case": finding["case"], "outcome": "fail", "reason": finding["reason"], "seconds": finding["seconds"],
            "error": finding["error"], **detail, "rerun": finding["rerun"]}


def made_up(index, chance):
    shape = chance.choice([(512, 512), (2048, 11008), (4096, 4096), (14336, 4096), (4096, 12288)])
    case = (f"M{chance.choice([1, 8, 16, 17, 33, 64])}_K{shape[0]}_N{shape[1]}_g{chance.choice([32, 64, 128])}_"
            f"{chance.choice(['sym', 'asym_v1', 'asym_v2'])}_{chance.choice(['fp16', 'bf16'])}_"
            f"{chance.choice('rwsb')}_s{index}")
    record = {"case": case, "outcome": "pass", "reason": "", "seconds": round(chance.uniform(0.001, 0.09), 4),
              "error": {"max_z": chance.uniform(2.5, 5), "rms_z": 0.87, "nrmse": 2.4e-4, "gain": 1.0},
              "rerun": f"./bisect --case {case}"}
    if chance.random() < 0.06:
        outcome, reason = chance.choice(OTHERS)
        record.update(outcome=outcome, reason=reason)
        del record["error"]
    elif chance.random() < 0.01:
        record.update(outcome="flaky", reason="1 of 5 launches wrong", repeated={"times": 5, "failed": 1})
    return record


def results(bisect, data, cases, failing):
    """Lines of a result file: `cases` records, of which `failing` have a real finding and its pictures."""
    chance = random.Random(6)
    found = [found_by(bisect, fault, command, data) for fault, command in PLANTED]
    records = [made_up(i, chance) for i in range(cases)]
    for number, place in enumerate(sorted(chance.sample(range(cases), failing))):
        record = dict(found[number % len(found)])
        if number >= len(found):
            record["case"] = f"{record['case']}_again{number}"
        records[place] = record
    heading = {"schema": 1, "set": "ci", "selection": [], "cases": cases, "shard": [1, 1]}
    return [json.dumps(line) for line in [heading, *records]]
