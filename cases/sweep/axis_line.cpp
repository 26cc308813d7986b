// SPDX-License-Identifier: Apache-2.0
#include "cases/sweep/axis_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

namespace w4::cases::sweep {
namespace {

constexpr std::size_t kDeadEnds = 8;       // untestable values between two neighbours after which bisection stops
constexpr int kMostSteps = 16;             // of a modulus
constexpr std::size_t kFewestOfAKind = 2;  // values needed in a residue class, and outside it
constexpr int kResidueTrials = 4;          // new values that a residue must predict
constexpr int kMostResidues = 4;           // tried, each on more values than the one before

bool all_in_class(const std::vector<int>& values, int modulus, int residue, bool inside) {
  return std::all_of(values.begin(), values.end(), [&](int value) { return (value % modulus == residue) == inside; });
}

AxisCondition set_condition(const std::string& name, std::vector<int> values, bool inside) {
  std::string text = values.size() == 1
                         ? fmt::format("{} {} {}", name, inside ? "==" : "!=", values[0])
                         : fmt::format("{} {}in {{{}}}", name, inside ? "" : "not ", fmt::join(values, ", "));
  return {std::move(text), [values = std::move(values), inside](int value) {
            return (std::find(values.begin(), values.end(), value) != values.end()) == inside;
          }};
}

}  // namespace

AxisLine::AxisLine(const Axis& axis, int place, const Point& base, LaunchMemo& memo)
    : axis_(axis), place_(place), base_(base), memo_(memo) {}

std::optional<Outcome> AxisLine::ask(int value) {
  Point point = base_;
  point[static_cast<std::size_t>(place_)] = value;
  const std::optional<Outcome> outcome = memo_.at(point);
  if (outcome == Outcome::cannot) cannot_.insert(value);
  if (outcome == Outcome::cannot && !memo_.refuses(point)) untestable_.insert(value);
  if (outcome && outcome != Outcome::cannot) wrong_[value] = outcome == Outcome::wrong;
  return outcome;
}

void AxisLine::walk() {
  ask(base_[static_cast<std::size_t>(place_)]);
  for (const int value : axis_.ladder) ask(value);
  if (!axis_.ordered) return;
  const std::map<int, bool> coarse = wrong_;
  for (auto low = coarse.begin(), high = std::next(low); high != coarse.end(); ++low, ++high)
    if (low->second != high->second) bisect(low->first, high->first);
}

/// The multiple of step nearest to the middle that is not known to be untestable.
std::optional<int> AxisLine::between(int low, int high) const {
  const int middle = low + (high - low) / 2;
  std::optional<int> best;
  for (int value = low / axis_.step * axis_.step; value < high; value += axis_.step)
    if (value > low && !cannot_.contains(value) && (!best || std::abs(value - middle) < std::abs(*best - middle)))
      best = value;
  return best;
}

void AxisLine::bisect(int low, int high) {
  const bool wrong_below = wrong_.at(low);
  const std::size_t patience = untestable_.size() + kDeadEnds;
  while (const std::optional<int> middle = between(low, high)) {
    const std::optional<Outcome> outcome = ask(*middle);
    if (!outcome || untestable_.size() > patience) break;
    if (outcome != Outcome::cannot) ((outcome == Outcome::wrong) == wrong_below ? low : high) = *middle;
  }
  changes_.push_back({.axis = place_, .low = low, .high = high, .wrong_below = wrong_below});
}

std::vector<AxisLine::Run> AxisLine::runs() const {
  std::vector<Run> out;
  for (const auto& [value, wrong] : wrong_) {
    if (out.empty() || out.back().wrong != wrong) out.push_back({wrong, {}});
    out.back().values.push_back(value);
  }
  return out;
}

std::vector<int> AxisLine::values(bool wrong) const {
  std::vector<int> out;
  for (const auto& [value, is_wrong] : wrong_)
    if (is_wrong == wrong) out.push_back(value);
  return out;
}

std::optional<AxisCondition> AxisLine::condition() {
  const std::string& name = axis_.name;
  if (values(false).empty()) return std::nullopt;
  if (!axis_.ordered) return listed();
  const std::vector<Run> all = runs();
  if (all.size() == 2 && all[0].wrong) {
    const int last = all[0].values.back();
    return AxisCondition{fmt::format("{} <= {}", name, last), [last](int value) { return value <= last; }};
  }
  if (all.size() == 2) {
    const int last = all[0].values.back();
    return AxisCondition{fmt::format("{} > {}", name, last), [last](int value) { return value > last; }};
  }
  if (all.size() == 3 && all[1].values.size() == 1) return set_condition(name, all[1].values, all[1].wrong);
  if (all.size() == 3 && all[1].wrong) {
    const int last = all[0].values.back(), most = all[1].values.back();
    return AxisCondition{fmt::format("{} > {} and {} <= {}", name, last, name, most),
                         [last, most](int value) { return value > last && value <= most; }};
  }
  if (std::optional<AxisCondition> found = residue()) return found;
  if (const std::vector<Run> now = runs(); now.size() == 3) {  // trying a residue may have added values
    const int most = now[0].values.back(), last = now[1].values.back();
    return AxisCondition{fmt::format("({} <= {} or {} > {})", name, most, name, last),
                         [last, most](int value) { return value <= most || value > last; }};
  }
  return listed();
}

/// The wrong values, or all but the right values, whichever is shorter.
AxisCondition AxisLine::listed() const {
  const std::vector<int> wrong = values(true), right = values(false);
  if (!axis_.ordered && wrong.size() > right.size()) return set_condition(axis_.name, right, false);
  AxisCondition out = set_condition(axis_.name, wrong, true);
  if (axis_.ordered) out.text += " among the values launched";
  return out;
}

/// The residue class that is wrong, or the one that is right, with the smallest modulus.
std::optional<AxisCondition> AxisLine::residue() {
  int modulus = 2 * axis_.step;
  for (int tried = 0; tried < kMostResidues; modulus += axis_.step) {
    if (modulus > kMostSteps * axis_.step) return std::nullopt;
    for (const bool inside : {true, false}) {
      const std::vector<int> members = values(inside), others = values(!inside);
      if (members.size() < kFewestOfAKind || others.size() < kFewestOfAKind) continue;
      const int rest = members[0] % modulus;
      if (!all_in_class(members, modulus, rest, true) || !all_in_class(others, modulus, rest, false)) continue;
      AxisCondition found{fmt::format("{} % {} {} {}", axis_.name, modulus, inside ? "==" : "!=", rest),
                          [=](int value) { return (value % modulus == rest) == inside; }};
      if (residue_survives(found)) return found;
      ++tried;
      break;
    }
  }
  return std::nullopt;
}

/// Launches new values within the ladder, alternately in and out of the class.
bool AxisLine::residue_survives(const AxisCondition& residue) {
  const int low = wrong_.begin()->first, high = wrong_.rbegin()->first;
  bool wanted = true;
  int tried = 0;
  for (int value = (low / axis_.step + 1) * axis_.step; value < high && tried < kResidueTrials; value += axis_.step) {
    if (wrong_.contains(value) || cannot_.contains(value) || residue.holds(value) != wanted) continue;
    const std::optional<Outcome> outcome = ask(value);
    if (!outcome) break;
    if (outcome == Outcome::cannot) continue;
    if ((outcome == Outcome::wrong) != wanted) return false;
    wanted = !wanted;
    ++tried;
  }
  return true;
}

std::vector<int> AxisLine::corner_values() const {
  std::set<int> out = {base_[static_cast<std::size_t>(place_)]};
  if (!axis_.ordered) out.insert(axis_.ladder.begin(), axis_.ladder.end());
  if (!wrong_.empty()) out.insert({wrong_.begin()->first, wrong_.rbegin()->first});
  for (const ChangePoint& change : changes_) out.insert({change.low, change.high});
  return {out.begin(), out.end()};
}

}  // namespace w4::cases::sweep
