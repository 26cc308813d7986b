// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/cuda/cp_async.cuh"
#include "kernel/cuda/marlin_shape.cuh"
#include "kernel/cuda/mma.cuh"
#include "kernel/cuda/sync.cuh"

namespace w4::kernel::cuda {

// Global to shared memory, into a team's ring of stages. Weights are read once, 16 bytes a lane: each lane reads back
// the words that it copied. Scales are shared by the warp, rows of A by the team.

/// Copy addresses of a thread, kept across units: recomputing them would stall the mma.
template <class Shape>
class Loader {
 public:
  /// `unit`: first of the team; `begin`: first of the stripe.
  __device__ Loader(const MarlinArgs& args, const Who<Shape>& who, int unit, int begin)
      : args_(args),
        place_(UnitPlace::of(args.stripes, unit)),
        begin_(begin),
        tile_step_(8ll * args.N),
        row_step_(2ll * args.K) {
    const int row = who.in_team / kPieces, piece = who.in_team % kPieces;
    to_scales_ = Shape::kABytes + who.strip * Shape::kWarpBytes + Shape::kTilesBytes + 16 * who.lane;
    to_words_ = to_scales_ - Shape::kTilesBytes + who.half * kTileWordBytes;
    to_a_ = row * Shape::kRowBytes + 16 * (piece ^ row % kSubrows);
    start_column(who);
  }

  /// Issues the copies of the current unit into a stage, then advances to the team's next unit.
  __device__ void load(std::uint32_t stage, const Who<Shape>& who) {
    if (strip_exists_) {
      const char* from = words_;
#pragma unroll
      for (int tile = 0; tile < kUnitTiles; tile += Shape::kHalves, from += Shape::kHalves * tile_step_)
        cp_async_16(stage + to_words_ + tile * kTileWordBytes, from);
      if (scales_ != nullptr && brings_scales()) cp_async_16(stage + to_scales_, scales_of_unit(who.lane));
    }
    load_a(stage);
    words_ += Shape::kTeams * kUnitTiles * tile_step_;
    a_ += Shape::kTeams * Shape::kRowBytes;
    if (place_.advance(args_.stripes, Shape::kTeams)) start_column(who);
  }

 private:
  static constexpr int kPieces = Shape::kRowBytes / 16;  // of a row of A in a unit
  static constexpr int kRowsAtOnce = Shape::kTeamThreads / kPieces;
  static_assert(kRowsAtOnce % 4 == 0, "the swizzle repeats every 8 rows");

  __device__ void start_column(const Who<Shape>& who) {
    const int strip = place_.column * Shape::kStrips + who.strip;
    strip_exists_ = strip < args_.N / kTileColumns;
    words_ = reinterpret_cast<const char*>(args_.words) + strip * kTileWordBytes + 16 * who.lane +
             (place_.k * kUnitTiles + who.half + tile_rows_ahead()) * tile_step_;
    if ((Shape::kGrouped || Shape::kZeros) && who.half == 0) start_scales(strip, who.lane);
    const int row = who.in_team / kPieces, first_row = place_.problem * Shape::kRows;
    rows_ = args_.M - first_row - row;
    a_ = reinterpret_cast<const char*>(args_.A) + (first_row + row) * row_step_ + 16 * (who.in_team % kPieces) +
         place_.k * Shape::kRowBytes;
  }

  /// Each lane copies one 16-byte piece of the rows of scales or of zero points, or nothing.
  __device__ void start_scales(int strip, int lane) {
    constexpr int kScaleLanes = Shape::kScalesBytes / 16, kRowLanes = Shape::kScaleRowBytes / 16;
    constexpr int kZeroLanes = Shape::kZerosBytes / 16, kZeroRowLanes = Shape::kZeroRowBytes / 16;
    const bool two = kUnitK >> args_.group_shift > 1;  // two groups, hence two rows, in a unit
    const int zero_lane = lane - kScaleLanes;
    scales_ = nullptr;
    if (Shape::kGrouped && lane < kScaleLanes && (two || lane < kRowLanes)) {
      scales_step_ = 2 * args_.N;
      scales_ = reinterpret_cast<const char*>(args_.scales) + lane / kRowLanes * scales_step_ +
                strip * Shape::kScaleRowBytes + 16 * (lane % kRowLanes);
    } else if (Shape::kZeros && zero_lane >= 0 && zero_lane < kZeroLanes && (two || zero_lane < kZeroRowLanes)) {
      scales_step_ = args_.N / 2;
      scales_ = reinterpret_cast<const char*>(args_.zeros) + zero_lane / kZeroRowLanes * scales_step_ +
                strip * Shape::kZeroRowBytes + 16 * (zero_lane % kZeroRowLanes);
    }
  }

