// SPDX-License-Identifier: Apache-2.0
#include "cases/search/hypotheses.h"

#include "fixtures/error.h"

#include <algorithm>

namespace w4::cases::search {
namespace {

using repack::Recipe;

/// What is left of `items` when each is kept once, as one text.
std::string joined(const std::vector<std::string>& items) {
  std::vector<std::string> once;
  for (const std::string& item : items)
    if (std::find(once.begin(), once.end(), item) == once.end()) once.push_back(item);
  return fmt::format("{}", fmt::join(once, " or "));
}

/// One culprit of hypotheses that all fit: the faults at `position` of each, a name or a class that nothing tells
/// apart.
report::Culprit culprit_of(const std::vector<Hypothesis>& fits, std::size_t position, const Options& options) {
  std::vector<std::string> ids, stages;
  for (const Hypothesis& fit : fits) {
    ids.push_back(fit[position]->id);
    stages.push_back(fit[position]->stage);
  }
  const faults::Fault& first = *fits[0][position];
  report::Culprit culprit{.stage = joined(stages), .fault = joined(ids), .variant = first.variant};
  if (fits.size() == 1) culprit.cure = first.cure;
  culprit.rerun = command_line(options, {first.stage + "=" + first.variant});
  return culprit;
}

}  // namespace

Recipe recipe_of(const Hypothesis& hypothesis) {
  Recipe recipe;
  for (const faults::Fault* fault : hypothesis) recipe[fault->stage] = fault->variant;
  return recipe;
}

std::string names_of(const Hypothesis& hypothesis) {
  std::vector<std::string> names;
  for (const faults::Fault* fault : hypothesis) names.push_back(fault->name);
  return fmt::format("{}", fmt::join(names, " and "));
}

std::vector<Hypothesis> repack_hypotheses(int size) {
  std::vector<Hypothesis> all;
  const auto in_range = [&](const faults::Fault& fault) {
    return !fault.id.empty() && is_repacking(faults::parse_stage(fault.stage));
  };
  for (const faults::Fault& a : faults::faults()) {
    if (!in_range(a)) continue;
    if (size == 1) all.push_back({&a});
    for (const faults::Fault& b : faults::faults())
      if (size == 2 && in_range(b) && faults::parse_stage(a.stage) < faults::parse_stage(b.stage))
        all.push_back({&a, &b});
  }
  return all;
}

void accuse(const std::vector<Hypothesis>& fits, const std::vector<std::string>& evidence, const Options& options,
            report::Report& report) {
  if (fits.empty()) {
    report.culprits.push_back({.stage = "", .fault = "unexplained", .evidence = evidence});
    return;
  }
  for (std::size_t position = 0; position < fits[0].size(); ++position) {
    report::Culprit culprit = culprit_of(fits, position, options);
    culprit.evidence = evidence;
    if (fits.size() > 1) culprit.evidence.push_back("what was given does not tell these apart");
    report.culprits.push_back(std::move(culprit));
  }
}

void describe_stages(const report::Report& report, std::span<const StageId> seen, std::string_view implied,
                     std::vector<report::StageLine>& lines) {
  for (const StageId stage : kAllStages) {
    report::StageLine line{name_of(stage), report::StageVerdict::not_visible, "inside a black box"};
    if (std::ranges::find(seen, stage) != seen.end() && !implied.empty())
      line = {line.stage, report::StageVerdict::ok, std::string(implied)};
    for (const report::Culprit& culprit : report.culprits)
      if (culprit.stage == line.stage) line = {line.stage, report::StageVerdict::broken, culprit.fault};
    lines.push_back(std::move(line));
  }
}

}  // namespace w4::cases::search
