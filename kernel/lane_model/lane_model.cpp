// SPDX-License-Identifier: Apache-2.0
#include "kernel/lane_model/lane_model.h"

#include "fixtures/error.h"
#include "fixtures/parallel.h"
#include "kernel/lane_model/recipe.h"
#include "kernel/lane_model/turn_order.h"
#include "kernel/lane_model/writeout_race.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace w4::kernel::lane_model {

namespace {

/// One launch.
struct Job {
  const Task& task;
  const Ways& ways;
  const Plan& plan;
  Pipeline pipeline;
  std::vector<float> a = {};  // staged, of the problem in hand

  /// What a subtile multiplies, of the problem in hand: (rows, 16).
  const float* a_of(int k_tile, int subtile, int rows) const {
    const int tile = k_tile * plan.block_tile.thread_k / repack::kTileK + subtile;
    return &a[static_cast<std::size_t>(tile) * rows * repack::kTileK];
  }
};

/// The current table of a strip; recomputed only when its scales change.
struct StripValues {
  ScaleSource source;
  CodeValues values;
};

/// The warps of one strip over a block_tile. Its 16-row subtiles go round robin to the warps that share the strip.
void multiply_strip(const Job& job, const PlannedSlice& slice, int k_tile, int strip, StripValues& current,
                    Accumulators& sums) {
  const DType type = job.task.packed.dtype;
  WarpB b;
  for (int subtile = 0; subtile < job.pipeline.subtiles(k_tile); ++subtile) {
    const ScaleSource source = job.pipeline.scale_source(slice, k_tile, subtile, strip);
    if (source != current.source)
      current = {source, code_values(job.pipeline.scales(source), type, job.ways.dequant, sums.rows)};
    const float* a = job.a_of(k_tile, subtile, sums.rows);
    if (adds_nothing(a, sums.rows, current.values.finite, job.ways.multiply)) continue;
    dequant(job.pipeline.words(slice, k_tile, subtile, strip), current.values, b);
    multiply(a, sums.rows, b, sums.of(strip, subtile % sums.k_warps), job.ways.multiply, type);
  }
}

/// The sums of a slice: block_tile after block_tile, then the block reduction.
Sums multiply_slice(const Job& job, const PlannedSlice& slice) {
  const int strips = job.pipeline.strips(slice.column);
  Accumulators sums(strips, job.plan.k_warps(), job.plan.rows_of(slice.column / job.plan.columns));
  std::vector<StripValues> values(static_cast<std::size_t>(strips));
  for (int k_tile = slice.k_tile_begin; k_tile < slice.k_tile_end; ++k_tile)
    for (int strip = 0; strip < strips; ++strip)
      multiply_strip(job, slice, k_tile, strip, values[static_cast<std::size_t>(strip)], sums);
  return block_reduce(sums);
}

OutputTile output_tile(const Job& job, int column, std::vector<std::uint16_t>& C) {
  const int problem = column / job.plan.columns;
  const int first_column = column % job.plan.columns * job.plan.block_tile.thread_n;
  const int N = job.task.packed.N;
  return {.first = &C[static_cast<std::size_t>(kProblemRows) * problem * N + first_column],
          .stride = N,
          .rows = job.plan.rows_of(problem),
          .cols = job.pipeline.strips(column) * kStripN,
          .first_column = first_column,
          .dtype = job.task.packed.dtype};
}

/// The slices of a column, in the order in which the lock let them reduce.
void run_column(const Job& job, const std::vector<PlannedSlice>& turns, std::vector<std::uint16_t>& C) {
  if (turns.empty()) return;
  const OutputTile tile = output_tile(job, turns.front().column, C);
  Handover handover(tile, job.task.launch, job.ways.reduce);
  for (const PlannedSlice& slice : turns) {
    Sums sums = multiply_slice(job, slice);
    if (job.ways.reduce == ReduceWay::output_not_zeroed_atomic) {
      write_out(sums, tile, job.task.packed, job.ways.epilogue, Store::add_onto, slice.last());
      continue;
    }
    if (!slice.first()) handover.add_what_was_left(sums);
    if (slice.last())
      write_out(sums, tile, job.task.packed, job.ways.epilogue, Store::overwrite, true);
    else
      handover.leave(sums);
  }
}

/// (M, stored_N) of a padded C: what the caller sees.
Grid<std::uint16_t> cropped(const std::vector<std::uint16_t>& C, int M, const repack::Packed& packed) {
  return Grid<std::uint16_t>::made(M, packed.stored_N, [&](std::span<std::uint16_t> out) {
    for (int m = 0; m < M; ++m)
      std::copy_n(&C[static_cast<std::size_t>(m) * packed.N], packed.stored_N,
                  &out[static_cast<std::size_t>(m) * packed.stored_N]);
  });
}

/// Parts of C that are worked on; empty: all.
using Wanted = std::span<const Output>;

bool works_on(const Plan& plan, Wanted wanted, int problem, int column) {
  return wanted.empty() || std::ranges::any_of(wanted, [&](const Output& output) {
           return output.m / kProblemRows == problem && output.n / plan.block_tile.thread_n == column;
         });
}

/// Runs the thread blocks of a launch on C, (M, N).
void run_grid(const Task& task, const Ways& ways, Wanted wanted, RunResult& result, std::vector<std::uint16_t>& C) {
  const Plan plan = plan_of(task, visited_columns(task.packed.N, ways.pipeline));
  Job job{task, ways, plan, Pipeline(task, plan, ways.pipeline)};
  TurnOrder turns = turn_order_of(plan, std::move(result.workspace), ways.reduce);
  result.workspace = std::move(turns.locks);
  result.timed_out = turns.hangs;
  result.block_tiles_done = turns.block_tiles_done;
  for (int problem = 0; problem < plan.problems; ++problem) {
    std::vector<int> worked_on;
    for (int column = 0; column < plan.columns; ++column)
      if (works_on(plan, wanted, problem, column)) worked_on.push_back(column);
    if (worked_on.empty()) continue;
    job.a = job.pipeline.staged_a(problem);
    const auto* columns = turns.of_column.data() + static_cast<std::ptrdiff_t>(problem) * plan.columns;
    for_each_index(static_cast<int>(worked_on.size()),
                   [&](int i) { run_column(job, columns[worked_on[static_cast<std::size_t>(i)]], C); });
  }
  if (ways.reduce == ReduceWay::writeout_race) overwrite_after_writeout(task, plan, job.pipeline, C);
}

RunResult run(const Task& task, const repack::Recipe& recipe, Wanted wanted) {
  const Ways ways = ways_of(recipe);
  check(task);
  RunResult result;
  result.workspace = task.launch.workspace;
  if (result.workspace.empty()) result.workspace.resize(static_cast<std::size_t>(locks_needed(task)));
  const int M = task.A.rows();
  std::vector<std::uint16_t> C(static_cast<std::size_t>(M) * task.packed.N, task.launch.fill);
  if (!runs(ways.launch, task))
    refuse(ways.launch, result);
  else if (reads_outside(ways.pipeline, task))  // the context is lost, and all output with it
    result.synchronise_error = "cudaErrorIllegalAddress";
  else
    run_grid(task, ways, wanted, result, C);
  result.guards_intact = !(result.ran() && writes_outside(ways.pipeline, task));
  if (ways.launch == LaunchWay::output_to_temporary) std::fill(C.begin(), C.end(), task.launch.fill);
  result.C = cropped(C, M, task.packed);
  return result;
}

}  // namespace

