// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/faults/faults.h"
#include "cases/probe/evidence.h"

#include <functional>
#include <set>
#include <string_view>
#include <vector>

namespace w4::cases::probe {

/// The smallest recipes that predict every answer; in every bit, where some do. One is a name; several cannot be told
/// apart by these probes; none: no known fault explains the answers.
struct NamedRecipes {
  std::vector<repack::Recipe> fits;  // all of the same size
  int largest_tried = 0;             // number of faults at once
};

/// Which recipes are searched.
struct SearchRange {
  int least = 1, most = faults::kMostFaultsAtOnce;  // known faults at once
  /// Stages of the faults that explain a probe of a part; empty: all. What the case shows beside may be of any stage.
  std::set<StageId> stages = {};
};

/// Searches recipes of one known fault, then of two, then of three, each of another stage. A fault is added only where
/// the recipe so far fails, and only one that shows there by itself: answers that are already explained need no other.
/// Where that finds nothing of two faults, all that show anywhere are tried together: some act only through another.
NamedRecipes name_recipes(Evidence& evidence, const std::function<void(std::string_view)>& step,
                          const SearchRange& range = {});

/// "scale-perm-missing and k-tail-dropped"
std::string names_of(const repack::Recipe& recipe);

}  // namespace w4::cases::probe
