# SPDX-License-Identifier: Apache-2.0
"""Where and with what a report was made: the same facts in each kind of report, and nothing else differs between two runs."""

import json
import os
import re
import shutil
import socket
import subprocess
from xml.etree import ElementTree
from pathlib import Path

import pytest
from provenance import without_provenance

ROOT = Path(__file__).resolve().parents[2]
BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
SMALL = ("axes", "--axis", "M=1,2", "--axis", "shape=64x64", "--axis", "group=32", "--quiet")
DATE = "2001-09-09T01:46:40Z"

pytestmark = pytest.mark.skipif(not BISECT.exists(), reason=f"{BISECT.name} is not built")


def run(program, *words, epoch="1000000000", expected=0):
    done = subprocess.run([BISECT.with_name(program), *map(str, words)], capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, "SOURCE_DATE_EPOCH": epoch})
    assert done.returncode == expected, done.stdout + done.stderr
    return done


def assert_complete(made):
    assert made["version"] and made["date"] == DATE
    assert re.fullmatch(r"[0-9a-f]{12,}( changed)?|unknown", made["commit"])
    assert re.fullmatch(r"(GNU|Clang) [\d.]+", made["compiler"])
    assert made["host"] == socket.gethostname()
    assert re.fullmatch("[0-9a-f]{16}", made["program"])
    assert "gpu" not in made and "driver" not in made


def test_bisect_check_and_explain_say_it():
    bisect = json.loads(run("bisect", "b", 128, "--json", "-").stdout)["made"]
    check = json.loads(run("check", ROOT / "fixtures/data/up", "--json", "-").stdout)["made"]
    explain = json.loads(run("explain", 0, 0, "b", 128, "--json", "-").stdout)["made"]
    for made in bisect, check, explain:
        assert_complete(made)
    assert re.fullmatch("[0-9a-f]{16}", bisect["fixture"]) and bisect["fixture"] == explain["fixture"]


def test_two_reports_of_one_run_differ_in_times_and_in_where_they_were_made():
    now, then = (json.loads(run("bisect", "b", 128, "--json", "-", epoch=epoch).stdout) for epoch in ("1000000000", "1"))
    assert now["made"]["date"] == DATE and then["made"]["date"] == "1970-01-01T00:00:01Z"
    assert now != then and without_provenance(now) == without_provenance(then)


@pytest.mark.parametrize("epoch", ["", "soon", "-1", "1e9", "999999999999999"])
def test_a_date_that_is_none_is_bad_input(epoch):
    assert run("bisect", "b", 128, epoch=epoch, expected=129).stderr == (
        f"bisect: SOURCE_DATE_EPOCH is '{epoch}', expected the seconds since 1970\n")


def test_every_report_of_the_matrix_says_it(tmp_path):
    results, junit, page, summary = (tmp_path / name for name in ("r.jsonl", "r.xml", "r.html", "r.md"))
    run("matrix", *SMALL, "--results", results, "--junit", junit, "--html", page, "--markdown", summary)
    heading, first, _ = map(json.loads, results.read_text().splitlines())
    made = {**heading["made"], **first["made_with"]}
    assert_complete(made)
    suite = ElementTree.parse(junit).getroot()[0]
    assert {each.get("name"): each.get("value") for each in suite.find("properties")} == made
    data = json.loads(re.search('id="data">(.*?)</script>', page.read_text())[1])
    assert data["made"] == made
    line = summary.read_text().splitlines()[-1]
    assert line.startswith(f"<sub>Made with w4bisect {made['version']} (") and line.endswith(f"{DATE}.</sub>")


def test_a_run_that_goes_on_has_the_later_date_and_one_with_nothing_to_do_keeps_its_own(tmp_path):
    results = tmp_path / "r.jsonl"
    run("matrix", *SMALL, "--results", results)
    before = results.read_bytes()
    run("matrix", *SMALL, "--results", results, epoch="2000000000")
    assert results.read_bytes() == before
    lines = before.splitlines(keepends=True)
    for kept in (b"".join(lines[:2]), lines[0][:-9], lines[0][:40]):  # a case is missing; its heading was cut short
        results.write_bytes(kept)
        run("matrix", *SMALL, "--results", results, epoch="2000000000")
        heading, *records = map(json.loads, results.read_text().splitlines())
        assert heading["made"]["date"] == "2033-05-18T03:33:20Z" and len(records) == 2


def test_a_result_of_an_older_program_is_read_and_says_nothing(tmp_path):
    results, junit, summary = (tmp_path / name for name in ("r.jsonl", "r.xml", "r.md"))
    run("matrix", *SMALL, "--results", results)
    results.write_text("".join(json.dumps(without_provenance(json.loads(line)) | {"seconds": 1}) + "\n"
                               for line in results.read_text().splitlines()))
    run("matrix", "report", results, "--junit", junit, "--markdown", summary)
    assert "<property" not in junit.read_text() and "Made with" not in summary.read_text()


def written_commit(sources, out):
    subprocess.run(["cmake", f"-DOUT={out}", f"-DSOURCE={sources}", "-P", ROOT / "scripts/commit.cmake"], check=True, timeout=60)
    return re.search('return "(.*)";', out.read_text())[1]


@pytest.mark.skipif(shutil.which("git") is None or shutil.which("cmake") is None, reason="git or cmake is not installed")
def test_a_build_writes_its_commit_anew_only_where_it_changed(tmp_path):
    def git(*words):
        subprocess.run(["git", "-C", tmp_path / "sources", "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True,
                       capture_output=True, timeout=60)

    sources, out = tmp_path / "sources", tmp_path / "commit.cpp"
    sources.mkdir()
    subprocess.run(["git", "init", "-q", tmp_path], check=True, timeout=60)  # of the folder above: not that of the sources
    assert written_commit(sources, out) == "unknown"
    git("init", "-q")
    (sources / "a").write_text("a")
    git("add", "a")
    git("commit", "-qm", "a")
    commit = written_commit(sources, out)
    assert re.fullmatch("[0-9a-f]{12}", commit)
    os.utime(out, (1, 1))
    assert written_commit(sources, out) == commit and out.stat().st_mtime == 1
    (sources / "a").write_text("b")
    assert written_commit(sources, out) == commit + " changed"
