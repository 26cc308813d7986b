# SPDX-License-Identifier: Apache-2.0
"""Programs with too little memory, without threads, and in a folder that is gone: one line, exit 129, and no signal."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from shared_object import shared_object

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect")).parent
UP = ROOT / "fixtures/data/up"
ASKED = {
    "bisect": "b 128 --m 1 --quiet",
    "check": f"{UP} --json new.json",
    "explain": "0 3 b 128",
    "fixture": f"convert {UP} new.npz",
    "matrix": "smoke --jobs 1 --quiet",
    "repack": "model new --quiet",
    "shrink": "b 128 --m 1 --inject bias-double --budget 1 -o new",
}
MIB = 1 << 20
NO_THREADS = """
#include <errno.h>
#include <pthread.h>
int pthread_create(pthread_t* thread, const pthread_attr_t* how, void* (*start)(void*), void* with) {
  (void)thread, (void)how, (void)start, (void)with;
  return EAGAIN;
}
"""

pytestmark = pytest.mark.skipif(not (BIN / "bisect").exists(), reason="skipped: nothing is built")


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    subprocess.run([sys.executable, ROOT / "docs/examples/small_model.py", folder / "model"], check=True)
    return folder / "model"


@pytest.fixture
def folder(tmp_path, model):
    (tmp_path / "model").symlink_to(model)
    return tmp_path


def run(program, words, folder, mib=None, **environment):
    limit = None if mib is None else lambda: resource.setrlimit(resource.RLIMIT_AS, (mib * MIB, mib * MIB))
    return subprocess.run([BIN / program, *words.split()], cwd=folder, capture_output=True, text=True, timeout=120,
                          env=os.environ | {"W4_ROOT": str(ROOT)} | environment, preexec_fn=limit, check=False)


def is_one_line_or_done(done, program):
    lines = done.stderr.splitlines()
    return done.returncode == 0 or (done.returncode == 129 and len(lines) == 1 and lines[0].startswith(f"{program}: ")
                                    and "internal error" not in lines[0])


@pytest.mark.parametrize("program", ASKED)
def test_too_little_memory_is_one_line(program, folder):
    """From the least with which the program can be loaded, until it can do what it is asked for."""
    if "W4_SANITIZED" in os.environ:
        pytest.skip("a program with sanitizers takes terabytes of address space")
    least = next(mib for mib in range(16, 4096, 4) if run(program, "--help", folder, mib).returncode == 0)
    codes = set()
    for mib in range(least, least + 120, 6):
        shutil.rmtree(folder / "new", ignore_errors=True)
        (folder / "new.npz").unlink(missing_ok=True)
        done = run(program, ASKED[program], folder, mib)
        assert is_one_line_or_done(done, program), (mib, done)
        codes.add(done.returncode)
        if done.returncode == 0:
            break
    assert codes == {0, 129}


@pytest.mark.parametrize("program", ASKED)
def test_threads_that_cannot_be_made_are_one_line(program, folder, no_threads):
    done = run(program, ASKED[program], folder, LD_PRELOAD=str(no_threads))
    assert is_one_line_or_done(done, program), done


@pytest.fixture(scope="session")
def no_threads(tmp_path_factory):
    return shared_object(NO_THREADS, tmp_path_factory.mktemp("no_threads") / "no.so")


IN_NO_FOLDER = {
    "bisect": "b 128 --fixture up --json new.json",
    "bisect of a plug-in": "b 128 --m 1 --kernel plugin:k.so",
    "check": f"{UP} --json new.json",
    "explain": "0 3 b 128 --fixture up",
    "fixture": "info up",
    "fixture convert": f"convert {UP} new.npz",
    "matrix": "smoke --results new.jsonl",
    "repack": "model new",
    "shrink": "b 128 --m 1 --inject bias-double --budget 1 -o new",
}


@pytest.mark.parametrize("name", IN_NO_FOLDER)
def test_a_current_folder_that_is_gone_is_one_line(name, tmp_path):
    program, gone = name.split()[0], tmp_path / "gone"
    command = f"mkdir {gone} && cd {gone} && rmdir {gone} && exec {BIN / program} {IN_NO_FOLDER[name]}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60,
                          env=os.environ | {"W4_ROOT": str(ROOT)}, check=False)
    lines = done.stderr.splitlines()
    assert (done.returncode, len(lines)) in {(129, 1), (125, 1)}, done
    assert lines[0].startswith(f"{program}: ") and "internal error" not in lines[0]


@pytest.mark.parametrize("script, words", [
    ("quantize_layer.py", "--weight w.npy --out new --group-size 32"), ("extract_fixture.py", "MODEL 0.mlp.up_proj -o new")])
def test_the_scripts_say_it_in_one_line_too(script, words, tmp_path, model):
    gone, words = tmp_path / "gone", words.replace("MODEL", str(model))
    command = f"mkdir {gone} && cd {gone} && rmdir {gone} && exec {sys.executable} {ROOT / 'scripts' / script} {words}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 129 and len(done.stderr.splitlines()) == 1, done
