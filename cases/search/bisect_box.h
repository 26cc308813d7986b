// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/probe/box.h"
#include "cases/probe/recipe_search.h"
#include "cases/search/bisect.h"

namespace w4::cases::search {

/// bisect() for a black box: only its answers to probes are looked at.
report::Report bisect_box(const Prepared& prepared, probe::Box& box, const Options& options, const Progress& progress);

/// Probes one box and names its faults.
class Probing {
 public:
  /// Asks the probes of parts. `seen`: launches of the case; `launch`: of all of them.
  Probing(const Prepared& prepared, probe::Box& box, const std::vector<kernel::RunResult>& seen,
          const kernel::Launch& launch, const Options& options, const Progress& step);

  /// Whether every answer is the right one.
  bool healthy() { return evidence_.first_against({}) == evidence_.size(); }
  /// Culprits of the recipes that predict all answers; none: nothing known does.
  std::vector<report::Culprit> name();
  /// Where it differs when no known fault explains it; the box is read weight by weight.
  std::vector<report::Culprit> localise();
  /// Probes that were made, and those that could not be.
  void describe(report::Report& report);

 private:
  void ask(probe::Probe probe);
  void tell_apart(probe::NamedRecipes& named);
  int most_at_once() const;
  std::vector<report::Culprit> name_by_case();
  std::string difference(int i);

  const Prepared& prepared_;
  probe::Box& box_;
  kernel::Launch launch_;
  const Options& options_;
  const Progress& step_;
  probe::Evidence evidence_;
  std::vector<std::string> notes_;
};

}  // namespace w4::cases::search
