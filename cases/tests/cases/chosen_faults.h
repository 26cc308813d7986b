// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/faults/faults.h"
#include "cases/tests/cases/planted.h"

#include <cstdlib>
#include <set>
#include <string>
#include <vector>

namespace w4::test {

/// A slow build (sanitizers, -O0) loops over one fault a stage unless W4_FULL is set, any other build over every fault.
inline bool every_fault() {
#ifdef W4_ONE_FAULT_A_STAGE
  return std::getenv("W4_FULL") != nullptr;
#else
  return true;
#endif
}

/// A loop over known faults: it takes all of them, or, in a slow build, the first of each stage.
class FaultLoop {
 public:
  bool takes(const std::string& stage) { return stages_.insert(stage).second || every_fault(); }

 private:
  std::set<std::string> stages_;
};

/// What a test of each planted fault loops over: all of kPlanted, or the first of each stage.
inline std::vector<Planted> chosen_faults() {
  std::vector<Planted> chosen;
  FaultLoop loop;
  for (const Planted& planted : kPlanted)
    if (loop.takes(planted.stage)) chosen.push_back(planted);
  return chosen;
}

/// How many known faults are tried together on a kernel that none of them explains: thousands of predictions.
inline int most_faults() { return every_fault() ? cases::faults::kMostFaultsAtOnce : 1; }

}  // namespace w4::test
