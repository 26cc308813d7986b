// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/marlin_stream.cuh"

namespace w4::kernel {

// Sums to C: teams are added up in shared memory, slices in slots of global memory. Every order is fixed.

/// A column of a problem as a thread block meets it.
struct Column {
  UnitPlace place;
  int index;         // over all problems: its lock
  int end;           // of its units, over all
  int lowest_block;  // who has slices: the lowest has k = 0
  int highest_block;

  __device__ static Column at(const Stripes& stripes, int block, int unit) {
    Column c{};
    c.place = UnitPlace::of(stripes, unit);
    const int first = unit - c.place.k;
    c.index = c.place.problem * stripes.columns + c.place.column;
    c.end = first + stripes.k_units;
    c.lowest_block = stripes.begin(block) <= first ? block : stripes.owner(first);
    c.highest_block = stripes.begin(block + 1) >= c.end ? block : stripes.owner(c.end - 1);
    return c;
  }
  __device__ int slices() const { return highest_block - lowest_block + 1; }
  /// A thread block has two slots: for the column it goes into from the top, and for the one it is in when it starts.
  __device__ int slot(int block) const { return 2 * block + (block == lowest_block ? 1 : 0); }
};

/// Two neighbouring outputs, of row `row` of the problem and columns n, n + 1 of the block's column.
struct Output {
  int row;
  int n;
};

__device__ inline float2 sum_of(float2 a, float2 b) { return {a.x + b.x, a.y + b.y}; }

/// Scale of one group and bias in 32 bits, one cast, store.
template <class Shape>
__device__ inline void write_output(const MarlinArgs& args, const Column& column, Output out, float2 sum) {
  using Type = typename Shape::Type;
  using Pair = typename Type::Pair;
  const int n = column.place.column * Shape::kColumns + out.n;
  if (!Shape::kGrouped) {
    const int place = n / 32 * 32 + 8 * (n % 8 / 2) + 2 * (n % 32 / 8);
    const float2 scale = Type::floats(*reinterpret_cast<const Pair*>(args.scales + place));
    if constexpr (Shape::kFault == MarlinFault::cast_before_scale) sum = Type::floats(Type::rounded(sum));
    sum = {sum.x * scale.x, sum.y * scale.y};
  }
  if (args.bias != nullptr) {
    const float2 bias = Type::floats(*reinterpret_cast<const Pair*>(args.bias + n));
    sum = {sum.x + bias.x, sum.y + bias.y};
  }
  const int m = column.place.problem * Shape::kRows + out.row;
  auto* const to = reinterpret_cast<Pair*>(args.C + static_cast<std::size_t>(m) * args.N + n);
  if constexpr (Shape::kFault == MarlinFault::output_added_to) sum = sum_of(sum, Type::floats(*to));
  *to = Type::rounded(sum);
}

/// The topmost slice keeps 32 bits: the sum over S slices then rounds S - 1 partial sums, as a chain of slices does.
template <class Shape>
__device__ inline bool slot_is_16(const MarlinArgs& args, const Column& column, int block) {
  return args.reduce_16 && block != column.lowest_block;
}

template <class Shape>
__device__ inline void write_partial(const MarlinArgs& args, const Column& column, int block, Output out, float2 sum) {
  float* const slot = args.partials + static_cast<std::size_t>(column.slot(block)) * Shape::kSlotFloats;
  const int at = out.row * Shape::kColumns + out.n;
  if (slot_is_16<Shape>(args, column, block))
    reinterpret_cast<typename Shape::Type::Pair*>(slot)[at / 2] = Shape::Type::rounded(sum);
  else
    *reinterpret_cast<float2*>(slot + at) = sum;
}

/// Four neighbouring outputs of a slot.
template <class Shape, bool kReduce16>
__device__ inline float4 read_partial(const MarlinArgs& args, const Column& column, int block, int at) {
  const float* const slot = args.partials + static_cast<std::size_t>(column.slot(block)) * Shape::kSlotFloats;
  if (!kReduce16 || !slot_is_16<Shape>(args, column, block)) return __ldcg(reinterpret_cast<const float4*>(slot + at));
  using Pair = typename Shape::Type::Pair;
  const uint2 bits = __ldcg(reinterpret_cast<const uint2*>(slot) + at / 4);
  const float2 first = Shape::Type::floats(as_pair<Pair>(bits.x)), second = Shape::Type::floats(as_pair<Pair>(bits.y));
  return {first.x, first.y, second.x, second.y};
}

__device__ inline float4 sum_of(float4 a, float4 b) { return {a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w}; }

/// The part of a column that exists.
template <class Shape>
struct Extent {
  int rows;
  int columns;
  __device__ Extent(const MarlinArgs& args, const Column& column)
      : rows(min(Shape::kRows, args.M - column.place.problem * Shape::kRows)),
        columns(min(Shape::kColumns, args.N - column.place.column * Shape::kColumns)) {}
  __device__ bool has(int row, int n) const { return row < rows && n < columns; }
};

/// A warp's sums of 8 rows of A, as (8, 64).
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

/// The sum over teams of a pair that lies at `first` of the first team's area.
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

/// Makes one warp in four slow, as it happens by itself now and then.
__device__ inline void fall_behind(int thread) {
  constexpr unsigned kNanoseconds = 2000;
  if (thread / 32 % 4 == 3) __nanosleep(kNanoseconds);
}

/// The end of a slice: C, where it is the whole column, or a slot. `round` counts the uses of the staging areas.
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
      __syncthreads();  // the round before has been read
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

/// Sums a column's slots from the bottom (highest k) up and writes C; by `threads` threads. Slots are far away, so many
/// loads are under way at once: none depends on a branch.
template <class Shape, bool kReduce16>
__device__ inline void finish_column(const MarlinArgs& args, const Column& column, int thread, int threads) {
  constexpr int kQuads = Shape::kSlotFloats / 4, kShare = (kQuads + Shape::kThreads - 1) / Shape::kThreads;
  constexpr int kAtOnce = kShare < 4 ? kShare : 4;
  const Extent<Shape> extent(args, column);
#pragma unroll 1
  for (int first = thread; first < kQuads; first += kAtOnce * threads) {
    float4 sums[kAtOnce];
    int at[kAtOnce];
    bool exists[kAtOnce];
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      at[i] = 4 * (first + i * threads);
      exists[i] = at[i] < Shape::kSlotFloats && extent.has(at[i] / Shape::kColumns, at[i] % Shape::kColumns);
      sums[i] = read_partial<Shape, kReduce16>(args, column, column.highest_block, exists[i] ? at[i] : 0);
    }
#pragma unroll 4
    for (int block = column.highest_block - 1; block >= column.lowest_block; --block)
#pragma unroll
      for (int i = 0; i < kAtOnce; ++i)
        sums[i] = sum_of(sums[i], read_partial<Shape, kReduce16>(args, column, block, exists[i] ? at[i] : 0));
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const Output out{.row = at[i] / Shape::kColumns, .n = at[i] % Shape::kColumns};
      if (!exists[i]) continue;
      write_output<Shape>(args, column, out, {sums[i].x, sums[i].y});
      write_output<Shape>(args, column, {.row = out.row, .n = out.n + 2}, {sums[i].z, sums[i].w});
    }
  }
}

