// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/kernel/cuda/gpu_case.h"
#include "kernel/cuda/gpu_repack.h"

#include <doctest/doctest.h>

namespace {

using namespace w4;
using namespace w4::tests;

/// The layer after the stages whose results the GPU needs: `checkpoint` to `scales`.
repack::Weights scaled(const fixtures::Layer& layer) {
  repack::Weights weights = repack::weights_of(layer);
  for (const repack::Stage& stage : repack::stages()) {
    weights = stage.variants.front().apply(weights);
    if (stage.id == StageId::scales) break;
  }
  return weights;
}

void check_repack(const cases::CaseId& id) {
  const GpuCase test = gpu_case(id);
  INFO(id.text());
  CHECK(kernel::cuda::gpu_repack(scaled(test.layer)) == test.task.packed.words);
}

}  // namespace

TEST_CASE("gpu_repack: equal to the CPU in every bit") {
  if (!on_gpu()) return;
  for (const int group : {-1, 32, 64, 128})
    for (const bool symmetric : {true, false})
      for (const bool act_order : {true, false})
        check_repack(
            {.K = 1024, .N = 576, .group = group, .symmetric = symmetric, .act_order = act_order && group != -1});
  check_repack({.K = 2048, .N = 11008});
}

TEST_CASE("gpu_repack: padding is equal to the CPU's") {
  if (!on_gpu()) return;
  for (const bool symmetric : {true, false}) {
    check_repack({.K = 96, .N = 40, .group = 32, .symmetric = symmetric});
    check_repack({.K = 200, .N = 72, .group = -1, .symmetric = symmetric});
    check_repack({.K = 96, .N = 40, .group = 32, .symmetric = symmetric, .act_order = true});
  }
}
