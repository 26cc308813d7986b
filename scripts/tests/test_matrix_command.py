# SPDX-License-Identifier: Apache-2.0
"""matrix as a user runs it: selection, findings, and what it does when cases, files and processes go wrong."""

import contextlib
import itertools
import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from provenance import without_provenance

ROOT = Path(__file__).resolve().parents[2]
BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
MATRIX = BISECT.parent / "matrix"

pytestmark = pytest.mark.skipif(not MATRIX.exists(), reason=f"{MATRIX.name} is not built")


def matrix(*arguments, **options):
    return subprocess.run([MATRIX, *map(str, arguments)], capture_output=True, text=True, timeout=600, **options)


def records_in(path):
    heading, *records = [json.loads(line) for line in path.read_text().splitlines()]
    assert heading["schema"] == "w4bisect.results/1"
    return records


def without_times(path):
    return without_provenance(records_in(path))


@pytest.fixture
def kernel(tmp_path):
    """exec:COMMAND of a kernel in Python: `body` of kernel(case), by which it answers or does not."""

    def make(body, name="kernel.py"):
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        path = tmp_path / name
        path.write_text(f"import os, sys, time\nsys.path[:0] = [{str(ROOT / 'scripts')!r}, {str(ROOT / 'docs/examples')!r}]\n"
                        f"import numpy as np\nimport numpy_kernel\nimport w4bisect\n\n\ndef kernel(case):\n{lines}\n\n"
                        f"w4bisect.serve(kernel, 'numpy')\n", encoding="utf-8")
        return f"exec:{sys.executable} {path}"

    return make


