// SPDX-License-Identifier: Apache-2.0
// A path that shows nothing but its output: probes whose answers every known wrong way predicts.
#include "cases/box_bisect.h"

#include "cases/hypotheses.h"
#include "cases/localise.h"
#include "cases/separate.h"
#include "fixtures/error.h"
#include "kernel/lane_model.h"

#include <algorithm>

namespace w4::cases {
namespace {

using kernel::RunResult;
using repack::Recipe;

/// One box under probe, from the case to the names.
class Probing {
 public:
  Probing(const Prepared& prepared, Box& box, const Options& options, const Progress& step, Report& report)
      : prepared_(prepared),
        box_(box),
        options_(options),
        step_(step),
        report_(report),
        evidence_(box.sums_as_lane_model()) {}

  int run(const std::vector<RunResult>& seen, const kernel::Launch& launch) {
    const std::vector<Probe> again = case_probes(prepared_, launch, static_cast<int>(seen.size()));
    for (std::size_t i = 0; i < seen.size(); ++i) evidence_.add(again[i], seen[i]);
    for (Probe& probe : part_probes(prepared_, launch)) ask(std::move(probe));
    evidence_.put_plainest_first();
    if (evidence_.first_against({}) < evidence_.size()) explain(launch);
    describe_probes();
    return evidence_.size();
  }

 private:
  void ask(Probe probe) {
    step_(fmt::format("probe {}", probe.kind->id));
    try {
      RunResult answer = box_.ask(probe.question);
      evidence_.add(std::move(probe), std::move(answer));
    } catch (const CannotTest& error) {
      report_.notes.push_back(fmt::format("probe {} cannot be made: {}", probe.kind->id, error.what()));
    }
  }

  void explain(const kernel::Launch& launch) {
    NamedRecipes named = name_recipes(evidence_, step_);
    if (named.fits.size() > 1) separate(prepared_, launch, box_, evidence_, named.fits, step_);
    if (named.fits.empty())
      report_.culprits.push_back(localise(prepared_, box_, launch, evidence_, named.largest_tried, step_));
    else
      accuse(named.fits);
  }

  /// What all fits have in common is named; what they do not is a class of which one is there.
  void accuse(const std::vector<Recipe>& fits) {
    for (const auto& [stage, variant] : fits[0])
      if (in_all(fits, stage, variant)) report_.culprits.push_back(culprit_of(fits[0], stage, variant));
    if (fits.size() > 1) report_.culprits.push_back(class_of(fits));
  }

  static bool in_all(const std::vector<Recipe>& fits, const std::string& stage, const std::string& variant) {
    return std::ranges::all_of(fits, [&](const Recipe& fit) {
      const auto way = fit.find(stage);
      return way != fit.end() && way->second == variant;
    });
  }

  Culprit culprit_of(const Recipe& recipe, const std::string& stage, const std::string& variant) {
    const Fault& fault = fault_of(stage, variant);
    Culprit culprit{.stage = stage, .fault = fault.id, .variant = variant, .cure = fault.cure};
    culprit.evidence = {fault.name + ": " + fault.what, predicted_by(recipe)};
    Recipe without = recipe;
    without.erase(stage);
    culprit.evidence.push_back((without.empty() ? "without it, " : "without it, and with the others, ") +
                               against(without));
    culprit.evidence.push_back("alone, " + against({{stage, variant}}, {}));
    culprit.rerun = command_line(options_, {stage + "=" + variant});
    return culprit;
  }

  Culprit class_of(const std::vector<Recipe>& fits) {
    Culprit culprit;
    for (const Recipe& fit : fits) {
      std::vector<std::string> names, stages;
      for (const auto& [stage, variant] : fit) {
        if (in_all(fits, stage, variant)) continue;
        names.push_back(fault_of(stage, variant).id);
        stages.push_back(stage);
        culprit.evidence.push_back(fault_of(stage, variant).name + ": " + fault_of(stage, variant).what);
      }
      const auto add = [](std::string& text, const std::vector<std::string>& words) {
        const std::string joined = fmt::format("{}", fmt::join(words, " and "));
        if ((" or " + text + " or ").find(" or " + joined + " or ") == std::string::npos)
          text += (text.empty() ? "" : " or ") + joined;
      };
      add(culprit.fault, names);
      add(culprit.stage, stages);
    }
    culprit.evidence.push_back(predicted_by(fits[0]) + ", by each of them: no probe tells them apart");
    return culprit;
  }

