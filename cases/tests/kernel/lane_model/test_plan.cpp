// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/kernel/lane_model/known_layer.h"
#include "kernel/lane_model/plan.h"
#include "kernel/lane_model/turn_order.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace {

using namespace w4;
using namespace w4::tests;
using kernel::lane_model::Plan;
using kernel::lane_model::PlannedSlice;

/// A task of a shape alone: plans look at nothing else.
kernel::Task shape_task(int M, int K, int N, int group_size, kernel::BlockTile tile, int thread_blocks) {
  kernel::Task task;
  task.A = Grid<std::uint16_t>::made(M, 1, [](auto cells) { std::fill(cells.begin(), cells.end(), 0); });
  task.packed.K = task.packed.stored_K = K;
  task.packed.N = task.packed.stored_N = N;
  task.packed.group_size = group_size == -1 ? K : group_size;
  task.launch.block_tile = tile;
  task.launch.thread_blocks = thread_blocks;
  return task;
}

struct Faults {
  int gaps = 0;        // slices that do not join to the whole of K
  int indices = 0;     // not numbered from the bottom up
  int cut_groups = 0;  // a stripe starts inside a group
  int tiles = 0;       // block_tiles done not once
  int stripes = 0;     // a stripe's slices are not the columns'
};

void check_column(const Plan& plan, int column, int group_size, Faults& faults) {
  const std::vector<PlannedSlice> slices = kernel::lane_model::column_slices(plan, column);
  int k_tile = 0;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const PlannedSlice& s = slices[i];
    faults.gaps += s.k_tile_begin != k_tile || s.k_tile_end <= s.k_tile_begin || s.column != column;
    faults.indices += s.index != static_cast<int>(slices.size() - 1 - i) || s.count != static_cast<int>(slices.size());
    const bool splits = group_size > plan.block_tile.thread_k && s.k_tile_begin * plan.block_tile.thread_k % group_size;
    faults.cut_groups += splits;
    k_tile = s.k_tile_end;
  }
  faults.gaps += k_tile != plan.k_tiles;
}

void check_stripes(const Plan& plan, Faults& faults) {
  std::vector<int> done(static_cast<std::size_t>(plan.block_tiles()));
  for (int b = 0; b < plan.thread_blocks; ++b)
    for (const PlannedSlice& s : kernel::lane_model::stripe_slices(plan, b)) {
      for (int k = s.k_tile_begin; k < s.k_tile_end; ++k) ++done[static_cast<std::size_t>(s.column) * plan.k_tiles + k];
      const std::vector<PlannedSlice> column = kernel::lane_model::column_slices(plan, s.column);
      const PlannedSlice& other = column[static_cast<std::size_t>(s.count - 1 - s.index)];
      faults.stripes += s.thread_block != b || other.thread_block != b || other.k_tile_begin != s.k_tile_begin;
    }
  faults.tiles += static_cast<int>(std::count_if(done.begin(), done.end(), [](int times) { return times != 1; }));
}

}  // namespace

TEST_CASE("plan: slices partition K and every block_tile is done once") {
  for (const kernel::BlockTile tile : {kernel::BlockTile{128, 128}, kernel::BlockTile{64, 256}})
    for (const int K : {64, 128, 192, 384, 1536, 2048})
      for (const int N : {64, 128, 192, 320, 512, 1536})
        for (const int M : {1, 64, 65, 130, 300})
          for (const int group_size : {-1, 32, 64, 128})
            for (const int thread_blocks : {1, 2, 3, 5, 7, 10, 132, 100000}) {
              if (group_size != -1 && K % group_size != 0) continue;
              const kernel::Task task = shape_task(M, K, N, group_size, tile, thread_blocks);
              const Plan plan = kernel::lane_model::plan_of(task, N);
              Faults faults;
              for (int column = 0; column < plan.column_count(); ++column)
                check_column(plan, column, task.packed.one_group() ? 0 : group_size, faults);
              check_stripes(plan, faults);
              const int sum = faults.gaps + faults.indices + faults.cut_groups + faults.tiles + faults.stripes;
              if (sum != 0 || plan.thread_blocks > thread_blocks) {
                INFO("M", M, " K", K, " N", N, " g", group_size, " blocks ", thread_blocks, ": gaps ", faults.gaps,
                     " indices ", faults.indices, " cut groups ", faults.cut_groups, " tiles ", faults.tiles,
                     " stripes ", faults.stripes);
                FAIL_CHECK("the plan is wrong");
              }
            }
}

TEST_CASE("plan: three by three block_tiles and five thread blocks are cut as the picture shows") {
  const Plan plan = kernel::lane_model::plan_of(shape_task(1, 384, 384, 128, {128, 128}, 5), 384);
  CHECK(plan.iters == 2);
  const int picture[3][3] = {{0, 1, 3}, {0, 2, 3}, {1, 2, 4}};  // [k_tile][column]
  for (int column = 0; column < 3; ++column)
    for (const PlannedSlice& s : kernel::lane_model::column_slices(plan, column))
      for (int k = s.k_tile_begin; k < s.k_tile_end; ++k) CHECK(picture[k][column] == s.thread_block);
}

TEST_CASE("plan: without dirt every slice gets its turn from the bottom up and the locks end at zero") {
  for (const int thread_blocks : {1, 2, 3, 5, 7, 10, 132})
    for (const int M : {1, 130}) {
      const Plan plan = kernel::lane_model::plan_of(shape_task(M, 1536, 384, 128, {128, 128}, thread_blocks), 384);
      const std::vector<std::int32_t> zeros(static_cast<std::size_t>(plan.column_count()));
      const kernel::lane_model::TurnOrder turns =
          kernel::lane_model::turn_order_of(plan, zeros, kernel::lane_model::ReduceWay::reference);
      CHECK_FALSE(turns.hangs);
      CHECK(turns.locks == zeros);
      CHECK(turns.block_tiles_done == plan.block_tiles());
      for (const auto& column : turns.of_column)
        for (std::size_t i = 0; i < column.size(); ++i) CHECK(column[i].index == static_cast<int>(i));
    }
}

TEST_CASE("plan: slices_of names the runs of K in their order") {
  const Known known = known_layer({.M = 65, .K = 320, .N = 192, .group_size = 64});
  const kernel::Task task = task_of(known, {.block_tile = {128, 128}, .thread_blocks = 4});
  // 3 k_tiles, 2 columns, 2 problems: stripes of 3, one a column
  CHECK(kernel::lane_model::slices_of(task, 1, 1).size() == 1);
  const kernel::Task split = task_of(known, {.block_tile = {128, 128}, .thread_blocks = 6});
  const std::vector<kernel::Slice> slices = kernel::lane_model::slices_of(split, 0, 1);  // stripes of 2: tiles 3 | 4 5
  REQUIRE(slices.size() == 2);
  CHECK(slices[0].k_begin == 0);
  CHECK(slices[0].k_end == 128);
  CHECK(slices[1].k_begin == 128);
  CHECK(slices[1].k_end == 320);
  CHECK_THROWS_WITH(kernel::lane_model::slices_of(task, 2, 0),
                    "problem 2 column 0: there are 2 problems and 2 columns");
}
