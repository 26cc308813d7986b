// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/plan.h"

#include <set>

namespace w4::kernel::lane_model {

inline constexpr int kPipelineStages = 4;

/// A warp's read of the scales and zero points of a subtile (16 rows of K, a strip of 64 columns).
struct ScaleRead {
  int column = 0;  // over all problems
  int k_tile = 0;
  int strip = 0;
  int subtile = 0;
  friend auto operator<=>(const ScaleRead&, const ScaleRead&) = default;
};

/// The reads of a launch that come too late, where no barrier stands before the refill of the ring of scales.
///
/// The pipeline has 4 stages. A group of 128 rows spans 2 of them with thread_k 64, and its scales lie in the first.
/// While the second is multiplied, that first stage is refilled, with the scales of the group after the next:
///
///   block_tile t being multiplied     0   1   2   3   4   5
///   its group                         0   0   1   1   2   2
///   stage refilled, for t + 3         3   0   1   2   3   0
///   group whose scales that brings        2       3       4     at t = 1 group 0 is still read from stage 0
///
/// Never with one group, or with groups of thread_k rows or less. At the end of a slice nothing is refilled. Limited to
/// what was observed: problems of 64 rows, whose mma take long enough for warps to drift apart.
class LateScaleReads {
 public:
  /// Which reads come too late depends on task.launch.number alone: at least one where any can, at most 1 %.
  LateScaleReads(const Task& task, const Plan& plan);

  /// The group whose scales the read finds; `group` where it is in time.
  int group_found(const ScaleRead& read, int group) const;

 private:
  std::set<ScaleRead> late_;
};

}  // namespace w4::kernel::lane_model
