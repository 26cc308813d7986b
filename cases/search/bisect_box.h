// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/probe/box.h"
#include "cases/probe/recipe_search.h"
#include "cases/search/bisect.h"

namespace w4::cases {

/// The question of bisect() put to a black box, of which nothing but what it answers is looked at.
Report bisect_box(const Prepared& prepared, Box& box, const Options& options, const Progress& progress);

/// One box under probe, from what it gave for the case to the names.
class Probing {
 public:
  /// Asks the probes of parts. `seen`: launches of the case; `launch`: of all of them.
  Probing(const Prepared& prepared, Box& box, const std::vector<kernel::RunResult>& seen, const kernel::Launch& launch,
          const Options& options, const Progress& step);

  /// Whether every answer is the right one.
  bool healthy() { return evidence_.first_against({}) == evidence_.size(); }
  /// Culprits of the recipes that predict all answers; none: nothing known does.
  std::vector<Culprit> name();
  /// What can be said when nothing known does; the box is read weight by weight.
  std::vector<Culprit> localise();
  /// Probes that were made, and those that could not be.
  void describe(Report& report);

 private:
  void ask(Probe probe);
  void tell_apart(NamedRecipes& named);
  int most_at_once() const;
  std::vector<Culprit> name_by_case();
  std::string difference(int i);

  const Prepared& prepared_;
  Box& box_;
  kernel::Launch launch_;
  const Options& options_;
  const Progress& step_;
  Evidence evidence_;
  std::vector<std::string> notes_;
};

}  // namespace w4::cases
