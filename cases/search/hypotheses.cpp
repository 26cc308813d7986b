// SPDX-License-Identifier: Apache-2.0
#include "cases/search/hypotheses.h"

#include "fixtures/error.h"

#include <algorithm>

namespace w4::cases::search {
namespace {

using repack::Recipe;

/// Distinct items, joined by " or ".
std::string joined(const std::vector<std::string>& items) {
  std::vector<std::string> once;
  for (const std::string& item : items)
    if (std::find(once.begin(), once.end(), item) == once.end()) once.push_back(item);
  return fmt::format("{}", fmt::join(once, " or "));
}

/// The faults at `position` of hypotheses that all fit, as one culprit.
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

std::vector<report::Culprit> culprits_of(const std::vector<Hypothesis>& fits, const std::vector<std::string>& evidence,
                                         const Options& options) {
  if (fits.empty()) return {{.stage = "", .fault = "unexplained", .evidence = evidence}};
  std::vector<report::Culprit> culprits;
  for (std::size_t position = 0; position < fits[0].size(); ++position) {
    culprits.push_back(culprit_of(fits, position, options));
    culprits.back().evidence = evidence;
    if (fits.size() > 1) culprits.back().evidence.push_back("the packed tensors do not tell these apart");
  }
  return culprits;
}

}  // namespace w4::cases::search
