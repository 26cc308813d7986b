// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/search/launch_trials.h"

#include <string>
#include <vector>

namespace w4::cases::search {

/// What the launches of somebody's kernel show beside the numbers of their output: how they end, what they leave
/// unwritten and where else they write.
struct LaunchSymptoms {
  std::vector<std::string> wrong = {};  // a line each; empty: nothing
  std::vector<std::string> notes = {};  // what is unusual, and no fault
};

/// `timeout_seconds`: of one run, for the line of one that hangs.
LaunchSymptoms symptoms_of(const LaunchTrials& trials, int timeout_seconds);

}  // namespace w4::cases::search
