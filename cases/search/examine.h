// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "cases/case/prepare.h"
#include "cases/search/kernel_search.h"
#include "cases/search/launch_symptoms.h"
#include "cases/search/repack_search.h"

#include <optional>
#include <string>

namespace w4::cases::search {

// Verdict and reason of one case without a search for the cause. The matrix stops here, bisect begins here: the two
// cannot disagree about a case.

/// Our own path. It is looked at until something is wrong; what comes after is not looked at and stays empty.
struct OwnPathExamination {
  RepackWalk walk;
  kernel::Task task;  // on what the path packed
  kernel::RunResult seen;
  judge::Expected expected;
  judge::Comparison comparison;  // of seen
  std::optional<ZeroPointProbe> zero_points;
  std::optional<KernelRuns> runs;
  std::string reason;  // the first thing that is wrong; empty: nothing

  bool right() const { return reason.empty(); }
};

/// In this order: how the launch ends, its output, each repacking stage, stored zero points of a symmetric layer, and
/// `options.effort.repeat` launches against the known-good kernel. `known_good_kernel`: the path's kernel is that one,
/// and is not launched again.
OwnPathExamination examine(const Prepared& prepared, const OwnPath& subject, const Options& options,
                           bool known_good_kernel, const Progress& progress);

/// The user's kernel, on packed tensors that are known to be right.
struct KernelExamination {
  LaunchTrials trials;
  LaunchSymptoms symptoms = {};
  kernel::RunResult shown = {};       // the first launch that is not right, otherwise the first one
  judge::Comparison comparison = {};  // of shown
  std::string reason = {};            // the first thing that is wrong; empty: nothing

  bool right() const { return reason.empty(); }
};

/// In this order: how launches end, their outputs, what else they wrote or left behind. The kernel and `progress`
/// outlive the examination.
KernelExamination examine(kernel::child::ForeignKernel& kernel, const Prepared& prepared, const Options& options,
                          const kernel::Task& task, const Progress& progress);

}  // namespace w4::cases::search