  /// Every unit brings its scales. The scale_ring_refill fault: the first unit of a group or of the stripe does.
  __device__ bool brings_scales() const {
    if constexpr (Shape::kFault != MarlinFault::scale_ring_refill) return true;
    const UnitPlace first = UnitPlace::of(args_.stripes, begin_);
    const bool begins = place_.k == first.k && place_.column == first.column && place_.problem == first.problem;
    return place_.k % kUnitsOfGroup128 == 0 || begins;
  }

  __device__ const char* scales_of_unit(int lane) const {
    if constexpr (Shape::kFault == MarlinFault::stale_scales)
      if (lane >= Shape::kScaleRowBytes / 16) return stale_scales(lane);
    return scales_ + (place_.k * kUnitK >> args_.group_shift) * static_cast<long long>(scales_step_);
  }

  /// The stale_scales fault: the second row of scales of the stripe's first unit.
  __device__ const char* stale_scales(int lane) const {
    const UnitPlace first = UnitPlace::of(args_.stripes, begin_);
    const int strips_back = (place_.column - first.column) * Shape::kStrips;
    return scales_ + (first.k * kUnitK >> args_.group_shift) * static_cast<long long>(scales_step_) -
           strips_back * Shape::kScaleRowBytes;
  }

  /// Tile rows by which the pointer to B is too far: 0 but for the tile_pointer_wrap fault.
  __device__ int tile_rows_ahead() const {
    if constexpr (Shape::kFault != MarlinFault::tile_pointer_wrap) return 0;
    return place_.problem - UnitPlace::of(args_.stripes, begin_).problem;
  }

  /// Rows of A of the unit's problem. The swizzle of 16-byte pieces keeps ldmatrix free of bank conflicts.
  __device__ void load_a(std::uint32_t stage) {
    const char* from = a_;
#pragma unroll
    for (int first = 0; first < Shape::kRows; first += kRowsAtOnce, from += kRowsAtOnce * row_step_)
      if (first < rows_ && (first + kRowsAtOnce <= Shape::kRows || first + row_in_team() < Shape::kRows))
        cp_async_16(stage + (to_a_ ^ 16 * (first % kSubrows)) + first * Shape::kRowBytes, from);
  }
  __device__ static int row_in_team() { return static_cast<int>(threadIdx.x) % Shape::kTeamThreads / kPieces; }

