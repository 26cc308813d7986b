// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/cuda/marlin_output.cuh"

namespace w4::kernel::cuda {

// The end of a slice with wgmma. Sums keep the layout of the accumulator registers, also in slots: for each fragment,
// sums[block][rows][0..3] of every thread of the team.
//
//   lane / 4:  0   1  ...   7  | the same + 8 columns
//             [0] [0]      [0] | [2] [2]      [2]   row 2 (lane % 4)
//             [1] [1]      [1] | [3] [3]      [3]   row 2 (lane % 4) + 1

/// Quad number at / 4 of a slot. The 32 lanes of a warp hold 32 neighbouring quads, and stay together: they shuffle.
template <class Shape>
struct FragmentQuad {
  int lane;
  Output first;  // of sums[0]

  __device__ explicit FragmentQuad(int at) : FragmentQuad(at / 4 / Shape::kTeamThreads, at / 4 % Shape::kTeamThreads) {}
  __device__ FragmentQuad(int fragment, int in_team) : lane(in_team % 32) {
    const int block = in_team / 32 * Shape::kBlocks + fragment / Shape::kSubrowBlocks;
    first = {.row = kSubrows * (fragment % Shape::kSubrowBlocks) + 2 * (lane % 4), .n = 16 * block + lane / 4};
  }
  /// Whether C has any output of this warp; the same for all lanes.
  __device__ bool exists(const Extent<Shape>& extent) const {
    return extent.has(first.row / kSubrows * kSubrows, first.n / kTileColumns * kTileColumns);
  }
  /// Two shuffles give each lane 4 neighbouring outputs of one row, so that a warp writes 32 contiguous bytes a row.
  __device__ void write(const MarlinArgs& args, const Column& column, const Extent<Shape>& extent, float4 sums) const {
    using Pair = typename Shape::Type::Pair;
    const bool lower_row = lane / 4 % 2 != 0, upper_columns = lane / 8 % 2 != 0;
    const float left = __shfl_xor_sync(~0u, lower_row ? sums.x : sums.y, 4);
    const float right = __shfl_xor_sync(~0u, lower_row ? sums.z : sums.w, 4);
    const int n = first.n - lower_row;  // of the first pair; the second begins at n + 8
    const Pair pairs[2] = {
        output_of<Shape>(args, column, n, lower_row ? float2{left, sums.y} : float2{sums.x, left}),
        output_of<Shape>(args, column, n + 8, lower_row ? float2{right, sums.w} : float2{sums.z, right})};
    const std::uint32_t own[2] = {as_bits(pairs[0]), as_bits(pairs[1])};
    const std::uint32_t other = __shfl_xor_sync(~0u, upper_columns ? own[0] : own[1], 8);
    const Output out{.row = first.row + lower_row, .n = upper_columns ? n + 6 : n};
    if (out.row < extent.rows)
      *reinterpret_cast<uint2*>(place_in_C<Shape>(args, column, out)) =
          upper_columns ? uint2{other, own[1]} : uint2{own[0], other};
  }

 private:
  static __device__ std::uint32_t as_bits(typename Shape::Type::Pair pair) {
    return *reinterpret_cast<const std::uint32_t*>(&pair);
  }
};

/// Sum over teams: each team ends up with the full sum of every kTeams-th fragment.
template <class Shape>
class TeamSums {
 public:
  __device__ TeamSums(float* staging, std::uint32_t barriers) : staging_(staging), barriers_(barriers) {}

  static __device__ void init(std::uint32_t barriers) {
    for (int i = 0; i < 2; ++i) init_barrier(barriers + i * sizeof(std::uint64_t), Shape::kThreads);
  }
  static __device__ bool owns(int team, int fragment) { return fragment % Shape::kTeams == team; }

