// SPDX-License-Identifier: Apache-2.0
#include "cases/search/probing.h"

#include "cases/probe/naming.h"
#include "cases/probe/separate.h"
#include "fixtures/error.h"
#include "fixtures/half.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace w4::cases::search {
namespace {

using kernel::RunResult;

probe::Evidence::Judged judged(const probe::Box& box) {
  return box.sums_as_lane_model() ? probe::Evidence::Judged::every_bit : probe::Evidence::Judged::within_rounding;
}

/// Some output is the fill, or a NaN made from it: no sum shows there.
bool hides_sums(const RunResult& seen, DType dtype, std::uint16_t fill) {
  return std::ranges::any_of(seen.C.cells(),
                             [&](std::uint16_t bits) { return bits == fill || std::isnan(value_of(bits, dtype)); });
}

/// Faults by which a kernel uses memory contents that an earlier launch or another program left: the same question may
/// have another answer. With any other fault the answer depends on the input alone, so every probe must confirm it.
constexpr std::array<std::string_view, 4> kUseWhatWasLeft = {"small-group-tile-stale", "pad-nan-propagation",
                                                             "writeout-race", "lock-workspace-dirty"};

bool uses_what_was_left(const repack::Recipe& recipe) {
  return std::ranges::all_of(recipe, [](const auto& way) {
    return std::ranges::find(kUseWhatWasLeft, std::string_view(way.second)) != kUseWhatWasLeft.end();
  });
}

}  // namespace

Probing::Probing(const Prepared& prepared, probe::Box& box, const std::vector<RunResult>& seen,
                 const kernel::Launch& launch, const Options& options, const TimeLimit& limit, const Progress& progress,
                 const std::optional<judge::RoundingClass>& rounding)
    : prepared_(prepared),
      box_(box),
      launch_(launch),
      options_(options),
      limit_(limit),
      progress_(progress),
      step_(limit.steps(progress)),
      evidence_(judged(box), rounding) {
  for (probe::Probe& probe : probe::part_probes(prepared, launch))
    ask(std::move(probe));  // first: fewer faults explain their answers
  const std::vector<probe::Probe> again = probe::case_probes(prepared, launch, static_cast<int>(seen.size()));
  for (std::size_t i = 0; i < seen.size(); ++i) evidence_.add(again[i], seen[i]);
  if (hides_sums(seen[0], prepared.layer.dtype, launch.fill)) ask(probe::filled_probe(prepared, launch));
}

void Probing::ask(probe::Probe probe) {
  try {
    step_(fmt::format("probe {}", probe.kind->id));
    RunResult answer = box_.ask(probe.question);
    evidence_.add(std::move(probe), std::move(answer));
  } catch (const CannotTest& error) {
    notes_.push_back(fmt::format("probe {} cannot be made: {}", probe.kind->id, error.what()));
  } catch (const TimeUp&) {
    notes_.push_back(fmt::format("probe {} was not made within {} s (--seconds)", probe.kind->id, limit_.seconds()));
  }
}

std::vector<report::Culprit> Probing::named(probe::NamedRecipes recipes) {
  tell_apart(recipes);
  return recipes.fits.empty() ? std::vector<report::Culprit>()
                              : probe::name_culprits(recipes.fits, evidence_, options_);
}

std::vector<report::Culprit> Probing::name_one() {
  try {
    probe::NamedRecipes one = probe::name_recipes(evidence_, step_, {.most = 1});
    if (one.fits.empty() && !box_.sums_as_lane_model()) return name_by_case();
    return named(std::move(one));
  } catch (const TimeUp&) {
    notes_.push_back(fmt::format("not all known faults were tried within {} s (--seconds)", limit_.seconds()));
    return {};
  }
}

/// No recipe may predict the answer to a probe that is to tell them apart: then there is another fault to find.
void Probing::tell_apart(probe::NamedRecipes& named) {
  constexpr int kMostRounds = 3;
  for (int round = 0; round < kMostRounds && named.fits.size() > 1; ++round) {
    probe::separate(prepared_, launch_, box_, evidence_, named.fits, step_);
    if (evidence_.first_against(named.fits[0]) == evidence_.size()) return;
    probe::SearchRange range = several(faults::kMostFaultsAtOnce);
    range.least = 1;
    probe::NamedRecipes more = probe::name_recipes(evidence_, step_, range);
    if (more.fits.empty() && !box_.sums_as_lane_model()) return;  // it may depend on more than its input
    named = std::move(more);
  }
}

/// Few faults at once on a layer whose predictions take long, and hardly more than there are findings.
probe::SearchRange Probing::several(int findings) const {
  constexpr long long kLarge = 1 << 20, kVeryLarge = 1 << 22;  // codes
  const long long codes = 1LL * prepared_.layer.K * prepared_.layer.N;
  if (options_.effort.thorough) return {.least = 2, .most = faults::kMostFaultsAtOnce, .stages = {}};
  const int affordable = codes > kVeryLarge ? 1 : codes > kLarge ? faults::kFewFaultsAtOnce : faults::kMostFaultsAtOnce;
  return {.least = 2, .most = std::min({affordable, options_.effort.most_faults, findings + 1}), .stages = suspects_};
}

