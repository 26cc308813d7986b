// SPDX-License-Identifier: Apache-2.0
#include "cases/ask.h"

#include "cases/faults/faults.h"
#include "cases/packed/bisect_packed.h"
#include "cases/recorded/bisect_recorded.h"
#include "cases/search/bisect_box.h"
#include "cases/search/new_report.h"
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

/// Reads nothing of the path but its output.
report::Report ask_box(const Prepared& prepared, const repack::Recipe& planted, const Options& options,
                       const search::Progress& progress) {
  const std::string spec = kernel_spec(options.asked);
  if (spec.empty()) {
    probe::PathBox box{OwnPath(planted)};
    return search::bisect_box(prepared, box, options, progress);
  }
  for (const auto& [stage, variant] : planted)
    if (!is_repacking(faults::parse_stage(stage)))
      throw InputError("{} is done by --kernel {}: only stages of the repack can be done another way in front of it",
                       stage, spec);
  const auto kernel = kernel::child::open_kernel(spec, std::chrono::seconds(options.effort.timeout_seconds));
  probe::KernelBox box(*kernel, planted);
  report::Report report = search::bisect_box(for_kernel(prepared, kernel->takes_bias()), box, options, progress);
  report.made = made_on(*kernel);
  return report;
}

report::Report ask_planted(const Prepared& prepared, const repack::Recipe& planted, const Options& options,
                           const search::Progress& progress) {
  return is_black_box(options.asked) ? ask_box(prepared, planted, options, progress)
                                     : search::bisect(prepared, OwnPath(planted), options, progress);
}

/// A planted fault that was not named cannot show in this case, or bisect missed it. Alone on the path, it tells which.
report::Report with_unnamed(report::Report report, const Prepared& prepared, const Options& options,
                            const repack::Recipe& planted) {
  for (const auto& [stage, variant] : planted) {
    if (variant == "reference" || names(report, faults::fault_of(stage, variant))) continue;
    const faults::Fault& fault = faults::fault_of(stage, variant);
    const report::Report alone = ask_planted(prepared, {{stage, variant}}, options, [](std::string_view) {});
    const bool shows = alone.verdict != report::Verdict::match;
    const std::string line = shows ? fault.name + " was planted too; alone it shows, here it was not named"
                                   : fault.name + " cannot show in this case: it is seen when " + fault.visible;
    report.notes.push_back(line);
    if (shows || report.verdict != report::Verdict::match) continue;
    report.reason += (report.reason.empty() ? "" : "; ") + line;
  }
  if (report.verdict == report::Verdict::match && !report.reason.empty()) report.verdict = report::Verdict::cannot_test;
  return report;
}

/// The search is told everything but what was planted.
Asked without_planted(Asked asked) {
  if (auto* own = std::get_if<asked::OwnPath>(&asked)) own->planted = {};
  if (auto* kernel = std::get_if<asked::Kernel>(&asked); kernel && kernel->hidden_repack)
    kernel->hidden_repack.emplace();
  return asked;
}

/// Asks each kind of path in its own way.
struct Asking {
  const Prepared& prepared;
  const Options& options;
  const search::Progress& progress;

  report::Report operator()(const asked::RecordedOutput&) const {
    return recorded::bisect_recorded(prepared, options, progress);
  }
  report::Report operator()(const asked::PackedTensors&) const {
    return packed::bisect_packed(prepared, options, progress);
  }
  report::Report operator()(const asked::Kernel& kernel) const {
    return kernel.hidden_repack ? planted_path() : search::bisect_kernel(prepared, options, progress);
  }
  report::Report operator()(const asked::OwnPath&) const { return planted_path(); }

  report::Report planted_path() const {
    const repack::Recipe planted = planted_by(options.asked);
    Options visible = options;
    visible.asked = without_planted(options.asked);
    report::Report report = with_unnamed(ask_planted(prepared, planted, visible, progress), prepared, visible, planted);
    report.rerun = command_line(options);
    return report;
  }
};

}  // namespace

report::Report report_on(const Options& options, const search::Progress& progress) {
  const repack::Recipe planted = planted_by(options.asked);  // an unknown name is an error before anything is read
  progress("fixture");
  const Prepared prepared = prepare(options.request);
  report::Report report = report_on(prepared, options, progress);
  if (sweep::wants_condition(report, options)) sweep::add_condition(prepared, options, planted, progress, report);
  return report;
}

report::Report report_on(const Prepared& prepared, const Options& options, const search::Progress& progress) {
  try {
    return std::visit(Asking{prepared, options, progress}, options.asked);
  } catch (const kernel::child::UnreadableAnswer& error) {
    return search::report_of_unreadable(prepared, options, error.what());
  }
}

}  // namespace w4::cases
