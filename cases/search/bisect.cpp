// SPDX-License-Identifier: Apache-2.0
#include "cases/search/bisect.h"

#include "cases/case/task.h"
#include "cases/faults/faults.h"
#include "cases/judge/pictures.h"
#include "cases/judge/stage_map.h"
#include "cases/search/examine.h"
#include "cases/search/new_report.h"
#include "cases/search/stage_lines.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>

namespace w4::cases::search {
namespace {

using kernel::Task;
using repack::Recipe;
using report::Culprit;

/// Which path is asked, and how it is judged.
struct Asked {
  const Prepared& prepared;
  const OwnPath& subject;
  const Options& options;
  const judge::Expected& expected;
  const Progress& step;
};

/// The known-good path, with some stages done otherwise, held against the oracle.
judge::Comparison known_good_with(const Asked& asked, const Recipe& recipe) {
  const Task task =
      task_of(asked.prepared, repack::packed_of(repack_with(asked.prepared.layer, recipe)), asked.options);
  return judge::compare(kernel::lane_model::run_lane_model(task, recipe).C, asked.expected, task.launch.fill);
}

/// The path under test with some stages put right, held against the oracle.
judge::Comparison cured(const Asked& asked, const Recipe& put_right) {
  const RepackWalk walk = walk_repack(asked.subject, asked.prepared.layer, put_right);
  const Task task = task_of(asked.prepared, repack::packed_of(walk.last), asked.options);
  return judge::compare(asked.subject.run(task, put_right).C, asked.expected, task.launch.fill);
}

/// Faults stack, and one can hide another (scales of zero hide their order): puts broken stages right, adds those that
/// show then, and returns the task on sound packed tensors, on which the kernel is judged.
Task with_sound_repack(const Asked& asked, Task task, std::vector<BrokenStage>& broken) {
  Recipe right;
  for (std::vector<BrokenStage> found = broken; !found.empty();) {
    for (const BrokenStage& stage : found) right[name_of(stage.stage)] = "reference";
    RepackWalk walk = walk_repack(asked.subject, asked.prepared.layer, right, asked.step);
    task.packed = repack::packed_of(walk.last);
    found = std::move(walk.broken);
    std::ranges::copy(found, std::back_inserter(broken));
  }
  std::ranges::stable_sort(broken, {}, &BrokenStage::stage);
  return task;
}

Culprit culprit_of(const BrokenStage& broken, bool latent) {
  const std::string stage = name_of(broken.stage);
  Culprit culprit{.stage = stage, .fault = "unexplained"};
  if (latent)
    culprit.evidence.push_back(
        "this symmetric layer changes when one bit of qzeros is flipped, and it must not: the stored qzeros are right "
        "by luck");
  culprit.evidence.push_back(
      fmt::format("{} of {} compared differ, first {}", broken.check.wrong, broken.check.compared, broken.check.first));
  const std::vector<std::string> variants = variants_that_make(broken);
  if (variants.empty()) {
    culprit.evidence.push_back("no known fault makes the output of this stage");
    return culprit;
  }
  culprit.fault.clear();
  for (const std::string& variant : variants) {
    const faults::Fault& fault = faults::fault_of(stage, variant);
    const std::string& id = fault.id.empty() ? fault.name : fault.id;
    if (culprit.fault.find(id) == std::string::npos) culprit.fault += (culprit.fault.empty() ? "" : " or ") + id;
  }
  const faults::Fault& fault = faults::fault_of(stage, variants[0]);
  culprit.variant = fault.variant;
  culprit.cure = fault.cure;
  culprit.evidence.push_back(fmt::format("{} reproduces the stage's output bit for bit{}: {}", fault.name,
                                         variants.size() == 1 ? ", no other known fault does" : "", fault.what));
  if (variants.size() > 1) culprit.evidence.push_back("these cannot be told apart in this case");
  return culprit;
}

/// From both sides: put right it cures, planted alone in the known-good path it breaks. `right`: the stages that are
/// put right already, to which this one is added.
void confirm(const Asked& asked, Recipe& right, Culprit& culprit) {
  asked.step("confirm " + culprit.stage);
  right[culprit.stage] = "reference";
  const judge::Comparison with_right = cured(asked, right);
  const std::string together = right.size() > 1 ? "this path with this stage and those above put right"
                                                : "this path with this stage alone put right";
  culprit.evidence.push_back(with_right.right()
                                 ? fmt::format("{}: within the bound, max z {:.2f}", together, with_right.max_z)
                                 : fmt::format("{}: {}", together, with_right.failed_gate));
  const judge::Comparison wrong = known_good_with(asked, {{culprit.stage, culprit.variant}});
  culprit.evidence.push_back(
      wrong.right() ? "known-good path with this stage alone wrong: the output of this case does not show the fault"
                    : "known-good path with this stage alone wrong: " + wrong.failed_gate);
  culprit.rerun = command_line(asked.options, {culprit.stage + "=" + culprit.variant});
}

/// Where the first broken stage that only moves values puts them.
std::optional<judge::StageMap> permutation_of(const Asked& asked, const std::vector<BrokenStage>& broken) {
  for (const BrokenStage& stage : broken) {
    const auto way = [&](const repack::Weights& of) { return asked.subject.stage(stage.stage, of); };
    if (auto map = judge::map_of_stage(stage.stage, stage.before, way)) return map;
  }
  return {};
}

}  // namespace

report::Report bisect(const Prepared& prepared, const OwnPath& subject, const Options& options,
                      const Progress& progress) {
  OwnPathExamination seen = examine(prepared, subject, options, false, progress);
  report::Report report = new_report(prepared, options, seen.seen, seen.expected);
  const Asked asked{prepared, subject, options, seen.expected, progress};
  const ZeroPointProbe zero_points =
      seen.zero_points ? *seen.zero_points : probe_zero_points(subject, prepared.layer, seen.walk);
  std::vector<BrokenStage> broken = seen.walk.broken;
  const Task sound = with_sound_repack(asked, seen.task, broken);
  const KernelRuns runs = seen.runs ? *seen.runs : run_kernels(subject, sound, options.effort.repeat);
  report.repeats = judge::repeats_of(runs.launches, seen.expected);
  report.verdict = report::Verdict::match;
  if (!seen.right()) {
    progress("known-good path");
    const std::string failure = known_good_with(asked, {}).failed_gate;
    report.verdict = failure.empty() ? report::Verdict::mismatch : report::Verdict::cannot_test;
    report.reason = failure.empty() ? seen.reason : "the known-good path itself fails here: " + failure;
  }
  if (report.verdict == report::Verdict::mismatch) {
    for (const BrokenStage& stage : broken) report.culprits.push_back(culprit_of(stage, false));
    for (const BrokenStage& stage : zero_points.broken) report.culprits.push_back(culprit_of(stage, true));
    std::ranges::move(search_kernel(subject, sound, runs, progress), std::back_inserter(report.culprits));
    Recipe right;
    for (Culprit& culprit : report.culprits)
      if (!culprit.variant.empty()) confirm(asked, right, culprit);
    if (const auto map = permutation_of(asked, broken))
      (*report.pictures)["permutation"] = judge::permutation_picture(map->what, map->source);
  }
  report.stages = stage_lines(report, {prepared.layer, seen.walk, zero_points, sound, runs});
  return report;
}

}  // namespace w4::cases::search
