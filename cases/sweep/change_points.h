// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace w4::cases::sweep {

/// The outcome of a launch. cannot: the shape is not supported, which is no fault.
enum class Outcome { right, wrong, cannot };

/// One value for each axis, in the order of the axes.
using Point = std::vector<int>;

/// A quantity that is varied: M, K, N, group_size, thread_blocks.
struct Axis {
  std::string name;
  std::vector<int> ladder;  // coarse values that are all launched, in any order
  int step = 1;             // values between them are multiples of it
  bool ordered = true;      // false: no values between those of the ladder (group_size, where -1 is one group)
};

/// A condition that no single axis shows: "group_size < K".
struct Relation {
  std::string text;
  std::function<bool(const Point&)> holds;
};

struct Space {
  std::vector<Axis> axes;
  std::vector<Relation> relations = {};
  std::function<bool(const Point&)> possible = {};  // false: not launched, without cost; empty: all are possible
};

/// "group_size < K", "group_size == K" and "K > group_size * group_size" over the axes with these places; a group_size
/// below 1 is one group.
std::vector<Relation> relations_of_groups(int k_axis, int group_axis);

/// Launches at a point; called once a point.
using Launch = std::function<Outcome(const Point&)>;

/// Two launched neighbours along an axis, all else at the base: one is right, one is wrong. No testable value lies
/// between them, unless the budget ran out or most values between them are untestable.
struct ChangePoint {
  int axis = 0;
  int low = 0, high = 0;
  bool wrong_below = false;  // low is the wrong one
};

/// The result of a sweep. A condition is a conjunction over axes and relations that agrees with every launch, also at
/// corners, where several axes differ from the base.
struct Sweep {
  std::vector<std::string> names;  // of the axes
  Point base;
  bool base_wrong = false;
  std::vector<ChangePoint> changes = {};
  bool conjunction = false;                   // some conjunction agrees with every launch
  std::string condition = {};                 // that one: "M <= 16 and group_size < K"; empty: every point tested fails
  std::vector<std::string> equivalents = {};  // as short, and equal at every possible corner
  std::vector<std::string> along = {};        // for each axis the condition with all else at the base; empty: none
  std::vector<std::string> untestable = {};   // "group_size=32": values along an axis that cannot be tested
  Point exception = {};                       // a launch that contradicts the conditions of all axes together
  bool exception_wrong = false;
  int launches = 0;
  int budget = 0;
  std::vector<std::string> unfinished = {};  // axes, and "corners", for which the budget was too small

  bool ran_out() const { return !unfinished.empty(); }

  /// "fails iff M <= 16 and group_size < K", or, without a conjunction, "at K=256, N=64: fails iff M <= 16" a line for
  /// each axis; then the change points and what could not be tested.
  std::vector<std::string> lines() const;

  /// All lines and the number of launches, joined by line feeds.
  std::string text() const;
};

/// Where a failure begins and ends: from a base point that fails, walks the ladder of every axis, bisects between
/// neighbours of different outcome, and looks for the shortest condition. Axes whose outcome changes more than once get
/// residues ("N % 128 == 64"), intervals or lists. Makes at most `budget` launches. Throws InputError when base and
/// axes do not fit, or a step is below 1.
Sweep find_change_points(const Space& space, const Point& base, int budget, const Launch& launch);

}  // namespace w4::cases::sweep
