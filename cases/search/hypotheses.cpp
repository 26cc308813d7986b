// SPDX-License-Identifier: Apache-2.0
#include "cases/search/hypotheses.h"

#include "fixtures/error.h"

#include <algorithm>

namespace w4::cases {
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
Culprit culprit_of(const std::vector<Hypothesis>& fits, std::size_t position, const Options& options) {
  std::vector<std::string> ids, stages;
  for (const Hypothesis& fit : fits) {
    ids.push_back(fit[position]->id);
    stages.push_back(fit[position]->stage);
  }
  const Fault& first = *fits[0][position];
  Culprit culprit{.stage = joined(stages), .fault = joined(ids), .variant = first.variant};
  if (fits.size() == 1) culprit.cure = first.cure;
  culprit.rerun = command_line(options, {first.stage + "=" + first.variant});
  return culprit;
}

}  // namespace

Recipe recipe_of(const Hypothesis& hypothesis) {
  Recipe recipe;
  for (const Fault* fault : hypothesis) recipe[fault->stage] = fault->variant;
  return recipe;
}

std::string names_of(const Hypothesis& hypothesis) {
  std::vector<std::string> names;
  for (const Fault* fault : hypothesis) names.push_back(fault->name);
  return fmt::format("{}", fmt::join(names, " and "));
}

std::vector<Hypothesis> hypotheses(int first, int last, int size) {
  std::vector<Hypothesis> all;
  const auto in_range = [&](const Fault& fault) {
    return !fault.id.empty() && stage_index(fault.stage) >= first && stage_index(fault.stage) < last;
  };
  for (const Fault& a : faults()) {
    if (!in_range(a)) continue;
    if (size == 1) all.push_back({&a});
    for (const Fault& b : faults())
      if (size == 2 && in_range(b) && stage_index(a.stage) < stage_index(b.stage)) all.push_back({&a, &b});
  }
  return all;
}

void accuse(const std::vector<Hypothesis>& fits, const std::vector<std::string>& evidence, const Options& options,
            Report& report) {
  if (fits.empty()) {
    report.culprits.push_back({.stage = "", .fault = "unexplained", .evidence = evidence});
    return;
  }
  for (std::size_t position = 0; position < fits[0].size(); ++position) {
    Culprit culprit = culprit_of(fits, position, options);
    culprit.evidence = evidence;
    if (fits.size() > 1) culprit.evidence.push_back("what was given does not tell these apart");
    report.culprits.push_back(std::move(culprit));
  }
}

void describe_stages(const Report& report, int last, std::string_view implied, std::vector<StageLine>& lines) {
  for (std::size_t i = 0; i < stage_ids().size(); ++i) {
    StageLine line{stage_ids()[i], StageVerdict::not_visible, "inside a black box"};
    if (static_cast<int>(i) < last && !implied.empty()) line = {stage_ids()[i], StageVerdict::ok, std::string(implied)};
    for (const Culprit& culprit : report.culprits)
      if (culprit.stage == line.stage) line = {line.stage, StageVerdict::broken, culprit.fault};
    lines.push_back(std::move(line));
  }
}

}  // namespace w4::cases
