// SPDX-License-Identifier: Apache-2.0
// The lane model against the CUDA kernel, on the same packed tensors.
#include "cases/faults/faults.h"
#include "cases/judge/compare.h"
#include "cases/search/repack_search.h"
#include "cases/tests/kernel/cuda/gpu_case.h"
#include "fixtures/error.h"
#include "fixtures/half.h"
#include "kernel/lane_model/lane_model.h"

#include <doctest/doctest.h>

namespace {

using namespace w4;
using namespace w4::tests;
using cases::CaseId;

kernel::RunResult lane_model(kernel::Task task) {
  task.launch.thread_blocks = 10;
  return kernel::lane_model::run_lane_model(task);
}

/// The oracle's bound round another right output: both round.
cases::judge::Expected around(const kernel::RunResult& center, cases::judge::Expected expected) {
  for (std::size_t i = 0; i < expected.y.size(); ++i) {
    expected.y[i] = value_of(center.C[i], expected.dtype);
    expected.variance[i] *= 2;
  }
  return expected;
}

/// Scales of one power of two and small integers for A: every sum is exact in fp32, so the order of adding is nothing.
GpuCase exact_case(const CaseId& id) {
  GpuCase test = gpu_case(id);
  const auto scales =
      Grid<std::uint16_t>::made(static_cast<int>(test.layer.scales.shape[0]), id.N, [&](std::span<std::uint16_t> out) {
        for (std::size_t i = 0; i < out.size(); ++i)
          out[i] = bits_of(i % 3 == 0 ? 0.5f : i % 3 == 1 ? 0.25f : 0.125f, id.dtype);
      });
  test.layer.scales = fixtures::files::tensor_of("scales", id.dtype, scales);
  test.task.A = Grid<std::uint16_t>::made(id.M, id.K, [&](std::span<std::uint16_t> out) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = bits_of(static_cast<float>(i * 7 % 5) - 2.0f, id.dtype);
  });
  test.task.packed = repack::repack(test.layer);
  return test;
}

}  // namespace

TEST_CASE("lane model and CUDA kernel: the same packed tensors have the same output within the bound") {
  if (!on_gpu()) return;
  for (const DType dtype : {DType::fp16, DType::bf16})
    for (const int group : {-1, 32, 64, 128})
      for (const bool symmetric : {true, false})
        for (const int M : {1, 12, 30, 70}) {
          const GpuCase test = gpu_case({.M = M,
                                         .K = 640,
                                         .N = 320,
                                         .group = group,
                                         .symmetric = symmetric,
                                         .act_order = group == 64,
                                         .bias = group == 128,
                                         .dtype = dtype});
          INFO(text_of(test));
          const kernel::RunResult ours = run_cuda(test.task);
          const cases::judge::Expected expected = cases::judge::expected_output(
              test.layer, test.task.A, {.grouped = group != -1, .row_order = {}, .slice_starts = {}});
          const cases::judge::Comparison compared =
              cases::judge::compare(ours.C, around(lane_model(test.task), expected), test.task.launch.fill);
          CHECK_MESSAGE(compared.wrong == 0, compared.failed_gate);
        }
}

TEST_CASE("lane model and CUDA kernel: every fault of the repack shows the same pattern bit for bit") {
  if (!on_gpu()) return;
  int shown = 0;
  for (const int group : {-1, 128})
    for (const bool symmetric : {true, false})
      for (const int M : {3, 70}) {
        const GpuCase test = exact_case({.M = M,
                                         .K = 384,
                                         .N = 256,
                                         .group = group,
                                         .symmetric = symmetric,
                                         .act_order = group == 128 && !symmetric});
        const Grid<std::uint16_t> right = lane_model(test.task).C;
        for (const cases::faults::Fault& fault : cases::faults::faults()) {
          if (!is_repacking(cases::faults::parse_stage(fault.stage)) || fault.id.empty()) continue;
          if (fault.stage == "scales") continue;  // of values, not of places: sums are no longer exact
          CAPTURE(fault.name);
          INFO(text_of(test));
          kernel::Task task = test.task;
          try {
            task.packed = repack::packed_of(cases::search::repack_with(test.layer, {{fault.stage, fault.variant}}));
          } catch (const CannotTest&) {  // this way cannot be done to this layer
            continue;
          }
          const Grid<std::uint16_t> model = lane_model(task).C;
          shown += model != right;
          CHECK(run_cuda(task).C == model);
        }
      }
  CHECK(shown > 100);  // most of 8 cases of some 30 faults
}
