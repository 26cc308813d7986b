# SPDX-License-Identifier: Apache-2.0
"""Somebody's kernel on the command line: the worked examples of docs/examples, the Python helper, and how failures show."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from shared_object import shared_object

ROOT = Path(__file__).resolve().parents[2]
BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
FIXTURES = ROOT / "fixtures/data"
NUMPY_KERNEL = f"exec:{sys.executable} {ROOT / 'docs/examples/numpy_kernel.py'}"

pytestmark = pytest.mark.skipif(not BISECT.exists(), reason=f"{BISECT.name} is not built")


@pytest.fixture
def bisect(tmp_path):
    """Runs bisect with a temporary folder of its own, which must be empty afterwards."""
    folder = tmp_path / "temporary"
    folder.mkdir()

    def run(*arguments):
        done = subprocess.run([BISECT, *map(str, arguments)], capture_output=True, text=True, timeout=300,
                              env={**os.environ, "TMPDIR": str(folder)})
        assert list(folder.iterdir()) == []
        return done

    return run


@pytest.fixture
def command(tmp_path):
    """Makes a kernel of the body of `def kernel(case)`."""

    def make(body, arrays="numpy"):
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        path = tmp_path / "kernel.py"
        path.write_text(
            f"import sys\nsys.path[:0] = [{str(ROOT / 'scripts')!r}, {str(ROOT / 'docs/examples')!r}]\n"
            f"import numpy as np\nimport numpy_kernel\nimport w4bisect\n\n\ndef kernel(case):\n{lines}\n\n"
            f"w4bisect.serve(kernel, {arrays!r})\n", encoding="utf-8")
        return f"exec:{sys.executable} {path}"

    return make


@pytest.fixture(scope="session")
def plugin(tmp_path_factory):
    """The C example, built with the line that stands in it."""
    library = tmp_path_factory.mktemp("plugin") / "libplugin_host.so"
    return f"plugin:{shared_object('docs/examples/plugin_host.c', library, '-O2', '-Wall', '-Wextra', '-Werror')}"


# --- the examples ------------------------------------------------------------------------------------------------------


def test_the_c_example_is_a_match_and_ends_with_its_command(bisect, plugin):
    done = bisect("b", 128, "--m", 3, "--kernel", plugin)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "dequantise on the host" in done.stdout
    assert done.stdout.splitlines()[-1] == f"./bisect b 128 --kernel {plugin} --m 3"


@pytest.mark.parametrize("fixture", ["up", "down", "up_asym_act"])
@pytest.mark.parametrize("group", [-1, 32, 64, 128])
@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_the_numpy_example_is_a_match(bisect, fixture, group, dtype):
    done = bisect("b", group, "--m", 3, "--dtype", dtype, "--fixture", FIXTURES / fixture, "--kernel", NUMPY_KERNEL)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_report_in_json_names_the_kernel_as_it_was_given(bisect, plugin):
    report = json.loads(bisect("b", 128, "--m", 2, "--kernel", plugin, "--json", "-").stdout)
    assert report["kernel"] == plugin and report["verdict"] == "match"
    assert {line["verdict"] for line in report["stages"]} == {"ok"}


# --- the helper --------------------------------------------------------------------------------------------------------


def test_a_function_that_fills_c_in_place_is_a_kernel(bisect, command):
    done = bisect("b", 128, "--m", 2, "--kernel", command("case.C[...] = numpy_kernel.kernel(case)"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_a_function_prints_does_not_get_into_the_report(bisect, command):
    done = bisect("b", 128, "--m", 2, "--kernel", command("print('hello')\nreturn numpy_kernel.kernel(case)"))
    assert done.returncode == 0
    assert "hello" not in done.stdout and done.stderr.count("hello") == 2


def test_a_process_is_kept_from_launch_to_launch(bisect, command):
    body = "case.seen = getattr(w4bisect, 'seen', 0) + 1\nw4bisect.seen = case.seen\nprint('launch', case.seen)\n"
    done = bisect("b", 128, "--m", 2, "--repeat", 3, "--kernel", command(body + "return numpy_kernel.kernel(case)"))
    assert done.stderr.split() == ["launch", "1", "launch", "2", "launch", "3"]


def test_a_case_has_the_layer_as_its_checkpoint_stores_it(bisect, command):
    body = ("words = case.layer['qweight'].view(np.uint32)\n"
            "codes = (words[:, None, :] >> (4 * np.arange(8, dtype=np.uint32))[None, :, None] & 15)\n"
            "weights = codes.reshape(case.K, case.N) - 8.0\n"
            "weights *= np.repeat(case.layer['scales'].astype(np.float64), case.group_size, axis=0)\n"
            "return case.A.astype(np.float64) @ weights + case.layer['bias']")
    done = bisect("b", 128, "--m", 2, "--kernel", command(body))
    assert done.returncode == 0, done.stdout + done.stderr


def test_torch_arrays_come_on_request(bisect, command):
    pytest.importorskip("torch")
    body = "import torch\nassert case.A.dtype == torch.bfloat16\nreturn case.A.float() @ torch.zeros(case.K, case.N)"
    done = bisect("b", 128, "--m", 2, "--dtype", "bf16", "--kernel", command(body, arrays="torch"))
    assert done.returncode == 1 and "return code" not in done.stdout


def test_a_case_folder_can_be_run_by_hand(bisect, tmp_path, command):
    kept = tmp_path / "kept"
    spec = command("import os, shutil\n"  # of the first launch alone: probes have other inputs and another fill
                   f"if not os.path.exists({str(kept)!r}): shutil.copytree(case.folder, {str(kept)!r})\nreturn 0")
    bisect("b", 128, "--m", 2, "--kernel", spec)
    assert np.isnan(np.load(kept / "C.npy")).all()
    words = NUMPY_KERNEL.removeprefix("exec:").split()
    subprocess.run([*words, kept], stdin=subprocess.DEVNULL, check=True)
    assert np.isfinite(np.load(kept / "C.npy")).all()


# --- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body, lines", [
    ("return 2", ["return code 2", "culprit      unexplained in stage launch"]),
    ("raise ValueError('no such\\ntile')", ["culprit      ValueError in stage launch",
                                           "verdict      mismatch: ValueError: no such tile"]),
    ("import os; os.abort()", ["ended by SIGABRT"]),
    ("import os; os.kill(os.getpid(), 11)", ["ended by SIGSEGV"]),
    ("import os; os._exit(3)", ["ended its process with exit code 3"]),
    ("import time; time.sleep(60)", ["hangs: not done after 1 s, ended by force"]),
    ("return None", ["256 of 256 outputs keep the fill: never written, not zero"]),
    ("case.C[0] = 0", ["128 of 256 outputs keep the fill: never written, not zero"]),
    ("return np.zeros((3, 5))", ["the command's answer cannot be read: shape (3, 5), expected fp16 (2, 128)"]),
    ("return 2 ** 32", ["answer cannot be read: return_code is 4294967296, expected an integer of 32 bits"]),
    ("return np.full((2, 128), np.nan)", ["256 of 256 outputs are NaN that the kernel wrote"]),
    ("return numpy_kernel.kernel(case) - case.as_float(case.bias)", ["culprit      bias-missing in stage epilogue"]),
    ("numpy_kernel.natural = lambda values, one_group: values\nreturn numpy_kernel.kernel(case)",
     ["culprit      scale-perm-missing in stage scale_order",
      "the packed tensors are right in every bit: the kernel reads them as if they had been made with this fault"]),
    ("return numpy_kernel.kernel(case) * (1 + 0.1 * case.launch['number'])", ["2 launches of the same task differ"]),
])
def test_each_way_to_fail_has_its_own_lines_and_exit_1(bisect, command, body, lines):
    limit = ["--timeout", 1] if "sleep" in body else []
    done = bisect("--case", "M2_K256_N128_g128_sym_bias_fp16_r_s7", *limit, "--kernel", command(body))
    assert done.returncode == 1, done.stdout + done.stderr
    assert [line for line in lines if line not in done.stdout] == [], done.stdout


def test_an_answer_that_cannot_be_read_is_an_outcome_of_its_own_everywhere(bisect, command, tmp_path):
    kernel, page = command("return np.zeros((3, 5))"), tmp_path / "page.html"
    why = "the command's answer cannot be read: shape (3, 5), expected fp16 (2, 128)"
    case = ["--case", "M2_K256_N128_g128_sym_fp16_r_s7", "--kernel", kernel]
    done = bisect(*case, "--json", "-", "--html", page)
    report = json.loads(done.stdout)
    assert (done.returncode, report["verdict"], report["reason"], report["culprits"]) == (1, "unreadable", why, [])
    assert why in page.read_text(encoding="utf-8")

    def program(name, *arguments):
        return subprocess.run([BISECT.with_name(name), *map(str, arguments)], capture_output=True, text=True, timeout=300)

    junit, markdown, results = tmp_path / "r.xml", tmp_path / "r.md", tmp_path / "r.jsonl"
    done = program("matrix", "axes", "--axis", "M=2", "--axis", "shape=256x128", "--kernel", kernel, "--junit", junit,
                   "--markdown", markdown, "--results", results)
    record = json.loads(results.read_text().splitlines()[1])
    assert (done.returncode, record["outcome"], record["reason"]) == (1, "unreadable", why), done.stdout + done.stderr
    assert record["finding"]["verdict"] == "unreadable"
    assert 'type="unreadable"' in junit.read_text() and "<error " in junit.read_text()
    assert "unreadable" in markdown.read_text()
    known = ["--known", "*", "--reason", "issue 7", "--expires", "9999-12-31"]
    assert program("matrix", "baseline", results, tmp_path / "b.json", *known).returncode == 0
    assert '"outcome":"unreadable"' in (tmp_path / "b.json").read_text()
    done = program("shrink", *case, "-o", tmp_path / "smaller")
    assert done.returncode == 125 and why in done.stderr and not (tmp_path / "smaller").exists()


@pytest.mark.parametrize("arguments, code, line", [
    (["--kernel", "plugin:no/such.so"], 125, "no/such.so: there is no such file"),
    (["--kernel", f"plugin:{ROOT / 'LICENSE'}"], 129, "cannot be loaded"),
    (["--kernel", "exec:no_such_command_at_all"], 125, "cannot start (exit code 127)"),
    (["--kernel", f"exec:{sys.executable} no_such_script.py"], 125, "can't open file"),
    (["--kernel", f"exec:{sys.executable} -c 'import no_such_module'"], 125, "No module named 'no_such_module'"),
    (["--kernel", "exec:exit 125;"], 125, "does not take this case (code 125)"),
    (["--kernel", "exec:"], 129, "it is one of"),
    (["--kernel", "exec:true", "--inject", "bias-missing"], 129, "--inject"),
    (["--kernel", "exec:true", "--packed", "x.npz"], 129, "--packed"),
])
def test_a_kernel_that_cannot_be_run_gets_one_line(bisect, arguments, code, line):
    done = bisect("b", 128, "--m", 2, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout == ""
    assert line in done.stderr.splitlines()[-1] and done.stderr.splitlines()[-1].startswith("bisect: ")


@pytest.mark.parametrize("case", [
    "M4_K512_N512_g128_sym_fp16_r_s7",  # a large scale comes to small codes: more is rounded off than in a right output
    "M17_K256_N256_g32_sym_fp16_r_s7",  # its sums are of doubles: what the lane model rounds, it does not
    "M16_K1024_N512_g-1_sym_fp16_r_s7_tile64x256_sms10_reduce16",  # nor does it hand over sums in 16 bits, as it may
])
def test_a_kernel_that_rounds_otherwise_is_accused_of_its_own_fault_alone(bisect, tmp_path, case):
    library = shared_object("docs/examples/matrix_project/my_kernel.c", tmp_path / "libnatural.so", "-O2", "-DNATURAL_SCALES")
    done = bisect("--case", case, "--kernel", f"plugin:{library}")
    culprits = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("culprit")]
    assert culprits == ["scale-perm-missing"], done.stdout + done.stderr
