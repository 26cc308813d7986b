// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/lanes.h"
#include "kernel/run.h"

#include <algorithm>
#include <vector>

namespace w4::kernel::lane_model {

/// How thread blocks share the work: block_tiles in the order (problem, column, k), k fastest, in one stripe a thread
/// block.
///
///   which thread block has a block_tile:              column  0 1 2
///   3 x 3 block_tiles, 5 blocks, stripes of 2       k_tile 0  0 1 3
///                                                          1  0 2 3
///                                                          2  1 2 4
///
/// The part of a stripe inside a column is a slice: column 1 has two. Slices are numbered, and reduced, from the
/// highest k down: a stripe that enters a column in the middle starts with its first slice in that order, which waits
/// for no other, so that the locks cannot deadlock.
///
/// A stripe never starts inside a group: where a group is longer than a block_tile, stripes are whole groups long.
struct Plan {
  BlockTile block_tile;
  int rows = 0;           // of A, M
  int K = 0;              // padded
  int N = 0;              // columns visited, padded
  int k_tiles = 0;        // block_tiles along K; the last is cut off at K
  int columns = 0;        // block_tile columns; the last is cut off at N
  int problems = 0;       // runs of 64 rows of A
  long long iters = 0;    // block_tiles a stripe
  int thread_blocks = 0;  // with work

  constexpr long long block_tiles() const { return static_cast<long long>(k_tiles) * columns * problems; }
  constexpr int column_count() const { return columns * problems; }  // over all problems
  constexpr int rows_of(int problem) const { return std::min(kProblemRows, rows - kProblemRows * problem); }
  constexpr int strips() const { return block_tile.thread_n / kStripN; }  // warps side by side along N
  constexpr int k_warps() const { return kWarps / strips(); }             // warps that share a strip
};

/// A block_tile. `column` counts over all problems, as the locks do.
struct TilePlace {
  int column = 0;
  int k_tile = 0;
};

/// A slice in the plan: block_tiles [k_tile_begin, k_tile_end) of a column, by one thread block.
struct PlannedSlice {
  int thread_block = 0;
  int column = 0;  // over all problems
  int k_tile_begin = 0;
  int k_tile_end = 0;
  int index = 0;  // turn in the reduction: 0 has the highest k
  int count = 1;  // slices in this column

  constexpr bool first() const { return index == 0; }
  constexpr bool last() const { return index == count - 1; }  // writes the output
};

/// The plan for a task. `visited_N` is packed.N, or less for a kernel that forgets columns.
Plan plan_of(const Task& task, int visited_N);

/// The first block_tile of a thread block's stripe.
constexpr TilePlace stripe_start(const Plan& plan, int thread_block) {
  const long long tile = plan.iters * thread_block;
  return {.column = static_cast<int>(tile / plan.k_tiles), .k_tile = static_cast<int>(tile % plan.k_tiles)};
}

/// The slice of a column that a thread block does; it must do one.
constexpr PlannedSlice slice_at(const Plan& plan, int thread_block, int column) {
  const long long top = static_cast<long long>(column) * plan.k_tiles;
  const long long bottom = top + plan.k_tiles;
  const auto lowest = static_cast<int>((bottom - 1) / plan.iters);  // the thread block at the bottom of the column
  const auto highest = static_cast<int>(top / plan.iters);
  const long long begin = std::max(top, plan.iters * thread_block);
  const long long end = std::min(bottom, plan.iters * (thread_block + 1LL));
  return {.thread_block = thread_block,
          .column = column,
          .k_tile_begin = static_cast<int>(begin - top),
          .k_tile_end = static_cast<int>(end - top),
          .index = lowest - thread_block,
          .count = lowest - highest + 1};
}

/// The slices of a column, from k = 0 up.
std::vector<PlannedSlice> column_slices(const Plan& plan, int column);

/// The slices of a thread block's stripe, in order.
std::vector<PlannedSlice> stripe_slices(const Plan& plan, int thread_block);

}  // namespace w4::kernel::lane_model
