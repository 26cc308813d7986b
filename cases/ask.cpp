// SPDX-License-Identifier: Apache-2.0
#include "cases/ask.h"

#include "cases/faults/faults.h"
#include "cases/search/bisect_box.h"
#include "cases/search/repack_search.h"
#include "cases/sweep/condition.h"
#include "fixtures/error.h"

namespace w4::cases {
namespace {

bool names(const report::Report& report, const faults::Fault& fault) {
  const std::string& id = fault.id.empty() ? fault.name : fault.id;
  for (const report::Culprit& culprit : report.culprits)
    if (culprit.stage.find(fault.stage) != std::string::npos && culprit.fault.find(id) != std::string::npos)
      return true;
  return false;
}

report::Report ask_own_path(const Prepared& prepared, const repack::Recipe& planted, const Options& options,
                            const search::Progress& progress) {
  const Subject subject(planted);
  if (!options.black_box) return search::bisect(prepared, subject, options, progress);
  if (options.foreign.empty()) {
    probe::PathBox box(subject);
    return search::bisect_box(prepared, box, options, progress);
  }
  for (const auto& [stage, variant] : planted)
    if (!is_repacking(faults::parse_stage(stage)))
      throw InputError("{} is done by --kernel {}: only stages of the repack can be done another way in front of it",
                       stage, options.foreign);
  const auto kernel = kernel::child::open_kernel(options.foreign, std::chrono::seconds(options.timeout_seconds));
  probe::KernelBox box(*kernel, planted);
  return search::bisect_box(kernel->takes_bias() ? prepared : without_bias(prepared), box, options, progress);
}

/// What was planted and not named either cannot show in this case, or was missed: the two must not be confused, so it
/// is planted alone and looked at again.
void judge_planted(const Prepared& prepared, const Options& options, const repack::Recipe& planted,
                   report::Report& report) {
  for (const auto& [stage, variant] : planted) {
    if (variant == "reference" || names(report, faults::fault_of(stage, variant))) continue;
    const faults::Fault& fault = faults::fault_of(stage, variant);
    const report::Report alone = ask_own_path(prepared, {{stage, variant}}, options, [](std::string_view) {});
    const bool shows = alone.verdict != report::Verdict::match;
    const std::string line = shows ? fault.name + " was planted too; alone it shows, here it was not named"
                                   : fault.name + " cannot show in this case: it is seen when " + fault.visible;
    report.notes.push_back(line);
    if (shows || report.verdict != report::Verdict::match) continue;
    report.reason += (report.reason.empty() ? "" : "; ") + line;
  }
  if (report.verdict == report::Verdict::match && !report.reason.empty()) report.verdict = report::Verdict::cannot_test;
}

}  // namespace

repack::Recipe planted_by(const Options& options) {
  return faults::merged(faults::recipe_of_faults(options.inject), faults::recipe_of_settings(options.settings));
}

report::Report report_on(const Options& options, const search::Progress& progress) {
  const repack::Recipe planted = planted_by(options);
  progress("fixture");
  const Prepared prepared = prepare(options);
  report::Report report = report_on(prepared, options, planted, progress);
  if (sweep::wants_condition(report, options)) sweep::add_condition(prepared, options, planted, progress, report);
  return report;
}

report::Report report_on(const Prepared& prepared, const Options& options, const repack::Recipe& planted,
                         const search::Progress& progress) {
  if (!options.recorded.empty()) return search::bisect_recorded(prepared, options, progress);
  if (!options.packed.empty()) return search::bisect_packed(prepared, options, progress);
  if (!options.foreign.empty() && !options.black_box) return search::bisect_kernel(prepared, options, progress);
  Options visible = options;  // the search is not told what was planted
  visible.inject.clear();
  visible.settings.clear();
  report::Report report = ask_own_path(prepared, planted, visible, progress);
  judge_planted(prepared, visible, planted, report);
  report.rerun = command_line(options);
  return report;
}

}  // namespace w4::cases
