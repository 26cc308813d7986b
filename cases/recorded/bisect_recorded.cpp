// SPDX-License-Identifier: Apache-2.0
// A recorded output of an external program. Nothing in between can be seen; every known wrong way is a hypothesis that
// predicts it.
#include "cases/case/task.h"
#include "cases/probe/naming.h"
#include "cases/probe/recipe_search.h"
#include "cases/recorded/lint_reading.h"
#include "cases/recorded/residual.h"
#include "cases/search/bisect.h"
#include "cases/search/new_report.h"
#include "cases/search/rounding_search.h"
#include "cases/search/stage_lines.h"
#include "fixtures/error.h"
#include "fixtures/files/container.h"
#include "kernel/child/output_file.h"
#include "kernel/lane_model/lane_model.h"

#include <set>

namespace w4::cases::recorded {

Grid<std::uint16_t> recorded_output(const Prepared& prepared, const std::filesystem::path& path) {
  const fixtures::files::Container file = fixtures::files::read_container(path);
  const auto found = file.tensors.size() == 1 ? file.tensors.begin() : file.tensors.find("C");
  if (found == file.tensors.end())
    throw InputError("{}: the file has {} tensors and none is named C", path.string(), file.tensors.size());
  return kernel::child::output_of(found->second, prepared.layer.dtype, prepared.id.M, prepared.layer.N, path.string());
}

namespace {

constexpr int kMostRecordedFaults = 2;

/// The search for what explains one output. That is weak evidence: a name is given to a single fault alone.
class RecordedSearch {
 public:
  RecordedSearch(const Prepared& prepared, const Options& options, const kernel::Task& task,
                 const kernel::RunResult& seen, const judge::Expected& expected, const search::Progress& progress)
      : prepared_(prepared),
        options_(options),
        rounding_(rounding_of(prepared, task)),
        seen_(seen),
        expected_(expected),
        step_(progress) {
    evidence_.add(probe::case_probes(prepared, task.launch, 1)[0], seen);
  }

  std::vector<report::Culprit> run() {
    step_("lint");
    if (const auto reading = reading_that_explains(prepared_, rounding_, seen_.C)) return {of_lint(*reading)};
    probe::NamedRecipes named = probe::name_recipes(evidence_, step_, {.most = 1});
    if (!named.fits.empty()) return of_single_faults(named);
    step_("residual");
    const Residual residual = describe_residual(prepared_, expected_, seen_.C);
    const bool pairs = !residual.found && may_try_pairs();
    if (pairs) named = probe::name_recipes(evidence_, step_, {.most = kMostRecordedFaults});
    std::vector<report::Culprit> culprits = {unexplained(named, residual)};
    if (!residual.found && !pairs)
      culprits[0].evidence.push_back("two at a time were not tried on an output of this size: fewer rows of it may do");
    return culprits;
  }

 private:
  /// A thousand predictions of a large output take minutes, and give a stage at most.
  bool may_try_pairs() const {
    constexpr long long kMostProducts = 1 << 23;
    return 1LL * expected_.M * expected_.N * expected_.K <= kMostProducts;
  }

  static report::Culprit of_lint(const LintReading& reading) {
    return {.stage = "checkpoint",
            .fault = reading.fault,
            .evidence = {"lint of the fixture: " + reading.sentence,
                         fmt::format("this output is right for the layer {}: the layer looks wrong, and no stage of a "
                                     "kernel is accused",
                                     reading.how)}};
  }

  std::string tried(const probe::NamedRecipes& named) const {
    return fmt::format("known faults, {}: {} predictions of this one output",
                       named.largest_tried == 1 ? "one at a time" : "up to two at a time", evidence_.predictions());
  }

  std::vector<report::Culprit> of_single_faults(const probe::NamedRecipes& named) {
    std::vector<report::Culprit> culprits = probe::name_culprits(named.fits, evidence_, options_);
    for (report::Culprit& culprit : culprits)
      culprit.evidence.push_back(
          fmt::format("{}, {} fit{}: one output is evidence, a kernel that can be probed gives proof", tried(named),
                      named.fits.size(), named.fits.size() == 1 ? "s" : ""));
    return culprits;
  }

  report::Culprit unexplained(const probe::NamedRecipes& named, const Residual& residual) const {
    report::Culprit culprit{.stage = "", .fault = "unexplained", .evidence = residual.lines};
    culprit.evidence.push_back(tried(named) + (named.fits.empty() ? ", none of them fits" : ""));
    if (!named.fits.empty()) culprit.evidence.push_back(of_stages(named.fits));
    for (const std::string& doubt : doubts_of(prepared_))
      culprit.evidence.push_back("the layer looks wrong itself, so this output may be right: " + doubt);
    return culprit;
  }

  /// "two faults at once, of stages codes and dequant, predict it: one output does not prove two"
  static std::string of_stages(const std::vector<repack::Recipe>& fits) {
    std::set<std::string> all;
    for (const repack::Recipe& fit : fits) {
      std::vector<std::string> stages;
      for (const auto& [stage, variant] : fit) stages.push_back(stage);
      all.insert(fmt::format("{}", fmt::join(stages, " and ")));
    }
    return fmt::format(
        "two faults at once, of stages {}, would give it too: one output does not prove two, a kernel that can be "
        "probed does",
        fmt::join(all, ", or "));
  }

  const Prepared& prepared_;
  const Options& options_;
  judge::Rounding rounding_;
  const kernel::RunResult& seen_;
  const judge::Expected& expected_;
  const search::Progress& step_;
  probe::Evidence evidence_{probe::Evidence::Judged::recorded};
};

}  // namespace

report::Report bisect_recorded(const Prepared& prepared, const Options& options, const search::Progress& progress) {
  kernel::Task task = task_of(prepared, repack::repack(prepared.layer), options);
  task.launch.fill = 0;  // most callers allocate zeroed buffers
  progress("oracle");
  judge::Expected own = judge::expected_output(prepared.layer, prepared.A, rounding_with_classes(prepared.layer, task));
  kernel::RunResult seen;
  seen.C = recorded_output(prepared, std::get<asked::RecordedOutput>(options.asked).file);
  const search::Explained judged =
      search::explain_launches(prepared, options, {seen}, std::move(own), kernel::Launch{}.fill, nullptr);
  report::Report report = search::new_report(prepared, options, seen, judged.expected);
  report.reason = report.comparison->right() ? judged.against : report.comparison->failed_gate;
  if (report.reason.empty()) {
    if (judged.rounding) search::add_rounding(report, *judged.rounding, prepared.layer.dtype);
    report.verdict = report::Verdict::match;
    report.stages = search::stage_lines(report.culprits, kAllStages, "the output is right");
    return report;
  }
  report.verdict = report::Verdict::mismatch;
  if (report.comparison->right())
    report.culprits = {{.stage = "", .fault = "unexplained", .evidence = {report.reason}}};
  else
    report.culprits = RecordedSearch(prepared, options, task, seen, judged.expected, progress).run();
  if (!judged.against.empty() && !report.comparison->right()) report.notes.push_back(judged.against);
  if (report.comparison->zero == report.comparison->count)
    report.culprits[0].evidence.push_back(
        "a recorded zero may be written or never written: only a launch on a filled C shows which");
  report.stages = search::stage_lines(report.culprits, {}, "");
  return report;
}

}  // namespace w4::cases::recorded
