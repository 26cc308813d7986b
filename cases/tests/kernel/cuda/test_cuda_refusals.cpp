// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/kernel/cuda/gpu_case.h"
#include "fixtures/error.h"

#include <doctest/doctest.h>

namespace {

using namespace w4;
using namespace w4::tests;

/// What run_cuda() throws for a task that was sound before `spoil`.
template <class Spoil>
std::string refusal(const Spoil& spoil) {
  GpuCase test = gpu_case({.M = 2, .K = 256, .N = 128, .group = 64});
  spoil(test.task);
  try {
    run_cuda(test.task);
  } catch (const CannotTest& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace

TEST_CASE("cuda: a group size that it does not take is refused with its value") {
  if (!on_gpu()) return;
  CHECK(refusal([](kernel::Task& task) { task.packed.group_size = 16; }) ==
        "group_size=16 with K=256: the kernel takes 32, 64, 128 and K");
}

TEST_CASE("cuda: K and N that are no multiples of 64 are refused with their values") {
  if (!on_gpu()) return;
  CHECK(refusal([](kernel::Task& task) { task.packed.N = 100; }) ==
        "K=256 N=100: the kernel takes multiples of 64 and 64");
}

TEST_CASE("cuda: a tensor of another shape is refused with both shapes") {
  if (!on_gpu()) return;
  CHECK(refusal([](kernel::Task& task) {
          task.packed.scales = Grid<std::uint16_t>(1, 4, {1, 2, 3, 4});
        }) == "scales is (1, 4), the kernel reads (4, 128)");
}

TEST_CASE("cuda: a negative number of thread blocks and other reductions are refused") {
  if (!on_gpu()) return;
  CHECK(refusal([](kernel::Task& task) { task.launch.thread_blocks = -1; }) ==
        "thread_blocks=-1: 0 (as many as the kernel likes) or more are needed");
  CHECK(refusal([](kernel::Task& task) { task.launch.reduce_bits = 8; }) ==
        "reduce_bits=8: partial sums are handed over in 16 or 32 bits");
}

TEST_CASE("cuda: a workspace that is too small is refused") {
  if (!on_gpu()) return;
  CHECK(refusal([](kernel::Task& task) { task.launch.workspace = {0}; }) ==
        "w4 marlin says that it does not take this case (code 125)");
}

TEST_CASE("cuda: locks that were left dirty leave a column unwritten") {
  if (!on_gpu()) return;
  GpuCase test = gpu_case({.M = 1, .K = 256, .N = 64, .group = 64}, 2);
  test.task.launch.workspace = {5};
  const kernel::RunResult result = run_cuda(test.task);
  CHECK(result.ran());
  CHECK(result.C[0] == test.task.launch.fill);
  CHECK(result.workspace[0] != 0);
}
