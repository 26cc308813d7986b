// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "cases/probe/evidence.h"
#include "cases/report/report.h"

#include <vector>

namespace w4::cases::probe {

/// Culprits of recipes that all predict every answer: faults that all contain are named, the others are a class of
/// which one is there. Evidence is what each part of the recipe predicts and what is not predicted without it.
std::vector<report::Culprit> name_culprits(const std::vector<repack::Recipe>& fits, Evidence& evidence,
                                           const Options& options);

}  // namespace w4::cases::probe
