# SPDX-License-Identifier: Apache-2.0
"""What holds for the files of the repository, whatever they do."""

import collections
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from header_names import defined_names

ROOT = pathlib.Path(__file__).resolve().parents[2]

FOLDERS = ("fixtures", "repack", "kernel", "cases")
# A room may include itself and those before it, but for the rooms on its own line. A folder's name stands for the files at its root.
ROOMS = (
    ("fixtures",),
    ("fixtures/files",),
    ("fixtures/layer",),
    ("fixtures/lint", "fixtures/random", "fixtures/hdf5"),
    ("fixtures/fuzz",),
    ("repack/stages",),
    ("repack",),
    ("kernel",),
    ("kernel/lane_model",),
    ("kernel/child", "kernel/cuda"),
    ("kernel/planted",),
    ("cases/faults",),
    ("cases/judge",),
    ("cases/case",),
    ("cases/report",),
    ("cases/layers",),
    ("cases/probe",),
    ("cases/search",),
    ("cases/packed", "cases/recorded"),
    ("cases/explain", "cases/sweep", "cases/proof"),
    ("cases",),  # ask.h
    ("cases/shrink", "cases/matrix", "cases/check"),
    ("cases/bench",),
    ("cases/commands",),
    ("cases/tests",),
)
LEVELS = {room: level for level, line in enumerate(ROOMS) for room in line}
TOP_LEVEL = {
    *FOLDERS, "CMakeLists.txt", "scripts", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs", "bisect", "CMakePresets.json",
    "LICENSE", ".clang-format",
    ".clang-tidy", ".gitignore", ".pre-commit-config.yaml", "pyproject.toml", ".ci",
}
CODE = (".h", ".cpp", ".cuh", ".cu")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)
CUDA_HEADER = re.compile(r"(cuda|cub/|thrust/|nvrtc|nvml|cooperative_groups|device_launch_parameters|mma\.h$|sm_\d)")
# Where people and machines keep their own files. Put together here, so that this line does not match itself.
MACHINE_PATH = re.compile(r"(?<![\w.])(?:/(?:" + "|".join(("home", "root", "work", "Users", "mnt")) + r")/\w|[A-Z]:\\Users)")
LONG_FILE_LINES = 350


def git_files(*options):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z", *options], capture_output=True, text=True,
        check=False)
    if listed.returncode != 0:
        pytest.skip(f"not a git checkout: {listed.stderr.strip()}")
    names = [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]
    assert names, "git lists no file"
    return sorted(set(names))


def files():
    """Tracked files and those that are about to be: what .gitignore names is left out."""
    return git_files("--cached", "--others", "--exclude-standard")


def code_files():
    return [name for name in files() if name.endswith(CODE) and name.split("/")[0] in FOLDERS]


def text(name):
    """The file's text, empty for a binary file."""
    content = (ROOT / name).read_bytes()
    return "" if b"\0" in content else content.decode("utf-8")


def first_line(name):
    return text(name).partition("\n")[0]


def includes(name):
    """(quote, included name) for each include of the file."""
    return INCLUDE.findall(text(name))


def project_closure(name):
    """Every file of the project that `name` includes, directly or through others."""
    reached, waiting = set(), [name]
    while waiting:
        for quote, included in includes(waiting.pop()):
            if quote == '"' and included not in reached and (ROOT / included).is_file():
                reached.add(included)
                waiting.append(included)
    return reached


def room_of(name):
    if name.startswith("cases/tests/"):
        return "cases/tests"
    return name.rpartition("/")[0]


def may_include(name, included):
    """Whether the order of rooms lets the file `name` include the file `included`."""
    room, other = room_of(name), room_of(included)
    return room == other or LEVELS[other] < LEVELS[room]


def shared_names(headers):
    """Names that more than one header defines. `headers`: {name: text}."""
    homes = collections.defaultdict(list)
    for header, content in headers.items():
        for defined in set(defined_names(content)):
            homes[defined].append(header)
    return {defined: where for defined, where in homes.items() if len(where) > 1}


