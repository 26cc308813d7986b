// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/probe/box.h"
#include "cases/probe/localise.h"
#include "cases/probe/recipe_search.h"
#include "cases/search/bisect.h"
#include "cases/search/time_limit.h"

namespace w4::cases::search {

/// Probes one box and names its faults, within the time of `limit`.
class Probing {
 public:
  /// Asks the probes of parts. `seen`: launches of the case; `launch`: of all of them. `rounding`: the class by which
  /// answers are judged; none: the exact model of our kernel.
  Probing(const Prepared& prepared, probe::Box& box, const std::vector<kernel::RunResult>& seen,
          const kernel::Launch& launch, const Options& options, const TimeLimit& limit, const Progress& step,
          const std::optional<judge::RoundingClass>& rounding = {});

  /// Whether every answer is the right one.
  bool healthy() { return evidence_.first_against({}) == evidence_.size(); }
  /// Culprits of the known fault that predicts all answers; none: no single one does.
  std::vector<report::Culprit> name_one();
  /// Reads the box weight by weight. Culprits of known faults, several at a time, of the stages that were read to be
  /// wrong, if they predict all answers; otherwise what was read.
  std::vector<report::Culprit> read_and_name();
  /// Probes that were made, and those that could not be.
  void describe(report::Report& report);

 private:
  void ask(probe::Probe probe);
  std::vector<report::Culprit> named(probe::NamedRecipes recipes);
  void tell_apart(probe::NamedRecipes& named);
  probe::SearchRange several(int findings) const;
  void guess(probe::Located& located);
  std::vector<report::Culprit> name_by_case();
  std::string difference(int i);

  const Prepared& prepared_;
  probe::Box& box_;
  kernel::Launch launch_;
  const Options& options_;
  const TimeLimit& limit_;
  const Progress& progress_;
  Progress step_;
  probe::Evidence evidence_;
  std::set<StageId> suspects_;  // stages that were read to be wrong; empty: not read, or any
  std::vector<std::string> notes_;
};

}  // namespace w4::cases::search
