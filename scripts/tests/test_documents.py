# SPDX-License-Identifier: Apache-2.0
"""README.md, CONTRIBUTING.md and docs/: commands print what the pages show, and what the pages name is there."""

import functools
import os
import re

import documents
import pytest
from documents import BISECT, NOT_RUN, PAGES, PART, ROOT, SLOW

README_LINES = 150
THERE_IS_TIME = "W4_SLOW" in os.environ
TEXTS = [*PAGES, "CHANGELOG.md"]
BLOCKS = [block for page in PAGES for block in documents.blocks_of(page)]
FOLDERS = ("cases/", "kernel/", "repack/", "fixtures/", "scripts/", "docs/", ".ci/")
COMMAND = re.compile(r"^(\./bisect|build/release/bin/|scripts/|\$ )")
# A program by its name alone, a placeholder (FILE, MODE, M N), a hub, a GPU: no command to be run here.
TEMPLATE = re.compile(r"^\./bisect \w+$|[A-Z]{2}|\bhf:|\b[MKN] [MKN]\b|--kernel (cuda|naive)")

built = pytest.mark.skipif(not BISECT.exists(), reason=f"{BISECT.name} is not built")


@functools.cache
def session(page):
    return documents.Session(page, slow=THERE_IS_TIME)


def text(page):
    return (ROOT / page).read_text(encoding="utf-8")


def prose(page):
    """The page without its fenced blocks."""
    return re.sub(r"(?ms)^```.*?^```$", "", text(page))


def inline(page):
    return re.findall(r"`([^`\n]+)`", prose(page))


@built
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_commands_print_what_the_page_shows(block):
    assert block.mark in ("", PART) or block.mark.startswith((NOT_RUN, SLOW)), f"{block.name}: unknown mark '{block.mark}'"
    if reason := block.why_not(slow=THERE_IS_TIME):
        pytest.skip(reason)
    for step, (status, output) in zip(block.steps, session(block.page).answers(block), strict=True):
        where = f"{block.page}:{step.begin}: $ {step.command}\n{output}"
        assert documents.is_shown(step, output, block.mark == PART), where
        if not step.shown:
            assert status in (0, 1, 125), f"ended with {status}: {where}"


def step(*shown):
    made = documents.Step("command", 1)
    made.shown = list(shown)
    return made


def test_a_word_that_differs_is_noticed_and_seconds_are_not():
    output = "verdict      match\ntime         0.06 s\n./bisect b 128\n"
    same = ("verdict      match", "time         1.27 s", "./bisect b 128")
    assert documents.is_shown(step(*same), output, part=False)
    assert not documents.is_shown(step("verdict      mismatch", *same[1:]), output, part=False)
    assert not documents.is_shown(step(*same[:2]), output, part=False)


def test_a_part_is_whole_lines_that_follow_one_another():
    output = "one\ntwo\nthree\n"
    assert documents.is_shown(step("two", "three"), output, part=True)
    assert not documents.is_shown(step("one", "three"), output, part=True)
    assert not documents.is_shown(step("thr"), output, part=True)
    assert documents.nearest_part(["two, reworded", "three"], output) == ["two", "three"]


def test_lines_of_one_command_and_lines_that_it_prints_are_told_apart():
    first, second = documents.steps_in(["$ for i in 1 2; do", "> echo $i; done", "1", "2", "$ true"], 10)
    assert (first.command, first.shown, first.begin, first.end) == ("for i in 1 2; do\necho $i; done", ["1", "2"], 12, 14)
    assert (second.command, second.shown, second.begin, second.end) == ("true", [], 15, 15)


@built
@pytest.mark.parametrize("page", PAGES)
def test_commands_inside_sentences_are_understood(page):
    commands = sorted({span for span in inline(page) if span.startswith("./bisect ") and not TEMPLATE.search(span)})
    ran = session(page)
    if ran.blocks:  # they make files that sentences speak of
        ran.answers(ran.blocks[-1])
    for command in commands:
        status, output = ran.run(command)
        assert status in (0, 1, 125), f"{page}: `{command}` ends with {status}: {output}"


def test_only_console_blocks_hold_commands():
    wrong = [f"{page}:{first + 1}" for page in PAGES for language, _, first, lines in documents.fences(page)
             if language != "console" and any(map(COMMAND.match, lines))]
    assert not wrong


def test_readme_fits_two_screens():
    assert len(text("README.md").splitlines()) <= README_LINES


def is_path(span):
    return re.fullmatch(r"[\w./*-]+", span) is not None and (span.startswith(FOLDERS) or span.endswith(".md"))


@pytest.mark.parametrize("page", TEXTS)
def test_files_that_a_page_names_are_there(page):
    def there(span):
        return any(any(root.glob(span.rstrip("/"))) for root in (ROOT, (ROOT / page).parent))

    assert sorted({span for span in inline(page) if is_path(span) and not there(span)}) == []


def anchors(page):
    """The names by which headings are linked: as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            for title in re.findall(r"(?m)^#+ (.+)$", prose(page))}


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_somewhere(page):
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        aim = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        if not aim.exists() or (anchor and anchor not in anchors(aim.relative_to(ROOT))):
            wrong.append(target)
    assert not wrong


def cited(pattern):
    """What a pattern's group finds in the sources."""
    sources = [path for folder in FOLDERS[:5] for path in (ROOT / folder).rglob("*")
               if path.suffix in (".h", ".cpp", ".cu", ".cuh", ".c") or path.name.endswith(".py")]
    assert sources
    return sorted({found for path in sources for found in re.findall(pattern, path.read_text(encoding="utf-8"))})


def test_what_comments_cite_is_there():
    sections = cited(r"design\.md,? section (\d)")
    assert sections
    headings = re.findall(r"(?m)^## (\d)\. ", text("docs/design.md"))
    assert [section for section in sections if section not in headings] == []
    assert [page for page in cited(r"\b(docs/[\w-]+\.md)\b") if not (ROOT / page).is_file()] == []


@built
def test_the_catalogue_has_every_fault_that_can_be_planted_and_its_stage():
    status, listed = session("docs/catalogue.md").run("./bisect --list-faults")
    assert status == 0
    planted = {(name.partition(":")[0], stage) for name, stage in re.findall(r"(?m)^([\w:-]+) +(\w+) ", listed)}
    rows = set(re.findall(r"(?m)^\| \d* \| ([\w-]+) \| (\w+) \|", text("docs/catalogue.md")))
    assert planted and sorted(planted - rows) == []