  std::string predicted_by(const Recipe& recipe) const {
    return fmt::format("{} answers the {} probes as this box does{}", recipe.size() > 1 ? names_of(recipe) : "it",
                       evidence_.size(), box_.sums_as_lane_model() ? ", in every bit" : "");
  }

  /// "5 of 6 answers are others: codes, scales, case"
  std::string against(const Recipe& recipe) {
    return counted([&](int i) { return !evidence_.agrees(recipe, i); }, "are not what is predicted");
  }
  std::string against(const Recipe& recipe, const Recipe&) {
    return counted([&](int i) { return evidence_.shows(recipe, i); }, "differ from the right ones");
  }

  template <class Counts>
  std::string counted(Counts counts, const char* what) {
    std::vector<std::string> kinds;
    int count = 0;
    for (int i = 0; i < evidence_.size(); ++i) {
      if (!counts(i)) continue;
      ++count;
      const std::string kind = evidence_.probe(i).kind->id;
      if (std::ranges::find(kinds, kind) == kinds.end()) kinds.push_back(kind);
    }
    return fmt::format("{} of {} answers {}{}", count, evidence_.size(), what,
                       kinds.empty() ? "" : fmt::format(" ({})", fmt::join(kinds, ", ")));
  }

  void describe_probes() {
    for (int i = 0; i < evidence_.size(); ++i) {
      const Probe& probe = evidence_.probe(i);
      const bool right = evidence_.agrees({}, i);
      report_.probes.push_back(
          {probe.kind->id, probe.kind->sees, probe.question.A.rows(), right, right ? "as predicted" : difference(i)});
    }
  }

  std::string difference(int i) {
    const RunResult& got = evidence_.answer(i);
    const RunResult& right = evidence_.right(i);
    if (!got.ran()) return "does not end well";
    std::size_t count = 0;
    for (std::size_t at = 0; at < got.C.size(); ++at) count += got.C[at] != right.C[at];
    return fmt::format("{} of {} outputs differ", count, got.C.size());
  }

  const Prepared& prepared_;
  Box& box_;
  const Options& options_;
  const Progress& step_;
  Report& report_;
  Evidence evidence_;
};

}  // namespace

int probe_and_name(const Prepared& prepared, Box& box, const std::vector<RunResult>& seen, const kernel::Launch& launch,
                   const Options& options, const Progress& progress, Report& report) {
  return Probing(prepared, box, options, progress, report).run(seen, launch);
}

Report bisect_box(const Prepared& prepared, const Subject& subject, const Options& options, const Progress& progress) {
  Report report = new_report(prepared, options);
  const kernel::Task task = task_of(prepared, repack::repack(prepared.layer), options);
  progress("oracle");
  const Expected expected = expected_output(prepared.layer, prepared.A, rounding_of(prepared, task));
  const Comparison good = compare(kernel::run_lane_model(task).C, expected, task.launch.fill);
  PathBox box(subject);
  std::vector<RunResult> seen;
  for (const Probe& probe : case_probes(prepared, task.launch, options.repeat)) {
    progress("case");
    seen.push_back(box.ask(probe.question));
  }
  describe_output(seen[0], expected, report);
  report.launch = "a black box, " + report.launch;
  if (!good.right()) {
    report.verdict = Verdict::cannot_test;
    report.reason = "the known-good path itself fails here: " + good.failed_gate;
    return report;
  }
  const int launches = probe_and_name(prepared, box, seen, task.launch, options, progress, report);
  report.notes.push_back(fmt::format("{} launches", launches));
  const bool right = report.comparison->right() && report.culprits.empty();
  report.verdict = right ? Verdict::match : Verdict::mismatch;
  report.reason = report.comparison->failed_gate;
  if (!right && report.reason.empty()) report.reason = "this output is within the bound, but a probe's answer is not";
  describe_stages(report, right ? static_cast<int>(stage_ids().size()) : 0, "every probe is answered right",
                  report.stages);
  return report;
}

}  // namespace w4::cases
