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

/// All trials.
struct Proof {
  std::vector<Trial> singles;
  std::vector<Trial> pairs;
  int healthy = 0;
  std::vector<std::string> accused;
  std::vector<HeldOutResult> held_out;

  /// No visible single fault missed, no healthy stage accused, at least kLeastPairs of the visible pairs named, all
  /// held-out faults localised; parts that were not run are not required.
  bool holds() const;
};

inline constexpr double kLeastPairs = 0.95;

/// Trials by outcome.
std::vector<int> counts_of(const std::vector<Trial>& trials);
/// The share of visible pairs that are named, singly or as a class.
double named_share(const std::vector<Trial>& pairs);

std::string summary_of(const Proof& proof);
std::string markdown_of(const Proof& proof);

}  // namespace w4::cases::proof
