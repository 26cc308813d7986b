// SPDX-License-Identifier: Apache-2.0
#include "cases/search/launch_trials.h"

#include "cases/case/task.h"
#include "cases/search/rounding_search.h"
#include "kernel/child/declines.h"
#include "kernel/cuda/marlin_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::search {

using kernel::RunResult;
using kernel::Task;

judge::Rounding rounding_for(const Prepared& prepared, const Options& options, const Task& task, int multiprocessors) {
  if (has_classes(options.asked)) return rounding_with_classes(prepared.layer, for_lane_model(task));
  judge::Rounding rounding = rounding_of(prepared, for_lane_model(task));
  if (kernel_spec(options.asked) != "cuda" || task.launch.reduce_bits != 16) return rounding;
  const kernel::cuda::MarlinPlan plan = kernel::cuda::marlin_plan(task, multiprocessors);
  rounding.columns = plan.columns;
  rounding.thread_n = plan.thread_n;
  rounding.problem_rows = plan.problem_rows;
  rounding.slice_starts.clear();
  for (const auto& slices : plan.slices) rounding.slice_starts.push_back(slice_starts(slices, prepared.layer.K));
  return rounding;
}

LaunchTrials::LaunchTrials(kernel::child::ForeignKernel& kernel, const Prepared& prepared, const Options& options,
                           const Task& task, const Progress& progress)
    : step_(progress), prepared_(prepared), task_(task), kernel_(kernel) {
  for (int i = 0; i < options.effort.repeat && (i == 0 || launches_.back().ran()); ++i) launch_again();
  step_("oracle");
  expected_ = judge::expected_output(prepared.layer, prepared.A,
                                     rounding_for(prepared, options, task_, kernel_.multiprocessors()));
  find_rounding(prepared, options);
}

void LaunchTrials::find_rounding(const Prepared& prepared, const Options& options) {
  probe::RoundingProbes probes(
      prepared, task_.launch,
      [&](const probe::Question& question) {
        return launch("how sums and products round", {.A = question.A,
                                                      .packed = repack::repack(*question.layer),
                                                      .launch = question.launch,
                                                      .stored = question.layer});
      },
      kernel_.on_device());
  Explained explained =
      explain_launches(prepared, options, launches_, std::move(expected_), task_.launch.fill, &probes);
  expected_ = std::move(explained.expected);
  rounding_ = explained.rounding;
  against_rounding_ = std::move(explained.against);
}

void LaunchTrials::launch_again() {
  Task numbered = task_;
  numbered.launch.number = launches_.size();
  launches_.push_back(launch(fmt::format("launch {}", launches_.size() + 1), numbered));
}

void LaunchTrials::repeat_until_different(int count) {
  while (std::ssize(launches_) < count && launches_.back().ran() && launches_.back().C == launches_[0].C)
    launch_again();
}

/// A kernel that took the case and declines it changed, or again, has failed that launch.
RunResult LaunchTrials::launch(const std::string& what, const Task& task) {
  step_(what);
  ++made_;
  try {
    return kernel_.run(task);
  } catch (const CannotTest& error) {
    if (launches_.empty()) throw;
    RunResult declined;
    declined.return_code = kernel::child::kDeclines;
    declined.message = error.what();
    declined.C = Grid<std::uint16_t>::made(task.A.rows(), task.packed.stored_N, [&](std::span<std::uint16_t> out) {
      std::fill(out.begin(), out.end(), task.launch.fill);
    });
    return declined;
  }
}

const RunResult& LaunchTrials::changed(const std::string& how, const Task& task) {
  const auto known = changed_.find(how);
  return known != changed_.end() ? known->second : changed_.emplace(how, launch(how, task)).first->second;
}

const RunResult& LaunchTrials::with_one_block() {
  Task task = task_;
  task.launch.thread_blocks = 1;
  return changed("one thread block", task);
}

const RunResult& LaunchTrials::with_late_A() {
  Task task = task_;
  task.launch.late_A = true;
  return changed("late activations", task);
}

const RunResult& LaunchTrials::with_zeroed_C() {
  Task task = task_;
  task.launch.fill = 0;
  return changed("zeroed output", task);
}

const RunResult& LaunchTrials::with_workspace(const std::string& how, std::vector<std::int32_t> workspace) {
  Task task = task_;
  task.launch.workspace = std::move(workspace);
  return changed(how, task);
}

const RunResult& LaunchTrials::with_rows(int rows) {
  Task task = task_;
  task.A = Grid<std::uint16_t>::made(rows, task_.A.cols(), [&](std::span<std::uint16_t> out) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = task_.A[i % task_.A.size()];
  });
  return changed(fmt::format("M={}", rows), task);
}

RunResult LaunchTrials::with_activations(const Grid<std::uint16_t>& A) {
  Task task = task_;
  task.A = A;
  if (kernel_.on_device()) task.launch.thread_blocks = 1;
  return launch("other activations", task);
}

judge::Comparison LaunchTrials::compared(const RunResult& result) const {
  return judge::compare(result.C, expected_, task_.launch.fill);
}

bool LaunchTrials::right(const RunResult& result) const { return result.ran() && compared(result).right(); }

}  // namespace w4::cases::search