def is_source(name):
    return name.endswith((*CODE, ".py", ".cmake", ".sh", "CMakeLists.txt")) or first_line(name).startswith("#!")


def test_top_level_holds_only_what_the_design_names():
    assert {name.split("/")[0] for name in git_files("--cached")} - TOP_LEVEL == set()


def test_includes_point_down_the_order_of_rooms_only():
    assert {room_of(name) for name in code_files()} == set(LEVELS), "rooms that the order does not know, or that are gone"
    wrong = [f"{name} includes {included}" for name in code_files() for _, included in includes(name)
             if included.split("/")[0] in FOLDERS and not may_include(name, included)]
    assert not wrong


def test_the_order_of_rooms_refuses_what_lies_above_and_beside():
    assert may_include("cases/search/bisect.cpp", "cases/probe/box.h")
    assert not may_include("cases/probe/box.cpp", "cases/search/bisect.h")
    assert not may_include("cases/sweep/condition.cpp", "cases/explain/explain.h")
    assert not may_include("cases/search/bisect.cpp", "cases/ask.h")


def test_each_room_says_in_three_lines_what_it_is_for_and_what_it_may_include():
    for level, line in enumerate(ROOMS):
        below = " and ".join(f"`{room}`" for room in ROOMS[level - 1])
        for room in line:
            title, purpose, included = text(f"{room}/README.md").splitlines()
            assert title == f"# {room}"
            assert purpose.endswith(".")
            assert included == (f"May include: {below} and the rooms below." if level > 0 else "May include: nothing else here.")


# What headers of the standard library declare, of the names that our headers use.
STANDARD = {
    "algorithm": "copy count equal fill find max min", "array": "array", "atomic": "atomic", "bit": "bit_cast endian", "chrono": "chrono",
    "cstddef": "byte ptrdiff_t to_integer", "cstdint": "int32_t int64_t uint8_t uint16_t uint32_t uint64_t",
    "cstdlib": "abort getenv", "cstring": "memcpy", "deque": "deque", "exception": "exception", "filesystem": "filesystem",
    "functional": "function less", "iterator": "size", "limits": "numeric_limits", "map": "map",
    "memory": "make_shared make_shared_for_overwrite shared_ptr unique_ptr", "mutex": "mutex", "numeric": "iota",
    "optional": "nullopt optional", "set": "set", "span": "span", "stdexcept": "runtime_error", "string": "string",
    "string_view": "string_view", "thread": "thread", "type_traits": "conditional_t remove_reference_t", "unordered_map": "unordered_map",
    "utility": "exchange forward move pair swap", "variant": "variant", "vector": "vector"}
DECLARED_BY = {name: header for header, names in STANDARD.items() for name in names.split()}


def missing_standard_headers(code, included):
    """What of std, fmt and nlohmann the code of a header uses without one of the `included` headers that declares it."""
    names = set(re.findall(r"\bstd::(\w+)", code)) - {"size_t"}  # every header of the library has that
    unknown = {f"std::{name} is not in STANDARD" for name in names - DECLARED_BY.keys()}
    wanted = {DECLARED_BY[name] for name in names & DECLARED_BY.keys()}
    packages = {package for package in ("fmt", "nlohmann") if re.search(rf"\b{package}::", code)}
    return sorted(unknown | wanted - included | packages - {name.split("/")[0] for name in included})


def test_headers_include_what_they_use_of_the_standard_library():
    missing = {}
    for name in code_files():
        if name.endswith((".h", ".cuh")):
            included = {each for file in project_closure(name) | {name} for quote, each in includes(file) if quote == "<"}
            code = re.sub(r"//.*", "", text(name))
            if wrong := missing_standard_headers(code, included):
                missing[name] = wrong
    assert not missing


def test_a_header_that_lacks_one_is_found():
    assert missing_standard_headers("std::vector<std::string> a; fmt::format();", {"vector"}) == ["fmt", "string"]
    assert missing_standard_headers("std::size_t a; std::nonsense b;", set()) == ["std::nonsense is not in STANDARD"]
    assert not missing_standard_headers("nlohmann::json a;", {"nlohmann/json_fwd.hpp"})