RunResult run_lane_model(const Task& task, const repack::Recipe& recipe) { return run(task, recipe, {}); }

RunResult run_lane_model_parts(const Task& task, const repack::Recipe& recipe, std::span<const Output> outputs) {
  return run(task, recipe, outputs);
}

std::vector<Slice> slices_of(const Task& task, int problem, int column) {
  check(task);
  const Plan plan = plan_of(task, task.packed.N);
  if (problem < 0 || problem >= plan.problems || column < 0 || column >= plan.columns)
    throw InputError("problem {} column {}: there are {} problems and {} columns", problem, column, plan.problems,
                     plan.columns);
  std::vector<Slice> slices;
  for (const PlannedSlice& slice : column_slices(plan, problem * plan.columns + column))
    slices.push_back({.k_begin = slice.k_tile_begin * plan.block_tile.thread_k,
                      .k_end = std::min(plan.K, slice.k_tile_end * plan.block_tile.thread_k)});
  return slices;
}

std::vector<SliceSum> slice_sums(const Task& task, const repack::Recipe& recipe, int m, int n) {
  const Ways ways = ways_of(recipe);
  check(task);
  const Plan plan = plan_of(task, visited_columns(task.packed.N, ways.pipeline));
  Job job{task, ways, plan, Pipeline(task, plan, ways.pipeline)};
  std::vector<SliceSum> sums;
  if (!runs(ways.launch, task) || n >= plan.N) return sums;
  const int problem = m / kProblemRows;
  const int column = problem * plan.columns + n / plan.block_tile.thread_n;
  job.a = job.pipeline.staged_a(problem);
  for (const PlannedSlice& slice : column_slices(plan, column))
    sums.push_back({slice, multiply_slice(job, slice).row(m % kProblemRows)[n % plan.block_tile.thread_n]});
  return sums;
}

}  // namespace w4::kernel::lane_model
