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

  /// What holds where the launches along this line were wrong; none when all of them were. May launch a few more, to
  /// try a residue on values that it was not made from.
  std::optional<AxisCondition> condition();

  /// In ascending order.
  const std::vector<ChangePoint>& changes() const { return changes_; }
  /// Values that were launched in vain.
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
  std::map<int, bool> wrong_;  // by value; those that cannot be tested are left out
  std::set<int> cannot_;       // those that cannot be tested
  std::set<int> untestable_;   // those of them that are possible
  std::vector<ChangePoint> changes_;
};

}  // namespace w4::cases::sweep
