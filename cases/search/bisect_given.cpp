// SPDX-License-Identifier: Apache-2.0
// A recorded output of an external program. Nothing in between can be seen; every known wrong way is a hypothesis that
// predicts it.
#include "cases/case/task.h"
#include "cases/probe/naming.h"
#include "cases/probe/recipe_search.h"
#include "cases/search/bisect.h"
#include "cases/search/new_report.h"
#include "cases/search/stage_lines.h"
#include "fixtures/error.h"
#include "fixtures/files/container.h"
#include "kernel/child/output_file.h"
#include "kernel/lane_model/lane_model.h"

namespace w4::cases::search {

Grid<std::uint16_t> recorded_output(const Prepared& prepared, const std::filesystem::path& path) {
  const fixtures::files::Container file = fixtures::files::read_container(path);
  const auto found = file.tensors.size() == 1 ? file.tensors.begin() : file.tensors.find("C");
  if (found == file.tensors.end())
    throw InputError("{}: the file has {} tensors and none is named C", path.string(), file.tensors.size());
  return kernel::child::output_of(found->second, prepared.layer.dtype, prepared.id.M, prepared.layer.N, path.string());
}

namespace {

constexpr int kMostRecordedFaults = 2;

/// One output is weak evidence: every name comes with the number of predictions tried.
std::vector<report::Culprit> culprits_of_output(const probe::NamedRecipes& named, probe::Evidence& evidence,
                                                const Options& options) {
  const std::string tried =
      fmt::format("known faults, {}: {} predictions of this one output",
                  named.largest_tried == 1 ? "one at a time" : "up to two at a time", evidence.predictions());
  if (named.fits.empty()) return {{.stage = "", .fault = "unexplained", .evidence = {tried + ", none of them fits"}}};
  std::vector<report::Culprit> culprits = probe::name_culprits(named.fits, evidence, options);
  for (report::Culprit& culprit : culprits)
    culprit.evidence.push_back(
        fmt::format("{}, {} fit{}: one output is evidence, a kernel that can be probed gives proof", tried,
                    named.fits.size(), named.fits.size() == 1 ? "s" : ""));
  return culprits;
}

}  // namespace

report::Report bisect_recorded(const Prepared& prepared, const Options& options, const Progress& progress) {
  kernel::Task task = task_of(prepared, repack::repack(prepared.layer), options);
  task.launch.fill = 0;  // most callers allocate zeroed buffers
  progress("oracle");
  const judge::Expected expected = judge::expected_output(prepared.layer, prepared.A, rounding_of(prepared, task));
  kernel::RunResult seen;
  seen.C = recorded_output(prepared, std::get<asked::RecordedOutput>(options.asked).file);
  report::Report report = new_report(prepared, options, seen, expected);
  report.reason = report.comparison->failed_gate;
  if (report.comparison->right()) {
    report.verdict = report::Verdict::match;
    report.stages = stage_lines(report.culprits, kAllStages, "the output is right");
    return report;
  }
  report.verdict = report::Verdict::mismatch;
  probe::Evidence evidence(probe::Evidence::Judged::recorded);
  evidence.add(probe::case_probes(prepared, task.launch, 1)[0], seen);
  const probe::NamedRecipes named = probe::name_recipes(evidence, progress, kMostRecordedFaults);
  report.culprits = culprits_of_output(named, evidence, options);
  if (report.comparison->zero == report.comparison->count)
    report.culprits[0].evidence.push_back(
        "a recorded zero may be written or never written: only a launch on a filled C shows which");
  report.stages = stage_lines(report.culprits, {}, "");
  return report;
}

}  // namespace w4::cases::search
