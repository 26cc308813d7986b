# SPDX-License-Identifier: Apache-2.0
"""Reports on a terminal of 80 columns: wrapped and not cut, in the theme's own colours where they are wanted."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
REPORTS = {"bisect": ("b", "128", "--inject", "scale-perm-missing"), "check": ("fixtures/data/up",),
           "explain": ("0", "3", "b", "128"), "fixture": ("lint", "fixtures/data/up")}

pytestmark = pytest.mark.skipif(not BISECT.exists(), reason=f"{BISECT.name} is not built")


def on_terminal(program, *words, columns=80, **environment):
    """What the program prints on a terminal, with its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    running = subprocess.Popen([BISECT.with_name(program), *words], stdout=theirs, stderr=subprocess.DEVNULL, cwd=ROOT,
                               env=kept | {"TERM": "xterm", "W4_ROOT": str(ROOT)} | environment)
    os.close(theirs)
    pieces = []
    try:
        while piece := os.read(ours, 65536):
            pieces.append(piece)
    except OSError:  # how a terminal says that nobody writes to it any more
        pass
    os.close(ours)
    running.wait(timeout=60)
    return b"".join(pieces).decode().replace("\r\n", "\n")


@pytest.mark.parametrize("program", REPORTS)
def test_no_line_is_wider_than_the_terminal(program):
    text = on_terminal(program, *REPORTS[program])
    assert len(text.splitlines()) > 0
    assert [line for line in COLOUR.sub("", text).splitlines() if len(line) > 80] == []


def test_nothing_is_lost_by_wrapping():
    wide, narrow = (COLOUR.sub("", on_terminal("bisect", *REPORTS["bisect"], columns=columns)) for columns in (2000, 80))

    def words(text):
        return [word for word in text.split() if word != "\\" and not re.fullmatch(r"\d+\.\d\d", word)]  # but for the time
    assert words(wide) == words(narrow)
    assert max(map(len, wide.splitlines())) > 200


def test_colours_are_the_themes_sixteen_and_go_where_they_are_not_wanted():
    text = on_terminal("bisect", *REPORTS["bisect"])
    codes = {int(code) for found in COLOUR.findall(text) for code in found[2:-1].split(";") if code}
    assert codes and codes <= {0, 1, *range(30, 38), *range(90, 98)}
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in on_terminal("bisect", *REPORTS["bisect"], **environment)
    assert "\x1b" not in on_terminal("bisect", *REPORTS["bisect"], "--no-color")
