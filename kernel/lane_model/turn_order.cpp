// SPDX-License-Identifier: Apache-2.0
#include "kernel/lane_model/turn_order.h"

#include <utility>

namespace w4::kernel::lane_model {

namespace {

/// A thread block and its position in its stripe.
struct Walker {
  std::vector<PlannedSlice> slices;
  std::size_t next = 0;
  bool done() const { return next == slices.size(); }
};

bool may_go(const PlannedSlice& slice, const std::vector<std::int32_t>& locks, ReduceWay way) {
  if (slice.count == 1 || way == ReduceWay::output_not_zeroed_atomic) return true;
  return locks[static_cast<std::size_t>(slice.column)] == slice.index;
}

void release(const PlannedSlice& slice, std::vector<std::int32_t>& locks, ReduceWay way) {
  if (slice.count == 1 || way == ReduceWay::output_not_zeroed_atomic) return;
  std::int32_t& lock = locks[static_cast<std::size_t>(slice.column)];
  const bool resets = slice.last() && way != ReduceWay::lock_workspace_dirty;
  lock = resets ? 0 : lock + 1;
}

/// Advances a thread block until it has to wait. Returns whether it moved.
bool advance(Walker& walker, TurnOrder& turns, ReduceWay way) {
  const std::size_t before = walker.next;
  for (; !walker.done() && may_go(walker.slices[walker.next], turns.locks, way); ++walker.next) {
    const PlannedSlice& slice = walker.slices[walker.next];
    turns.of_column[static_cast<std::size_t>(slice.column)].push_back(slice);
    release(slice, turns.locks, way);
  }
  return walker.next != before;
}

/// Block_tiles multiplied, including those of a slice that then waits for ever.
long long tiles_multiplied(const Walker& walker) {
  long long tiles = 0;
  for (std::size_t i = 0; i < walker.slices.size() && i <= walker.next; ++i)
    tiles += walker.slices[i].k_tile_end - walker.slices[i].k_tile_begin;
  return tiles;
}

}  // namespace

TurnOrder turn_order_of(const Plan& plan, std::vector<std::int32_t> locks, ReduceWay way) {
  TurnOrder turns{.of_column = std::vector<std::vector<PlannedSlice>>(static_cast<std::size_t>(plan.column_count())),
                  .locks = std::move(locks)};
  std::vector<Walker> walkers(static_cast<std::size_t>(plan.thread_blocks));
  // From the last to the first: with clean locks a thread block waits for blocks after it only, so one round is enough.
  for (int b = plan.thread_blocks - 1; b >= 0; --b)
    walkers[static_cast<std::size_t>(b)].slices = stripe_slices(plan, b);
  for (bool moved = true; moved;) {
    moved = false;
    for (auto walker = walkers.rbegin(); walker != walkers.rend(); ++walker) moved |= advance(*walker, turns, way);
  }
  for (const Walker& walker : walkers) {
    turns.hangs |= !walker.done();
    turns.block_tiles_done += tiles_multiplied(walker);
  }
  return turns;
}

}  // namespace w4::kernel::lane_model
