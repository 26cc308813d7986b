# SPDX-License-Identifier: Apache-2.0
"""Plug-ins and libraries to preload, built by the tests that use them."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def shared_object(source, out, *flags):
    """Compiles `source`, a path below the repository or a C text, to the file `out` and returns that. Without a C
    compiler the test is skipped."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    if "\n" in str(source):
        text, source = source, Path(out).with_suffix(".c")
        source.write_text(text, encoding="utf-8")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-I", ROOT, *flags, ROOT / source, "-o", out, "-ldl"], check=True)
    return Path(out)
