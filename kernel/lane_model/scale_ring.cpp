// SPDX-License-Identifier: Apache-2.0
#include "kernel/lane_model/scale_ring.h"

#include "fixtures/random/counter_random.h"

#include <algorithm>
#include <vector>

namespace w4::kernel::lane_model {

namespace {

constexpr int kAhead = kPipelineStages - 1;
constexpr int kLatePerMille = 10;

/// Block_tiles of a group: 1 when a block_tile has whole groups.
int tiles_of_group(const Task& task, const Plan& plan) {
  if (task.packed.one_group()) return 1;
  return std::max(1, task.packed.group_size / plan.block_tile.thread_k);
}

/// Whether the refill that is issued while block_tile `t` of a slice is multiplied hits the scales of t's own group.
/// Stripes, and with them slices, begin with a group.
bool own_scales_are_refilled(int t, int slice_tiles, int tiles_per_group) {
  const int next = t + kAhead;
  const auto slot = [&](int tile) { return tile % kPipelineStages / tiles_per_group; };
  return next < slice_tiles && next % tiles_per_group == 0 && slot(next) == slot(t);
}

/// The reads that are exposed to a refill: of each warp's later subtiles in such a block_tile.
std::vector<ScaleRead> exposed_reads(const Task& task, const Plan& plan) {
  const int per_group = tiles_of_group(task, plan), subtiles = plan.block_tile.thread_k / repack::kTileK;
  std::vector<ScaleRead> reads;
  for (int b = 0; per_group > 1 && b < plan.thread_blocks; ++b)
    for (const PlannedSlice& slice : stripe_slices(plan, b)) {
      if (plan.rows_of(slice.column / plan.columns) != kProblemRows) continue;
      const int first_column = slice.column % plan.columns * plan.block_tile.thread_n;
      const int strips = std::min(plan.block_tile.thread_n, plan.N - first_column) / kStripN;
      for (int t = 0; t < slice.k_tile_end - slice.k_tile_begin; ++t)
        if (own_scales_are_refilled(t, slice.k_tile_end - slice.k_tile_begin, per_group))
          for (int strip = 0; strip < strips; ++strip)
            for (int subtile = plan.k_warps(); subtile < subtiles; ++subtile)
              reads.push_back({slice.column, slice.k_tile_begin + t, strip, subtile});
    }
  return reads;
}

}  // namespace

LateScaleReads::LateScaleReads(const Task& task, const Plan& plan) {
  const std::vector<ScaleRead> exposed = exposed_reads(task, plan);
  if (exposed.empty()) return;
  const auto count = static_cast<int>(exposed.size());
  const fixtures::random::RandomStream draw(task.launch.number, 0);
  const int wanted = 1 + draw.below(std::max(1, count * kLatePerMille / 1000), 0);
  late_.insert(exposed[task.launch.number % exposed.size()]);  // so that launches that follow each other differ
  for (int i = 1; i < wanted; ++i)
    late_.insert(exposed[static_cast<std::size_t>(draw.below(count, static_cast<std::uint64_t>(i)))]);
}

int LateScaleReads::group_found(const ScaleRead& read, int group) const {
  constexpr int kGroupsAhead = 2;  // group * tiles_per_group + tiles_per_group - 1 + kAhead, as a group
  return late_.contains(read) ? group + kGroupsAhead : group;
}

}  // namespace w4::kernel::lane_model
