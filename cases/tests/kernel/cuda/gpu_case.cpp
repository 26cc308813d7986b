// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/kernel/cuda/gpu_case.h"

#include "cases/case/prepare.h"
#include "cases/case/task.h"
#include "cases/judge/compare.h"
#include "cases/matrix/matrix_options.h"
#include "cases/tests/skip.h"
#include "fixtures/random/random_layer.h"
#include "kernel/cuda/device.h"
#include "kernel/cuda/marlin_plan.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace w4::tests {

namespace {

constexpr std::chrono::minutes kLimit{10};  // under compute-sanitizer a case takes long

/// Rows of K in the order the kernel sums them.
std::vector<int> row_order(const repack::Packed& packed) {
  return {packed.perm.cells().begin(), packed.perm.cells().end()};
}

cases::judge::Rounding rounding_of(const GpuCase& test, Handover handover) {
  cases::judge::Rounding rounding{
      .grouped = !test.task.packed.one_group(), .row_order = row_order(test.task.packed), .slice_starts = {}};
  if (handover == Handover::none || test.task.launch.reduce_bits == 32) return rounding;
  const kernel::cuda::MarlinPlan plan =
      kernel::cuda::marlin_plan(test.task, kernel::cuda::device_facts().multiprocessors);
  rounding.columns = plan.columns;
  rounding.thread_n = plan.thread_n;
  rounding.problem_rows = plan.problem_rows;
  for (const auto& slices : plan.slices) rounding.slice_starts.push_back(cases::slice_starts(slices, test.id.K));
  return rounding;
}

}  // namespace

kernel::RunResult run_cuda(const kernel::Task& task) {
  static const auto kernel = kernel::child::open_kernel("cuda", kLimit);
  return kernel->run(task);
}

kernel::RunResult run_naive(const kernel::Task& task) {
  static const auto kernel = kernel::child::open_kernel("naive", kLimit);
  return kernel->run(task);
}

bool on_gpu() {
  if (const auto given = cases::matrix::gpu_given_by_ctest()) ::setenv("CUDA_VISIBLE_DEVICES", given->c_str(), 1);
  std::string why;
  if (kernel::cuda::cuda_available(&why)) return true;
  skip(why);
  return false;
}

GpuCase gpu_case(const cases::CaseId& id, int thread_blocks, int reduce_bits) {
  GpuCase test{.id = id, .layer = fixtures::random::random_layer(cases::spec_of(id)), .task = {}};
  test.task.A = fixtures::random::random_activations(id.M, id.K, id.dtype, id.seed + 1);
  test.task.packed = repack::repack(test.layer);
  test.task.launch = {.thread_blocks = thread_blocks, .reduce_bits = reduce_bits};
  return test;
}

std::string text_of(const GpuCase& test) {
  return fmt::format("{} sms {} reduce {}", test.id.text(), test.task.launch.thread_blocks,
                     test.task.launch.reduce_bits);
}

double check_run(const GpuCase& test, const kernel::RunResult& result, Handover handover) {
  INFO(text_of(test));
  CHECK(result.return_code == 0);
  CHECK(result.launch_error == "");
  CHECK(result.synchronise_error == "");
  CHECK(fmt::format("{}", fmt::join(result.trespasses, "; ")) == "");
  CHECK(std::all_of(result.workspace.begin(), result.workspace.end(), [](std::int32_t lock) { return lock == 0; }));
  if (!result.ran()) return 0;
  const cases::judge::Expected expected =
      cases::judge::expected_output(test.layer, test.task.A, rounding_of(test, handover));
  const cases::judge::Comparison comparison = cases::judge::compare(result.C, expected, test.task.launch.fill);
  CHECK_MESSAGE(comparison.right(), comparison.failed_gate);
  return comparison.max_z;
}

double check_cuda(const cases::CaseId& id, int thread_blocks, int reduce_bits) {
  const GpuCase test = gpu_case(id, thread_blocks, reduce_bits);
  return check_run(test, run_cuda(test.task), Handover::of_plan);
}

}  // namespace w4::tests
