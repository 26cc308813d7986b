// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/probe/evidence.h"
#include "cases/probe/readings.h"
#include "cases/report/report.h"

#include <functional>
#include <string_view>

namespace w4::cases::probe {

/// Culprits of a box that no known fault explains: one "unexplained" for each part that it uses wrongly (codes, values,
/// scales, zero points, or only sums). Each names the last stage that can do this, the weights concerned and the
/// recovered permutation.
std::vector<report::Culprit> localise(const Prepared& prepared, const Readings& read);

/// Reads the box first, by rows of the identity, about as many at a time as the case has, and says what it cost.
std::vector<report::Culprit> localise(const Prepared& prepared, Box& box, const kernel::Launch& launch,
                                      Evidence& evidence, int tried, const std::function<void(std::string_view)>& step);

}  // namespace w4::cases::probe
