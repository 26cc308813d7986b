// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/probe/evidence.h"
#include "cases/report/report.h"

#include <functional>
#include <set>
#include <string_view>
#include <vector>

namespace w4::cases::probe {

/// What was read out of a box that gives wrong answers.
struct Located {
  std::vector<report::Culprit> culprits;  // "unexplained" each, with the last stage that can do this; at least one
  std::set<StageId> suspects;             // stages at which a known fault could do the same; empty: any
};

/// Reads a box by launches of the case's own number of rows, for about `seconds` (0: as long as it takes): first what
/// is added to a product of zero and what outputs do, then what codes, zero points and scales are worth, then which of
/// them are used where. One fault is one culprit.
Located localise(const Prepared& prepared, Box& box, const kernel::Launch& launch, Evidence& evidence, double seconds,
                 const std::function<void(std::string_view)>& step);

}  // namespace w4::cases::probe
