# SPDX-License-Identifier: Apache-2.0
"""What the programs write as JSON is what docs/schemas/ describes, in each kind of report: an undocumented field fails."""

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from shared_object import shared_object

jsonschema = pytest.importorskip("jsonschema")
referencing = pytest.importorskip("referencing")

ROOT = Path(__file__).resolve().parents[2]
BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
SCHEMAS = {path.name.partition(".")[0]: json.loads(path.read_text()) for path in ROOT.glob("docs/schemas/*.schema.json")}
REGISTRY = referencing.Registry().with_resources(
    (schema["$id"], referencing.Resource.from_contents(schema)) for schema in SCHEMAS.values())
SMALL = ("--case", "M4_K128_N128_g32_sym_fp16_r_s7")

pytestmark = pytest.mark.skipif(not BISECT.exists(), reason=f"{BISECT.name} is not built")


def complaints(name, value):
    validator = jsonschema.Draft202012Validator(SCHEMAS[name], registry=REGISTRY)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def run(program, *words, cwd=None, expected=(0, 1)):
    done = subprocess.run([BISECT.with_name(program), *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode in expected, done.stdout + done.stderr
    return done


def json_of(program, *words, **more):
    return json.loads(run(program, *words, "--json", "-", **more).stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Kernels: right, wrong.so, flaky.py (right at times), torn.py (no answer)."""
    path = tmp_path_factory.mktemp("schemas")
    shared_object("docs/examples/matrix_project/my_kernel.c", path / "wrong.so", "-DNATURAL_SCALES")
    head = f"import sys\nsys.path[:0] = [{str(ROOT / 'scripts')!r}, {str(ROOT / 'docs/examples')!r}]\nimport numpy_kernel, w4bisect\n"
    (path / "flaky.py").write_text(head + "calls = []\ndef kernel(case):\n    calls.append(case)\n    out = numpy_kernel.kernel(case)\n"
                                   "    return out * (1 + len(calls) % 2)\nw4bisect.serve(kernel)\n")
    (path / "torn.py").write_text("import pathlib, sys\npathlib.Path(sys.argv[1], 'C.npy').write_bytes(b'torn')\n")
    return path


def test_every_schema_is_one_and_closes_every_object():
    assert SCHEMAS.keys() == {"report", "results", "comparison", "check", "explain"}

    def open_objects(value, where):
        if isinstance(value, list):
            return [found for i, each in enumerate(value) for found in open_objects(each, f"{where}[{i}]")]
        if not isinstance(value, dict):
            return []
        is_open = value.get("type") == "object" and value.get("additionalProperties") is not False
        return [where] * is_open + [found for key, each in value.items() for found in open_objects(each, f"{where}.{key}")]

    for name, schema in SCHEMAS.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert open_objects(schema, name) == []


REPORTS = {
    "a match": (("b", 128), set()),
    "two faults": (("b", 128, "--inject", "tile-order-swap,bias-double"), {"culprits", "audit"}),
    "a black box": (("r", 32, *SMALL, "--inject", "scale-perm-missing", "--black-box"), {"probes", "runs"}),
    "a sweep": (("r", 32, *SMALL, "--inject", "scale-perm-missing", "--sweep", "--sweep-budget", 20), {"condition"}),
    "a plug-in": (("r", 32, *SMALL, "--kernel", "plugin:wrong.so"), {"culprits", "repeats"}),
    "a right command": (("r", 32, *SMALL, "--kernel", f"exec:{sys.executable} {ROOT / 'docs/examples/numpy_kernel.py'}"), {"rounding"}),
    "a flaky command": (("r", 32, *SMALL, "--seconds", 1, "--kernel", f"exec:{sys.executable} flaky.py"), {"repeats"}),
    "no answer": (("r", 32, *SMALL, "--kernel", f"exec:{sys.executable} torn.py"), set()),
    "what cannot be tested": (("b", 128, "--inject", "gidx-ignored"), {"reason"}),
}


@pytest.mark.parametrize("name", REPORTS)
def test_reports_of_bisect(folder, name):
    words, present = REPORTS[name]
    report = json_of("bisect", *words, cwd=folder, expected=(0, 1, 125))
    assert complaints("report", report) == []
    assert all(report.get(field) for field in present)


def test_a_layer_that_looks_wrong(tmp_path):
    layer = tmp_path / "layer"
    shutil.copytree(ROOT / "fixtures/data/up", layer)
    manifest = json.loads((layer / "fixture.json").read_text())
    del manifest["checksums"]
    (layer / "fixture.json").write_text(json.dumps(manifest))
    np.save(layer / "scales.npy", np.load(layer / "scales.npy") * np.float16(0))
    report = json_of("bisect", "b", 128, "--fixture", layer)
    assert complaints("report", report) == [] and report["layer"]["looks_wrong"]
    found = json_of("check", layer)
    assert complaints("check", found) == [] and found["layers"][0]["lint"]


def lines_in(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_results_of_the_matrix_and_comparisons_of_them(folder, tmp_path):
    small = ("axes", "--axis", "M=1,2", "--axis", "shape=128x128", "--axis", "group=32", "--axis", "dtype=fp16,bf16", "--quiet")
    run("matrix", *small, "--kernel", "plugin:wrong.so", "--results", tmp_path / "a.jsonl", cwd=folder)
    run("matrix", *small, "--repeat", 2, "--results", tmp_path / "b.jsonl", cwd=folder)
    run("matrix", *small, "--only", "M1*fp16*", "--kernel", f"exec:{sys.executable} torn.py", "--results", tmp_path / "c.jsonl",
        cwd=folder)
    run("matrix", "baseline", tmp_path / "a.jsonl", tmp_path / "d.jsonl", "--known", "*", "--reason", "r", "--expires", "2100-01-01")
    fields = set()
    for each in "abcd":
        for line in lines_in(tmp_path / f"{each}.jsonl"):
            assert complaints("results", line) == []
            fields |= line.keys()
    described = SCHEMAS["results"]["$defs"]
    assert fields == described["heading"]["properties"].keys() | described["record"]["properties"].keys() - {"rounding"}
    for a, b in ("ab", "ba", "ac"):
        compared = json_of("matrix", "compare", tmp_path / f"{a}.jsonl", tmp_path / f"{b}.jsonl")
        assert complaints("comparison", compared) == []


def test_findings_of_check(folder):
    for words in ((), ("--kernel", "plugin:wrong.so")):
        found = json_of("check", ROOT / "fixtures/data/up", *words, cwd=folder)
        assert complaints("check", found) == []
        assert ("report" in found) == bool(words)


def test_traces_of_explain(folder):
    wrong = ("b", 128, "--inject", "tile-order-swap")
    for words in ((0, 3, "b", 128), (0, 3, *wrong), ("--weight", 5, 3, *wrong), (0, 1, "r", 32, *SMALL, "--kernel", "plugin:wrong.so")):
        assert complaints("explain", json_of("explain", *words, cwd=folder)) == []


def places(value):
    """Every object inside a value, itself included."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from places(each)


def test_a_field_that_is_not_described_fails_wherever_it_stands(folder):
    report = json_of("bisect", "r", 32, *SMALL, "--kernel", "plugin:wrong.so", cwd=folder)
    assert len(list(places(report))) > 20
    for i in range(len(list(places(report)))):
        changed = copy.deepcopy(report)
        list(places(changed))[i]["new"] = 1
        assert complaints("report", changed) != []
