// SPDX-License-Identifier: Apache-2.0
#include "cases/sweep/change_points.h"

#include "cases/sweep/axis_line.h"
#include "cases/sweep/conjunction.h"
#include "fixtures/error.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <numeric>

namespace w4::cases::sweep {
namespace {

void check(const Space& space, const Point& base) {
  if (base.size() != space.axes.size())
    throw InputError("base point has {} values, there are {} axes", base.size(), space.axes.size());
  for (const Axis& axis : space.axes)
    if (axis.step < 1) throw InputError("axis {} has step {}, at least 1 is needed", axis.name, axis.step);
}

/// "M=1, K=256", one axis left out when `but` names it.
std::string place_text(const std::vector<std::string>& names, const Point& point, int but = -1) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (static_cast<int>(i) != but) parts.push_back(fmt::format("{}={}", names[i], point[i]));
  return fmt::format("{}", fmt::join(parts, ", "));
}

/// Sweeps one failure, axis by axis and then jointly.
class Sweeper {
 public:
  Sweeper(const Space& space, const Point& base, int budget, const Launch& launch)
      : space_(space), base_(base), memo_(launch, budget, space.possible) {
    sweep_.base = base;
    sweep_.budget = budget;
    for (const Axis& axis : space.axes) sweep_.names.push_back(axis.name);
  }

  Sweep run() {
    sweep_.base_wrong = memo_.at(base_) == Outcome::wrong;
    if (sweep_.base_wrong) look();
    sweep_.launches = memo_.launches();
    return std::move(sweep_);
  }

 private:
  void look() {
    for (std::size_t i = 0; i < space_.axes.size(); ++i) look_along(static_cast<int>(i));
    std::vector<Relation> atoms = space_.relations;  // relations first: one relation is shorter than two axes
    atoms.insert(atoms.end(), along_.begin(), along_.end());
    ConjunctionSearch search(std::move(atoms), space_.relations.size(), corners_, memo_);
    sweep_.conjunction = search.search();
    if (memo_.ran_out()) sweep_.unfinished.push_back("corners");
    if (sweep_.conjunction) {
      sweep_.condition = search.condition();
      sweep_.equivalents = search.equivalents();
    } else {
      find_exception();
    }
  }

  void look_along(int place) {
    const Axis& axis = space_.axes[static_cast<std::size_t>(place)];
    AxisLine line(axis, place, base_, memo_);
    line.walk();
    const std::optional<AxisCondition> condition = line.condition();
    sweep_.along.push_back(condition ? condition->text : "");
    if (condition)
      along_.push_back({condition->text, [holds = condition->holds, place](const Point& point) {
                          return holds(point[static_cast<std::size_t>(place)]);
                        }});
    for (const ChangePoint& change : line.changes()) sweep_.changes.push_back(change);
    for (const int value : line.untestable()) sweep_.untestable.push_back(fmt::format("{}={}", axis.name, value));
    corners_.push_back(line.corner_values());
    if (memo_.ran_out()) sweep_.unfinished.push_back(axis.name);
  }

  int axes_off_base(const Point& point) const {
    return std::inner_product(point.begin(), point.end(), base_.begin(), 0, std::plus<>(), std::not_equal_to<>());
  }

  /// The one nearest to the base.
  void find_exception() {
    for (const auto& [point, outcome] : memo_.seen()) {
      const bool wrong = outcome == Outcome::wrong;
      const auto holds = [&, &at = point](const Relation& each) { return each.holds(at); };
      if (outcome == Outcome::cannot || std::all_of(along_.begin(), along_.end(), holds) == wrong) continue;
      if (!sweep_.exception.empty() && axes_off_base(point) >= axes_off_base(sweep_.exception)) continue;
      sweep_.exception = point;
      sweep_.exception_wrong = wrong;
    }
  }

