// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "cases/judge/compare.h"
#include "cases/search/progress.h"
#include "kernel/child/open_kernel.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace w4::cases::search {

/// Where a kernel of these options rounds: our CUDA kernel tells its plan, all others are taken to share work out as
/// the lane model does.
judge::Rounding rounding_for(const Prepared& prepared, const Options& options, const kernel::Task& task,
                             int multiprocessors);

/// Launches of the user's kernel: the task as asked, several times, and the task with one thing changed. Each change is
/// launched once, when it is first asked for.
class LaunchTrials {
 public:
  LaunchTrials(kernel::child::ForeignKernel& kernel, const Prepared& prepared, const Options& options,
               const kernel::Task& task, const Progress& progress);

  const Prepared& prepared() const { return prepared_; }
  const kernel::Task& task() const { return task_; }
  kernel::child::ForeignKernel& kernel() const { return kernel_; }
  /// Of the case, under the class of rounding that explains the launches, where they are right under one.
  const judge::Expected& expected() const { return expected_; }
  /// The tightest class that explains the launches of the user's kernel; none: no class does, or the kernel is ours.
  const std::optional<judge::RoundingClass>& rounding() const { return rounding_; }
  /// What refutes the class of --rounding; empty: it was not asked for, holds, or an output is wrong under it.
  const std::string& against_rounding() const { return against_rounding_; }

  /// options.effort.repeat launches, numbered; none after one that did not run to its end.
  const std::vector<kernel::RunResult>& launches() const { return launches_; }
  const kernel::RunResult& first() const { return launches_[0]; }

  /// One thread block: no partial sum is handed over, and its stripe goes through all problems.
  const kernel::RunResult& with_one_block();
  /// A is copied late, on the stream that the launch was given; on a GPU only.
  const kernel::RunResult& with_late_A();
  /// C holds zeros before the launch.
  const kernel::RunResult& with_zeroed_C();
  const kernel::RunResult& with_workspace(const std::string& how, std::vector<std::int32_t> workspace);
  /// M = `rows`: the rows of A, repeated.
  const kernel::RunResult& with_rows(int rows);
  /// Other activations (M, K). On a GPU on one thread block: sums are not cut into slices.
  kernel::RunResult with_activations(const Grid<std::uint16_t>& A);

  /// One launch of another task, on another layer. `what`: for the progress.
  kernel::RunResult with_task(const std::string& what, const kernel::Task& task) { return launch(what, task); }
  /// Adds launches of the task, until one differs from the first or there are `count`.
  void repeat_until_different(int count);

  /// Whether a run of the task, changed in anything but A, gave the right output.
  bool right(const kernel::RunResult& result) const;
  judge::Comparison compared(const kernel::RunResult& result) const;

  int launches_made() const { return made_; }

 private:
  const kernel::RunResult& changed(const std::string& how, const kernel::Task& task);
  kernel::RunResult launch(const std::string& what, const kernel::Task& task);
  void launch_again();  // of the task, numbered
  void find_rounding(const Prepared& prepared, const Options& options);

  const Progress& step_;
  const Prepared& prepared_;
  kernel::Task task_;
  kernel::child::ForeignKernel& kernel_;
  std::vector<kernel::RunResult> launches_;
  std::map<std::string, kernel::RunResult> changed_;
  judge::Expected expected_;
  std::optional<judge::RoundingClass> rounding_;
  std::string against_rounding_;
  int made_ = 0;
};

}  // namespace w4::cases::search
