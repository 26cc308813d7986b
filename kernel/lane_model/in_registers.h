// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/lane_model.h"
#include "kernel/lane_model/pipeline.h"

#include <optional>

namespace w4::kernel::lane_model {

/// Which block, warp and lane multiplies w(row, n), in one 64-row problem. Warps are numbered as in the published
/// kernel: along N first.
struct Spot {
  PlannedSlice slice;  // and its thread block
  int k_tile = 0;      // block_tile inside the column
  int subtile = 0;     // 16 rows inside that
  int strip = 0;       // 64 columns inside that
  int warp = 0;
};
Spot spot_of(const Plan& plan, int problem, int row, int n);

/// A weight and its activation, as they are in the registers of the warp that multiplies them.
struct Loaded {
  int code = 0;
  ScaleSource scale_source = {};  // the row of packed.scales and the first column of its 64
  std::uint16_t scale_bits = 0;   // unused with one group, which is scaled in the epilogue
  float weight = 0;               // dequantised; unscaled with one group
  float a = 0;
};

/// What the lane model with `recipe` loads for (row, n) of padded B and row m of A. None: it does not run, or never
/// visits that column.
std::optional<Loaded> loaded_at(const Task& task, const repack::Recipe& recipe, int m, int row, int n);

}  // namespace w4::kernel::lane_model
