// SPDX-License-Identifier: Apache-2.0
#include "kernel/lane_model/in_registers.h"

#include "kernel/lane_model/recipe.h"
#include "repack/stages/fragments.h"
#include "repack/stages/scale_order.h"

namespace w4::kernel::lane_model {

Spot spot_of(const Plan& plan, int problem, int row, int n) {
  const int column = problem * plan.columns + n / plan.block_tile.thread_n;
  Spot spot{.slice = {}, .k_tile = row / plan.block_tile.thread_k};
  const long long tile = static_cast<long long>(column) * plan.k_tiles + spot.k_tile;
  spot.slice = slice_at(plan, static_cast<int>(tile / plan.iters), column);
  spot.subtile = row % plan.block_tile.thread_k / repack::kTileK;
  spot.strip = n % plan.block_tile.thread_n / kStripN;
  spot.warp = spot.subtile % plan.k_warps() * plan.strips() + spot.strip;
  return spot;
}

std::optional<Loaded> loaded_at(const Task& task, const repack::Recipe& recipe, int m, int row, int n) {
  const Ways ways = ways_of(recipe);
  const Plan plan = plan_of(task, visited_columns(task.packed.N, ways.pipeline));
  if (!runs(ways.launch, task) || n >= plan.N) return std::nullopt;
  const Pipeline pipeline(task, plan, ways.pipeline);
  const int problem = m / kProblemRows;
  const Spot spot = spot_of(plan, problem, row, n);
  const std::uint32_t* words = pipeline.words(spot.slice, spot.k_tile, spot.subtile, spot.strip);
  const auto [word, slot] = repack::fragments::place_of({.k = row % repack::kTileK, .n = n % kStripN});
  Loaded loaded{.code = code_at(words[word], slot)};
  loaded.scale_source = pipeline.scale_source(spot.slice, spot.k_tile, spot.subtile, spot.strip);
  const StagedScales scales = pipeline.scales(loaded.scale_source);
  loaded.scale_bits = scales.scales[repack::scale_order::grouped_place(n % kStripN)];
  WarpB b;
  dequant(words, code_values(scales, task.packed.dtype, ways.dequant, plan.rows_of(problem)), b);
  loaded.weight = b.at[row % repack::kTileK][n % kStripN];
  loaded.a = pipeline.a_value(m, row);
  return loaded;
}

}  // namespace w4::kernel::lane_model
