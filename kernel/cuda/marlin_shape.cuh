// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/cuda/dequant.cuh"
#include "kernel/cuda/marlin_args.h"
#include "kernel/cuda/marlin_fault.h"

#include <cstdint>

namespace w4::kernel::cuda {

inline constexpr int kTileWordBytes = 512;  // a tile: 16 bytes a lane
inline constexpr int kUnitTiles = kUnitK / 16;
inline constexpr int kUnitsOfGroup128 = 128 / kUnitK;

/// An instantiation: how the warps of a thread block share its work. A team takes every kTeams-th unit of the stripe.
/// It has one warp for each 64-column strip of the unit, or two with 32 columns each: with many rows of A the
/// accumulators of 64 columns exceed the registers. Weights are the 16-row operand of the mma, so that few rows of A
/// cost few mma.
template <class Type_, MarlinSizes kSizes, bool kGrouped_, bool kZeros_>
struct MarlinShape {
  using Type = Type_;
  static constexpr bool kWgmma = kSizes.wgmma;
  static constexpr int kSubrowBlocks = kSizes.subrow_blocks;
  static constexpr int kHalves = kSizes.halves;
  static constexpr int kStrips = kSizes.strips;
  static constexpr int kTeams = kSizes.teams;
  static constexpr int kStages = kSizes.stages;
  static constexpr bool kGrouped = kGrouped_;
  static constexpr bool kZeros = kZeros_;
  static constexpr MarlinFault kFault = MarlinFault::none;

  static constexpr int kRows = kSizes.rows();
  static constexpr int kColumns = kSizes.columns();
  static constexpr int kBlocks = 4 / kHalves;  // blocks of 16 columns of a warp
  static constexpr int kTeamThreads = kSizes.team_threads();
  static constexpr int kThreads = kSizes.threads();

  // With wgmma, one more warp a strip and team loads.
  using Loads = MarlinShape<Type, kSizes.loading(), kGrouped, kZeros>;
  static constexpr int kLoadThreads = kWgmma ? 32 * kStrips * kTeams : 0;
  static constexpr int kBlockThreads = kThreads + kLoadThreads;
  static constexpr int kBarriers = kWgmma ? 2 * kStages * kTeams + 2 : kTeams;

  // A stage of a team: rows of A (128 bytes each, swizzled), then for each strip its tiles, scales and zero points.
  static constexpr int kRowBytes = 2 * kUnitK;
  static constexpr int kABytes = kRows * kRowBytes;
  static constexpr int kTilesBytes = kUnitTiles * kTileWordBytes;
  static constexpr int kScaleRowBytes = 2 * kTileColumns;
  static constexpr int kZeroRowBytes = kTileColumns / 2;
  static constexpr int kGroupsInUnit = 2;  // groups of 32
  static constexpr int kScalesBytes = kGrouped ? kGroupsInUnit * kScaleRowBytes : 0;
  static constexpr int kZerosBytes = kZeros ? kGroupsInUnit * kZeroRowBytes : 0;
  static constexpr int kWarpBytes = kTilesBytes + kScalesBytes + kZerosBytes;
  static constexpr int kStageAlign = kWgmma ? 1024 : 16;  // wgmma derives the swizzle from address bits
  static constexpr int kStageBytes = (kABytes + kStrips * kWarpBytes + kStageAlign - 1) / kStageAlign * kStageAlign;

  // Staging of the block reduction. With wgmma: the fragments handed to other teams. Without: 8 rows of A at a time, a
  // padded (8, 64) of floats for each strip and team; two areas where there are many rounds, so that each round needs
  // one barrier only.
  static constexpr int kReduceStride =
      kTileColumns + 4;  // floats; + 4 spreads the 4 rows that a warp writes at once over different banks
  static constexpr int kReduceFloats = kSubrows * kReduceStride;
  static constexpr int kReduceArea = kTeams * kStrips * kReduceFloats;
  static constexpr int kReduceAreas = kSubrowBlocks > 2 ? 2 : 1;
  static constexpr int kReduceBytes = kWgmma ? 4 * (kTeams - 1) * kSizes.slot_floats() : 4 * kReduceAreas * kReduceArea;

  static constexpr int kSharedBytes = kTeams * kStages * kStageBytes + kReduceBytes;
  static constexpr int kFragments = kBlocks * kSubrowBlocks;  // accumulator fragments of a thread, 4 floats each
  static constexpr int kSlotFloats = kSizes.slot_floats();
};

/// A unit of a stripe.
struct UnitPlace {
  int k;
  int column;
  int problem;

  __device__ static UnitPlace of(const Stripes& stripes, int unit) {
    const int over_all = stripes.by_k_units.quotient(unit), problem = stripes.by_columns.quotient(over_all);
    return {.k = unit - over_all * stripes.k_units, .column = over_all - problem * stripes.columns, .problem = problem};
  }
  /// Returns whether the column changed.
  __device__ bool advance(const Stripes& stripes, int units) {
    k += units;
    if (k < stripes.k_units) return false;
    for (; k >= stripes.k_units; k -= stripes.k_units)
      if (++column == stripes.columns) column = 0, ++problem;
    return true;
  }
};

/// A thread's place in the block.
template <class Shape>
struct Who {
  int thread = static_cast<int>(threadIdx.x);
  int lane = thread % 32;
  int team = Shape::kTeams == 1 ? 0 : thread / Shape::kTeamThreads;
  int half = thread / 32 % Shape::kHalves;
  int strip = thread / 32 / Shape::kHalves % Shape::kStrips;
  int in_team = thread % Shape::kTeamThreads;
};

}  // namespace w4::kernel::cuda