  __device__ void exchange(Sums<Shape>& sums, const Who<Shape>& who) {
    if constexpr (Shape::kTeams > 1) {
      if (slice_ > 0)
        wait_for_phase(barriers_ + sizeof(std::uint64_t), (slice_ - 1) % 2);  // the slice before has been read
#pragma unroll
      for (int fragment = 0; fragment < Shape::kFragments; ++fragment)
        if (!owns(who.team, fragment)) *place(fragment, who.team, who.in_team) = as_float4(sums, fragment);
      arrive_and_wait(barriers_);
#pragma unroll
      for (int fragment = 0; fragment < Shape::kFragments; ++fragment)
        if (owns(who.team, fragment)) add_others(sums, fragment, who);
      arrive(barriers_ + sizeof(std::uint64_t));
      ++slice_;
    }
  }
  static __device__ float4 as_float4(const Sums<Shape>& sums, int fragment) {
    const auto& own = sums[fragment / Shape::kSubrowBlocks][fragment % Shape::kSubrowBlocks];
    return {own[0], own[1], own[2], own[3]};
  }

 private:
  /// Staging of a team that does not own the fragment.
  __device__ float4* place(int fragment, int team, int in_team) const {
    const int rank = team - (team > fragment % Shape::kTeams);
    return reinterpret_cast<float4*>(staging_) +
           ((fragment * (Shape::kTeams - 1) + rank) * Shape::kTeamThreads + in_team);
  }
  __device__ void add_others(Sums<Shape>& sums, int fragment, const Who<Shape>& who) const {
    float(&own)[4] = sums[fragment / Shape::kSubrowBlocks][fragment % Shape::kSubrowBlocks];
#pragma unroll
    for (int other = 1; other < Shape::kTeams; ++other) {
      const float4 more = *place(fragment, (who.team + other) % Shape::kTeams, who.in_team);
      own[0] += more.x, own[1] += more.y, own[2] += more.z, own[3] += more.w;
    }
  }

  float* staging_;
  std::uint32_t barriers_;  // two: "all staged" and "all read"
  int slice_ = 0;
};

/// Separate loops for each width and for C (below) keep each path short: code that runs once waits for instruction
/// fetches.
template <class Shape, bool kReduce16>
__device__ inline void write_slot(float* slot, const Extent<Shape>& extent, const Sums<Shape>& sums,
                                  const Who<Shape>& who) {
#pragma unroll
  for (int fragment = 0; fragment < Shape::kFragments; ++fragment) {
    if (!TeamSums<Shape>::owns(who.team, fragment) || !FragmentQuad<Shape>(fragment, who.in_team).exists(extent))
      continue;
    const int place = fragment * Shape::kTeamThreads + who.in_team;
    const float4 values = TeamSums<Shape>::as_float4(sums, fragment);
    if constexpr (kReduce16) {
      const typename Shape::Type::Pair pairs[2] = {Shape::Type::rounded({values.x, values.y}),
                                                   Shape::Type::rounded({values.z, values.w})};
      reinterpret_cast<uint2*>(slot)[place] = *reinterpret_cast<const uint2*>(pairs);
    } else {
      reinterpret_cast<float4*>(slot)[place] = values;
    }
  }
}

/// write_slice() for the wgmma layout.
template <class Shape>
__device__ inline void write_fragments(const MarlinArgs& args, const Column& column, const Sums<Shape>& sums,
                                       const Who<Shape>& who) {
  const int block = static_cast<int>(blockIdx.x);
  const Extent<Shape> extent(args, column);
  if (column.slices() > 1) {
    float* const slot = args.partials + static_cast<std::size_t>(column.slot(block)) * Shape::kSlotFloats;
    if (slot_is_16<Shape>(args, column, block))
      write_slot<Shape, true>(slot, extent, sums, who);
    else
      write_slot<Shape, false>(slot, extent, sums, who);
    return;
  }
#pragma unroll
  for (int fragment = 0; fragment < Shape::kFragments; ++fragment) {
    const FragmentQuad<Shape> quad(fragment, who.in_team);
    if (TeamSums<Shape>::owns(who.team, fragment) && quad.exists(extent))
      quad.write(args, column, extent, TeamSums<Shape>::as_float4(sums, fragment));
  }
}

}  // namespace w4::kernel::cuda
