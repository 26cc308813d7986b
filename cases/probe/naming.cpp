// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/naming.h"

#include "cases/probe/recipe_search.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::probe {
namespace {

using repack::Recipe;

bool in_all(const std::vector<Recipe>& fits, const std::string& stage, const std::string& variant) {
  return std::ranges::all_of(fits, [&](const Recipe& fit) {
    const auto way = fit.find(stage);
    return way != fit.end() && way->second == variant;
  });
}

/// "5 of 6 answers differ from the right ones (codes, scales, case)"
template <class Counts>
std::string counted(const Evidence& evidence, const char* what, Counts counts) {
  std::vector<std::string> kinds;
  int count = 0;
  for (int i = 0; i < evidence.size(); ++i) {
    if (!counts(i)) continue;
    ++count;
    const std::string kind = evidence.probe(i).kind->id;
    if (std::ranges::find(kinds, kind) == kinds.end()) kinds.push_back(kind);
  }
  return fmt::format("{} of {} answers {}{}", count, evidence.size(), what,
                     kinds.empty() ? "" : fmt::format(" ({})", fmt::join(kinds, ", ")));
}

std::string predicted_by(const Recipe& recipe, Evidence& evidence) {
  int predicted = 0;
  for (int i = 0; i < evidence.size(); ++i) predicted += evidence.agrees(recipe, i);
  const std::string what = evidence.size() == 1           ? "this output"
                           : predicted == evidence.size() ? fmt::format("all {} answers", predicted)
                                                          : fmt::format("{} of {} answers", predicted, evidence.size());
  return fmt::format("{} predict{} {}{}", recipe.size() > 1 ? names_of(recipe) : "it", recipe.size() > 1 ? "" : "s",
                     what, evidence.exact(recipe) ? " in every bit" : ", within rounding");
}

report::Culprit culprit_of(const Recipe& recipe, const std::string& stage, Evidence& evidence, const Options& options) {
  const std::string& variant = recipe.find(stage)->second;
  const faults::Fault& fault = faults::fault_of(stage, variant);
  report::Culprit culprit{.stage = stage, .fault = fault.id, .variant = variant, .cure = fault.cure};
  Recipe without = recipe;
  without.erase(stage);
  culprit.evidence = {
      fault.name + ": " + fault.what, predicted_by(recipe, evidence),
      fmt::format("without this fault{}, {}", without.empty() ? "" : " and with the others",
                  counted(evidence, "are not predicted", [&](int i) { return !evidence.agrees(without, i); })),
      "this fault alone makes " + counted(evidence, "differ from the right ones", [&](int i) {
        return evidence.shows({{stage, variant}}, i);
      })};
  culprit.rerun = command_line(options, {stage + "=" + variant});
  return culprit;
}

/// Adds an alternative to "a or b", once.
void add_alternative(std::string& text, const std::vector<std::string>& words) {
  const std::string joined = fmt::format("{}", fmt::join(words, " and "));
  if ((" or " + text + " or ").find(" or " + joined + " or ") == std::string::npos)
    text += (text.empty() ? "" : " or ") + joined;
}

report::Culprit class_of(const std::vector<Recipe>& fits, Evidence& evidence) {
  report::Culprit culprit;
  for (const Recipe& fit : fits) {
    std::vector<std::string> names, stages;
    for (const auto& [stage, variant] : fit) {
      if (in_all(fits, stage, variant)) continue;
      const faults::Fault& fault = faults::fault_of(stage, variant);
      names.push_back(fault.id);
      stages.push_back(stage);
      culprit.evidence.push_back(fault.name + ": " + fault.what);
    }
    add_alternative(culprit.fault, names);
    add_alternative(culprit.stage, stages);
  }
  culprit.evidence.push_back("each of them: " + predicted_by(fits[0], evidence) + "; no probe tells them apart");
  return culprit;
}

}  // namespace

std::vector<report::Culprit> name_culprits(const std::vector<Recipe>& fits, Evidence& evidence,
                                           const Options& options) {
  std::vector<report::Culprit> culprits;
  for (const StageId id : kAllStages) {
    const std::string stage = name_of(id);
    const auto way = fits[0].find(stage);
    if (way != fits[0].end() && in_all(fits, stage, way->second))
      culprits.push_back(culprit_of(fits[0], stage, evidence, options));
  }
  if (fits.size() > 1) culprits.push_back(class_of(fits, evidence));
  return culprits;
}

}  // namespace w4::cases::probe
