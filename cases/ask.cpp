// SPDX-License-Identifier: Apache-2.0
#include "cases/ask.h"

#include "cases/faults/faults.h"
#include "cases/search/bisect_box.h"
#include "cases/search/repack_search.h"
#include "cases/sweep/condition.h"
#include "fixtures/error.h"

namespace w4::cases {
namespace {

bool names(const Report& report, const Fault& fault) {
  const std::string& id = fault.id.empty() ? fault.name : fault.id;
  for (const Culprit& culprit : report.culprits)
    if (culprit.stage.find(fault.stage) != std::string::npos && culprit.fault.find(id) != std::string::npos)
      return true;
  return false;
}

Report ask_own_path(const Prepared& prepared, const repack::Recipe& planted, const Options& options,
                    const Progress& progress) {
  const Subject subject(planted);
  if (!options.black_box) return bisect(prepared, subject, options, progress);
  if (options.foreign.empty()) {
    PathBox box(subject);
    return bisect_box(prepared, box, options, progress);
  }
  for (const auto& [stage, variant] : planted)
    if (stage_index(stage) >= kRepackStages)
      throw InputError("{} is done by --kernel {}: only stages of the repack can be done another way in front of it",
                       stage, options.foreign);
  const auto kernel = kernel::open_kernel(options.foreign, std::chrono::seconds(options.timeout_seconds));
  KernelBox box(*kernel, planted);
  return bisect_box(kernel->takes_bias() ? prepared : without_bias(prepared), box, options, progress);
}

/// What was planted and not named either cannot show in this case, or was missed: the two must not be confused, so it
/// is planted alone and looked at again.
void judge_planted(const Prepared& prepared, const Options& options, const repack::Recipe& planted, Report& report) {
  for (const auto& [stage, variant] : planted) {
    if (variant == "reference" || names(report, fault_of(stage, variant))) continue;
    const Fault& fault = fault_of(stage, variant);
    const Report alone = ask_own_path(prepared, {{stage, variant}}, options, [](std::string_view) {});
    const bool shows = alone.verdict != Verdict::match;
    const std::string line = shows ? fault.name + " was planted too; alone it shows, here it was not named"
                                   : fault.name + " cannot show in this case: it is seen when " + fault.visible;
    report.notes.push_back(line);
    if (shows || report.verdict != Verdict::match) continue;
    report.reason += (report.reason.empty() ? "" : "; ") + line;
  }
  if (report.verdict == Verdict::match && !report.reason.empty()) report.verdict = Verdict::cannot_test;
}

}  // namespace

repack::Recipe planted_by(const Options& options) {
  return merged(recipe_of_faults(options.inject), recipe_of_settings(options.settings));
}

Report report_on(const Options& options, const Progress& progress) {
  const repack::Recipe planted = planted_by(options);
  progress("fixture");
  const Prepared prepared = prepare(options);
  Report report = report_on(prepared, options, planted, progress);
  if (wants_condition(report, options)) add_condition(prepared, options, planted, progress, report);
  return report;
}

Report report_on(const Prepared& prepared, const Options& options, const repack::Recipe& planted,
                 const Progress& progress) {
  if (!options.recorded.empty()) return bisect_recorded(prepared, options, progress);
  if (!options.packed.empty()) return bisect_packed(prepared, options, progress);
  if (!options.foreign.empty() && !options.black_box) return bisect_foreign(prepared, options, progress);
  Options visible = options;  // the search is not told what was planted
  visible.inject.clear();
  visible.settings.clear();
  Report report = ask_own_path(prepared, planted, visible, progress);
  judge_planted(prepared, visible, planted, report);
  report.rerun = command_line(options);
  return report;
}

}  // namespace w4::cases
