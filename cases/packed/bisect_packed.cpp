// SPDX-License-Identifier: Apache-2.0
// Packed tensors of an external packer. Each repacking stage is solved for backwards from the tensors; known faults are
// tried on them as they are.
#include "cases/case/task.h"
#include "cases/packed/finding.h"
#include "cases/packed/known.h"
#include "cases/search/bisect.h"
#include "cases/search/new_report.h"
#include "cases/search/stage_lines.h"
#include "fixtures/files/container.h"
#include "kernel/lane_model/lane_model.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::packed {
namespace {

/// Random codes or scales are not the fixture's: tensors that were packed from the fixture itself fit MODE b alone.
bool packed_from_fixture(const Prepared& prepared, const std::vector<report::Culprit>& culprits) {
  const Source source = prepared.id.source;
  return !(real_codes(source) && real_scales(source)) && prepared.fixture != "random" &&
         std::ranges::any_of(culprits, [](const auto& culprit) { return culprit.fault == "unexplained"; });
}

}  // namespace

report::Report bisect_packed(const Prepared& prepared, const Options& options, const search::Progress& progress) {
  const repack::Packed seen = repack::read_packed(
      fixtures::files::read_container(std::get<asked::PackedTensors>(options.asked).file), prepared.layer);
  const repack::Packed right = repack::repack(prepared.layer);
  const kernel::Task task = task_of(prepared, seen, options);
  progress("kernel");
  const judge::Expected expected = judge::expected_output(prepared.layer, prepared.A, rounding_of(prepared, task));
  report::Report report = search::new_report(prepared, options, kernel::lane_model::run_lane_model(task), expected);
  report.reason = report.comparison->failed_gate;
  if (same_packed(seen, right)) {
    report.verdict = report.comparison->right() ? report::Verdict::match : report::Verdict::cannot_test;
    report.stages =
        search::stage_lines(report.culprits, kRepackingStages, "the packed tensors equal ours in every bit");
    return report;
  }
  if (report.comparison->right() && same_meaning(seen, right)) {
    report.verdict = report::Verdict::match;
    report.notes.push_back("the packed tensors are stored differently (" + packed_difference(seen, right) +
                           "), but hold the same weights");
    report.stages = search::stage_lines(report.culprits, kRepackingStages, "the same weights, row by stored row");
    return report;
  }
  report.verdict = report::Verdict::mismatch;
  if (report.reason.empty())
    report.reason = "the packed tensors hold other weights, but this output is within the bound";
  progress("stages");
  PackedFinding finding = find_packed(prepared.layer, seen, right, options);
  report.culprits = std::move(finding.culprits);
  report.stages = std::move(finding.stages);
  if (packed_from_fixture(prepared, report.culprits))
    report.notes.push_back(
        fmt::format("MODE {}: what is not real is random here. Tensors packed from the fixture itself fit MODE b",
                    letter_of(prepared.id.source)));
  return report;
}

}  // namespace w4::cases::packed
