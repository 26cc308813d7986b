// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/finding.h"

#include "cases/packed/known.h"
#include "cases/packed/solve.h"
#include "cases/search/stage_lines.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::packed {
namespace {

using repack::Packed;
using report::Culprit;

/// What was found: known faults that make the tensors, or ways that were solved for.
struct Found {
  std::vector<search::Hypothesis> fits = {};
  PackedSolution solution = {};
};

std::size_t codes_of(const fixtures::Layer& layer) {
  return static_cast<std::size_t>(layer.K) * static_cast<std::size_t>(layer.N);
}

std::set<StageId> stages_of(const PackedSolution& solution) {
  std::set<StageId> stages;
  for (const PackedWay& way : solution.ways) stages.insert(way.stage);
  return stages;
}

/// The ways as known faults, when each is one.
search::Hypothesis hypothesis_of(const PackedSolution& solution) {
  search::Hypothesis all;
  for (const StageId stage : stages_of(solution))
    for (const PackedWay& way : solution.ways)
      if (way.stage == stage && !way.variant.empty()) all.push_back(&faults::fault_of(name_of(stage), way.variant));
  return all.size() == solution.ways.size() ? all : search::Hypothesis{};
}

/// Only words differ. Where most of them are right, no two known faults are to blame: those change most words.
bool same_beside_words(const Packed& a, const Packed& b) {
  return a.scales == b.scales && a.zeros == b.zeros && a.perm == b.perm;
}

/// The fewest: one known fault, one way solved for, two known faults, more ways.
Found find(const fixtures::Layer& layer, const Packed& seen, const Packed& right) {
  KnownFaults known_faults(layer, right);
  Found found{.fits = {}, .solution = solve_packed(layer, seen)};
  const PackedSolution& solution = found.solution;
  const bool large = codes_of(layer) > kLargeLayer;
  const std::size_t ways = solution.ways.size();
  const search::Hypothesis known = solution.exact ? hypothesis_of(solution) : search::Hypothesis{};
  if (large && solution.exact) {  // the ways make the tensors: a known fault among them is known by what it does
    if (ways > 1) found.fits = known_faults.fits(seen, KnownFaults::Tried::several_tensors);
    if (found.fits.empty() && !known.empty()) found.fits = {known};
    return found;
  }
  if (large && solution.mostly) return found;  // a known fault of all words leaves none of them
  found.fits = known_faults.fits(seen, large ? KnownFaults::Tried::unsolved : KnownFaults::Tried::all);
  if (!found.fits.empty() || (solution.exact && ways <= 1)) return found;
  if (!known.empty() && makes(layer, known, seen))
    found.fits = {known};
  else if (!large && !(solution.exact && ways <= 2) && !(solution.mostly && same_beside_words(seen, right)))
    found.fits = known_faults.pair_fits(seen);
  return found;
}

/// "undo: LINE", when one line can be tried; the last stage's first.
void add_undo(const PackedWay& way, Culprit& culprit) {
  if (!way.undo.empty()) culprit.evidence.push_back("undo: " + way.undo);
}

Culprit culprit_of(StageId stage, const PackedSolution& solution, const Options& options) {
  Culprit culprit{.stage = name_of(stage), .fault = ""};
  for (const PackedWay& way : solution.ways) {
    if (way.stage != stage) continue;
    culprit.fault += (culprit.fault.empty() ? "" : " and ") + way.fault;
    culprit.variant = way.variant;
    culprit.evidence.insert(culprit.evidence.end(), way.evidence.begin(), way.evidence.end());
  }
  const auto of_stage = [&](const PackedWay& way) { return way.stage == stage; };
  if (std::ranges::count_if(solution.ways, of_stage) > 1) culprit.variant = "";
  if (!culprit.variant.empty()) {
    culprit.cure = faults::fault_of(culprit.stage, culprit.variant).cure;
    culprit.rerun = command_line(options, {culprit.stage + "=" + culprit.variant});
  }
  return culprit;
}

std::vector<Culprit> culprits_of(const PackedSolution& solution, const std::string& difference,
                                 const Options& options) {
  std::vector<Culprit> culprits;
  const std::set<StageId> wrong = stages_of(solution);
  for (const StageId stage : kRepackingStages) {
    if (const auto lines = solution.unexplained.find(stage); lines != solution.unexplained.end()) {
      Culprit culprit{.stage = name_of(stage), .fault = "unexplained", .evidence = {difference}};
      culprit.evidence.insert(culprit.evidence.end(), lines->second.begin(), lines->second.end());
      culprits.push_back(std::move(culprit));
    } else if (wrong.contains(stage)) {
      Culprit culprit = culprit_of(stage, solution, options);
      culprit.evidence.insert(culprit.evidence.begin(), difference);
      if (solution.exact)
        culprit.evidence.push_back(
            wrong.size() == 1 ? "your tensors equal ours bit for bit with this stage done that way"
                              : fmt::format("your tensors equal ours bit for bit with these {} stages done that way, "
                                            "with fewer none that was tried",
                                            wrong.size()));
      for (const PackedWay& way : solution.ways)
        if (way.stage == stage) add_undo(way, culprit);
      culprits.push_back(std::move(culprit));
    }
  }
  if (culprits.empty()) culprits.push_back({.stage = "", .fault = "unexplained", .evidence = {difference}});
  return culprits;
}

std::vector<Culprit> culprits_of_fits(const Found& found, const std::string& difference, const Options& options) {
  std::vector<std::string> evidence = {difference};
  for (const search::Hypothesis& fit : found.fits)
    evidence.push_back("your tensors equal ours bit for bit with " + search::names_of(fit));
  std::vector<Culprit> culprits = search::culprits_of(found.fits, evidence, options);
  for (Culprit& culprit : culprits)
    for (const PackedWay& way : found.solution.ways)
      if (found.solution.exact && name_of(way.stage) == culprit.stage) add_undo(way, culprit);
  return culprits;
}

std::vector<report::StageLine> lines_of(const Found& found, const std::vector<Culprit>& culprits) {
  auto lines = search::stage_lines(culprits, kRepackingStages, "the other stages reproduce the tensors bit for bit");
  if (!found.fits.empty() || found.solution.exact) return lines;
  for (report::StageLine& line : lines) {
    const StageId stage = *stage_named(line.stage);
    if (!is_repacking(stage) || line.verdict == report::StageVerdict::broken) continue;
    if (found.solution.unseen.contains(stage))
      line = {line.stage, report::StageVerdict::not_visible, "stands before what is unexplained"};
    else
      line.evidence = "its part of the tensors is as defined";
  }
  return lines;
}

}  // namespace

PackedFinding find_packed(const fixtures::Layer& layer, const Packed& seen, const Packed& right,
                          const Options& options) {
  const Found found = find(layer, seen, right);
  const std::string difference = packed_difference(seen, right);
  PackedFinding finding;
  finding.culprits = found.fits.empty() ? culprits_of(found.solution, difference, options)
                                        : culprits_of_fits(found, difference, options);
  finding.stages = lines_of(found, finding.culprits);
  return finding;
}

}  // namespace w4::cases::packed
