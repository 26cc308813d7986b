// SPDX-License-Identifier: Apache-2.0
#include "cases/shrink/reproducer.h"

#include "cases/case/install_paths.h"
#include "cases/case/prepare.h"
#include "cases/case/task.h"
#include "fixtures/files/container.h"
#include "fixtures/files/npy.h"
#include "fixtures/files/write_beside.h"
#include "fixtures/text.h"
#include "repack/packed.h"

#include <fmt/format.h>

namespace w4::cases::shrink {
namespace {

namespace fs = std::filesystem;

/// The constants of a case for main.cpp, which derives the shapes of the arrays from them.
std::string case_header(const kernel::Task& task, const std::string& name, int launches) {
  const repack::Packed& packed = task.packed;
  std::string text = "// SPDX-License-Identifier: Apache-2.0\n#pragma once\n\n" + text_line("// {}", name);
  const auto add = [&](const char* constant, int value) {
    text += fmt::format("constexpr int {} = {};\n", constant, value);
  };
  text += fmt::format("constexpr int kType = {};  // of kernel/plugin.h\n",
                      packed.dtype == DType::bf16 ? "W4_BF16" : "W4_FP16");
  add("kM", task.A.rows()), add("kN", packed.stored_N), add("kK", packed.stored_K);
  add("kPaddedN", packed.N), add("kPaddedK", packed.K);
  add("kGroupSize", packed.group_size), add("kGroups", packed.groups());
  add("kThreadK", task.launch.block_tile.thread_k), add("kThreadN", task.launch.block_tile.thread_n);
  add("kThreadBlocks", task.launch.thread_blocks), add("kReduceBits", task.launch.reduce_bits);
  add("kLaunches", launches);
  return text;
}

/// Each array as unsigned integers of its width, which main.cpp reads as bits.
void write_data(const kernel::Task& task, const judge::Expected& expected, const fs::path& folder) {
  fs::create_directory(folder);
  const auto write = [&](const std::string& name, DType type, const auto& grid) {
    if (!grid.empty())
      fixtures::files::write_npy(fixtures::files::tensor_of(name, type, grid), folder / (name + ".npy"));
  };
  const auto allowed = [&](int m, int n) { return judge::allowed_error(expected, m, n); };
  write("A", DType::u16, task.A);
  write("words", DType::u32, task.packed.words);
  write("scales", DType::u16, task.packed.scales);
  write("zeros", DType::u32, task.packed.zeros);
  write("perm", DType::i32, task.packed.perm);
  write("bias", DType::u16, task.packed.bias);
  write("expected", DType::fp64, Grid<double>(expected.M, expected.N, expected.y));
  write("allowed", DType::fp64, Grid<double>::from(expected.M, expected.N, allowed));
}

/// Three lines: the failure, how to build and run the program, the command of w4bisect.
std::string readme(const ShrunkCase& shrunk, const Prepared& prepared) {
  const Options options = options_of(shrunk, "fixture");
  return text_line("What is wrong: {} ({}, made smaller from {}).", text_of(shrunk.failure), prepared.id.text(),
                   shrunk.case_id) +
         "`c++ -std=c++20 main.cpp -ldl -o reproducer && ./reproducer KERNEL.so`; a kernel on a GPU: `nvcc -std=c++20 "
         "-x cu main.cpp -ldl -o reproducer`; exit 0: KERNEL.so is right, 1: it is wrong, 125: it does not take "
         "this.\n" +
         text_line("w4bisect names it: `{}`{}.", command_line(options),
                   kernel_spec(options.asked).empty()
                       ? "; planted there, while data/ is right: a kernel that is right passes here"
                       : "");
}

void write_folder(const ShrunkCase& shrunk, const fs::path& folder) {
  const Prepared prepared = prepared_of(shrunk.shrunk.best, "fixture");
  Options options = options_of(shrunk, "fixture");
  const bool planted = kernel_spec(options.asked).empty();
  if (planted) options.asked = asked::Kernel{"plugin:KERNEL.so"};  // the plug-in chooses the launch
  const kernel::Task task = task_of(prepared, repack::repack(prepared.layer), options);
  const judge::Expected expected =
      judge::expected_output(prepared.layer, prepared.A, rounding_of(prepared, kernel::Task(for_lane_model(task))));
  fs::create_directory(folder);
  fs::copy_file(source_root() / "docs/examples/reproducer.cpp", folder / "main.cpp");
  fs::copy_file(source_root() / "kernel/plugin.h", folder / "plugin.h");
  fixtures::files::write_file(folder / "case.h", {case_header(task, prepared.id.text(), options.effort.repeat)});
  fixtures::files::write_file(folder / "README.md", {readme(shrunk, prepared)});
  write_data(task, expected, folder / "data");
  fixtures::files::write_container(container_of(shrunk, "fixture"), folder / "fixture",
                                   fixtures::files::ContainerKind::npy_folder);
}

}  // namespace

void write_reproducer(const ShrunkCase& shrunk, const fs::path& folder) {
  fixtures::files::write_beside(folder, [&](const fs::path& temporary) { write_folder(shrunk, temporary); });
}

}  // namespace w4::cases::shrink
