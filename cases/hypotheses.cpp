// SPDX-License-Identifier: Apache-2.0
#include "cases/hypotheses.h"

#include "cases/repack_search.h"
#include "fixtures/error.h"
#include "kernel/lane_model.h"

#include <algorithm>
#include <cmath>

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

/// What a pipeline does wrong depends on its block_tile, and somebody else's is not known.
std::vector<kernel::BlockTile> block_tiles_of(const Hypothesis& hypothesis, const kernel::Task& task) {
  std::vector<kernel::BlockTile> tiles = {task.launch.block_tile};
  for (const kernel::BlockTile other : {kernel::BlockTile{128, 128}, kernel::BlockTile{64, 256}})
    if (hypothesis[0]->stage == "pipeline" && !(other == tiles[0])) tiles.push_back(other);
  return tiles;
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

namespace {

/// What a hypothesis says of an output: nothing, that it is like this within rounding, or in every bit.
enum class Fit { none, rounding, exact };

/// A sound launch, and what was seen of the one that is to be explained.
struct Seen {
  const Prepared& prepared;
  const kernel::RunResult& run;
  const Expected& expected;
  Unwritten unwritten;
  Grid<std::uint16_t> good;  // of the lane model
};

/// The hypothesis in the lane model. One whose own output is right explains nothing that is wrong.
Fit fit_of(const Recipe& recipe, kernel::Task task, const Seen& seen) {
  try {
    task.packed = repack::packed_of(repack_with(seen.prepared.layer, recipe));
    const kernel::RunResult made = kernel::run_lane_model(task, recipe);
    const std::uint16_t fill = task.launch.fill;
    if (seen.unwritten == Unwritten::keeps_fill && made.return_code != seen.run.return_code) return Fit::none;
    if (made.C == seen.run.C && made.C != seen.good) return Fit::exact;
    if (made.return_code == 0 && (made.C == seen.good || compare(made.C, seen.expected, fill).right()))
      return Fit::none;
    return near(seen.run.C, made.C, seen.expected, fill, seen.unwritten) ? Fit::rounding : Fit::none;
  } catch (const CannotTest&) {  // this way cannot be done to this layer
    return Fit::none;
  }
}

Fit best_fit(const Hypothesis& hypothesis, kernel::Task task, const Seen& seen) {
  Fit best = Fit::none;
  for (const kernel::BlockTile tile : block_tiles_of(hypothesis, task)) {
    task.launch.block_tile = tile;
    best = std::max(best, fit_of(recipe_of(hypothesis), task, seen));
  }
  return best;
}

}  // namespace

Explained explain_output(const Prepared& prepared, const kernel::Task& task, const kernel::RunResult& run,
                         const Expected& expected, Unwritten unwritten, const Progress& progress) {
  const std::vector<Hypothesis> tried = hypotheses(0, static_cast<int>(stage_ids().size()), 1);
  const Seen seen{prepared, run, expected, unwritten, kernel::run_lane_model(task).C};
  std::vector<Hypothesis> fits, exact;
  for (const Hypothesis& hypothesis : tried) {
    progress(names_of(hypothesis));
    const Fit fit = best_fit(hypothesis, task, seen);
    if (fit != Fit::none) fits.push_back(hypothesis);
    if (fit == Fit::exact) exact.push_back(hypothesis);
  }
  if (!exact.empty()) fits = exact;
  return {fits, fmt::format("{} of {} known wrong ways, one at a time, predict this output {}", fits.size(),
                            tried.size(), exact.empty() ? "within rounding" : "bit for bit")};
}

}  // namespace w4::cases
