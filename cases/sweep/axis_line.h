// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/sweep/launch_memo.h"

#include <map>
#include <optional>
#include <set>

namespace w4::cases::sweep {

/// A condition on the value of one axis: "M <= 16".
struct AxisCondition {
  std::string text;
  std::function<bool(int)> holds;
};

/// The launches along one axis through the base point, from the ladder to the condition.
class AxisLine {
 public:
  AxisLine(const Axis& axis, int place, const Point& base, LaunchMemo& memo);

  /// Launches the ladder, then bisects wherever neighbours differ.
  void walk();

  /// The condition under which launches on this line are wrong; none when all of them are. May launch a few more, to
  /// test a residue on new values.
  std::optional<AxisCondition> condition();

  /// In ascending order.
  const std::vector<ChangePoint>& changes() const { return changes_; }
  /// Values that could not be tested.
  const std::set<int>& untestable() const { return untestable_; }

  /// Values for corners: the base, both sides of each change, and the ends; of an axis without order, all.
  std::vector<int> corner_values() const;

 private:
  struct Run {
    bool wrong;
    std::vector<int> values;
  };

  std::optional<Outcome> ask(int value);
  void bisect(int low, int high);
  std::optional<int> between(int low, int high) const;
  std::vector<Run> runs() const;
  std::vector<int> values(bool wrong) const;
  std::optional<AxisCondition> residue();
  bool residue_survives(const AxisCondition& residue);
  AxisCondition listed() const;

  const Axis& axis_;
  int place_;
  const Point& base_;
  LaunchMemo& memo_;
  std::map<int, bool> wrong_;  // by value; without those that cannot be tested
  std::set<int> cannot_;       // those that cannot be tested
  std::set<int> untestable_;   // of those, the possible ones
  std::vector<ChangePoint> changes_;
};

}  // namespace w4::cases::sweep
