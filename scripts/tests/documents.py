# SPDX-License-Identifier: Apache-2.0
"""The commands in README.md, CONTRIBUTING.md and docs/: runs them, compares what they print, or writes it into the page.

A ```console block holds commands, each after "$ " (lines after "> " belong to it), and under each the lines it prints on
stdout and stderr. The commands of one page run in order, in a scratch folder that looks like the repository. A comment on
the line before the block says what is special about it:

    <!-- part of the output -->   the lines shown are consecutive lines of the output; where none are shown, the command
                                  only has to end with 0, 1 or 125
    <!-- not run: WHY -->         the block needs a GPU, the network, or the like: it is counted as skipped
    <!-- slow: WHY -->            run by --write, and by the tests where W4_SLOW is set; else counted as skipped

    scripts/tests/documents.py --write [PAGE...]    runs the commands again and writes what they print in place
"""

import difflib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BISECT = Path(os.environ.get("W4_BISECT", ROOT / "build/release/bin/bisect"))
PAGES = [page for page in ("README.md", "CONTRIBUTING.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*.md")))
         if (ROOT / page).is_file()]
PART = "part of the output"
NOT_RUN = "not run: "
SLOW = "slow: "
NOT_FOUND = (126, 127)  # exit statuses of a shell

# What differs from run to run and from machine to machine: seconds, speeds, and the number of cores in a help text.
VARYING = [(re.compile(r"(?m)^(time +)\d+\.\d+ s$"), r"\1? s"),
           (re.compile(r"(?m)^(read .* GB in ).*$"), r"\1?"),
           (re.compile(r"(?m)^(  --jobs INT:POSITIVE=)\d+ *"), r"\1? ")]

LAUNCHER = """#!/bin/sh
# Starts the programs as ./bisect does, and builds nothing.
program=bisect
case ${1-} in check | explain | fixture | matrix | repack | shrink) program=$1 && shift ;; esac
exec "build/release/bin/$program" "$@"
"""


def steady(text):
    for varying, same in VARYING:
        text = varying.sub(same, text)
    return text


class Step:
    """One command, what the page shows of its output, and the lines of the page that this takes (from 0, end excluded)."""

    def __init__(self, command, begin):
        self.command, self.begin, self.end, self.shown = command, begin, begin, []


class Block:
    """A console block: `line` (from 1) is that of its first command, `mark` the comment before it or nothing."""

    def __init__(self, page, line, mark, steps):
        self.page, self.mark, self.steps = page, mark, steps
        self.name = f"{page}:{line}"

    def why_not(self, slow):
        """Why it cannot be run; empty when it can. `slow`: whether there is time."""
        if self.mark.startswith(NOT_RUN) or (self.mark.startswith(SLOW) and not slow):
            return self.mark.partition(": ")[2]
        for program in re.findall(r"(?m)^build/release/bin/(\w+)", "\n".join(step.command for step in self.steps)):
            if not (BISECT.parent / program).exists():
                return f"{program} is not built"
        return ""


def steps_in(lines, first):
    assert lines and lines[0].startswith("$ "), f"line {first + 1}: a console block begins with a command"
    steps = []
    for number, line in enumerate(lines, first):
        if line.startswith("$ "):
            steps.append(Step(line[2:], number + 1))
        elif line.startswith("> ") and not steps[-1].shown:
            steps[-1].command += "\n" + line[2:]
            steps[-1].begin = number + 1
        else:
            steps[-1].shown.append(line)
        steps[-1].end = number + 1
    return steps


def fences(page):
    """(language, comment before it, number of the first line inside from 0, lines inside) of each fenced block."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    found, opened = [], None
    for number, line in enumerate(lines):
        if opened is None and line.startswith("```"):
            comment = re.fullmatch(r"<!-- (.*) -->", lines[number - 1]) if number else None
            opened = (line[3:], comment[1] if comment else "", number + 1)
        elif opened is not None and line == "```":
            found.append((*opened, lines[opened[2]:number]))
            opened = None
    assert opened is None, f"{page}: a fenced block does not end"
    return found


def blocks_of(page):
    return [Block(page, first + 1, mark, steps_in(lines, first))
            for language, mark, first, lines in fences(page) if language == "console"]


class Session:
    """The scratch folder of one page, and the outputs of the blocks run in it so far."""

    def __init__(self, page, slow):
        self.blocks = [block for block in blocks_of(page) if not block.why_not(slow)]
        self.ran = {}
        self.folder = tempfile.TemporaryDirectory(prefix="documents-")
        root = Path(self.folder.name)
        for name in ("docs", "fixtures", "kernel", "scripts"):
            (root / name).symlink_to(ROOT / name)
        (root / "build/release").mkdir(parents=True)
        (root / "build/release/bin").symlink_to(BISECT.parent)
        (root / "bisect").write_text(LAUNCHER, encoding="utf-8")
        (root / "bisect").chmod(0o755)

    def run(self, command):
        """(exit status, stdout and stderr) of a shell command."""
        environment = {**os.environ, "W4_ROOT": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", "-c", command], cwd=self.folder.name, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        return done.returncode, done.stdout

    def answers(self, block):
        """What the commands of a block answer; the blocks before it on the page are run first, for they make its files."""
        for each in self.blocks:
            if each.name not in self.ran:
                self.ran[each.name] = [self.run(step.command) for step in each.steps]
            if each.name == block.name:
                return self.ran[each.name]
        raise KeyError(block.name)


def is_shown(step, output, part):
    """Whether the page shows the output, or lines of it that follow one another."""
    if not part:
        return steady("\n".join(step.shown)) == steady(output.rstrip("\n"))
    return not step.shown or "\n" + steady("\n".join(step.shown)) + "\n" in "\n" + steady(output)


def nearest_part(shown, output):
    """As many consecutive lines of the output, those most like what the page shows now."""
    lines = output.splitlines()
    count = min(len(shown), len(lines))
    old = "\n".join(shown)
    return max((lines[i:i + count] for i in range(len(lines) - count + 1)),
               key=lambda new: difflib.SequenceMatcher(None, old, "\n".join(new), autojunk=False).ratio())


def write(page):
    """Puts what the commands print now into the page; seconds alone change nothing."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    session = Session(page, slow=True)
    changed = 0
    for block in reversed(session.blocks):  # from the end, so that line numbers stay true
        part = block.mark == PART
        for step, (status, output) in reversed(list(zip(block.steps, session.answers(block), strict=True))):
            if status in NOT_FOUND:
                sys.exit(f"{page}:{step.begin}: {step.command} ends with {status}: {output}")
            if is_shown(step, output, part):
                continue
            lines[step.begin:step.end] = nearest_part(step.shown, output) if part else output.rstrip("\n").splitlines()
            print(f"{page}:{step.begin}: {step.command}{' (a part: look at it)' if part else ''}")
            changed += 1
    if changed:
        (ROOT / page).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return changed


def main(arguments):
    if arguments[:1] != ["--write"]:
        sys.exit(__doc__)
    if not BISECT.exists():
        sys.exit(f"{BISECT} is not built")
    changed = sum(write(page) for page in arguments[1:] or PAGES)
    print(f"{changed} outputs written")


if __name__ == "__main__":
    main(sys.argv[1:])
