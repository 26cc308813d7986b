// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/sweep/change_points.h"
#include "kernel/run.h"

#include <optional>

namespace w4::cases::sweep {

/// The shape a case is launched at.
struct Shape {
  int M = 0;
  int K = 0;
  int N = 0;
  int group = 0;                          // -1: one group
  std::optional<int> thread_blocks = {};  // none: the kernel chooses; not an axis
  int group_size() const { return group == -1 ? K : group; }
  friend bool operator==(const Shape&, const Shape&) = default;
};

/// Places of the axes.
inline constexpr int kAxisM = 0, kAxisK = 1, kAxisN = 2, kAxisGroup = 3, kAxisBlocks = 4;

Point point_of(const Shape& shape);
Shape shape_at(const Point& point);

/// The shapes around `origin`, which may be smaller than the case's shape `base`; the axes hold both. Groups divide K,
/// and M * K * N is bounded so that a launch takes less than a second in the lane model. `block_tile`: of a kernel with
/// the stripes of kernel/lane_model/plan.h; then conditions on stripes are tried too.
Space shapes_around(const Shape& base, const Shape& origin, const std::optional<kernel::BlockTile>& block_tile);

/// Smaller shapes that may fail in the same way, the smallest first: fewer columns, fewer rows, both. They keep the
/// remainders of K and N.
std::vector<Shape> smaller_shapes(const Shape& base);

}  // namespace w4::cases::sweep
