// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/sweep/launch_memo.h"

#include <cstdint>
#include <optional>

namespace w4::cases::sweep {

/// Finds the shortest conjunction of conditions that agrees with every launch, and tests it at corners: first those at
/// which the remaining conjunctions predict different outcomes, then others.
class ConjunctionSearch {
 public:
  /// At most kMostAtoms conditions are used. The first `relations` of them are on several axes, and printed last.
  /// `corners`: values for each axis.
  ConjunctionSearch(std::vector<Relation> atoms, std::size_t relations, const std::vector<std::vector<int>>& corners,
                    LaunchMemo& memo);

  /// False: no conjunction agrees with the launches.
  bool search();

  std::string condition() const;                 // the shortest one; empty: no condition at all
  std::vector<std::string> equivalents() const;  // others as short that agree with it at all corners

  static constexpr int kMostAtoms = 14;

 private:
  using Atoms = std::uint32_t;  // a bit set of conditions
  struct Corner {
    Point point;
    Atoms holding;
  };

  static bool foretells_wrong(Atoms conjunction, Atoms holding) { return (conjunction & holding) == conjunction; }
  Atoms holding_at(const Point& point) const;
  void find_agreeing();
  const Corner* best_divider() const;
  bool try_corners();
  std::string text_of(Atoms conjunction) const;

  std::vector<Relation> atoms_;
  std::size_t relations_;
  std::vector<Corner> corners_;
  LaunchMemo& memo_;
  std::vector<Atoms> agreeing_;  // the shortest first
};

}  // namespace w4::cases::sweep
