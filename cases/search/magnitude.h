// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/report/report.h"
#include "cases/search/launch_trials.h"

#include <vector>

namespace w4::cases::search {

/// Partial sums beyond fp16's range with a result inside it (P-mag): fp16 accumulators, or a cast before the scale,
/// give infinities there and right outputs for smaller activations. Up to four launches; fp16 only. At most one
/// culprit.
std::vector<report::Culprit> faults_of_magnitude(LaunchTrials& trials, const Prepared& prepared);

}  // namespace w4::cases::search