/// Stale data in the user's kernel depends on what ran before, so probes may contradict a fault that the case shows.
std::vector<report::Culprit> Probing::name_by_case() {
  probe::Evidence alone(judged(box_), evidence_.rounding());
  for (int i = 0; i < evidence_.size(); ++i)
    if (std::string_view(evidence_.probe(i).kind->id) == "case") alone.add(evidence_.probe(i), evidence_.answer(i));
  const bool fits = std::ranges::any_of(kUseWhatWasLeft, [&](std::string_view variant) {
    return std::ranges::any_of(faults::faults(), [&](const faults::Fault& fault) {
      return fault.variant == variant && alone.first_against({{fault.stage, fault.variant}}) == alone.size();
    });
  });
  if (!fits) return {};
  const probe::NamedRecipes named = probe::name_recipes(alone, step_, {.most = 1});
  if (!std::ranges::all_of(named.fits, uses_what_was_left)) return {};  // nothing follows where other faults fit too
  if (named.fits.empty()) return {};
  std::vector<report::Culprit> culprits = probe::name_culprits(named.fits, alone, options_);
  for (report::Culprit& culprit : culprits)
    culprit.evidence.push_back(
        "this fault predicts the case but not every probe: the kernel's output depends on more than its input");
  return culprits;
}

std::vector<report::Culprit> Probing::read_and_name() {
  constexpr double kPartOfTime = 0.6;
  probe::Located located;
  try {
    const double seconds = limit_.seconds() == 0 ? 0 : std::max(0.1, kPartOfTime * limit_.left());
    located = probe::localise(prepared_, box_, launch_, evidence_, seconds, step_);
  } catch (const CannotTest& error) {  // the case was taken, a question about its weights is not
    located.culprits = {
        {.stage = "", .fault = "unexplained", .evidence = {fmt::format("no weight is read: {}", error.what())}}};
  } catch (const TimeUp&) {
    located.culprits = {{.stage = "", .fault = "unexplained", .evidence = {}}};
    notes_.push_back(fmt::format("the weights were not read within {} s (--seconds)", limit_.seconds()));
  }
  suspects_ = located.suspects;
  if (const report::Culprit& first = located.culprits[0];
      !first.evidence.empty())  // stays while known faults are tried
    progress_(
        fmt::format("found: {}{}\n", first.stage.empty() ? "" : "in stage " + first.stage + ", ", first.evidence[0]));
  guess(located);
  return std::move(located.culprits);
}

/// Known faults take the place of what was read, if several together predict all answers.
void Probing::guess(probe::Located& located) {
  std::string tried = "alone";
  try {
    std::vector<probe::SearchRange> ranges = {several(static_cast<int>(located.culprits.size()))};
    if (box_.sums_as_lane_model() && !suspects_.empty()) {  // nothing but known faults is planted there
      ranges.push_back(several(faults::kMostFaultsAtOnce));
      ranges.back().stages.clear();
    }
    for (const probe::SearchRange& range : ranges) {
      if (range.most < range.least) continue;
      std::vector<report::Culprit> culprits = named(probe::name_recipes(evidence_, step_, range));
      if (!culprits.empty()) {
        located.culprits = std::move(culprits);
        return;
      }
      tried = fmt::format("alone or up to {} at once{}", range.most,
                          range.stages.empty() ? "" : " of the stages that the readings point to");
    }
  } catch (const TimeUp&) {
    notes_.push_back(
        fmt::format("the time is up ({} s, --seconds): not all sets of known faults were tried; --thorough "
                    "tries them all",
                    limit_.seconds()));
  }
  for (report::Culprit& culprit : located.culprits)
    culprit.evidence.push_back(
        fmt::format("no known fault predicts these answers, {} ({} predictions)", tried, evidence_.predictions()));
}

std::string Probing::difference(int i) {
  const RunResult& got = evidence_.answer(i);
  const RunResult& right = evidence_.right(i);
  if (!got.ran()) return "the launch fails";
  std::size_t count = 0;
  for (std::size_t at = 0; at < got.C.size(); ++at) count += got.C[at] != right.C[at];
  if (count == 0) return "C is right, something else is wrong";
  return fmt::format("{} of {} differ", count, got.C.size());
}

/// One line a kind, and a line for each launch of the case.
void Probing::describe(report::Report& report) {
  for (int i = 0; i < evidence_.size(); ++i) {
    const probe::Probe& probe = evidence_.probe(i);
    const bool right = evidence_.agrees({}, i);
    const bool more = i > 0 && evidence_.probe(i - 1).kind == probe.kind && probe.exact_sums;
    if (!more) report.probes.push_back({probe.kind->id, probe.kind->sees, probe.kind->blind, 0, true, "right"});
    auto& line = report.probes.back();
    line.rows += probe.question.A.rows();
    if (line.right && !right) line.answer = difference(i);
    line.right = line.right && right;
  }
  report.notes.insert(report.notes.end(), notes_.begin(), notes_.end());
}

}  // namespace w4::cases::search
