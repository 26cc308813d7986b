// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/effective.h"

#include "cases/probe/probes.h"
#include "fixtures/half.h"

#include <algorithm>

namespace w4::cases::probe {
namespace {

constexpr int kMostLaunches = 512;

}  // namespace

EffectiveColumn effective_column(kernel::child::ForeignKernel& kernel, const kernel::Task& task, int n, int first,
                                 int end) {
  EffectiveColumn column{.rows = std::max(task.A.rows(), (end - first + kMostLaunches - 1) / kMostLaunches),
                         .outputs = {}};
  for (int k = first; k < end; k += column.rows) {
    kernel::Task probe = task;
    probe.A = identity_rows(k, column.rows, task.packed.stored_K, task.packed.dtype);
    kernel::RunResult run = kernel.run(probe);
    if (!run.ran()) return {.rows = column.rows, .outputs = {}, .failed = std::move(run)};
    for (int i = 0; i < std::min(column.rows, end - k); ++i)
      column.outputs.push_back(value_of(run.C(i, n), task.packed.dtype));
  }
  return column;
}

}  // namespace w4::cases::probe
