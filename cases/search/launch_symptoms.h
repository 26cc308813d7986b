// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/search/launch_trials.h"

#include <string>
#include <vector>

namespace w4::cases::search {

/// Failures of the user's kernel other than wrong values: how launches end, outputs left unwritten, stray writes.
struct LaunchSymptoms {
  std::vector<std::string> wrong = {};  // a line each; empty: nothing is wrong
  std::vector<std::string> notes = {};  // unusual, but no fault
};

/// `timeout_seconds`: the time limit of one run, for the line about one that hangs.
LaunchSymptoms symptoms_of(const LaunchTrials& trials, int timeout_seconds);

}  // namespace w4::cases::search