  const Space& space_;
  const Point& base_;
  LaunchMemo memo_;
  Sweep sweep_;
  std::vector<Relation> along_;
  std::vector<std::vector<int>> corners_;
};

constexpr std::size_t kMostListed = 8;

/// "a; b; c", and how many more there are.
std::string listed(std::vector<std::string> parts, const char* between) {
  const std::size_t more = parts.size() - std::min(parts.size(), kMostListed);
  parts.resize(parts.size() - more);
  return fmt::format("{}{}", fmt::join(parts, between), more > 0 ? fmt::format("{}{} more", between, more) : "");
}

/// The condition, or the conditions along the axes.
std::vector<std::string> verdict_lines(const Sweep& sweep) {
  if (!sweep.base_wrong) return {"nothing to sweep: no failure at " + place_text(sweep.names, sweep.base)};
  if (sweep.conjunction && sweep.condition.empty()) return {"fails at every launched shape"};
  if (sweep.conjunction) {
    std::vector<std::string> out = {"fails iff " + sweep.condition};
    for (const std::string& other : sweep.equivalents)
      out.push_back("or iff " + other + ": the launches do not tell them apart");
    return out;
  }
  std::vector<std::string> out;
  for (std::size_t i = 0; i < sweep.along.size(); ++i)
    if (!sweep.along[i].empty())
      out.push_back(
          fmt::format("at {}: fails iff {}", place_text(sweep.names, sweep.base, static_cast<int>(i)), sweep.along[i]));
  if (out.empty()) out.push_back("fails at every value of each axis from " + place_text(sweep.names, sweep.base));
  if (!sweep.exception.empty())
    out.push_back(fmt::format("axes interact: the output is {} at {}", sweep.exception_wrong ? "wrong" : "right",
                              place_text(sweep.names, sweep.exception)));
  return out;
}

std::string change_text(const Sweep& sweep, const ChangePoint& change) {
  return fmt::format("{} {} {}, {} {}", sweep.names[static_cast<std::size_t>(change.axis)], change.low,
                     change.wrong_below ? "wrong" : "right", change.high, change.wrong_below ? "right" : "wrong");
}

}  // namespace

std::vector<Relation> relations_of_groups(int k_axis, int group_axis) {
  const auto k_of = [k_axis](const Point& point) { return point[static_cast<std::size_t>(k_axis)]; };
  const auto group_of = [=](const Point& point) {
    const int group = point[static_cast<std::size_t>(group_axis)];
    return group < 1 ? k_of(point) : group;
  };
  return {{"group_size < K", [=](const Point& point) { return group_of(point) < k_of(point); }},
          {"group_size == K", [=](const Point& point) { return group_of(point) == k_of(point); }},
          {"K > group_size * group_size",
           [=](const Point& point) { return k_of(point) > std::int64_t{group_of(point)} * group_of(point); }}};
}

std::vector<std::string> Sweep::lines() const {
  std::vector<std::string> lines = verdict_lines(*this);
  if (ran_out()) lines[0] = "so far: " + lines[0];
  std::vector<std::string> parts;
  for (const ChangePoint& change : changes) parts.push_back(change_text(*this, change));
  if (!parts.empty()) lines.push_back("changes: " + listed(std::move(parts), "; "));
  if (!untestable.empty()) lines.push_back("cannot be tested, or fails in another way: " + listed(untestable, ", "));
  return lines;
}

std::string Sweep::text() const {
  std::vector<std::string> lines = this->lines();
  lines.push_back(fmt::format("{} launches of at most {}", launches, budget));
  if (ran_out()) lines.back() += ", too few for " + fmt::format("{}", fmt::join(unfinished, ", "));
  return fmt::format("{}", fmt::join(lines, "\n"));
}

Sweep find_change_points(const Space& space, const Point& base, int budget, const Launch& launch) {
  check(space, base);
  return Sweeper(space, base, budget, launch).run();
}

}  // namespace w4::cases::sweep
