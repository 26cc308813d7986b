// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/cuda/marlin_fragments.cuh"

#include <type_traits>

namespace w4::kernel::cuda {

// Accumulators to C: a sum over teams in shared memory, then over slices in slots of global memory. The order of every
// sum is fixed.

/// Stages the sums of a warp for 8 rows of A, as (8, 64).
template <class Shape>
__device__ inline void stage_sums(const Sums<Shape>& sums, int rows_block, int lane, float* to) {
#pragma unroll
  for (int block = 0; block < Shape::kBlocks; ++block)
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int row = 2 * (lane % 4) + i % 2, n = 16 * block + lane / 4 + 8 * (i / 2);
      to[row * Shape::kReduceStride + n] = sums[block][rows_block][i];
    }
}

/// The sum over teams of two neighbouring outputs. `first`: their place in the first team's area.
template <class Shape>
__device__ inline float2 sum_of_teams(const float* first) {
  float2 sum = *reinterpret_cast<const float2*>(first);
#pragma unroll
  for (int team = 1; team < Shape::kTeams; ++team) {
    const float2 more = *reinterpret_cast<const float2*>(first + team * Shape::kStrips * Shape::kReduceFloats);
    sum = {sum.x + more.x, sum.y + more.y};
  }
  return sum;
}

/// The end of a slice: writes C where the slice is the whole column, otherwise a slot. `round` counts uses of the
/// staging areas.
template <class Shape>
__device__ inline void write_slice(const MarlinArgs& args, const Column& column, const Sums<Shape>& sums,
                                   const Who<Shape>& who, float* staging, int& round) {
  constexpr int kPairs = kTileColumns / 2, kStripPairs = kSubrows * kPairs, kAllPairs = Shape::kStrips * kStripPairs;
  constexpr int kShare = (kAllPairs + Shape::kThreads - 1) / Shape::kThreads;
  const int block = static_cast<int>(blockIdx.x);
  const bool whole = column.slices() == 1;
  const Extent<Shape> extent(args, column);
#pragma unroll
  for (int rows_block = 0; rows_block < Shape::kSubrowBlocks; ++rows_block, ++round) {
    float* const staged = staging + round % Shape::kReduceAreas * Shape::kReduceArea;
    if (Shape::kReduceAreas == 1 && Shape::kFault != MarlinFault::writeout_race)
      __syncthreads();  // the previous round has been read
    stage_sums<Shape>(
        sums, rows_block, who.lane,
        staged + who.thread / 32 / Shape::kHalves * Shape::kReduceFloats + who.half * Shape::kBlocks * 16);
    __syncthreads();
    if constexpr (Shape::kFault == MarlinFault::writeout_race) fall_behind(who.thread);
    float2 pairs[kShare];
#pragma unroll
    for (int i = 0; i < kShare; ++i) {
      const int at = (who.thread + i * Shape::kThreads) % kAllPairs;
      pairs[i] = sum_of_teams<Shape>(staged + at / kStripPairs * Shape::kReduceFloats +
                                     at / kPairs % kSubrows * Shape::kReduceStride + 2 * (at % kPairs));
    }
#pragma unroll
    for (int i = 0; i < kShare; ++i) {
      const int at = who.thread + i * Shape::kThreads;
      const Output out{.row = kSubrows * rows_block + at / kPairs % kSubrows,
                       .n = at / kStripPairs * kTileColumns + 2 * (at % kPairs)};
      if (at >= kAllPairs || !extent.has(out.row, out.n)) continue;
      if (whole)
        write_output<Shape>(args, column, out, pairs[i]);
      else
        write_partial<Shape>(args, column, block, out, pairs[i]);
    }
  }
}

/// Sums the slots of a column from the highest k down and writes C, with `threads` threads. Loads do not depend on
/// branches, so that many are in flight at once and hide the latency of global memory.
template <class Shape, bool kReduce16>
__device__ inline void finish_column(const MarlinArgs& args, const Column& column, int thread, int threads) {
  constexpr int kQuads = Shape::kSlotFloats / 4, kShare = (kQuads + Shape::kBlockThreads - 1) / Shape::kBlockThreads;
  constexpr int kAtOnce = kShare < 4 ? kShare : 4, kSlicesAtOnce = 4;
  using Quad = std::conditional_t<Shape::kWgmma, FragmentQuad<Shape>, RowQuad<Shape>>;
  const Extent<Shape> extent(args, column);
#pragma unroll 1
  for (int first = thread; first < kQuads; first += kAtOnce * threads) {
    float4 sums[kAtOnce];
    int at[kAtOnce];
    bool exists[kAtOnce];
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      at[i] = 4 * (first + i * threads);
      exists[i] = at[i] < Shape::kSlotFloats && Quad(at[i]).exists(extent);
      sums[i] = {};
    }
#pragma unroll 1
    for (int top = column.highest_block; top >= column.lowest_block; top -= kSlicesAtOnce) {
      float4 more[kSlicesAtOnce][kAtOnce];
#pragma unroll
      for (int slice = 0; slice < kSlicesAtOnce; ++slice)
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i)
          more[slice][i] = top - slice < column.lowest_block
                               ? float4{}
                               : read_partial<Shape, kReduce16>(args, column, top - slice, exists[i] ? at[i] : 0);
#pragma unroll
      for (int slice = 0; slice < kSlicesAtOnce; ++slice)
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) sums[i] = sum_of(sums[i], more[slice][i]);
    }
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i)
      if (exists[i]) Quad(at[i]).write(args, column, extent, sums[i]);
  }
}

/// Whether this block is the last to fill its slot of the column. The last one resets the lock.
template <class Shape>
__device__ inline int arrive_last(const MarlinArgs& args, const Column& column) {
  int* const lock = args.locks + column.index;
  const bool last = count_arrival(lock) == column.slices() - 1;
  if (last && Shape::kFault != MarlinFault::lock_left_dirty) *lock = 0;
  return last;
}

/// The end of a stripe. `ends`: its first and last column, the only ones that other blocks can share. Two warps count
/// the arrivals at once, because an atomic takes as long as several units. If both columns are to be finished, half of
/// the threads take each.
template <class Shape>
__device__ inline void finish_columns(const MarlinArgs& args, const Column (&ends)[2], int thread, int* flags) {
  __syncthreads();  // all threads have filled their part of the slots
  const int which = thread / 32;
  if (which < 2 && thread % 32 == 0)
    flags[which] = ends[which].slices() > 1 ? arrive_last<Shape>(args, ends[which]) : 0;
  __syncthreads();
  const bool both = flags[0] != 0 && flags[1] != 0;
  if (flags[0] == 0 && flags[1] == 0) return;
  const int threads = both ? Shape::kBlockThreads / 2 : Shape::kBlockThreads;
  const Column column = ends[both ? thread / threads : flags[1]];
  if (args.reduce_16)
    finish_column<Shape, true>(args, column, thread % threads, threads);
  else
    finish_column<Shape, false>(args, column, thread % threads, threads);
}

}  // namespace w4::kernel::cuda