def test_smoke_passes_and_says_so():
    done = matrix("smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("pass\n") and "fail" not in done.stdout


def test_every_listed_case_is_what_bisect_takes():
    cases = matrix("ci", "--list").stdout.split()
    assert len(cases) > 400 and len(set(cases)) == len(cases)
    for case in random.Random(5).sample(cases, 6):
        done = subprocess.run([BISECT, "--case", case], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert f"\ncase         {case}\n" in done.stdout


@pytest.mark.parametrize("fault, where", [
    ("scale-perm-missing", "M > 0"),
    ("zp-perm-no-interleave", "zeros == v1"),
    ("gidx-ignored", "act == yes"),
    ("bias-missing", "bias == yes"),
    ("zp-noninteger", "zeros == sym"),
    ("zp-double-bias8", "zeros == v1 and M >= 8"),
    ("sym-consumes-qzeros", "zeros == sym"),  # the output is right all the same
    ("lock-workspace-dirty", "M > 0"),        # likewise
])
def test_a_planted_fault_turns_exactly_the_right_cases_red_with_the_right_finding(tmp_path, fault, where):
    chosen = ["smoke", "--where", "source == r"]
    red_ones = set(matrix(*chosen, "--where", where, "--list").stdout.split())
    done = matrix(*chosen, "--inject", fault, "--results", tmp_path / "r.jsonl")
    assert done.returncode == 1, done.stdout + done.stderr
    records = records_in(tmp_path / "r.jsonl")
    assert {r["case"] for r in records if r["outcome"] == "fail"} == red_ones
    assert {r["outcome"] for r in records} <= {"pass", "fail"}
    for record in records:
        if record["outcome"] == "fail":
            assert [culprit["fault"] for culprit in record["finding"]["culprits"]] == [fault], record["case"]


def test_the_rerun_command_of_a_red_case_fails_too(tmp_path):
    matrix("smoke", "--only", "M1_*_g32_sym_fp16*", "--inject", "scale-perm-missing", "--results", tmp_path / "r.jsonl")
    command = records_in(tmp_path / "r.jsonl")[0]["rerun"].split()
    assert command[0] == "./bisect"
    assert subprocess.run([BISECT, *command[1:]], capture_output=True, timeout=60).returncode == 1


@pytest.mark.parametrize("arguments, line", [
    (["smok"], "unknown set 'smok': it is one of smoke, ci, seeds, published, models, edges, w4a16, axes"),
    (["smoke", "--only", "M3_*"], "--only 'M3_*' fits none of 27 cases; --list prints them"),
    (["smoke", "--only", "M1_*", "--only", "M3_*"], "--only 'M3_*' fits none of 27 cases; --list prints them"),
    (["smoke", "--where", "M == 3"], "--where 'M == 3' holds for none of 27 cases; --list prints them"),
    (["smoke", "--where", "groups == 32"], "--where 'groups == 32': 'groups' is no axis, did you mean 'group'?"),
    (["smoke", "--where", "dtype == half"], "--axis dtype: 'half' is none of fp16, bf16"),
    (["smoke", "--where", "M = 1"], "--where 'M = 1': at 3, '=' where a comparison"),
    (["smoke", "--where", "(M == 1"], "where ')' is expected"),
    (["smoke", "--axis", "m=1"], "unknown axis 'm', did you mean 'M'?"),
    (["smoke", "--axis", "group=96"], "unknown group '96': it is one of -1, 32, 64, 128"),
    (["smoke", "--shard", "3/2"], "--shard 3/2: I/N is expected, I from 1 to N"),
    (["smoke", "--inject", "no-such"], "unknown fault 'no-such'"),
    (["smoke", "--kernel", "cud"], "--kernel cud: it is one of cpu, cuda, naive"),
    (["smoke", "--kernel", "cuda", "--inject", "bias-missing"], "they do not go with kernel cuda"),
    (["smoke", "--jobs", "0"], "--jobs"),
    (["smoke", "--juint", "x"], "unknown option '--juint'"),
])
def test_a_mistyped_selection_is_an_error_in_one_line(arguments, line):
    done = matrix(*arguments)
    assert done.returncode == 129, done.stdout
    assert done.stdout == "" and line in done.stderr and done.stderr.count("\n") == 1


def test_expressions_compare_axes_with_each_other():
    cases = matrix("edges", "--where", "N/8 == K/group and zeros == awq", "--list").stdout.split()
    assert cases == [f"M{M}_K{K}_N{N}_g32_asym_awq_fp16_r_s7" for M in (1, 16) for K, N in ((1024, 256), (2048, 512))]


def test_shards_are_disjoint_and_together_all():
    whole = matrix("ci", "--list").stdout.split()
    shards = [matrix("ci", "--shard", f"{i}/7", "--list").stdout.split() for i in range(1, 8)]
    assert sorted(sum(shards, [])) == sorted(whole)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_twenty_kills_in_a_row_lose_and_double_nothing(tmp_path):
    """Killed by SIGKILL at random moments; the same command goes on, and the end is that of a run without a kill."""
    draw = random.Random(11)
    command = ["ci", "--where", "M <= 2", "--inject", "scale-perm-missing", "--quiet"]
    assert matrix(*command, "--results", tmp_path / "whole.jsonl").returncode == 1
    killed = tmp_path / "killed.jsonl"
    seen, kills = 0, 0
    while kills < 20:
        run = subprocess.Popen([MATRIX, *command, "--results", killed], stdout=subprocess.DEVNULL)
        time.sleep(draw.uniform(0.02, 0.3))
        if run.poll() is not None:
            killed.unlink()  # done before the kill: begin anew
            seen = 0
            continue
        run.send_signal(signal.SIGKILL)
        run.wait()
        kills += 1
        lines = killed.read_bytes().count(b"\n") if killed.exists() else 0
        assert lines >= seen
        seen = lines
    done = matrix(*command, "--results", killed)
    assert done.returncode == 1, done.stderr
    assert without_times(killed) == without_times(tmp_path / "whole.jsonl")


def test_a_result_of_other_cases_is_not_overwritten(tmp_path):
    file = tmp_path / "r.jsonl"
    matrix("smoke", "--results", file)
    before = file.read_bytes()
    done = matrix("seeds", "--results", file)
    assert done.returncode == 129 and "holds a result of other cases than those asked for; --fresh" in done.stderr
    assert file.read_bytes() == before
    (tmp_path / "text").write_text("no result")
    done = matrix("seeds", "--results", tmp_path / "text")
    assert done.returncode == 129 and (tmp_path / "text").read_text() == "no result"
    assert matrix("smoke", "--only", "M1_*", "--results", file, "--fresh").returncode == 0


BAD_COMPANY = """M = case.launch["M"] if "M" in case.launch else len(case.A)
if M == 2: time.sleep(600)
if M == 3: hoard = np.ones(1 << 30); time.sleep(600)
if M == 4: os.abort()
if M == 5: os._exit(3)
if M == 6: return np.full((M, case.N if hasattr(case, "N") else 64), np.nan)
return numpy_kernel.kernel(case)"""


def test_cases_that_hang_hoard_or_crash_take_no_other_with_them(tmp_path, kernel):
    done = matrix("axes", "--axis", "M=1,2,3,4,5,6,7,8", "--axis", "shape=128x64", "--kernel", kernel(BAD_COMPANY), "--timeout", 15,
                  "--memory", 600, "--no-bisect", "--results", tmp_path / "r.jsonl")
    assert done.returncode == 1, done.stdout + done.stderr
    came = {int(r["case"][1]): (r["outcome"], r["reason"]) for r in records_in(tmp_path / "r.jsonl")}
    assert [came[M][0] for M in (1, 7, 8)] == ["pass"] * 3
    assert came[2] == ("timed-out", "hangs: not done after 15 s, ended by force")
    assert came[3][0] == "crashed" and "--memory" in came[3][1]
    assert came[4] == ("crashed", "ended by SIGABRT")
    assert came[5] == ("crashed", "ended its process with exit code 3")
    assert came[6][0] == "fail" and "NaN" in came[6][1]


def test_a_worker_that_dies_costs_its_own_case_alone(tmp_path, kernel):
    """The process that runs the cases is killed, by the kernel that it has started."""
    worker = "int(open(f'/proc/{os.getppid()}/stat').read().split()[3])"  # the parent is the guard of the kernel
    body = f"if len(case.A) == 2: os.kill({worker}, 9); time.sleep(60)\nreturn numpy_kernel.kernel(case)"
    done = matrix("axes", "--axis", "M=1,2,3,4", "--axis", "shape=128x64", "--kernel", kernel(body), "--jobs", 1, "--no-bisect",
                  "--timeout", 20, "--results", tmp_path / "r.jsonl")
    came = {int(r["case"][1]): r["outcome"] for r in records_in(tmp_path / "r.jsonl")}
    assert came == {1: "pass", 2: "crashed", 3: "pass", 4: "pass"}, done.stdout


def test_a_kernel_keeps_its_process_from_case_to_case(tmp_path, kernel):
    body = f"open({str(tmp_path / 'processes')!r}, 'a').write(f'{{os.getpid()}}\\n')\nreturn numpy_kernel.kernel(case)"
    done = matrix("axes", "--axis", "M=1,2,3,4", "--axis", "shape=128x64", "--kernel", kernel(body), "--jobs", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    runs = (tmp_path / "processes").read_text().split()
    assert len(runs) == 8 and len(set(runs)) == 1


def test_a_kernel_that_is_right_now_and_then_is_flaky_and_never_passed(tmp_path, kernel):
    body = f"count = {str(tmp_path / 'count')!r}\nopen(count, 'a').write('x')\n" \
           "C = numpy_kernel.kernel(case)\nreturn C * (2 if os.path.getsize(count) == 3 else 1)"
    done = matrix("axes", "--axis", "shape=128x64", "--kernel", kernel(body), "--repeat", 3, "--no-bisect", "--results",
                  tmp_path / "r.jsonl")
    (record,) = records_in(tmp_path / "r.jsonl")
    assert done.returncode == 1 and record["outcome"] == "flaky"
    assert record["repeated"] == {"times": 3, "failed": 1} and record["reason"].startswith("fails in 1 of 3 runs: ")


def test_a_failure_that_bisect_does_not_see_again_is_flaky(tmp_path, kernel):
    body = f"count = {str(tmp_path / 'count')!r}\nopen(count, 'a').write('x')\n" \
           "C = numpy_kernel.kernel(case)\nreturn C * (2 if os.path.getsize(count) == 1 else 1)"
    done = matrix("axes", "--axis", "shape=128x64", "--kernel", kernel(body), "--results", tmp_path / "r.jsonl")
    (record,) = records_in(tmp_path / "r.jsonl")
    assert done.returncode == 1 and record["outcome"] == "flaky"
    assert record["reason"].startswith("bisect ran it again and saw nothing wrong")


FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@contextlib.contextmanager
def jumping_clock(folder):
    """An environment in which the time of day jumps by years, back and forth, for as long as this lasts."""
    file, over = folder / "now", threading.Event()

    def jump():
        for year in itertools.cycle((2001, 2037, 2019)):
            (folder / "then").write_text(f"@{year}-02-03 04:05:06\n")
            (folder / "then").replace(file)
            if over.wait(0.01):
                return

    jumper = threading.Thread(target=jump)
    jumper.start()
    try:
        yield {**os.environ, "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1",
               "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    finally:
        over.set()
        jumper.join()


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed (Debian: faketime)")
@pytest.mark.skipif("W4_SANITIZED" in os.environ, reason="launches of a program with sanitizers do not end under libfaketime")
def test_a_clock_that_jumps_changes_no_outcome_no_time_and_no_limit(tmp_path, kernel):
    spec = kernel("if len(case.A) == 2: os.read(os.pipe()[0], 1)  # no sleep: a clock could end it\nreturn numpy_kernel.kernel(case)")
    with jumping_clock(tmp_path) as environment:
        years = {subprocess.run(["date", "+%Y"], env=environment, capture_output=True, text=True).stdout for _ in range(50)}
        assert len(years) > 1  # or nothing jumps
        begin = time.monotonic()
        done = matrix("axes", "--axis", "M=1,2,3,4", "--axis", "shape=128x64", "--kernel", spec, "--timeout", 4, "--no-bisect",
                      "--results", tmp_path / "r.jsonl", env=environment)
        took = time.monotonic() - begin
    assert done.returncode == 1, done.stdout + done.stderr
    came = {int(r["case"][1]): r for r in records_in(tmp_path / "r.jsonl")}
    assert {M: record["outcome"] for M, record in came.items()} == {1: "pass", 2: "timed-out", 3: "pass", 4: "pass"}
    assert all(0 < record["seconds"] <= took for record in came.values())
    assert came[2]["seconds"] >= 4 and took < 60


def test_a_file_that_may_not_grow_stops_no_case_and_is_said(tmp_path):
    """A full disk, as a limit on the size of files: what was written stays whole, and the same command goes on."""
    file = tmp_path / "r.jsonl"
    done = matrix("smoke", "--results", file, "--jobs", 1,
                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)))
    assert done.returncode == 129 and "cannot be written: File too large" in done.stderr
    assert done.stdout.endswith("matrix smoke 27 pass\n")
    kept = len(records_in(file))
    assert 0 < kept < 27 and file.stat().st_size <= 4000
    assert matrix("smoke", "--results", file).returncode == 0
    assert len(records_in(file)) == 27


def small_disk(folder, *command):
    """Runs a command with a disk of 64 KiB at `folder`; what is on it then is copied beside it."""
    script = 'disk=$1; shift; mount -t tmpfs -o size=64k none "$disk" && "$@"; code=$?; cp -r "$disk" "$disk.kept"; exit $code'
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode != 0:
        pytest.skip("no disk can be mounted here")
    return subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", folder, *map(str, command)], capture_output=True, text=True,
                          timeout=60)


def test_a_full_disk_stops_no_case_and_every_file_it_cost_is_said(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    done = small_disk(disk, MATRIX, "smoke", "--inject", "scale-perm-missing", "--jobs", 1, "--results", disk / "r.jsonl",
                      "--html", disk / "r.html", "--junit", disk / "r.xml")
    assert done.returncode == 129 and done.stdout.endswith("matrix smoke 27 fail\n")
    assert done.stderr.count("\n") == 1
    for name in ("r.jsonl", "r.html"):
        assert f"{disk / name}: cannot be written: No space left on device" in done.stderr
    assert 0 < len(records_in(tmp_path / "disk.kept/r.jsonl")) < 27
    assert not (tmp_path / "disk.kept/r.html").exists()


def test_what_cannot_be_run_here_is_no_pass(tmp_path):
    done = matrix("axes", "--axis", "tile=7x7", "--results", tmp_path / "r.jsonl")
    assert done.returncode == 125 and "unsupported" in done.stdout
    assert [r["outcome"] for r in records_in(tmp_path / "r.jsonl")] == ["unsupported"]
    done = matrix("axes", "--memory", "8")
    assert done.returncode == 125 and "skipped" in done.stdout and "--memory allows" in done.stdout


def test_the_result_does_not_depend_on_the_order(tmp_path):
    for jobs in (1, 2, 5):
        matrix("smoke", "--inject", "nibble-spill", "--jobs", jobs, "--results", tmp_path / f"{jobs}.jsonl")
    assert without_times(tmp_path / "1.jsonl") == without_times(tmp_path / "2.jsonl") == without_times(tmp_path / "5.jsonl")
