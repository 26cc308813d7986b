// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/effective.h"

#include "cases/probe/probes.h"
#include "fixtures/half.h"

#include <algorithm>

namespace w4::cases::probe {
namespace {

constexpr int kMostLaunches = 64;

}  // namespace

std::vector<double> effective_column(kernel::child::ForeignKernel& kernel, const kernel::Task& task, int n) {
  const int K = task.packed.stored_K;
  const int rows = std::max(task.A.rows(), (K + kMostLaunches - 1) / kMostLaunches);
  std::vector<double> column;
  for (int first = 0; first < K; first += rows) {
    kernel::Task probe = task;
    probe.A = identity_rows(first, rows, K, task.packed.dtype);
    const kernel::RunResult run = kernel.run(probe);
    if (!run.ran() || run.C.rows() != rows) return {};
    for (int i = 0; i < std::min(rows, K - first); ++i) column.push_back(value_of(run.C(i, n), task.packed.dtype));
  }
  return column;
}

}  // namespace w4::cases::probe
