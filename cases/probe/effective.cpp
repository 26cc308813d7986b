// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/effective.h"

#include "fixtures/half.h"

#include <algorithm>

namespace w4::cases::probe {
namespace {

constexpr int kMostLaunches = 64;

/// (rows, K): row i is one in column first + i. Rows beyond K are zero.
Grid<std::uint16_t> one_hot(int rows, int K, int first, DType dtype) {
  return Grid<std::uint16_t>::made(rows, K, [&](std::span<std::uint16_t> out) {
    std::fill(out.begin(), out.end(), std::uint16_t{0});
    for (int i = 0; i < std::min(rows, K - first); ++i)
      out[static_cast<std::size_t>(i) * K + first + i] = bits_of(1.0f, dtype);
  });
}

}  // namespace

std::vector<double> effective_column(kernel::child::ForeignKernel& kernel, const kernel::Task& task, int n) {
  const int K = task.packed.stored_K;
  const int rows = std::max(task.A.rows(), (K + kMostLaunches - 1) / kMostLaunches);
  std::vector<double> column;
  for (int first = 0; first < K; first += rows) {
    kernel::Task probe = task;
    probe.A = one_hot(rows, K, first, task.packed.dtype);
    const kernel::RunResult run = kernel.run(probe);
    if (!run.ran() || run.C.rows() != rows) return {};
    for (int i = 0; i < std::min(rows, K - first); ++i) column.push_back(value_of(run.C(i, n), task.packed.dtype));
  }
  return column;
}

}  // namespace w4::cases::probe
