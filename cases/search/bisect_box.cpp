// SPDX-License-Identifier: Apache-2.0
// A path that shows nothing but its output. Every known wrong way predicts the answers to the probes.
#include "cases/search/bisect_box.h"

#include "cases/case/task.h"
#include "cases/search/launch_rules.h"
#include "cases/search/new_report.h"
#include "cases/search/probing.h"
#include "cases/search/rounding_search.h"
#include "cases/search/stage_lines.h"
#include "kernel/lane_model/lane_model.h"

namespace w4::cases::search {
namespace {

using kernel::RunResult;

std::string known_good_failure(const kernel::Task& task, const judge::Expected& expected) {
  const judge::Comparison good =
      judge::compare(kernel::lane_model::run_lane_model(for_lane_model(task)).C, expected, task.launch.fill);
  return good.right() ? "" : "the known-good path itself fails here: " + good.failed_gate;
}

}  // namespace

report::Report bisect_box(const Prepared& prepared, probe::Box& box, const Options& options, const Progress& progress) {
  const kernel::Task task = task_of(prepared, repack::repack(prepared.layer), options);
  progress("oracle");
  const judge::Rounding rounding = has_classes(options.asked)
                                       ? rounding_with_classes(prepared.layer, for_lane_model(task))
                                       : rounding_of(prepared, for_lane_model(task));
  const TimeLimit limit(limit_of(options.effort));
  std::vector<RunResult> seen;
  for (const probe::Probe& probe : probe::case_probes(prepared, task.launch, options.effort.repeat)) {
    progress("case");
    seen.push_back(box.ask(probe.question));
  }
  probe::RoundingProbes probes(
      prepared, task.launch, [&](const probe::Question& question) { return box.ask(question); }, box.on_device());
  const auto [expected, found, against] = explain_launches(
      prepared, options, seen, judge::expected_output(prepared.layer, prepared.A, rounding), task.launch.fill, &probes);
  report::Report report = new_report(prepared, options, seen[0], expected);
  if (!against.empty()) report.notes.push_back(against);
  if (!kernel_spec(options.asked).empty()) report.kernel = kernel_spec(options.asked);
  report.launch =
      "a black box, " + (kernel_spec(options.asked).empty() ? report.launch : "on packed tensors of a hidden repack");
  report.repeats = judge::repeats_of(seen, expected);
  if (report.reason = known_good_failure(task, expected); !report.reason.empty()) {
    report.verdict = report::Verdict::cannot_test;
    return report;
  }
  if (const RunResult& last = seen.back(); last.broke_off()) {
    report.culprits = {culprit_of_end(last)};
    report.culprits[0].evidence = judge::endings_of(last);
    report.reason = report.culprits[0].evidence.at(0);
    report.verdict = report::Verdict::mismatch;
    report.runs = box.asked();
    report.stages = stage_lines(report.culprits, {}, "");
    return report;
  }
  const std::optional<judge::RoundingClass> asked = against.empty() ? options.effort.rounding : std::nullopt;
  Probing probing(prepared, box, seen, task.launch, options, limit, progress, found ? found : asked);
  const bool healthy = report.comparison->right() && probing.healthy(), right = healthy && against.empty();
  if (!healthy) report.culprits = probing.name_one();
  if (!healthy && report.culprits.empty()) report.culprits = probing.read_and_name();
  if (healthy && !right) report.culprits = {{.stage = "", .fault = "unexplained", .evidence = {against}}};
  probing.describe(report);
  report.runs = box.asked();
  report.verdict = right ? report::Verdict::match : report::Verdict::mismatch;
  if (right && found) add_rounding(report, *found, prepared.layer.dtype);
  report.reason = report.comparison->failed_gate;
  if (!right && report.reason.empty())
    report.reason = healthy ? against : "this output is within the bound, but the answer to a probe is wrong";
  report.stages =
      stage_lines(report.culprits, right ? std::span<const StageId>(kAllStages) : std::span<const StageId>(),
                  "the answer to every probe is right");
  return report;
}

}  // namespace w4::cases::search
