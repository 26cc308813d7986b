// SPDX-License-Identifier: Apache-2.0
#include "kernel/lane_model/plan.h"

namespace w4::kernel::lane_model {

namespace {

template <class Int>
constexpr Int ceil_div(Int a, Int b) {
  return (a + b - 1) / b;
}

/// Length of a stripe in block_tiles.
long long stripe_length(const Plan& plan, const repack::Packed& packed, int thread_blocks) {
  const long long even = ceil_div<long long>(plan.block_tiles(), thread_blocks);
  if (packed.one_group() || packed.group_size <= plan.block_tile.thread_k) return even;
  const int tiles_per_group = packed.group_size / plan.block_tile.thread_k;
  return tiles_per_group * ceil_div<long long>(even, tiles_per_group);
}

}  // namespace

Plan plan_of(const Task& task, int visited_N) {
  const repack::Packed& packed = task.packed;
  Plan plan{.block_tile = task.launch.block_tile, .rows = task.A.rows(), .K = packed.K, .N = visited_N};
  plan.k_tiles = ceil_div(plan.K, plan.block_tile.thread_k);
  plan.columns = ceil_div(plan.N, plan.block_tile.thread_n);
  plan.problems = ceil_div(plan.rows, kProblemRows);
  if (plan.block_tiles() == 0) return plan;
  plan.iters = stripe_length(plan, packed, task.launch.thread_blocks);
  plan.thread_blocks = static_cast<int>(ceil_div(plan.block_tiles(), plan.iters));
  return plan;
}

std::vector<PlannedSlice> column_slices(const Plan& plan, int column) {
  const auto highest = static_cast<int>(static_cast<long long>(column) * plan.k_tiles / plan.iters);
  std::vector<PlannedSlice> slices{slice_at(plan, highest, column)};
  while (slices.back().index > 0) slices.push_back(slice_at(plan, slices.back().thread_block + 1, column));
  return slices;
}

std::vector<PlannedSlice> stripe_slices(const Plan& plan, int thread_block) {
  const long long end = std::min(plan.block_tiles(), plan.iters * (thread_block + 1LL));
  const auto last = static_cast<int>((end - 1) / plan.k_tiles);
  std::vector<PlannedSlice> slices;
  for (int column = stripe_start(plan, thread_block).column; column <= last; ++column)
    slices.push_back(slice_at(plan, thread_block, column));
  return slices;
}

}  // namespace w4::kernel::lane_model
