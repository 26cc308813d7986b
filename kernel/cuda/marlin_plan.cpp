// SPDX-License-Identifier: Apache-2.0
#include "kernel/cuda/marlin_plan.h"

#include "kernel/cuda/marlin_args.h"

#include <algorithm>

namespace w4::kernel::cuda {

namespace {

static_assert(kRows64.rows() == kRows64Hopper.rows() && kRows64.columns() == kRows64Hopper.columns());
static_assert(kTileColumns == repack::kTileN && repack::kPadN % kTileColumns == 0 && repack::kPadK % kUnitK == 0);

int ceil_div(int a, int b) { return (a + b - 1) / b; }

}  // namespace

MarlinPlan marlin_plan(const Task& task, int multiprocessors) {
  const int M = task.A.rows();
  const MarlinSizes sizes = marlin_sizes(M, false);  // the wgmma instantiation splits work the same way
  const int blocks = task.launch.thread_blocks == 0 ? multiprocessors : task.launch.thread_blocks;
  const Stripes stripes =
      stripes_of(task.packed.K / kUnitK, ceil_div(task.packed.N, sizes.columns()), ceil_div(M, sizes.rows()), blocks);
  MarlinPlan plan{.problem_rows = sizes.rows(),
                  .thread_n = sizes.columns(),
                  .problems = stripes.problems,
                  .columns = stripes.columns,
                  .thread_blocks = stripes.thread_blocks,
                  .slices = {}};
  plan.slices.resize(static_cast<std::size_t>(stripes.columns) * stripes.problems);
  for (int block = 0; block < stripes.thread_blocks; ++block)
    for (int unit = stripes.begin(block); unit < stripes.begin(block + 1);) {
      const int column = unit / stripes.k_units, first = column * stripes.k_units;
      const int end = std::min(stripes.begin(block + 1), first + stripes.k_units);
      plan.slices[static_cast<std::size_t>(column)].push_back(
          {.k_begin = kUnitK * (unit - first), .k_end = kUnitK * (end - first)});
      unit = end;
    }
  return plan;
}

}  // namespace w4::kernel::cuda
