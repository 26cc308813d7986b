#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The faults that are planted on a GPU and what bisect says of each, as the table of docs/gpu_faults.md.

    scripts/gpu_fault_table.py [--bin build/release/bin] [--column docs/gpu_column.tsv]

Runs bisect once a fault, on a machine with a GPU and a build that has the tests; --column puts what was named, and with
how many launches, into the column of docs/catalogue_proof.md. Exit 0: every fault was named."""
import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r'\{"([^"]+)", "([^"]+)", "([^"]+)",\s*"([^"]+)"\}')  # of kPlantedOnGpu: file, fault, stage, command


def planted():
    return ROW.findall((ROOT / "cases/tests/kernel/cuda/planted.h").read_text())


def ask(binaries, file, command):
    words = [binaries / "bisect", *command.split(), "--kernel", f"plugin:{binaries}/planted/{file}.so", "--json", "-"]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    if not run.stdout:
        sys.exit(f"{file}: {run.stderr.strip()}")
    return run.returncode, json.loads(run.stdout)


def shortened(evidence):
    line = re.sub(r"marlin_kernel<.*> was", "marlin_kernel was", evidence)
    return line.replace("|", "\\|")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin")
    parser.add_argument("--column", type=Path)
    arguments = parser.parse_args()
    binaries = arguments.bin
    print("| planted | asked | exit | named | launches | first evidence |\n|---|---|---|---|---|---|")
    missed = 0
    column = {}
    for file, fault, stage, command in planted():
        code, report = ask(binaries, file, command)
        culprits = report["culprits"] or [{"fault": "nothing", "stage": "", "evidence": [""]}]
        named = ", ".join(f"{culprit['fault']} in {culprit['stage']}" for culprit in culprits)
        missed += named != f"{fault} in {stage}" or code != 1
        if named == f"{fault} in {stage}":
            column[fault] = f"in a kernel of its own, {report['runs']} launches (docs/gpu_faults.md)"
        evidence = shortened("; ".join(culprits[0]["evidence"][:2]))
        print(f"| {file} | `{command}` | {code} | {named} | {report['runs']} | {evidence} |", flush=True)
    if arguments.column:
        rows = dict(line.split("\t", 1) for line in arguments.column.read_text().splitlines())
        rows.update(column)
        arguments.column.write_text("".join(f"{fault}\t{said}\n" for fault, said in sorted(rows.items())))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