def test_no_two_headers_define_one_name():
    assert not shared_names({name: text(name) for name in code_files() if name.endswith((".h", ".cuh"))})


def test_a_name_that_two_headers_define_is_found():
    first = """
        #include <vector>
        namespace w4::cases {
        /// struct Shape { is only spoken of here
        struct Axis {
          struct Step { int by = 1; };
          int values() const { return 1; }
        };
        enum class Outcome { right, wrong };
        constexpr int kMost = 4;
        struct Declared;
        template <class T>
        T twice(const T& value) { return value + value; }
        bool declared(int value);
        namespace matrix { struct Cell { int k; }; }
        }  // namespace w4::cases"""
    second = """
        namespace w4::cases {
        class Axis final : public Base<int> { int first_{0}; };
        enum class Outcome : int { red };
        inline constexpr int kMost = 5;
        struct Declared;
        template <class U> U twice(const U& other) { return 2 * other; }
        inline int twice(const int& value) { return 2 * value; }
        bool declared(int value);
        namespace sweep { struct Cell { int k; }; struct Step {}; int values() { return 2; } }
        }"""
    assert set(shared_names({"a.h": first, "b.h": second})) == {f"w4::cases::{name}" for name in ("Axis", "Outcome", "kMost")}
    same = "namespace w4 {{ inline int half(int {0}) {{ return {0} / 2; }} }}"
    assert shared_names({"a.h": same.format("a"), "b.h": same.format("b")}) == {"w4::half(int)": ["a.h", "b.h"]}


def test_quoted_includes_are_spelt_from_the_root_or_lie_beside_a_test():
    wrong = []
    for name in code_files():
        beside = name.startswith("cases/tests/")
        for quote, included in includes(name):
            is_beside = beside and "/" not in included and (ROOT / name).with_name(included).is_file()
            if quote == '"' and included.split("/")[0] not in FOLDERS and not is_beside:
                wrong.append(f"{name} includes {included}")
    assert not wrong


def test_cuda_headers_stay_in_kernel():
    wrong = [f"{name} includes {included}" for name in code_files() for quote, included in includes(name)
             if quote == "<" and CUDA_HEADER.match(included) and not name.startswith(("kernel/", "docs/examples/"))]
    assert not wrong
    assert not [name for name in code_files() if name.endswith(".cuh") and not name.startswith("kernel/")]


def test_a_cuh_is_included_only_from_cuda_files():
    wrong = [f"{name} includes {included}" for name in code_files() for _, included in includes(name)
             if included.endswith(".cuh") and not name.endswith((".cu", ".cuh"))]
    assert not wrong


def test_the_oracle_shares_no_code_with_repack_or_kernel():
    judged = [f"{name} reaches {included}" for name in code_files() if re.fullmatch(r"cases/judge/oracle\.(h|cpp)", name)
              for included in sorted(project_closure(name)) if included.startswith(("repack/", "kernel/"))]
    assert not judged


def test_every_source_file_has_its_spdx_line():
    line = re.compile(r"^(//|#) SPDX-License-Identifier: Apache-2\.0$")
    wrong = [name for name in files() if is_source(name) and not any(map(line.match, text(name).splitlines()[:3]))]
    assert not wrong


def test_no_file_names_a_place_on_a_developers_machine():
    wrong = [f"{name}:{number}: {line.strip()[:100]}" for name in files()
             for number, line in enumerate(text(name).splitlines(), 1) if MACHINE_PATH.search(line)]
    assert not wrong


def test_the_commands_are_executable():
    for name in ("bisect", "scripts/lint", "scripts/setup", "scripts/test", ".ci/run"):
        assert os.access(ROOT / name, os.X_OK), name


def test_long_files_are_reported():
    lengths = collections.Counter({name: len(text(name).splitlines()) for name in files() if is_source(name)})
    for name, lines in lengths.most_common(5):
        print(f"{name}: {lines} lines{', consider parting it' if lines > LONG_FILE_LINES else ''}")
