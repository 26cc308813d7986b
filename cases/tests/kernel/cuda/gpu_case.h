// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/case_id.h"
#include "fixtures/layer/layer.h"
#include "kernel/child/open_kernel.h"

#include <string>

namespace w4::tests {

/// False where there is no device; the reason is printed, and CTest counts the case as skipped. Where CTest gave one,
/// no other is used: to be called before anything else of CUDA.
bool on_gpu();

/// A random layer, its packed form and rows of A, as a case names them.
struct GpuCase {
  cases::CaseId id;
  fixtures::Layer layer;
  kernel::Task task;
};
GpuCase gpu_case(const cases::CaseId& id, int thread_blocks = 0, int reduce_bits = 32);

/// "M1_K2048_N11008_g128_sym_fp16_r_s7 sms 132 reduce 32"
std::string text_of(const GpuCase& test);

/// Checks that a run went well, left guards and locks whole, and passes numerics.md; the worst z. `handover`
/// says where partial sums were rounded; the naive kernel hands none over.
enum class Handover { none, of_plan };
double check_run(const GpuCase& test, const kernel::RunResult& result, Handover handover);

/// Our CUDA kernels, each in a process of its own that is kept from case to case.
kernel::RunResult run_cuda(const kernel::Task& task);
kernel::RunResult run_naive(const kernel::Task& task);

/// run_cuda() under check_run().
double check_cuda(const cases::CaseId& id, int thread_blocks = 0, int reduce_bits = 32);

}  // namespace w4::tests
