// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/proof/confusion.h"

#include <string>
#include <vector>

namespace w4::cases::proof {

struct HeldOutResult {
  std::string what;
  int count = 0;
  int localised = 0;
  std::vector<std::string> missed;
};

/// All that was tried.
struct Proof {
  std::vector<Trial> singles;
  std::vector<Trial> pairs;
  int healthy = 0;
  std::vector<std::string> accused;
  std::vector<HeldOutResult> held_out;

  /// No visible single fault is missed, no healthy stage accused, at least kLeastPairs of the visible pairs named, and
  /// all that no catalogue has localised, as far as each was tried.
  bool holds() const;
};

inline constexpr double kLeastPairs = 0.95;

/// How many trials came out how.
std::vector<int> counts_of(const std::vector<Trial>& trials);
/// Of the pairs that show, the share that is named, alone or in a class.
double named_share(const std::vector<Trial>& pairs);

std::string summary_of(const Proof& proof);
std::string markdown_of(const Proof& proof);

}  // namespace w4::cases::proof