/// Whether this block is the last that has filled its slot of the column; the lock is zero again then.
template <class Shape>
__device__ inline int arrive_last(const MarlinArgs& args, const Column& column) {
  int* const lock = args.locks + column.index;
  const bool last = count_arrival(lock) == column.slices() - 1;
  if (last && Shape::kFault != MarlinFault::lock_left_dirty) *lock = 0;
  return last;
}

/// The end of a stripe. `ends`: its first column and its last, the only ones that other blocks can share. Their
/// arrivals are counted together, because a count takes as long as some units; and if both are to be finished, each is
/// by half of the threads.
template <class Shape>
__device__ inline void finish_columns(const MarlinArgs& args, const Column (&ends)[2], int thread, int* flags) {
  __syncthreads();  // the whole block has filled its slots
  const int which = thread / 32;
  if (which < 2 && thread % 32 == 0)
    flags[which] = ends[which].slices() > 1 ? arrive_last<Shape>(args, ends[which]) : 0;
  __syncthreads();
  const bool both = flags[0] != 0 && flags[1] != 0;
  if (flags[0] == 0 && flags[1] == 0) return;
  const int threads = both ? Shape::kThreads / 2 : Shape::kThreads;
  const Column column = ends[both ? thread / threads : flags[1]];
  if (args.reduce_16)
    finish_column<Shape, true>(args, column, thread % threads, threads);
  else
    finish_column<Shape, false>(args, column, thread % threads, threads);
}

}  // namespace w4::kernel
