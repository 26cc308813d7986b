// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/evidence.h"
#include "cases/finding.h"

#include <functional>
#include <string_view>

namespace w4::cases {

/// What can be said of a box that nothing known explains: "unexplained" in the stage that it can be in at the latest,
/// with which weights, scales, zero points, rows and columns are concerned, and the permutation that was recovered.
/// `tried`: how many faults at once were tried.
Culprit localise(const Prepared& prepared, Box& box, const kernel::Launch& launch, Evidence& evidence, int tried,
                 const std::function<void(std::string_view)>& step);

}  // namespace w4::cases
