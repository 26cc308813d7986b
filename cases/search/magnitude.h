// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/report/report.h"
#include "cases/search/launch_trials.h"

#include <vector>

namespace w4::cases::search {

/// Sums that pass fp16's range on their way to a result inside it (P-mag): accumulators in fp16, or a cast before the
/// scale, become infinite there, and are right when the same activations are smaller. Costs up to four launches; fp16
/// only. At most one culprit.
std::vector<report::Culprit> faults_of_magnitude(LaunchTrials& trials, const Prepared& prepared);

}  // namespace w4::cases::search
