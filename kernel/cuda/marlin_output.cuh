// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/cuda/marlin_stream.cuh"

namespace w4::kernel::cuda {

// Addresses of outputs: in C, and of partial sums in the slots of slices.

/// A column of a problem, and the thread blocks that share it.
struct Column {
  UnitPlace place;
  int index;         // over all problems: index of its lock
  int end;           // last unit + 1, counted over all columns
  int lowest_block;  // first thread block with a slice: that with k = 0
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
  /// A thread block has two slots: 0 for the column in which its stripe begins, 1 for the column that it enters at k =
  /// 0.
  __device__ int slot(int block) const { return 2 * block + (block == lowest_block ? 1 : 0); }
};

/// Two neighbouring outputs: row `row` of the problem, columns n and n + 1 of the block's column.
struct Output {
  int row;
  int n;
};

/// The part of a column that lies inside M and N.
template <class Shape>
struct Extent {
  int rows;
  int columns;
  __device__ Extent(const MarlinArgs& args, const Column& column)
      : rows(min(Shape::kRows, args.M - column.place.problem * Shape::kRows)),
        columns(min(Shape::kColumns, args.N - column.place.column * Shape::kColumns)) {}
  __device__ bool has(int row, int n) const { return row < rows && n < columns; }
};

__device__ inline float2 sum_of(float2 a, float2 b) { return {a.x + b.x, a.y + b.y}; }

/// Epilogue: scale (one group only) and bias in fp32, then one cast.
template <class Shape>
__device__ inline typename Shape::Type::Pair output_of(const MarlinArgs& args, const Column& column, int n,
                                                       float2 sum) {
  using Type = typename Shape::Type;
  using Pair = typename Type::Pair;
  n += column.place.column * Shape::kColumns;
  if (!Shape::kGrouped) {
    const int place = n / 32 * 32 + 8 * (n % 8 / 2) + 2 * (n % 32 / 8);
    const float2 scale = Type::floats(*reinterpret_cast<const Pair*>(args.scales + place));
    if constexpr (Shape::kFault == MarlinFault::cast_before_scale) sum = Type::floats(Type::rounded(sum));
    sum = {sum.x * scale.x, sum.y * scale.y};
  }
  if (args.bias != nullptr) sum = sum_of(sum, Type::floats(*reinterpret_cast<const Pair*>(args.bias + n)));
  return Type::rounded(sum);
}

template <class Shape>
__device__ inline std::uint16_t* place_in_C(const MarlinArgs& args, const Column& column, Output out) {
  const int m = column.place.problem * Shape::kRows + out.row;
  return args.C + static_cast<std::size_t>(m) * args.N + column.place.column * Shape::kColumns + out.n;
}

template <class Shape>
__device__ inline void write_output(const MarlinArgs& args, const Column& column, Output out, float2 sum) {
  auto* const to = reinterpret_cast<typename Shape::Type::Pair*>(place_in_C<Shape>(args, column, out));
  if constexpr (Shape::kFault == MarlinFault::output_added_to) sum = sum_of(sum, Shape::Type::floats(*to));
  *to = output_of<Shape>(args, column, out.n, sum);
}

/// The slice with k = 0 keeps 32 bits, so that a sum of S slices rounds S - 1 partial sums, as a chain of slices does.
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

/// Four neighbouring values of a slot.
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

/// Values at[0..3] of a slot in row-major layout: four neighbouring outputs of a row.
template <class Shape>
struct RowQuad {
  Output out;

  __device__ explicit RowQuad(int at) : out{.row = at / Shape::kColumns, .n = at % Shape::kColumns} {}
  __device__ bool exists(const Extent<Shape>& extent) const { return extent.has(out.row, out.n); }
  __device__ void write(const MarlinArgs& args, const Column& column, const Extent<Shape>&, float4 sums) const {
    write_output<Shape>(args, column, out, {sums.x, sums.y});
    write_output<Shape>(args, column, {.row = out.row, .n = out.n + 2}, {sums.z, sums.w});
  }
};

}  // namespace w4::kernel::cuda
