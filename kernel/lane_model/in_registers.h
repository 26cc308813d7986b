// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/lane_model.h"
#include "kernel/lane_model/pipeline.h"

#include <optional>

namespace w4::kernel::lane_model {

/// Who multiplies a weight, for one 64-row problem. Warps are counted as the published kernel does: those side by side
/// along N first.
struct Spot {
  PlannedSlice slice;  // and its thread block
  int k_tile = 0;      // block_tile inside the column
  int subtile = 0;     // 16 rows inside that
  int strip = 0;       // 64 columns inside that
  int warp = 0;
};
Spot spot_of(const Plan& plan, int problem, int row, int n);

/// A weight and the activation it meets, as the warp that multiplies them finds them in its registers.
struct Loaded {
  int code = 0;
  ScaleSource scale_source = {};  // the row of packed.scales and the first column of its 64
  std::uint16_t scale_bits = 0;   // unused with one group, which is scaled in the epilogue
  float weight = 0;               // dequantised; with one group not scaled
  float a = 0;
};

/// What the lane model's kernel of `recipe` loads for row `row` and column `n` of B (padded) and row m of A. None: it
/// does not run, or never visits that column.
std::optional<Loaded> loaded_at(const Task& task, const repack::Recipe& recipe, int m, int row, int n);

}  // namespace w4::kernel::lane_model