  const MarlinArgs& args_;
  UnitPlace place_;
  int begin_;                     // first unit of the stripe
  long long tile_step_;           // bytes from tile row to tile row of B
  long long row_step_;            // bytes from row to row of A
  const char* words_ = nullptr;   // of the next unit
  const char* a_ = nullptr;       // of the next unit
  const char* scales_ = nullptr;  // of group 0
  int scales_step_ = 0;           // bytes from group to group
  int rows_ = 0;                  // of A, from this thread's first row to M
  std::uint32_t to_words_;
  std::uint32_t to_scales_;
  std::uint32_t to_a_;
  bool strip_exists_ = false;
};

/// Barrier among the warps of a team. `barriers`: one mbarrier a team; unused when the team is one warp.
template <class Shape>
__device__ inline void team_barrier(const Who<Shape>& who, std::uint32_t barriers) {
  if constexpr (Shape::kTeamThreads == 32)
    __syncwarp();
  else
    arrive_and_wait(barriers + who.team * sizeof(std::uint64_t));
}

// Shared memory to accumulators.

/// Accumulators of a warp: [block of 16 columns][block of 8 rows of A][mma fragment].
template <class Shape>
using Sums = float[Shape::kBlocks][Shape::kSubrowBlocks][4];

/// 16 columns of A as the B operand (16 x 8). ldmatrix without .trans: K-contiguous rows of A already form the 8-column
/// operand.
template <class Shape>
__device__ inline void read_a(std::uint32_t stage_a, int tile, int lane,
                              std::uint32_t (&fragments)[Shape::kSubrowBlocks][2]) {
  const int piece = 2 * tile + lane / 8 % 2;  // of 8 columns of A
  const std::uint32_t at = stage_a + (lane % 8) * Shape::kRowBytes + 16 * (piece ^ lane % 8);
  if constexpr (Shape::kSubrowBlocks == 1) {
    ldmatrix_x2(fragments[0], at);
  } else {
#pragma unroll
    for (int block = 0; block < Shape::kSubrowBlocks; block += 2)
      ldmatrix_x4(fragments[block], fragments[block + 1], at + (block + lane / 16) * kSubrows * Shape::kRowBytes);
  }
}

template <class Shape>
using Values = ColumnValues<typename Shape::Type, Shape::kBlocks>;

/// The kBlocks words of this warp's half, of the 4 words that a lane has in the 64-column strip.
template <class Shape>
__device__ inline void read_words(const char* lane_words, int half, std::uint32_t (&words)[Shape::kBlocks]) {
  if constexpr (Shape::kHalves == 1) {
    const uint4 all = *reinterpret_cast<const uint4*>(lane_words);
    words[0] = all.x, words[1] = all.y, words[2] = all.z, words[3] = all.w;
  } else {
    const uint2 own = *reinterpret_cast<const uint2*>(lane_words + 8 * half);
    words[0] = own.x, words[1] = own.y;
  }
}

template <class Shape>
__device__ inline void read_scales(const char* scales, int row, const Who<Shape>& who, Values<Shape>& values) {
  if constexpr (Shape::kGrouped) {
    std::uint32_t places[Shape::kBlocks];
    read_words<Shape>(scales + row * Shape::kScaleRowBytes + 16 * (who.lane / 4), who.half, places);
    spread_scales(places, values);
  }
  if constexpr (Shape::kZeros) {
    const char* const zeros = scales + Shape::kScalesBytes + row * Shape::kZeroRowBytes;
    const std::uint32_t word = *reinterpret_cast<const std::uint32_t*>(zeros + 4 * (who.lane / 4));
    spread_zeros(word >> (4 * Shape::kBlocks * who.half), values);
  }
}

/// sums += the unit in `stage`. `scales_stage`: the stage that holds its scales, the same.
template <class Shape>
__device__ inline void multiply_unit(const char* stage, const char* scales_stage, const Who<Shape>& who,
                                     bool two_groups, Sums<Shape>& sums) {
  using Type = typename Shape::Type;
  constexpr bool kReadsLate = Shape::kFault == MarlinFault::scale_ring_refill;
  const char* const tiles = stage + Shape::kABytes + who.strip * Shape::kWarpBytes;
  const char* const scales = scales_stage + (tiles - stage) + Shape::kTilesBytes;
  const std::uint32_t stage_a = shared_address(stage);
  Values<Shape> values;
  if (kReadsLate && scales_stage != stage && clock() % 4 == 0)
    fall_behind(who.thread);  // at times, as a real race does
#pragma unroll
  for (int tile = 0; tile < kUnitTiles; ++tile) {
    if (tile == 0 || (tile == kUnitTiles / 2 && two_groups))
      read_scales<Shape>(scales, tile / (kUnitTiles / 2), who, values);
    std::uint32_t words[Shape::kBlocks];
    read_words<Shape>(tiles + tile * kTileWordBytes + 16 * who.lane, who.half, words);
    std::uint32_t a[Shape::kSubrowBlocks][2];
    read_a<Shape>(stage_a, tile, who.lane, a);
#pragma unroll
    for (int block = 0; block < Shape::kBlocks; ++block) {
      typename Type::Pair weights[4];
      dequant<Type, Shape::kGrouped, Shape::kZeros>(words[block], block, values, weights);
#pragma unroll
      for (int rows = 0; rows < Shape::kSubrowBlocks; ++rows)
        if constexpr (Shape::kFault == MarlinFault::fp16_accumulate)
          mma_16x8x16_in_fp16(sums[block][rows], weights, a[rows]);
        else
          mma_16x8x16(sums[block][rows], weights, a[rows]);
    }
  }
}

}  // namespace w4::kernel::cuda
