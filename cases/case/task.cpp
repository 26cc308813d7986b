// SPDX-License-Identifier: Apache-2.0
#include "cases/case/task.h"

#include "fixtures/error.h"

#include <algorithm>
#include <numeric>

namespace w4::cases {

std::vector<int> summed_order(const fixtures::Layer& layer) {
  if (!layer.g_idx || layer.group_size == layer.K) return {};
  const auto group_of = fixtures::files::grid_of<std::int32_t>(*layer.g_idx);
  std::vector<int> rows(static_cast<std::size_t>(layer.K));
  std::iota(rows.begin(), rows.end(), 0);
  std::stable_sort(rows.begin(), rows.end(), [&](int a, int b) { return group_of(0, a) < group_of(0, b); });
  return rows;
}

std::vector<int> slice_starts(const std::vector<kernel::Slice>& slices, int K) {
  std::vector<int> starts;
  for (const kernel::Slice& slice : slices)
    if (slice.k_begin > 0 && slice.k_begin < K) starts.push_back(slice.k_begin);
  return starts;
}

std::vector<std::vector<kernel::Slice>> slices_by_column(const kernel::Task& task) {
  const int thread_n = task.launch.block_tile.thread_n;
  const int columns = (task.packed.N + thread_n - 1) / thread_n;
  const int problem_rows = judge::Rounding{}.problem_rows;
  std::vector<std::vector<kernel::Slice>> all;
  for (int problem = 0; problem * problem_rows < task.A.rows(); ++problem)
    for (int column = 0; column < columns; ++column)
      all.push_back(kernel::lane_model::slices_of(task, problem, column));
  return all;
}

kernel::Task task_of(const Prepared& prepared, const repack::Packed& packed, const Options& options) {
  const bool own_choice = std::holds_alternative<asked::Kernel>(options.asked);
  const kernel::Launch unsaid =
      own_choice ? kernel::Launch{.block_tile = {.thread_k = 0, .thread_n = 0}, .thread_blocks = 0} : kernel::Launch{};
  kernel::Task task{.A = prepared.A, .packed = packed, .launch = {}};
  if (own_choice) task.stored = std::make_shared<const fixtures::Layer>(prepared.layer);
  task.launch.block_tile = options.request.block_tile.value_or(unsaid.block_tile);
  task.launch.thread_blocks = options.request.thread_blocks.value_or(unsaid.thread_blocks);
  task.launch.reduce_bits = options.request.reduce_bits;
  return task;
}

kernel::Task for_lane_model(kernel::Task task) {
  const kernel::Launch defaults;
  if (task.launch.thread_blocks == 0) task.launch.thread_blocks = defaults.thread_blocks;
  if (task.launch.block_tile.thread_k == 0) task.launch.block_tile = defaults.block_tile;
  task.launch.workspace.clear();  // other kernels have other locks
  return task;
}

judge::Rounding rounding_of(const Prepared& prepared, const kernel::Task& task) {
  return rounding_of(prepared.layer, task);
}

namespace {

judge::Rounding rounding_but_cuts(const fixtures::Layer& layer, const kernel::Task& task) {
  judge::Rounding rounding{.grouped = layer.group_size != layer.K,
                           .row_order = summed_order(layer),
                           .slice_starts = {},
                           .thread_n = task.launch.block_tile.thread_n};
  rounding.columns = (task.packed.N + rounding.thread_n - 1) / rounding.thread_n;
  return rounding;
}

void add_cuts(const fixtures::Layer& layer, const kernel::Task& task, judge::Rounding& rounding) {
  for (const auto& slices : slices_by_column(task)) rounding.slice_starts.push_back(slice_starts(slices, layer.K));
}

}  // namespace

judge::Rounding rounding_of(const fixtures::Layer& layer, const kernel::Task& task) {
  judge::Rounding rounding = rounding_but_cuts(layer, task);
  if (task.launch.reduce_bits == 16) add_cuts(layer, task, rounding);
  return rounding;
}

judge::Rounding rounding_with_classes(const fixtures::Layer& layer, const kernel::Task& task) {
  judge::Rounding rounding = rounding_but_cuts(layer, task);
  rounding.narrow_sums = task.launch.reduce_bits == 16;
  try {
    add_cuts(layer, task, rounding);
  } catch (const CannotTest&) {  // the user's kernel may take what the lane model does not
    if (rounding.narrow_sums) throw;
    rounding.slice_starts.clear();
  }
  rounding.classes = true;
  return rounding;
}

}  // namespace w4::cases
