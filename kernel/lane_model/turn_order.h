// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/plan.h"
#include "kernel/lane_model/reduce.h"

#include <cstdint>
#include <vector>

namespace w4::kernel::lane_model {

/// The order in which slices reduce, in one launch.
struct TurnOrder {
  std::vector<std::vector<PlannedSlice>> of_column;  // the slices that reduced, in that order
  std::vector<std::int32_t> locks;                   // after the launch
  bool hangs = false;                                // a thread block waits for ever
  long long block_tiles_done = 0;
};

/// Simulates the locks of a launch without its data, one lock a column over all problems. In a shared column a slice
/// waits until the lock equals its index: a lock that was not 0 at the start lets a slice reduce too early, or never.
/// The locks allow one order only inside a column, so data can be computed column by column afterwards. All thread
/// blocks are resident, as the published kernel assumes.
TurnOrder turn_order_of(const Plan& plan, std::vector<std::int32_t> locks, ReduceWay way);

}  // namespace w4::kernel::lane_model
