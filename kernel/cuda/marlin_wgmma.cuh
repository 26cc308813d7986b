// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/cuda/marlin_stream.cuh"
#include "kernel/cuda/wgmma.cuh"

namespace w4::kernel::cuda {

/// sums += the unit in `stage`. The four warps of a warpgroup supply the 64 rows of a wgmma: 16 columns of W each. A
/// tile is dequantised while the wgmma of the tile before it runs, across units too: the last tile's wgmma is still in
/// flight on return. `in_the_middle` is called once no wgmma reads the stage of the previous unit.
template <class Shape, class Callback>
__device__ inline void multiply_unit_wgmma(const char* stage, const Who<Shape>& who, bool two_groups, Sums<Shape>& sums,
                                           const Callback& in_the_middle) {
  using Type = typename Shape::Type;
  static_assert(Shape::kRows == 64 && Shape::kTeamThreads % 128 == 0);
  const char* const tiles = stage + Shape::kABytes + who.strip * Shape::kWarpBytes;
  const std::uint64_t rows = swizzled_rows(shared_address(stage));
  std::uint32_t words[kUnitTiles][Shape::kBlocks];  // loaded up front, to hide the latency of shared memory
#pragma unroll
  for (int tile = 0; tile < kUnitTiles; ++tile)
    read_words<Shape>(tiles + tile * kTileWordBytes + 16 * who.lane, who.half, words[tile]);
  Values<Shape> values;
#pragma unroll
  for (int tile = 0; tile < kUnitTiles; ++tile) {
    if (tile == 0 || (tile == kUnitTiles / 2 && two_groups))
      read_scales<Shape>(tiles + Shape::kTilesBytes, tile / (kUnitTiles / 2), who, values);
    typename Type::Pair weights[Shape::kBlocks][4];
#pragma unroll
    for (int block = 0; block < Shape::kBlocks; ++block)
      dequant<Type, Shape::kGrouped, Shape::kZeros>(words[tile][block], block, values, weights[block]);
    wgmma_fence();
#pragma unroll
    for (int block = 0; block < Shape::kBlocks; ++block) wgmma_64x64x16(sums[block], weights[block], rows + 2 * tile);
    wgmma_commit();
    wgmma_wait<1>();
    if (tile == 1) in_the_middle();
  }
}

}  // namespace w4::kernel::cuda
