// SPDX-License-Identifier: Apache-2.0
#include "cases/search/examine.h"

#include "cases/case/task.h"
#include "cases/faults/faults.h"
#include "cases/search/launch_rules.h"
#include "fixtures/stopwatch.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::search {
namespace {

using kernel::RunResult;

std::string text_of(const BrokenStage& broken) {
  return fmt::format("in stage {} {} of {} compared differ, first {}", name_of(broken.stage), broken.check.wrong,
                     broken.check.compared, broken.check.first);
}

/// What is wrong with a path whose output is within the bound; empty: nothing.
std::string wrong_beside_output(const OwnPath& subject, const fixtures::Layer& layer, const Options& options,
                                bool known_good_kernel, OwnPathExamination& seen) {
  if (!seen.walk.broken.empty()) return text_of(seen.walk.broken[0]);
  seen.zero_points = probe_zero_points(subject, layer, seen.walk);
  if (!seen.zero_points->broken.empty())
    return text_of(seen.zero_points->broken[0]) + ", with one bit of qzeros flipped";
  if (known_good_kernel) return "";
  seen.runs = run_kernels(subject, seen.task, options.effort.repeat, seen.seen);
  if (seen.runs->all_good()) return "";
  const std::vector<std::string> lines = judge::differences(seen.seen, seen.runs->good);
  return lines.empty() ? judge::difference_text(seen.runs->launches) : lines[0];
}

/// What is wrong with a kernel whose launches all gave the right output; empty: nothing.
std::string wrong_beside_output(LaunchTrials& trials, const LaunchSymptoms& symptoms) {
  if (!symptoms.wrong.empty()) return symptoms.wrong[0];
  const std::vector<report::Culprit> found = faults_of_side_effects(trials);
  return found.empty() ? "" : found[0].evidence.at(0);
}

}  // namespace

OwnPathExamination examine(const Prepared& prepared, const OwnPath& subject, const Options& options,
                           bool known_good_kernel, const Progress& progress) {
  OwnPathExamination seen;
  seen.walk = walk_repack(subject, prepared.layer, {}, progress);
  seen.task = task_of(prepared, repack::packed_of(seen.walk.last), options);
  progress("kernel");
  const Stopwatch watch;
  seen.seen = subject.run(seen.task);
  seen.seen.seconds = watch.seconds();
  progress("oracle");
  seen.expected = judge::expected_output(prepared.layer, prepared.A, rounding_of(prepared, seen.task));
  seen.comparison = judge::compare(seen.seen.C, seen.expected, seen.task.launch.fill);
  if (!seen.seen.ran()) {
    seen.reason = judge::endings_of(seen.seen).at(0);
  } else if (!seen.comparison.right()) {
    seen.reason = seen.comparison.failed_gate;
  } else {
    const std::string wrong = wrong_beside_output(subject, prepared.layer, options, known_good_kernel, seen);
    if (!wrong.empty()) seen.reason = "the output is within the bound, but " + wrong;
  }
  return seen;
}

KernelExamination examine(kernel::child::ForeignKernel& kernel, const Prepared& prepared, const Options& options,
                          const kernel::Task& task, const Progress& progress) {
  KernelExamination seen{.trials = LaunchTrials(kernel, prepared, options, task, progress)};
  seen.symptoms = symptoms_of(seen.trials, options.effort.timeout_seconds);
  const auto& launches = seen.trials.launches();
  const auto wrong =
      std::ranges::find_if(launches, [&](const RunResult& result) { return !seen.trials.right(result); });
  seen.shown = wrong == launches.end() ? launches[0] : *wrong;
  seen.comparison = seen.trials.compared(seen.shown);
  if (!seen.shown.ran())
    seen.reason = seen.symptoms.wrong.at(0);
  else if (!seen.comparison.right())
    seen.reason = seen.comparison.failed_gate;
  else
    seen.reason = wrong_beside_output(seen.trials, seen.symptoms);
  return seen;
}

}  // namespace w4::cases::search
