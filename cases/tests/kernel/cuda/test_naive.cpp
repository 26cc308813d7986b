// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/kernel/cuda/gpu_case.h"

#include <doctest/doctest.h>

namespace {

using namespace w4;
using namespace w4::tests;

void check_naive(const cases::CaseId& id) {
  const GpuCase test = gpu_case(id);
  check_run(test, run_naive(test.task), Handover::none);
}

}  // namespace

TEST_CASE("naive: every type, group and kind of zero point") {
  if (!on_gpu()) return;
  for (const DType dtype : {DType::fp16, DType::bf16})
    for (const int group : {-1, 32, 64, 128})
      for (const bool symmetric : {true, false})
        for (const int M : {1, 33}) {
          check_naive(
              {.M = M, .K = 640, .N = 192, .group = group, .symmetric = symmetric, .bias = true, .dtype = dtype});
          if (group != -1)
            check_naive({.M = M,
                         .K = 640,
                         .N = 192,
                         .group = group,
                         .symmetric = symmetric,
                         .act_order = true,
                         .dtype = dtype});
        }
}

TEST_CASE("naive: the seed case") {
  if (on_gpu()) check_naive({.M = 1, .K = 2048, .N = 11008, .group = 128});
}

TEST_CASE("naive: layers that are no multiple of 64") {
  if (!on_gpu()) return;
  check_naive({.M = 3, .K = 96, .N = 40, .group = 32, .symmetric = false, .act_order = true, .bias = true});
  check_naive({.M = 3, .K = 200, .N = 72, .group = -1});
}
