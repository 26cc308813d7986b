// SPDX-License-Identifier: Apache-2.0
#include "cases/sweep/stripe_relations.h"

#include "cases/sweep/shape_space.h"
#include "kernel/lane_model/plan.h"
#include "kernel/lane_model/scale_ring.h"

#include <algorithm>

namespace w4::cases::sweep {
namespace {

using kernel::lane_model::Plan;

int padded(int value, int to) { return (value + to - 1) / to * to; }

/// The plan at this shape; it needs sizes only.
Plan plan_at(const Shape& shape, const kernel::BlockTile& block_tile) {
  kernel::Task task;
  task.A = Grid<std::uint16_t>::viewing(shape.M, 0, nullptr, nullptr);
  task.packed.K = padded(shape.K, repack::kPadK);
  task.packed.N = padded(shape.N, repack::kPadN);
  task.packed.stored_K = shape.K;
  task.packed.group_size = shape.group_size();
  task.launch.block_tile = block_tile;
  task.launch.thread_blocks = shape.thread_blocks.value_or(task.launch.thread_blocks);
  return kernel::lane_model::plan_of(task, task.packed.N);
}

/// Distinct block_tiles of B: the same one in another problem does not count.
bool stripes_are_long(const Plan& plan) { return plan.iters > 1 && plan.k_tiles * plan.columns > 1; }

/// Independent of M: with one problem no stripe enters a second one.
bool stripes_straddle(const Plan& plan) { return plan.k_tiles * plan.columns % plan.iters != 0; }

bool is_whole(const Plan& plan, int column) {
  const long long begin = static_cast<long long>(column) * plan.k_tiles;
  return begin / plan.iters == (begin + plan.k_tiles - 1) / plan.iters;
}

/// Some thread block hands a partial sum over to another.
bool columns_are_shared(const Plan& plan) {
  for (int column = 0; column < plan.column_count(); ++column)
    if (!is_whole(plan, column)) return true;
  return false;
}

/// In a problem of 64 rows, or in the only one.
bool goes_on_from_whole_column(const Plan& plan) {
  const int full = std::max(1, plan.rows / kernel::lane_model::kProblemRows) * plan.columns;
  for (int column = 0; column < std::min(full, plan.column_count() - 1); ++column) {
    const long long begin = static_cast<long long>(column) * plan.k_tiles;
    if (begin / plan.iters == (begin + plan.k_tiles) / plan.iters) return true;
  }
  return false;
}

/// Some slice of a problem of 64 rows, or of the only one, is longer than the pipeline's 4 stages.
bool slices_outlast_the_pipeline(const Plan& plan) {
  const int full = std::max(1, plan.rows / kernel::lane_model::kProblemRows) * plan.columns;
  for (int column = 0; column < std::min(full, plan.column_count()); ++column)
    for (const auto& slice : kernel::lane_model::column_slices(plan, column))
      if (slice.k_tile_end - slice.k_tile_begin > kernel::lane_model::kPipelineStages) return true;
  return false;
}

}  // namespace

std::vector<Relation> relations_of_stripes(const kernel::BlockTile& block_tile) {
  const auto relation = [&](const char* text, bool (*holds)(const Plan&)) {
    return Relation{text, [=](const Point& point) { return holds(plan_at(shape_at(point), block_tile)); }};
  };
  return {relation("a stripe has several block_tiles", stripes_are_long),
          relation("a column is summed by several thread blocks", columns_are_shared),
          relation("64 rows are no whole number of stripes", stripes_straddle),
          relation("a thread block goes on from a column that it sums alone", goes_on_from_whole_column),
          relation("a thread block sums more than 4 block_tiles of a column", slices_outlast_the_pipeline)};
}

}  // namespace w4::cases::sweep
