// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/kernel/cuda/gpu_case.h"

#include <doctest/doctest.h>

namespace {

using namespace w4;
using namespace w4::tests;

/// How many of `launches` launches differ from the first in any bit.
int that_differ(const GpuCase& test, int launches) {
  const kernel::RunResult first = run_cuda(test.task);
  check_run(test, first, Handover::of_plan);
  int differ = 0;
  for (int i = 1; i < launches; ++i) differ += !(run_cuda(test.task).C == first.C);
  return differ;
}

}  // namespace

TEST_CASE("cuda: a thousand launches yield the same bits") {
  if (!on_gpu()) return;
  for (const int M : {1, 16, 32, 64}) {
    const GpuCase test = gpu_case({.M = M, .K = 2048, .N = 1152, .group = 128});
    INFO(text_of(test));
    CHECK(that_differ(test, 1000) == 0);
  }
}

TEST_CASE("cuda: many slices a column and 16-bit reduction yield the same bits") {
  if (!on_gpu()) return;
  for (const int M : {1, 16, 32, 64, 130}) {
    const GpuCase test = gpu_case({.M = M, .K = 4096, .N = 128, .group = 32, .symmetric = false}, 0, 16);
    INFO(text_of(test));
    CHECK(that_differ(test, 100) == 0);
  }
}
