// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "cases/faults/faults.h"
#include "cases/report/report.h"

#include <span>
#include <string>
#include <vector>

namespace w4::cases::search {

/// Known faults of different stages that may have made what was given.
using Hypothesis = std::vector<const faults::Fault*>;

repack::Recipe recipe_of(const Hypothesis& hypothesis);
std::string names_of(const Hypothesis& hypothesis);

/// Known faults of the repacking stages, alone or in twos of different stages. Toggles are no hypotheses.
std::vector<Hypothesis> repack_hypotheses(int size);

/// Culprits of the hypotheses that fit: one is a name, several are a class that nothing here tells apart, none is
/// "unexplained".
std::vector<report::Culprit> culprits_of(const std::vector<Hypothesis>& fits, const std::vector<std::string>& evidence,
                                         const Options& options);

}  // namespace w4::cases::search
