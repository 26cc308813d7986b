// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/plan.h"
#include "kernel/lane_model/reduce.h"

#include <cstdint>
#include <vector>

namespace w4::kernel::lane_model {

/// Who got his turn when, in one launch.
struct Turns {
  std::vector<std::vector<PlannedSlice>> of_column;  // the slices that got their turn, in that order
  std::vector<std::int32_t> locks;                   // afterwards
  bool hangs = false;                                // a thread block waits for ever
  long long block_tiles_done = 0;
};

/// Plays the launch on the locks alone, one lock a column over all problems. A slice of a column that has several waits
/// until the lock equals its index, and no longer: a lock that was not 0 lets a slice go early, or never. The order
/// inside a column is the only one that the locks allow, so the data can follow column by column. Thread blocks run at
/// once, as the published kernel assumes (no more of them than the chip holds).
Turns take_turns(const Plan& plan, std::vector<std::int32_t> locks, ReduceWay way);

}  // namespace w4::kernel::lane_model
